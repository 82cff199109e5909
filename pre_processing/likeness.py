"""Whether a picture looks like a face where points lie on it: a linear classifier of edges around the mean face.

The features are histograms of oriented gradients (Dalal and Triggs, CVPR 2005) in coarse cells; benchmarks/likeness.py
learns the numbers.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from pre_processing.crop import similarity
from pre_processing.meanface import MEAN_FACE

SIDE, CELLS, DIRECTIONS = 48, 8, 8
_CENTRED = MEAN_FACE.astype(np.float64) - (MEAN_FACE.min(0) + MEAN_FACE.max(0)) / 2
# The patch: the mean face with some room around it.
_PLACE = _CENTRED * (SIDE / (1.15 * np.ptp(_CENTRED, axis=0).max())) + (SIDE - 1) / 2
_ANGLES = np.arange(DIRECTIONS, dtype=np.float32) * (2 * np.pi / DIRECTIONS)


# Learned from FER+ Train, in hundredths.
_HUNDREDTHS = """
2 1 -15 -4 6 -2 -24 -14 2 4 -9 -13 -9 -2 -7 -5 -22 -4 6 -19 -33 6 32 8 -24 -31 -11 -21
-24 -12 15 -3 -27 -24 -15 -34 -28 -5 13 -14 -38 -11 22 2 -20 11 35 -1 -11 -15 -6 9 6 -6 -10 -7
1 -9 -12 11 16 -7 -24 -8 10 2 -14 -4 2 -14 -29 -9 -2 15 6 -7 5 9 -11 -24 -18 13 41 22
7 35 48 9 46 17 1 8 25 -7 -12 14 19 1 -2 25 54 17 -16 -10 7 19 39 5 -17 10 50 30
13 -6 11 20 4 -28 -11 12 11 2 -9 10 14 -15 -36 -11 12 -10 -24 -6 3 -5 -9 10 13 7 -2 1
-7 -12 -8 10 -23 25 44 16 -11 -1 -4 -27 38 44 -5 -15 32 25 -26 -25 28 -18 -4 47 40 -25 -26 23
-11 14 44 26 -18 -26 -5 -4 -8 4 -5 1 16 20 -8 -18 4 1 -17 -2 13 12 -11 -4 -10 -13 -8 3
5 -6 -13 -11 12 -16 -25 -7 5 -17 -20 2 12 3 -9 -21 23 24 11 -14 33 32 33 22 28 21 24 20
30 23 33 30 41 21 19 13 21 -30 -19 4 21 -12 6 22 11 -4 -29 -22 11 2 -20 -17 3 4 -5 -3
3 -6 -20 -13 -2 -11 -12 -2 11 -4 -14 -12 8 -22 -23 -1 10 -26 -31 -7 27 5 4 -2 5 -16 -4 8
-38 2 55 -2 -47 10 76 20 -48 -10 50 -2 -38 15 77 9 4 -11 -5 3 33 7 -9 -19 17 -4 -34 -27
9 -12 -38 -24 5 -9 -19 -17 -5 -15 -18 -9 -3 -18 -13 -11 -4 -10 0 0 13 -33 -20 -2 9 -24 -4 12
19 -20 -7 8 23 -12 2 11 -22 -1 56 25 -12 6 56 18 -16 23 52 -6 -25 12 45 -5 25 8 -14 -25
19 9 -6 -14 15 2 -23 -41 8 7 -9 -26 3 -15 -18 -21 -6 -11 -4 -4 -8 -7 -4 -6 1 1 -1 -10
5 -11 -8 9 18 -5 -11 -2 29 -24 -20 3 17 -18 1 27 6 -7 10 12 7 -4 13 14 8 17 14 -11
-1 12 17 -2 21 12 -12 -24 28 30 5 -17 22 6 -15 -19 7 -7 -18 -10 3 2 3 -6 -6 -7 -1 -2
-5 -7 -16 -1 3 -9 -26 -14 13 -2 -27 11 25 0 -37 -5 23 5 -20 10 21 -5 -31 3 20 -1 -21 8
17 -3 -23 9 25 18 -14 -6 10 3 -20 0 25 16 -22 0 18 0 -38 -6 22 17 -14 6 17 -2 -36 -6
1 -7 -20 -6 0 -9 -22 -7
"""
WEIGHTS = np.fromstring(_HUNDREDTHS, np.float32, sep=" ") / 100
SPREAD, BIAS = -1.37, -7.94  # the bias holds benchmarks/likeness.py's STRICTER


def features(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Edges (512,) float32 of `grey` (H, W) uint8, turned and scaled so that points (68, 2) lie on the mean face."""
    matrix = similarity(points, _PLACE)
    patch = cv2.warpAffine(grey, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    across, down = (cv2.Sobel(patch, cv2.CV_32F, *order, ksize=1)[..., None] for order in ((1, 0), (0, 1)))
    edges = np.maximum(across * np.cos(_ANGLES) + down * np.sin(_ANGLES), 0)
    cells = edges.reshape(CELLS, SIDE // CELLS, CELLS, SIDE // CELLS, DIRECTIONS).mean((1, 3))
    energy = cv2.blur((cells**2).sum(-1), (3, 3))
    return (cells / np.sqrt(energy + 1e-3 * energy.mean() + 1e-3)[..., None]).ravel()


def is_certain(grey: np.ndarray, points: np.ndarray, spread: float) -> bool:
    """Whether to trust points (68, 2) whose jittered fits are `spread` eye distances apart."""
    return float(WEIGHTS @ features(grey, points)) + SPREAD * math.log(max(spread, 1e-3)) + BIAS > 0
