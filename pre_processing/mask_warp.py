"""Bends a flat cloth onto the face: a thin-plate spline from image pixels back to cloth coordinates."""

from __future__ import annotations

import cv2
import numpy as np

CELLS = 10  # the spline is smooth, so it is solved on a coarse grid and interpolated


def _kernel(squared: np.ndarray) -> np.ndarray:
    """r^2 log r^2 of the thin-plate spline (Bookstein 1989), from squared distances."""
    logs = np.log(squared + np.float32(1e-12))  # no distance has no weight
    logs *= squared
    return logs


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    across, down = a[:, :1] - b[:, 0], a[:, 1:] - b[:, 1]
    across *= across
    down *= down
    across += down
    return across


def thin_plate(source: np.ndarray, target: np.ndarray, queries: np.ndarray, stiffness: float = 1e-4) -> np.ndarray:
    """Values (M, D) at queries (M, 2) of the spline that takes source (N, 2) to target (N, D)."""
    count, all_at = len(source), np.concatenate([source, queries])
    terms = np.ones((len(all_at), count + 3))
    # Single precision is far below a pixel here, and its logarithm much faster.
    terms[:, :count] = _kernel(_distances(all_at.astype(np.float32), source.astype(np.float32)))
    terms[:, count + 1 :] = all_at
    system = np.zeros((count + 3, count + 3))
    system[:count] = terms[:count]
    system[count:, :count] = terms[:count, count:].T
    system.ravel()[: count * (count + 4) : count + 4] += stiffness
    goal = np.zeros((count + 3, target.shape[1]))
    goal[:count] = target
    solved, weights = cv2.solve(system, goal)
    if not solved:  # points on a line, or on each other
        weights = np.linalg.lstsq(system, goal, rcond=None)[0]
    return terms[count:] @ weights


STEPS = (np.arange(CELLS) + 0.5) / CELLS  # where cv2.resize takes the cells' middles to be
_QUERIES = np.stack(np.meshgrid(STEPS, STEPS), -1).reshape(-1, 2)


def texture_coordinates(
    anchors: np.ndarray, cloth_at: np.ndarray, size: tuple[int, int], cloth: tuple[int, ...]
) -> np.ndarray:
    """Map for cv2.remap, float32 (h, w, 2), from a picture of `size` (h, w) to a cloth of shape (h, w).

    anchors: (N, 2) pixels of the picture at which the cloth's point cloth_at (N, 2), 0..1, lies.
    """
    unit = max(size)
    sides = np.array([size[1], size[0]]) / unit
    flat = thin_plate((anchors + 0.5) / unit, cloth_at, _QUERIES * sides)
    coarse = np.float32(flat * (cloth[1], cloth[0]) - 0.5).reshape(CELLS, CELLS, 2)
    return cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
