"""Bends a flat cloth onto the face: a thin-plate spline from image pixels back to cloth coordinates."""

from __future__ import annotations

import cv2
import numpy as np

CELLS = 24  # the spline is smooth, so it is solved on a coarse grid and interpolated


def _kernel(squared: np.ndarray) -> np.ndarray:
    """r^2 log r^2 of the thin-plate spline (Bookstein 1989), from squared distances."""
    return squared * np.log(squared + 1e-12)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0)


def thin_plate(source: np.ndarray, target: np.ndarray, queries: np.ndarray, stiffness: float = 1e-4) -> np.ndarray:
    """Values (M, D) at queries (M, 2) of the spline that takes source (N, 2) to target (N, D)."""
    count = len(source)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(_distances(source, source)) + stiffness * np.eye(count)
    system[:count, count], system[:count, count + 1 :] = 1, source
    system[count:, :count] = system[:count, count:].T
    weights = np.linalg.lstsq(system, np.vstack([target, np.zeros((3, target.shape[1]))]), rcond=None)[0]
    return _kernel(_distances(queries, source)) @ weights[:count] + weights[count] + queries @ weights[count + 1 :]


def texture_coordinates(
    mesh: np.ndarray, size: tuple[int, int], cloth: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Maps for cv2.remap, float32 (h, w) each, from a picture of `size` (h, w) to a cloth of shape (h, w).

    mesh: (rows, columns, 2) pixel positions of an even grid over the whole cloth.
    """
    rows, columns = mesh.shape[:2]
    middle, unit = mesh.reshape(-1, 2).mean(0), max(float(np.ptp(mesh.reshape(-1, 2), 0).max()), 1.0)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    y, x = ((np.arange(CELLS) + 0.5) * side / CELLS - 0.5 for side in size)
    queries = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    flat = thin_plate(
        (mesh.reshape(-1, 2) - middle) / unit, np.stack([u, v], -1).reshape(-1, 2), (queries - middle) / unit
    )
    coarse = (flat * (cloth[1], cloth[0]) - 0.5).astype(np.float32).reshape(CELLS, CELLS, 2)
    fine = cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return fine[..., 0].copy(), fine[..., 1].copy()
