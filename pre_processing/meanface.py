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

# Procrustes mean of dlib's fits to FER+ training faces and frontal portraits.
# Origin midway between the eyes, y down, unit = distance between the eye centres; exactly symmetric.
# fmt: off
MEAN_FACE = np.array(
    [
        (-1.1083, 0.0143), (-1.0954, 0.3036), (-1.0588, 0.5896), (-1.0010, 0.8693), (-0.8990, 1.1313),
        (-0.7349, 1.3594), (-0.5237, 1.5374), (-0.2789, 1.6607), (0.0, 1.6903), (0.2789, 1.6607),
        (0.5237, 1.5374), (0.7349, 1.3594), (0.8990, 1.1313), (1.0010, 0.8693), (1.0588, 0.5896),
        (1.0954, 0.3036), (1.1083, 0.0143), (-0.9153, -0.2180), (-0.7723, -0.3340), (-0.5804, -0.3658),
        (-0.3839, -0.3387), (-0.1965, -0.2652), (0.1965, -0.2652), (0.3839, -0.3387), (0.5804, -0.3658),
        (0.7723, -0.3340), (0.9153, -0.2180), (0.0, -0.0302), (0.0, 0.1592), (0.0, 0.3463),
        (0.0, 0.5367), (-0.2191, 0.6684), (-0.1137, 0.7063), (0.0, 0.7387), (0.1137, 0.7063),
        (0.2191, 0.6684), (-0.6962, 0.0010), (-0.5729, -0.0712), (-0.4220, -0.0690), (-0.2930, 0.0279),
        (-0.4333, 0.0565), (-0.5825, 0.0548), (0.2930, 0.0279), (0.4220, -0.0690), (0.5729, -0.0712),
        (0.6962, 0.0010), (0.5825, 0.0548), (0.4333, 0.0565), (-0.4314, 1.0377), (-0.2796, 0.9569),
        (-0.1169, 0.9167), (0.0, 0.9455), (0.1169, 0.9167), (0.2796, 0.9569), (0.4314, 1.0377),
        (0.2865, 1.2008), (0.1271, 1.2716), (0.0, 1.2842), (-0.1271, 1.2716), (-0.2865, 1.2008),
        (-0.3682, 1.0448), (-0.1183, 1.0141), (0.0, 1.0259), (0.1183, 1.0141), (0.3682, 1.0448),
        (0.1208, 1.1247), (0.0, 1.1387), (-0.1208, 1.1247),
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
