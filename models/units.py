"""Gated units, one per region with weights of its own, computed for all regions in one batched matrix product.

Tensors here have the regions first and the channels last: (R, B, height, width, C).
A convolution or linear layer that batch normalisation follows has no bias: the normalisation would remove it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RegionLinear(nn.Module):
    """A linear layer a region, weights unshared: (R, N, inputs) -> (R, N, outputs)."""

    def __init__(self, regions: int, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(regions, inputs, outputs) * math.sqrt(2 / inputs))
        self.bias = nn.Parameter(torch.zeros(regions, 1, outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias, x, self.weight)


class RegionNorm(nn.BatchNorm1d):
    """Batch normalisation a region: (R, N, C) with statistics over N, that is over R x C channels."""

    def __init__(self, regions: int, channels: int) -> None:
        super().__init__(regions * channels)

    def forward(self, x: Tensor) -> Tensor:
        regions, samples, channels = x.shape
        flat = x.transpose(0, 1).reshape(samples, regions * channels)
        return super().forward(flat).view(samples, regions, channels).transpose(0, 1)


class RegionConv(nn.Module):
    """A 3x3 convolution, batch normalisation and ReLU a region: (R, B, h, w, C) -> (R, B, h, w, outputs).

    Windows are padded with zeros, not with what the map shows around them.
    """

    def __init__(self, regions: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.linear = RegionLinear(regions, 9 * channels, outputs, bias=False)
        self.norm = RegionNorm(regions, outputs)

    def forward(self, x: Tensor) -> Tensor:
        regions, batch, height, width, channels = x.shape
        neighbours = F.pad(x, (0, 0, 1, 1, 1, 1)).unfold(2, 3, 1).unfold(3, 3, 1).permute(0, 1, 2, 3, 5, 6, 4)
        neighbours = neighbours.reshape(regions, batch * height * width, 9 * channels)
        return F.relu(self.norm(self.linear(neighbours))).reshape(regions, batch, height, width, -1)


class Gate(nn.Module):
    """How much a region counts: (R, B, h, w, C) -> (R, B, 1) in (0, 1), near one half before training."""

    def __init__(self, regions: int, channels: int) -> None:
        super().__init__()
        self.conv, self.conv_norm = RegionLinear(regions, channels, 128, bias=False), RegionNorm(regions, 128)
        self.fc, self.fc_norm = RegionLinear(regions, 128, 64, bias=False), RegionNorm(regions, 64)
        self.out = RegionLinear(regions, 64, 1)
        nn.init.normal_(self.out.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        regions, batch = x.shape[:2]
        # Rounding up keeps the last row and column of windows of odd size.
        pooled = F.max_pool2d(x.flatten(0, 1).permute(0, 3, 1, 2), 2, ceil_mode=True).permute(0, 2, 3, 1)
        cells = F.relu(self.conv_norm(self.conv(pooled.reshape(regions, -1, x.shape[-1]))))
        means = cells.reshape(regions, batch, -1, 128).mean(2)
        return torch.sigmoid(self.out(F.relu(self.fc_norm(self.fc(means)))).float())


class PatchUnits(nn.Module):
    """The patch-gated units of all regions: two convolutions, then 64 features times their gate.

    (R, B, size, size, C) -> features (B, R * 64) and gates (B, R).
    """

    FEATURES = 64

    def __init__(self, regions: int, channels: int, size: int) -> None:
        super().__init__()
        self.conv1 = RegionConv(regions, channels, channels)
        self.conv2 = RegionConv(regions, channels, channels)
        self.gate = Gate(regions, channels)
        self.fc = RegionLinear(regions, size * size * channels, self.FEATURES)

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        x = self.conv2(self.conv1(windows))
        gates = self.gate(x)
        features = F.relu(self.fc(x.flatten(2))) * gates
        return features.transpose(0, 1).flatten(1), gates[..., 0].T


class GlobalUnit(nn.Module):
    """The global-gated unit: (B, C, side, side) -> features (B, 512) times their gate, and gate (B,).

    With ``pool`` the features come from the average over the map, otherwise from all its cells.
    """

    FEATURES = 512

    def __init__(self, channels: int, side: int, pool: bool) -> None:
        super().__init__()
        self.pool = pool
        self.gate = Gate(1, channels)
        self.fc = RegionLinear(1, channels if pool else channels * side * side, self.FEATURES)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        cells = maps.permute(0, 2, 3, 1)[None]
        gate = self.gate(cells)
        inputs = cells.mean((2, 3)) if self.pool else cells.flatten(2)
        return (F.relu(self.fc(inputs)) * gate)[0], gate[0, :, 0]
