"""Networks compute what a slow and obvious version computes: one convolution a region, one face and region at a time."""

from __future__ import annotations

import pytest
import torch
from networks import build, inputs
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from models import units, winograd
from models.acnn import ACNN
from models.regions import region_points
from models.units import RegionConv


class TinyTrunk(nn.Module):
    """A trunk of two convolutions with the geometry of VGG16: the rest of the network at its real window sizes."""

    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    local_channels = deep_channels = 8
    deep_pool, pretrained = False, False

    def __init__(self, pretrained: bool, local: bool = True, deep: bool = True) -> None:
        super().__init__()
        self.local, self.deep = nn.Conv2d(3, 8, 8, stride=8), nn.Conv2d(8, 8, 2, stride=2) if deep else None

    def forward(self, images):
        local = self.local(images)
        return (local,), None if self.deep is None else self.deep(local)

    def make_neck(self):
        return nn.Identity()

    @staticmethod
    def local_geometry(imagesize):
        return imagesize // 8, 3.5

    @staticmethod
    def deep_side(imagesize):
        return imagesize // 16


def norm_of(layer: nn.Module, region: int, channels: int):
    part = slice(region * channels, (region + 1) * channels)
    return lambda x: F.batch_norm(x, None, None, layer.weight[part], layer.bias[part], training=True)


def slow_gate(gate: nn.Module, region: int, x: torch.Tensor) -> torch.Tensor:
    x = F.max_pool2d(x, 2, ceil_mode=True)
    x = F.relu(norm_of(gate.conv_norm, region, 128)(F.conv2d(x, gate.conv.weight[region].T[:, :, None, None])))
    x = F.relu(norm_of(gate.fc_norm, region, 64)(x.mean((2, 3)) @ gate.fc.weight[region]))
    return torch.sigmoid(x @ gate.out.weight[region] + gate.out.bias[region])


def slow_conv(conv: nn.Module, region: int, x: torch.Tensor) -> torch.Tensor:
    channels = x.shape[1]
    kernel = conv.linear.weight[region].reshape(3, 3, channels, -1).permute(3, 2, 0, 1)
    return F.relu(norm_of(conv.norm, region, channels)(F.conv2d(x, kernel, padding=1)))


def slow_patch(maps: torch.Tensor, centre: torch.Tensor, size: int, first_cell: float) -> torch.Tensor:
    column, row = (int(torch.floor((c - first_cell) / 8 - size / 2 + 1)) + 50 for c in centre)
    return F.pad(maps, (50, 50, 50, 50))[:, row : row + size, column : column + size]


def slow_forward(net: nn.Module, images: torch.Tensor, points: torch.Tensor) -> dict[str, torch.Tensor]:
    local, deep = net.backbone((images - net.mean) / net.std)
    maps = net.neck(local if len(local) > 1 else local[0])
    centres, units = region_points(points, net.num_regions), net.patch_units
    features, gates = [], []
    for region in range(net.num_regions):
        patches = [slow_patch(maps[i], centres[i, region], net.window, net.first_cell) for i in range(len(images))]
        x = slow_conv(units.conv2, region, slow_conv(units.conv1, region, torch.stack(patches)))
        gates.append(slow_gate(units.gate, region, x))
        flat = x.permute(0, 2, 3, 1).flatten(1)
        features.append(F.relu(flat @ units.fc.weight[region] + units.fc.bias[region]) * gates[-1])
    out = {"gates": torch.cat(gates, dim=1), "features": torch.stack(features, dim=1)}
    if net.global_unit is not None:
        unit = net.global_unit
        gate = slow_gate(unit.gate, 0, deep)
        flat = deep.mean((2, 3)) if unit.pool else deep.permute(0, 2, 3, 1).flatten(1)
        features.append(F.relu(flat @ unit.fc.weight[0] + unit.fc.bias[0]) * gate)
        out["global_gate"] = gate[:, 0]
    return {"logits": net.head(torch.cat(features, dim=1)), **out}


def check_equal(fast: tuple[dict, dict], slow: tuple[dict, dict]) -> None:
    """Outputs and gradients agree to 1e-5 of each tensor's largest value.

    Gradients that are zero but for rounding (of biases before a normalisation) have no relative error: 1e-7 of the
    largest gradient of all is forgiven.
    """
    assert fast[0].keys() == slow[0].keys()
    for name, value in slow[0].items():
        assert (fast[0][name] - value).abs().max() <= 1e-5 * value.abs().max(), name
    rounding = 1e-7 * max(grad.abs().max() for grad in slow[1].values())
    for name, grad in slow[1].items():
        assert (fast[1][name] - grad).abs().max() <= 1e-5 * grad.abs().max() + rounding, name


def fast_and_slow(net: nn.Module, size: int, dtype: torch.dtype):
    """Outputs and gradients of both versions, in training mode, dropout off."""
    net = net.to(dtype).train()
    net.head[1].p = 0.0
    images, points = inputs(6, size)
    images = images.to(dtype)
    results = []
    for forward in (net, lambda *args: slow_forward(net, *args)):
        net.zero_grad()
        out = forward(images, points)
        F.cross_entropy(out["logits"].to(dtype), torch.arange(6) % 7).backward()
        results.append((out, {name: p.grad.clone() for name, p in net.named_parameters()}))
    return results


@pytest.mark.parametrize("whole_face", [True, False], ids=["gacnn", "pacnn"])
@pytest.mark.parametrize(("size", "regions"), [(224, 24), (112, 20)])
def test_equals_the_slow_version(whole_face, size, regions):
    torch.manual_seed(0)
    net = ACNN(TinyTrunk, 7, regions, size, False, whole_face)
    check_equal(*fast_and_slow(net, size, torch.float32))


def test_gacnn_lite0_equals_the_slow_version_in_double_precision():
    check_equal(*fast_and_slow(build(), 64, torch.float64))


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
def test_fast_sums_equal_plain_ones(size):
    conv = RegionConv(3, 16, 8, size)
    x = torch.randn(3, size, size, 5, 16)
    exact = F.pad(x.double(), (0, 0, 0, 0, 1, 1, 1, 1)).unfold(1, 3, 1).unfold(2, 3, 1)  # (R, h, w, B, C, 3, 3)
    exact = torch.einsum("rhwbcij,rijco->rhwbo", exact, conv.linear.weight.view(3, 3, 3, 16, 8).double()).flatten(1, 3)
    for dtype, error in ((torch.float64, 1e-6), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)):
        conv, x = conv.to(dtype), x.to(dtype)
        tile = conv.tiles[dtype.itemsize < 4]
        for found in (conv.plain_sum(x), *([conv.fast_sum(x, tile)] if tile else [])):
            assert (found.reshape(exact.shape).double() - exact).abs().max() <= error * exact.abs().max()


def test_tiles_are_those_that_save_products():
    tiles = {size: (winograd.best_tile(size, False), winograd.best_tile(size, True)) for size in range(1, 7)}
    assert tiles == {1: (None, None), 2: (2, 2), 3: (3, None), 4: (2, 2), 5: (3, 2), 6: (3, 2)}


def test_many_faces_are_summed_fast_and_alike(monkeypatch):
    net, faces = build().eval(), inputs(8, 64)
    assert 8 * net.window**2 < units.FEW_CELLS
    with torch.no_grad():
        slow = net(*faces)
        monkeypatch.setattr(units, "FEW_CELLS", 8 * net.window**2)
        monkeypatch.setattr(RegionConv, "plain_sum", None)
        fast = net(*faces)
    assert not torch.equal(fast["logits"], slow["logits"])
    for name, value in slow.items():
        assert (fast[name] - value).abs().max() <= 1e-5 * value.abs().max(), name


def test_number_of_operations_does_not_depend_on_faces_and_regions():
    class Count(TorchDispatchMode):
        calls = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.calls += 1
            return func(*args, **(kwargs or {}))

    counts = set()
    for regions, faces in ((24, 2), (24, 5), (20, 3)):
        net = build(num_regions=regions)
        with torch.no_grad(), Count() as count:
            net(*inputs(faces, 64))
        counts.add(count.calls)
    assert len(counts) == 1
