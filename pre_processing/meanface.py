"""The mean face: what the points under a mask are replaced with, and how points change sides in a mirror.

Points are dlib's 68 (the order of iBUG 300-W), 0-based.
"""

from __future__ import annotations

import numpy as np

HIDDEN = (*range(30, 36), *range(48, 68))  # nose tip and mouth: what a mask hides
VISIBLE = (*range(30), *range(36, 48))

# FLIP[i] is the point of the mirrored face that point i turns into: mirrored = points[FLIP] with x -> width - 1 - x.
FLIP = np.array(
    [
        *range(16, -1, -1),  # jaw
        *range(26, 16, -1),  # brows
        *(27, 28, 29, 30),  # nose bridge
        *range(35, 30, -1),  # nostrils
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),  # eyes
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),  # outer lips
        *(64, 63, 62, 61, 60, 67, 66, 65),  # inner lips
    ]
)

# Generalised Procrustes mean of the fits to FER+ training faces that were certain by an earlier rule (20,444) and of their
# mirror images, made by benchmarks/mean_face.py; today's 22,415 move no point by more than 0.01. It stays, as all masks hang on it. Origin midway between the eyes, y down, unit = distance between the eye centres; symmetric.
# fmt: off
MEAN_FACE = np.array(
    [
        (-1.1349, 0.0186), (-1.1225, 0.3205), (-1.0839, 0.6208), (-1.0159, 0.9126), (-0.8952, 1.1824),
        (-0.7154, 1.4191), (-0.5011, 1.6204), (-0.2673, 1.7849), (0.0, 1.8358), (0.2673, 1.7849),
        (0.5011, 1.6204), (0.7154, 1.4191), (0.8952, 1.1824), (1.0159, 0.9126), (1.0839, 0.6208),
        (1.1225, 0.3205), (1.1349, 0.0186), (-0.9213, -0.2138), (-0.7783, -0.3336), (-0.5838, -0.3706),
        (-0.3821, -0.3441), (-0.1928, -0.2673), (0.1928, -0.2673), (0.3821, -0.3441), (0.5838, -0.3706),
        (0.7783, -0.3336), (0.9213, -0.2138), (0.0, -0.0272), (0.0, 0.1615), (0.0, 0.3508),
        (0.0, 0.5445), (-0.2229, 0.6830), (-0.1161, 0.7221), (0.0, 0.7548), (0.1161, 0.7221),
        (0.2229, 0.6830), (-0.6969, 0.0012), (-0.5719, -0.0704), (-0.4226, -0.0687), (-0.2944, 0.0283),
        (-0.4330, 0.0559), (-0.5812, 0.0537), (0.2944, 0.0283), (0.4226, -0.0687), (0.5719, -0.0704),
        (0.6969, 0.0012), (0.5812, 0.0537), (0.4330, 0.0559), (-0.4347, 1.0584), (-0.2818, 0.9707),
        (-0.1155, 0.9312), (0.0, 0.9581), (0.1155, 0.9312), (0.2818, 0.9707), (0.4347, 1.0584),
        (0.2880, 1.2400), (0.1265, 1.3220), (0.0, 1.3361), (-0.1265, 1.3220), (-0.2880, 1.2400),
        (-0.3681, 1.0654), (-0.1167, 1.0287), (0.0, 1.0398), (0.1167, 1.0287), (0.3681, 1.0654),
        (0.1197, 1.1726), (0.0, 1.1874), (-0.1197, 1.1726),
    ],
    np.float32,
)
# fmt: on


def _completion() -> np.ndarray:
    """(26, 42) weights that give the hidden points as sums of the visible ones; each row sums to 1."""
    face = np.column_stack([MEAN_FACE.astype(np.float64), np.ones(68)])
    return face[list(HIDDEN)] @ np.linalg.pinv(face[list(VISIBLE)])


# The least-squares affine fit is linear in the visible points, so it is one matrix, worked out once.
_COMPLETION = _completion()
_VISIBLE_ROWS, _HIDDEN_ROWS = np.array(VISIBLE), np.array(HIDDEN)


def hide_points(points: np.ndarray) -> np.ndarray:
    """Points (..., 68, 2) with nose tip and mouth replaced by those of the mean face, fitted to the others.

    The fit is affine, least squares. Returns float32 of the same shape. The hidden input is never read, so nothing that
    a mask covers can leak; applying it twice changes nothing.
    """
    result = np.array(points, np.float32)
    visible = result[..., _VISIBLE_ROWS, :].astype(np.float64)
    result[..., _HIDDEN_ROWS, :] = _COMPLETION @ visible
    return result
