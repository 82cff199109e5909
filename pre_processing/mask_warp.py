"""Bends a flat cloth onto the face: a thin-plate spline from image pixels back to cloth coordinates."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

CELLS = 18  # the spline is smooth, so it is solved on a coarse grid and interpolated


def _kernel(squared: np.ndarray) -> np.ndarray:
    """r^2 log r^2 of the thin-plate spline (Bookstein 1989), from squared distances."""
    return squared * np.log(squared + 1e-12)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0)


def thin_plate(source: np.ndarray, target: np.ndarray, queries: np.ndarray, stiffness: float = 1e-4) -> np.ndarray:
    """Values (M, D) at queries (M, 2) of the spline that takes source (N, 2) to target (N, D)."""
    count = len(source)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(_distances(source, source))
    system[np.arange(count), np.arange(count)] += stiffness
    system[:count, count], system[:count, count + 1 :] = 1, source
    system[count:, :count] = system[:count, count:].T
    goal = np.zeros((count + 3, target.shape[1]))
    goal[:count] = target
    solved, weights = cv2.solve(system, goal)
    if not solved:  # points on a line, or on each other
        weights = np.linalg.lstsq(system, goal, rcond=None)[0]
    return _kernel(_distances(queries, source)) @ weights[:count] + weights[count] + queries @ weights[count + 1 :]


@lru_cache(maxsize=8)
def even_grid(rows: int, columns: int) -> np.ndarray:
    """Cloth coordinates u, v (rows * columns, 2), 0..1, of an even mesh."""
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    return np.stack([u, v], -1).reshape(-1, 2)


def coarse_grid(size: tuple[int, int]) -> np.ndarray:
    """Pixel positions (CELLS * CELLS, 2) that cv2.resize spreads over a picture of `size` (h, w)."""
    grid = np.empty((CELLS, CELLS, 2))
    middle = (np.arange(CELLS) + 0.5) / CELLS
    grid[..., 0], grid[..., 1] = middle * size[1] - 0.5, (middle * size[0] - 0.5)[:, None]
    return grid.reshape(-1, 2)


def texture_coordinates(
    anchors: np.ndarray, cloth_at: np.ndarray, size: tuple[int, int], cloth: tuple[int, ...]
) -> np.ndarray:
    """Map for cv2.remap, float32 (h, w, 2), from a picture of `size` (h, w) to a cloth of shape (h, w).

    anchors: (N, 2) pixels of the picture at which the cloth's point cloth_at (N, 2), 0..1, lies.
    """
    middle = anchors.sum(0) / len(anchors)
    unit = max(float((anchors.max(0) - anchors.min(0)).max()), 1.0)
    flat = thin_plate((anchors - middle) / unit, cloth_at, (coarse_grid(size) - middle) / unit)
    coarse = (flat * (cloth[1], cloth[0]) - 0.5).astype(np.float32).reshape(CELLS, CELLS, 2)
    return cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
