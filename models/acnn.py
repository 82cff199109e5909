"""Patch-based and global-local attention networks (pACNN, gACNN), and a plain network as their control.

Source: Li, Zeng, Shan, Chen, "Occlusion aware facial expression recognition using CNN with attention mechanism",
IEEE Transactions on Image Processing 28(5), 2019, and the network definition that its authors published.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.backbones import STRIDE
from models.regions import check_num_regions, gather_windows, region_points, window_size, window_start
from models.units import GlobalUnit, PatchUnits


class FaceNet(nn.Module):
    """What all networks share: a trunk, and images in [0, 1] normalised as the trunk's pretraining wants them."""

    def __init__(self, backbone: nn.Module, imagesize: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.imagesize = imagesize
        self.pretrained: str | None = backbone.pretrained
        self.register_buffer("mean", torch.tensor(backbone.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(backbone.std).view(3, 1, 1))

    def maps(self, images: Tensor) -> tuple[tuple[Tensor, ...] | None, Tensor | None]:
        """Maps of images (B, 3, S, S) in [0, 1], as the trunk gives them: those for regions, and the last one (B, C, H, W).

        Each is None where the network has no use for it. ValueError for images of another size than the network's.
        """
        if images.shape[-2:] != (self.imagesize, self.imagesize):
            found = "x".join(map(str, images.shape[-2:]))
            raise ValueError(f"this network was built for {self.imagesize}-pixel images, not for {found}")
        return self.backbone((images - self.mean) / self.std)


class ACNN(FaceNet):
    """pACNN (``whole_face=False``) or gACNN (``whole_face=True``).

    ``forward(images (B, 3, S, S) in [0, 1], points (B, 68, 2) in pixels of the images)`` returns a dict of
    ``logits`` (B, num_classes), ``gates`` (B, num_regions) in (0, 1), ``features`` (B, num_regions, 64) times their gates
    and, for gACNN, ``global_gate`` (B,) in (0, 1).
    """

    def __init__(self, backbone: type[nn.Module], num_classes: int, num_regions: int, imagesize: int,
                 pretrained: bool, whole_face: bool) -> None:  # fmt: skip
        check_num_regions(num_regions)
        super().__init__(backbone(pretrained, local=True, deep=whole_face), imagesize)
        self.num_regions = num_regions
        side, self.first_cell = backbone.local_geometry(imagesize)
        self.window = window_size(side)
        self.neck = self.backbone.make_neck()
        self.patch_units = PatchUnits(num_regions, backbone.local_channels, self.window)
        features = num_regions * PatchUnits.FEATURES
        self.global_unit = None
        if whole_face:
            self.global_unit = GlobalUnit(backbone.deep_channels, backbone.deep_side(imagesize), backbone.deep_pool)
            features += GlobalUnit.FEATURES
        self.head = nn.Sequential(nn.Linear(features, 1024), nn.Dropout(0.5), nn.ReLU(), nn.Linear(1024, num_classes))
        for layer in (self.head[0], self.head[3]):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor, points: Tensor) -> dict[str, Tensor]:
        local, deep = self.maps(images)
        features, gates = self.patch_units(self.windows(local, points))
        out = {"gates": gates, "features": features.unflatten(1, (self.num_regions, -1))}
        if self.global_unit is not None:
            whole, out["global_gate"] = self.global_unit(deep)
            features = torch.cat([features, whole], dim=1)
        return {"logits": self.head(features).float(), **out}

    def windows(self, local: tuple[Tensor, ...], points: Tensor) -> Tensor:
        """Windows (R, B, size, size, C) of the local map around the regions of ``points`` (B, 68, 2)."""
        maps = self.neck(local if len(local) > 1 else local[0])
        centres = region_points(points.float(), self.num_regions)
        return gather_windows(maps, window_start(centres, self.window, STRIDE, self.first_cell), self.window)


class CNN(FaceNet):
    """The trunk with a linear layer on the average of its last map: what regions and gates are measured against.

    Takes points like the others and ignores them; ``gates`` is (B, 0).
    """

    def __init__(self, backbone: type[nn.Module], num_classes: int, imagesize: int, pretrained: bool) -> None:
        super().__init__(backbone(pretrained, local=False, deep=True), imagesize)
        self.head = nn.Linear(backbone.deep_channels, num_classes)

    def forward(self, images: Tensor, points: Tensor | None = None) -> dict[str, Tensor]:
        _, deep = self.maps(images)
        logits = self.head(deep.mean((2, 3))).float()
        return {"logits": logits, "gates": logits.new_zeros(images.shape[0], 0)}
