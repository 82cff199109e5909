"""gACNN-VGG16 written the plain way, as the original study wrote it: what the speed of models/ is measured against.

A Python loop over regions and faces cuts the windows, every region has a module of its own, tensors are channels-first,
numbers are fp32. It computes the same as ``models.build("gacnn", "vgg16", ...)`` once it has its weights (``copy_of``).
Source: Li, Zeng, Shan, Chen, "Occlusion aware facial expression recognition using CNN with attention mechanism", IEEE
Transactions on Image Processing 28(5), 2019. Biases that batch normalisation removes are left out, as in models/.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from models.acnn import ACNN
from models.regions import region_points, window_start
from models.units import Gate, PatchUnits, RegionLinear

IMAGESIZE, WINDOW = 224, 6
MARGIN = 28 + WINDOW  # cells of zeros around the map: windows of landmarks outside the image are cut from them


class PlainGate(nn.Module):
    """(B, 512, h, w) -> (B, 1) in (0, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(512, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU())
        self.fc = nn.Sequential(nn.Linear(128, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x: Tensor) -> Tensor:
        cells = self.conv(F.max_pool2d(x, 2))
        return torch.sigmoid(self.fc(F.adaptive_avg_pool2d(cells, 1).flatten(1)))


class PlainPatchUnit(nn.Module):
    """The unit of one region: windows (B, 512, 6, 6) -> features (B, 64) times their gate, and gate (B, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(512, 512, 3, padding=1, bias=False), nn.BatchNorm2d(512), nn.ReLU(),
            nn.Conv2d(512, 512, 3, padding=1, bias=False), nn.BatchNorm2d(512), nn.ReLU(),
        )  # fmt: skip
        self.gate = PlainGate()
        self.fc = nn.Linear(512 * WINDOW * WINDOW, 64)

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        x = self.convs(windows)
        gate = self.gate(x)
        return F.relu(self.fc(x.flatten(1))) * gate, gate


class PlainGlobalUnit(nn.Module):
    """(B, 512, 14, 14) -> features (B, 512) times their gate, and gate (B, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = PlainGate()
        self.fc = nn.Linear(512 * 14 * 14, 512)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        gate = self.gate(maps)
        return F.relu(self.fc(maps.flatten(1))) * gate, gate


class OriginalACNN(nn.Module):
    """gACNN-VGG16 for 224-pixel images in [0, 1]; inputs and outputs as those of models.acnn.ACNN."""

    def __init__(self, num_classes: int = 7, num_regions: int = 24) -> None:
        super().__init__()
        self.num_regions = num_regions
        layers = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
        self.local, self.deep = layers[:21], layers[21:28]
        self.units = nn.ModuleList(PlainPatchUnit() for _ in range(num_regions))
        self.whole = PlainGlobalUnit()
        self.head = nn.Sequential(
            nn.Linear(64 * num_regions + 512, 1024), nn.Dropout(0.5), nn.ReLU(), nn.Linear(1024, num_classes)
        )

    def forward(self, images: Tensor, points: Tensor) -> dict[str, Tensor]:
        mean, std = images.new_tensor([0.485, 0.456, 0.406]), images.new_tensor([0.229, 0.224, 0.225])
        maps = self.local((images - mean.view(3, 1, 1)) / std.view(3, 1, 1))
        found = [unit(windows) for unit, windows in zip(self.units, self.windows(maps, points), strict=True)]
        whole, global_gate = self.whole(self.deep(maps))
        logits = self.head(torch.cat([*(features for features, _ in found), whole], dim=1))
        gates = torch.cat([gate for _, gate in found], dim=1)
        return {"logits": logits, "gates": gates, "global_gate": global_gate[:, 0]}

    def windows(self, maps: Tensor, points: Tensor) -> list[Tensor]:
        """Windows (B, 512, 6, 6) of each region."""
        starts = window_start(region_points(points, self.num_regions), WINDOW, 8, 3.5) + MARGIN
        starts = starts.clamp(0, MARGIN + 28).tolist()
        padded = F.pad(maps, (MARGIN, MARGIN, MARGIN, MARGIN))
        cut = []
        for region in range(self.num_regions):
            patches = []
            for face in range(len(maps)):
                column, row = starts[face][region]
                patches.append(padded[face, :, row : row + WINDOW, column : column + WINDOW])
            cut.append(torch.stack(patches))
        return cut


def copy_of(net: ACNN) -> OriginalACNN:
    """The plain network with the weights and statistics of ``net``, a gACNN-VGG16 for 224-pixel images."""
    if {"gacnn", "vgg16", IMAGESIZE} - set(net.config.values()):
        raise ValueError(f"only gacnn-vgg16 at {IMAGESIZE} px has a plain version, not {net.config}")
    plain = OriginalACNN(net.config["num_classes"], net.num_regions)
    with torch.no_grad():
        plain.local.load_state_dict(net.backbone.local.state_dict())
        plain.deep.load_state_dict(net.backbone.deep.state_dict())
        plain.head.load_state_dict(net.head.state_dict())
        for region, unit in enumerate(plain.units):
            _copy_unit(net.patch_units, unit, region)
        _copy_gate(net.global_unit.gate, plain.whole.gate, 0)
        _copy_linear(net.global_unit.fc, plain.whole.fc, 0, 14)
    return plain.train(net.training)


def _copy_unit(units: PatchUnits, unit: PlainPatchUnit, region: int) -> None:
    for source, conv, norm in (
        (units.conv1, unit.convs[0], unit.convs[1]),
        (units.conv2, unit.convs[3], unit.convs[4]),
    ):
        conv.weight.copy_(source.linear.weight[region].view(3, 3, 512, 512).permute(3, 2, 0, 1))
        _copy_norm(source.norm, norm, region)
    _copy_gate(units.gate, unit.gate, region)
    _copy_linear(units.fc, unit.fc, region, WINDOW)


def _copy_gate(gate: Gate, plain: PlainGate, region: int) -> None:
    plain.conv[0].weight.copy_(gate.conv.weight[region].T[:, :, None, None])
    _copy_norm(gate.conv_norm, plain.conv[1], region)
    plain.fc[0].weight.copy_(gate.fc.weight[region].T)
    _copy_norm(gate.fc_norm, plain.fc[1], region)
    _copy_linear(gate.out, plain.fc[3], region, None)


def _copy_norm(norm: nn.BatchNorm1d, plain: nn.Module, region: int) -> None:
    part = slice(region * plain.num_features, (region + 1) * plain.num_features)
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(plain, name).copy_(getattr(norm, name)[part])


def _copy_linear(linear: RegionLinear, plain: nn.Linear, region: int, side: int | None) -> None:
    """With ``side``, inputs are a map of side x side cells: ours has the channels last, the plain one first."""
    weight = linear.weight[region]  # (inputs, outputs)
    if side:
        weight = weight.view(side * side, -1, weight.shape[1]).transpose(0, 1).reshape(weight.shape)
    plain.weight.copy_(weight.T)
    plain.bias.copy_(linear.bias[region, 0])
