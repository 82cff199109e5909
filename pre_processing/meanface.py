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

# Generalised Procrustes mean of the certain fits to FER+ training faces and of their mirror images.
# Origin midway between the eyes, y down, unit = distance between the eye centres; exactly symmetric.
# fmt: off
MEAN_FACE = np.array(
    [
        (-1.1349, 0.0195), (-1.1225, 0.3213), (-1.0840, 0.6215), (-1.0161, 0.9131), (-0.8955, 1.1828),
        (-0.7157, 1.4195), (-0.5013, 1.6206), (-0.2674, 1.7849), (0.0, 1.8357), (0.2674, 1.7849),
        (0.5013, 1.6206), (0.7157, 1.4195), (0.8955, 1.1828), (1.0161, 0.9131), (1.0840, 0.6215),
        (1.1225, 0.3213), (1.1349, 0.0195), (-0.9211, -0.2132), (-0.7780, -0.3330), (-0.5833, -0.3701),
        (-0.3816, -0.3437), (-0.1921, -0.2670), (0.1921, -0.2670), (0.3816, -0.3437), (0.5833, -0.3701),
        (0.7780, -0.3330), (0.9211, -0.2132), (0.0, -0.0271), (0.0, 0.1618), (0.0, 0.3513),
        (0.0, 0.5452), (-0.2233, 0.6833), (-0.1163, 0.7224), (0.0, 0.7551), (0.1163, 0.7224),
        (0.2233, 0.6833), (-0.6968, 0.0012), (-0.5719, -0.0703), (-0.4226, -0.0686), (-0.2947, 0.0283),
        (-0.4330, 0.0558), (-0.5811, 0.0536), (0.2947, 0.0283), (0.4226, -0.0686), (0.5719, -0.0703),
        (0.6968, 0.0012), (0.5811, 0.0536), (0.4330, 0.0558), (-0.4352, 1.0585), (-0.2821, 0.9707),
        (-0.1157, 0.9313), (0.0, 0.9582), (0.1157, 0.9313), (0.2821, 0.9707), (0.4352, 1.0585),
        (0.2883, 1.2396), (0.1266, 1.3214), (0.0, 1.3355), (-0.1266, 1.3214), (-0.2883, 1.2396),
        (-0.3685, 1.0654), (-0.1169, 1.0289), (0.0, 1.0400), (0.1169, 1.0289), (0.3685, 1.0654),
        (0.1199, 1.1720), (0.0, 1.1869), (-0.1199, 1.1720),
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


def hide_points(points: np.ndarray) -> np.ndarray:
    """Points (..., 68, 2) with nose tip and mouth replaced by those of the mean face, fitted to the others.

    The fit is affine, least squares. Returns float32 of the same shape. The hidden input is never read, so nothing that
    a mask covers can leak; applying it twice changes nothing.
    """
    result = np.array(points, np.float32)
    visible = result[..., list(VISIBLE), :].astype(np.float64)
    result[..., list(HIDDEN), :] = _COMPLETION @ visible
    return result
