"""Whether a picture looks like a face where points lie on it: a linear classifier of edges around the mean face.

The features are histograms of oriented gradients (Dalal and Triggs, CVPR 2005) in coarse cells; benchmarks/likeness.py
learns the numbers.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from pre_processing.meanface import MEAN_FACE

SIDE, CELLS, DIRECTIONS = 48, 8, 8
_CENTRED = MEAN_FACE.astype(np.float64) - (MEAN_FACE.min(0) + MEAN_FACE.max(0)) / 2
# The patch: the mean face with some room around it.
_PLACE = _CENTRED * (SIDE / (1.15 * np.ptp(_CENTRED, axis=0).max())) + (SIDE - 1) / 2
_ANGLES = np.arange(DIRECTIONS, dtype=np.float32) * (2 * np.pi / DIRECTIONS)


# Learned from FER+ Train.
WEIGHTS = (
    np.array(
        """
0 0 -5 2 6 -5 -19 -12 12 14 1 -7 -11 -15 -18 -4 -17 -4 9 -13 -28 12 43 19 -17 -19 0 -7
-18 -11 12 1 -18 -12 -2 -16 -17 -3 10 -9 -32 -8 19 -6 -24 15 43 5 -6 -12 -3 8 11 -2 -5 -5
7 -1 1 5 7 -5 -4 2 6 1 2 7 6 -13 -18 -7 -13 -3 2 5 29 20 -7 -31 -12 14 38 20
15 47 58 16 74 35 -2 -9 0 -27 -15 34 -1 -14 -9 36 81 40 -14 -25 23 26 38 6 -14 16 61 49
35 2 3 2 -4 -32 -5 24 10 10 6 12 10 -7 -17 -5 17 -4 -14 -3 5 -4 -2 14 20 3 0 2
-3 -18 -8 13 -30 33 61 23 -23 -28 -32 -49 33 39 -13 -26 29 23 -31 -36 23 -32 -10 43 31 -43 -35 20
-19 32 65 30 -29 -43 -31 -32 -3 7 3 11 26 13 -18 -24 5 2 -8 -1 10 9 -3 -1 -5 -7 -4 2
9 -2 -11 -13 17 -7 -19 -8 1 -11 -9 10 5 1 -18 -25 27 34 7 -23 33 21 21 26 32 18 18 25
34 20 13 19 41 24 11 12 25 -29 -27 -7 6 -20 4 28 4 -8 -27 -19 11 9 -9 -12 -1 0 3 2
-1 -11 -12 -8 -2 -10 -16 -8 8 9 1 -3 13 6 -2 4 4 -21 -29 -9 28 7 -11 -11 12 0 -6 3
-23 -6 25 -15 -42 -2 49 16 -41 -25 21 -5 -25 10 56 9 5 -18 -17 2 27 2 -11 -10 7 2 -16 -13
2 -15 -34 -22 4 -6 -10 -7 -9 -17 -13 0 -6 -3 1 -8 -8 -3 3 -5 14 -23 -16 -8 -3 -15 12 24
13 -11 -9 6 24 -6 -13 -5 -11 7 59 32 -10 -15 28 9 -2 34 50 4 -7 5 15 -18 21 2 -20 -19
15 -5 -24 -17 2 -3 -18 -27 7 11 -3 -19 -4 -9 -4 -5 -3 -8 -4 -6 -5 -6 -4 -9 -3 -3 -2 -8
-1 -3 3 11 15 -2 -11 -10 20 -22 -18 -3 10 -14 4 19 2 -5 7 3 5 -3 8 2 6 9 6 -8
-4 2 7 -1 7 1 -10 -20 25 36 21 -11 18 9 -2 -6 -1 -9 -9 3 1 -6 1 -4 -11 -11 6 8
0 0 -6 0 3 -5 -17 -9 3 1 -12 1 9 -2 -22 -11 7 3 -7 6 10 -9 -26 -10 6 -1 -5 10
9 -6 -14 1 15 17 3 4 5 -1 -13 -1 14 12 -5 0 -1 -15 -28 -5 9 4 -7 1 3 -7 -16 -1
-3 -7 -9 1 3 -7 -15 -7
""".split(),
        np.float32,
    )
    / 100
)
SPREAD, BIAS = -2.22, -11.34


def features(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Edges (512,) float32 of `grey` (H, W) uint8, turned and scaled so that points (68, 2) lie on the mean face."""
    here, mean = points - points.mean(0), _PLACE - _PLACE.mean(0)
    # Least-squares similarity, with points as complex numbers.
    (x, y), (u, v) = here.T, mean.T
    size = max(float((here**2).sum()), 1e-6)
    cos, sin = float((x * u + y * v).sum()) / size, float((x * v - y * u).sum()) / size
    turn = np.array([[cos, -sin], [sin, cos]])
    matrix = np.column_stack([turn, _PLACE.mean(0) - turn @ points.mean(0)])
    patch = cv2.warpAffine(grey, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    across, down = (cv2.Sobel(patch, cv2.CV_32F, *order, ksize=1)[..., None] for order in ((1, 0), (0, 1)))
    edges = np.maximum(across * np.cos(_ANGLES) + down * np.sin(_ANGLES), 0)
    cells = edges.reshape(CELLS, SIDE // CELLS, CELLS, SIDE // CELLS, DIRECTIONS).mean((1, 3))
    energy = cv2.blur((cells**2).sum(-1), (3, 3))
    return (cells / np.sqrt(energy + 1e-3 * energy.mean() + 1e-3)[..., None]).ravel()


def is_certain(grey: np.ndarray, points: np.ndarray, spread: float) -> bool:
    """Whether to trust points (68, 2) whose jittered fits are `spread` eye distances apart."""
    return float(WEIGHTS @ features(grey, points)) + SPREAD * math.log(max(spread, 1e-3)) + BIAS > 0
