"""Gated units, one per region with weights of its own, computed for all regions in one batched matrix product.

Tensors here have the regions first, then the cells of a window, the faces, and the channels last: (R, h, w, B, C).
A convolution or linear layer that batch normalisation follows has no bias: the normalisation would remove it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import winograd

CONSTANTS = ("evaluate", "kernel", "interpolate")
FEW_CELLS = 256  # of all faces' windows of one region


class RegionLinear(nn.Module):
    """A linear layer a region, weights unshared: (R, N, inputs) -> (R, N, outputs)."""

    def __init__(self, regions: int, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(regions, inputs, outputs) * math.sqrt(2 / inputs))
        self.bias = nn.Parameter(torch.zeros(regions, 1, outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias, x, self.weight)


def resized_cells(weight: Tensor, channels: int, inputs: int) -> Tensor:
    """A linear layer's weights for windows of more or fewer cells: (R, h * h * channels, N) -> (R, inputs, N).

    The layer then answers to a window as it did before to that window resized to h x h cells.
    """
    before, after = (math.isqrt(count // channels) for count in (weight.shape[1], inputs))
    cells = torch.eye(after**2, device=weight.device).view(-1, 1, after, after)
    shares = F.interpolate(cells, (before, before), mode="bilinear", antialias=True).flatten(1)
    cells = weight.unflatten(1, (before**2, channels)).float()
    return torch.einsum("ab,rbcn->racn", shares, cells).flatten(1, 2).to(weight.dtype)


class RegionNorm(nn.BatchNorm1d):
    """Batch normalisation a region: (R, N, C) with statistics over N, that is over R x C channels."""

    def __init__(self, regions: int, channels: int) -> None:
        super().__init__(regions * channels)

    def forward(self, x: Tensor) -> Tensor:
        regions, samples, channels = x.shape
        flat = x.transpose(0, 1).reshape(samples, regions * channels)
        return super().forward(flat).view(samples, regions, channels).transpose(0, 1)


class RegionConv(nn.Module):
    """A 3x3 convolution, batch normalisation and ReLU a region: (R, h, w, B, C) -> (R, h, w, B, outputs), h = w.

    Windows are padded with zeros, not with what the map shows around them.
    """

    def __init__(self, regions: int, channels: int, outputs: int, size: int) -> None:
        super().__init__()
        self.linear = RegionLinear(regions, 9 * channels, outputs, bias=False)
        self.norm = RegionNorm(regions, outputs)
        self.tiles = {half: winograd.best_tile(size, half) for half in (False, True)}
        for tile in {*self.tiles.values()} - {None}:
            for name, matrix in zip(CONSTANTS, winograd.matrices(size, tile), strict=True):
                self.register_buffer(f"{name}{tile}", matrix, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        regions, height, width, batch, _ = x.shape
        # Few windows do not repay the work on the kernels; an exported program must do with one way for any number.
        few = torch.compiler.is_exporting() or height * width * batch < FEW_CELLS
        tile = self.tiles[x.dtype.itemsize < 4]
        sums = self.plain_sum(x) if few or tile is None else self.fast_sum(x, tile)
        sums = sums.reshape(regions, height * width * batch, -1)
        return F.relu(self.norm(sums)).reshape(regions, height, width, batch, -1)

    def plain_sum(self, x: Tensor) -> Tensor:
        """One matrix product a region, of every cell's nine neighbours: (R, h, w, B, C) -> (R, h * w * B, outputs)."""
        height, width = x.shape[1:3]
        padded = F.pad(x, (0, 0, 0, 0, 1, 1, 1, 1))
        taps = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        return self.linear(torch.cat(taps, dim=-1).flatten(1, 3))

    def fast_sum(self, x: Tensor, tile: int) -> Tensor:
        """The same by Winograd's method, with about a third of the products: -> (R, h * w, B * outputs)."""
        evaluate, kernel, interpolate = (getattr(self, f"{name}{tile}") for name in CONSTANTS)
        regions, height, width, batch, channels = x.shape
        points = len(kernel)
        cells = torch.matmul(evaluate, x.reshape(regions, height * width, batch * channels))
        kernels = torch.matmul(kernel, self.linear.weight.view(regions, 9, -1))
        products = torch.bmm(cells.view(regions * points, -1, channels), kernels.view(regions * points, channels, -1))
        return torch.matmul(interpolate, products.view(regions, evaluate.shape[0], -1))


class Gate(nn.Module):
    """How much a region counts: (R, h, w, B, C) -> (R, B, 1) in (0, 1), near one half before training."""

    def __init__(self, regions: int, channels: int) -> None:
        super().__init__()
        self.conv, self.conv_norm = RegionLinear(regions, channels, 128, bias=False), RegionNorm(regions, 128)
        self.fc, self.fc_norm = RegionLinear(regions, 128, 64, bias=False), RegionNorm(regions, 64)
        self.out = RegionLinear(regions, 64, 1)
        nn.init.normal_(self.out.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        regions, batch, channels = x.shape[0], x.shape[3], x.shape[4]
        # Rounding up keeps the last row and column of windows of odd size.
        pooled = F.max_pool2d(x.flatten(3).permute(0, 3, 1, 2), 2, ceil_mode=True).permute(0, 2, 3, 1)
        cells = F.relu(self.conv_norm(self.conv(pooled.reshape(regions, -1, channels))))
        means = cells.reshape(regions, -1, batch, 128).mean(1)
        return torch.sigmoid(self.out(F.relu(self.fc_norm(self.fc(means)))).float())


class PatchUnits(nn.Module):
    """The patch-gated units of all regions: two convolutions, then 64 features times their gate.

    (R, B, size, size, C), fastest as ``gather_windows`` stores it -> features (B, R * 64) and gates (B, R).
    """

    FEATURES = 64

    def __init__(self, regions: int, channels: int, size: int) -> None:
        super().__init__()
        self.conv1 = RegionConv(regions, channels, channels, size)
        self.conv2 = RegionConv(regions, channels, channels, size)
        self.gate = Gate(regions, channels)
        self.fc = RegionLinear(regions, size * size * channels, self.FEATURES)

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        x = self.conv2(self.conv1(windows.permute(0, 2, 3, 1, 4)))
        gates = self.gate(x)
        features = F.relu(self.fc(x.permute(0, 3, 1, 2, 4).flatten(2))) * gates
        features = features.to(self.fc.weight.dtype)  # the gate is always float32, the network may be half
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
        gate = self.gate(maps.permute(2, 3, 0, 1)[None])
        inputs = (maps.mean((2, 3)) if self.pool else maps.permute(0, 2, 3, 1).flatten(1))[None]
        return (F.relu(self.fc(inputs)) * gate)[0].to(self.fc.weight.dtype), gate[0, :, 0]
