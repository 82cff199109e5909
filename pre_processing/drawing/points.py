"""Where the points of a drawn face lie: its own shape, the action units that move it, the turn of its head.

All lengths are in eye distances of the mean face, x to the viewer's right, y down, z towards the viewer. Action units
are those of Ekman and Friesen's Facial Action Coding System (1978), simplified to shifts of points.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from pre_processing.emotions import ANGRY, DISGUST, FEAR, HAPPY, NEUTRAL, SAD, SURPRISE
from pre_processing.meanface import FLIP, MEAN_FACE

# The prototypes of the emotions.
UNITS: dict[int, tuple[int, ...]] = {
    NEUTRAL: (),
    HAPPY: (6, 12),
    SAD: (1, 4, 15),
    SURPRISE: (1, 2, 5, 26),
    FEAR: (1, 2, 4, 5, 7, 20, 26),
    ANGRY: (4, 5, 7, 23),
    DISGUST: (9, 15, 16),
}

# Shifts (x, y) of points at full strength, given for the right half of the face (the viewer's left) and mirrored.
# fmt: off
MOVES: dict[int, dict[int, tuple[float, float]]] = {
    1: {21: (0, -.21), 20: (0, -.16), 19: (0, -.07), 39: (0, -.01), 38: (0, -.015)},
    2: {17: (0, -.13), 18: (0, -.20), 19: (0, -.18), 20: (0, -.08), 37: (0, -.015)},
    4: {21: (.07, .15), 20: (.06, .13), 19: (.04, .09), 18: (.02, .05), 17: (.01, .02), 38: (0, .015), 39: (.01, .01)},
    5: {37: (0, -.065), 38: (0, -.065)},
    6: {40: (0, -.04), 41: (0, -.045), 36: (0, .01), 39: (0, -.005), 18: (0, .015), 17: (0, .02)},
    7: {40: (0, -.035), 41: (0, -.035), 37: (0, .025), 38: (0, .02)},
    9: {31: (-.03, -.07), 32: (-.02, -.05), 33: (0, -.04), 30: (0, -.045), 21: (.03, .08), 20: (.02, .06), 19: (0, .03),
        40: (0, -.02), 41: (0, -.02), 49: (-.01, -.06), 50: (0, -.09), 51: (0, -.08), 61: (0, -.06), 62: (0, -.06)},
    12: {48: (-.16, -.14), 60: (-.14, -.13), 49: (-.10, -.05), 50: (-.04, 0), 59: (-.11, -.06), 58: (-.05, -.01),
         61: (-.06, -.01), 67: (-.05, -.01), 31: (-.02, -.01), 4: (-.02, 0), 5: (-.02, 0), 3: (-.02, 0)},
    15: {48: (-.02, .12), 60: (-.02, .105), 49: (0, .045), 59: (-.01, .08), 58: (0, .03), 61: (0, .015), 67: (0, .02)},
    16: {58: (0, .08), 57: (0, .09), 59: (0, .05), 67: (0, .09), 66: (0, .10)},
    20: {48: (-.16, .04), 60: (-.15, .04), 49: (-.09, .02), 59: (-.09, 0), 61: (-.05, .01), 67: (-.05, .01),
         50: (-.03, .02), 58: (-.03, -.02)},
    23: {48: (.05, .01), 60: (.04, .01), 49: (.03, .03), 50: (0, .055), 51: (0, .055), 59: (.02, -.05), 58: (0, -.07),
         57: (0, -.07)},
    25: {67: (0, .07), 66: (0, .08), 58: (0, .06), 57: (0, .07), 59: (0, .04), 61: (0, -.015), 62: (0, -.015)},
    26: {48: (.06, .13), 60: (.06, .14), 49: (.02, .02), 59: (-.01, .25), 58: (-.02, .31), 57: (0, .32), 67: (-.05, .29),
         66: (0, .33), 61: (.01, -.01), 62: (0, -.01), 3: (.01, .02), 4: (.02, .08), 5: (.02, .15), 6: (0, .21), 7: (0, .24),
         8: (0, .25)},
}

# Depth of points 0 to 8, 17 to 21, 27 to 33, 36 to 41, 48 to 51, 55 to 57 and so on; the other half is mirrored.
_DEPTH = {
    0: -.62, 1: -.60, 2: -.56, 3: -.49, 4: -.39, 5: -.25, 6: -.10, 7: .02, 8: .06,
    17: -.22, 18: -.02, 19: .09, 20: .15, 21: .18, 27: .17, 28: .29, 29: .42, 30: .54, 31: .24, 32: .30, 33: .34,
    36: -.10, 37: .01, 38: .03, 39: -.01, 40: .0, 41: -.02,
    48: .06, 49: .20, 50: .28, 51: .29, 57: .24, 58: .22, 59: .15, 60: .07, 61: .22, 62: .24, 66: .22, 67: .20,
}
# fmt: on
_MOUTH_LINE = 1.085  # height of closed lips


def _mirrored(half: Mapping[int, tuple[float, float]]) -> np.ndarray:
    """(68, 2) shifts of both halves from those of one."""
    shifts = np.zeros((68, 2))
    for point, shift in half.items():
        shifts[point] = shift
        shifts[FLIP[point]] = (-shift[0], shift[1])
    return shifts


_SHIFTS = {unit: _mirrored(half) for unit, half in MOVES.items()}


@lru_cache(maxsize=1)
def neutral_face() -> np.ndarray:
    """(68, 3): the mean face with closed lips, and depth."""
    face = np.zeros((68, 3))
    face[:, :2] = MEAN_FACE
    depth = np.array([_DEPTH.get(i, 0.0) for i in range(68)])
    face[:, 2] = np.where([i in _DEPTH for i in range(68)], depth, depth[FLIP])
    face[[61, 62, 63, 67, 66, 65], 1] = _MOUTH_LINE + np.array([-0.004, 0.004, -0.004, 0.004, 0.012, 0.004])
    for eye in (slice(36, 42), slice(42, 48)):
        centre = face[eye, :2].mean(0)
        face[eye, :2] = centre + (face[eye, :2] - centre) * (1.14, 1.24)
    face[17:27, 1] -= 0.03
    face[[21, 22], 1] -= 0.02
    face[[60, 64], 1] = _MOUTH_LINE + 0.005
    face[[48, 54], 1] = _MOUTH_LINE + 0.004
    face[[49, 50, 51, 52, 53], 1] += 0.022
    face[[55, 56, 57, 58, 59], 1] -= 0.085
    face[4:13, 1] -= 0.05 * np.array([0.3, 0.6, 0.9, 1, 1, 1, 0.9, 0.6, 0.3])
    return face


# What makes one face differ from another, each a standard normal number.
TRAITS = (
    "width", "length", "jaw", "chin", "eye_size", "eye_gap", "eye_tilt", "brow_height", "brow_arch", "brow_slope",
    "nose_length", "nose_width", "mouth_width", "mouth_height", "lips", "corners", "lids", "cheeks",
)  # fmt: skip


def shape_face(traits: Mapping[str, float]) -> np.ndarray:
    """(68, 3): a person's face at rest; `traits` as in TRAITS, missing ones are 0."""
    t = dict.fromkeys(TRAITS, 0.0) | dict(traits)
    face = neutral_face().copy()
    x, y = face[:, 0], face[:, 1]
    eyes, brows, nose, mouth, jaw = slice(36, 48), slice(17, 27), slice(27, 36), slice(48, 68), slice(0, 17)
    for eye in (slice(36, 42), slice(42, 48)):
        centre = face[eye, :2].mean(0)
        face[eye, :2] = centre + (face[eye, :2] - centre) * (1 + 0.07 * t["eye_size"], 1 + 0.1 * t["lids"])
        y[eye] -= 0.05 * t["eye_tilt"] * (np.abs(x[eye]) - abs(centre[0]))
    for part in (eyes, brows):
        x[part] += 0.025 * t["eye_gap"] * np.sign(x[part])
    outward = (np.abs(x[brows]) - 0.56) / 0.36
    y[brows] -= 0.035 * t["brow_height"] + 0.02 * t["brow_arch"] * (1 - outward**2) + 0.03 * t["brow_slope"] * outward
    y[nose] += 0.05 * t["nose_length"] * (y[nose] - y[27]) / 0.78
    y[mouth] += 0.035 * t["nose_length"] + 0.035 * t["mouth_height"]
    x[31:36] *= 1 + 0.11 * t["nose_width"]
    line = _MOUTH_LINE + 0.035 * (t["nose_length"] + t["mouth_height"])
    x[mouth] *= 1 + 0.07 * t["mouth_width"]
    outer = slice(48, 60)
    y[outer] = line + (y[outer] - line) * np.clip(1 + 0.22 * t["lips"], 0.5, 1.7)
    y[mouth] -= 0.015 * t["corners"] * (2 * np.abs(x[mouth]) / 0.43 - 1)
    down = np.clip(y[jaw] / 1.8, 0, 1)
    x[jaw] *= 1 + 0.07 * t["jaw"] * down + 0.04 * t["cheeks"] * np.sin(np.pi * down)
    y[jaw] += 0.06 * t["chin"] * down**3
    y[:] = np.where(y > 0, y * (1 + 0.04 * t["length"]), y)
    x *= 1 + 0.045 * t["width"]
    return face


def act(face: np.ndarray, units: Mapping[int, float], lopsided: float = 0.0) -> np.ndarray:
    """Face (68, 3) moved by action units {number: strength 0..1}; `lopsided`: share by which one side is stronger.

    Lids and lips never pass through each other.
    """
    moved = face.copy()
    side = 1 + lopsided * np.sign(neutral_face()[:, 0])
    for unit, strength in units.items():
        shifts = _SHIFTS[unit].copy()
        if unit == 4:
            # With AU 1 and 4 together the inner ends go up and towards each other, and AU 2 lifts the rest less.
            shifts[:, 1] *= 1 - 0.85 * min(units.get(1, 0.0), 1.0)
        if unit == 2:
            shifts *= 1 - 0.5 * min(units.get(4, 0.0), 1.0)
        moved[:, :2] += strength * side[:, None] * shifts
    for upper, lower, gap in ((37, 41, 0.03), (38, 40, 0.03), (43, 47, 0.03), (44, 46, 0.03)):
        moved[upper, 1] = min(moved[upper, 1], moved[lower, 1] - gap)
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        middle = moved[[upper, lower], 1].mean()
        if moved[lower, 1] - moved[upper, 1] < 0.008:
            moved[[upper, lower], 1] = middle - 0.004, middle + 0.004
    for outer, inner, sign in ((50, 61, -1), (51, 62, -1), (52, 63, -1), (58, 67, 1), (57, 66, 1), (56, 65, 1)):
        moved[outer, 1] = sign * max(sign * moved[outer, 1], sign * moved[inner, 1] + 0.045)
    return moved


def turn(points: np.ndarray, yaw: float, pitch: float, roll: float, far: float = 9.0) -> np.ndarray:
    """Points (n, 3) of a head turned about its neck by degrees, as a camera `far` away sees them: (n, 2).

    yaw > 0 turns the face to the viewer's right, pitch > 0 down, roll > 0 clockwise.
    """
    a, b, c = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    pivot = np.array([0, 0.7, -0.55])
    turned = (points - pivot) @ (about_z @ about_x @ about_y).T + pivot
    return turned[:, :2] * (far / (far - turned[:, 2]))[:, None]
