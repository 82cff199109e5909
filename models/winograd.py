"""3x3 convolutions of small windows with fewer products than the plain sum: matrices for ``RegionConv``.

Source: Lavin, Gray, "Fast algorithms for convolutional neural networks", CVPR 2016 (after Winograd and Toom-Cook).
A window is cut into tiles of outputs; inputs and kernel are evaluated at a few points, multiplied there, and the
outputs are interpolated from the products. Evaluating and interpolating are products with the constants made here.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

TAPS = 3
# The side of a tile, and the points apart from infinity. Larger tiles need fewer products but round more coarsely.
POINTS = {2: (0.0, 1.0, -1.0), 3: (0.0, 1.0, -1.0, 0.5)}

WORTH = 2 / 3  # of the products of a plain sum; with more of them, evaluating and interpolating take what is saved


def best_tile(size: int, half_precision: bool) -> int | None:
    """The tile with the fewest products for windows of size x size cells, None where a plain sum is as fast."""
    products = {tile: (tile + TAPS - 1) ** 2 * (-(-size // tile)) ** 2 for tile in POINTS}
    if half_precision:
        del products[3]  # rounds too coarsely: 2 % of a sum, where tiles of 2 and plain sums round by 0.5 and 0.3 %
    tile = min(products, key=products.__getitem__)
    return tile if products[tile] <= WORTH * (TAPS * size) ** 2 else None


def matrices(size: int, tile: int) -> tuple[Tensor, Tensor, Tensor]:
    """Constants for windows of size x size cells, padded by one cell of zeros, with P = (tile + 2)² points.

    Returns ``evaluate`` (P * tiles, size²) for the cells of a window, ``kernel`` (P, 9) for a kernel and
    ``interpolate`` (size², P * tiles) for the products; tiles that reach over the window's edge are cut there.
    """
    inputs, kernel, outputs = _one_dimension(tile)
    points, tiles = len(kernel), -(-size // tile)
    evaluate, interpolate = np.zeros((points, tiles, size)), np.zeros((size, points, tiles))
    for t in range(tiles):
        for cell in range(max(0, tile * t - 1), min(size, tile * t + tile + 1)):
            evaluate[:, t, cell] = inputs[:, cell - tile * t + 1]
        for cell in range(tile * t, min(size, tile * t + tile)):
            interpolate[cell, :, t] = outputs[cell - tile * t]
    evaluate = np.einsum("ptc,quC->pqtucC", evaluate, evaluate).reshape(-1, size * size)
    interpolate = np.einsum("cpt,Cqu->cCpqtu", interpolate, interpolate).reshape(size * size, -1)
    return tuple(
        torch.tensor(matrix, dtype=torch.float32) for matrix in (evaluate, np.kron(kernel, kernel), interpolate)
    )


def _one_dimension(tile: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For ``tile`` outputs in a row: inputs (P, P), kernel (P, 3) and outputs (tile, P), with P = tile + 2."""
    points = np.array(POINTS[tile])
    others = [np.delete(points, i) for i in range(len(points))]
    inputs = [np.append(np.poly(rest)[::-1], 0) for rest in others] + [np.poly(points)[::-1]]
    kernel = [p ** np.arange(TAPS) / np.prod(p - rest) for p, rest in zip(points, others, strict=True)]
    outputs = [p ** np.arange(tile) for p in points]
    last = np.arange(tile) == tile - 1  # what infinity contributes
    return np.array(inputs), np.array([*kernel, np.arange(TAPS) == TAPS - 1]), np.array([*outputs, last]).T
