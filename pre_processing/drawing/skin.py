"""Skin with beard, folds and light."""

from __future__ import annotations

import cv2
import numpy as np

from pre_processing.drawing.canvas import spline, taper
from pre_processing.drawing.scene import Scene

FOLD = np.array([0.50, 0.36, 0.32])  # colour of folds, as a share of the skin's


def ground(s: Scene) -> None:
    """Skin with its own colours, and the broad relief."""
    c, p, skin = s.canvas, s.p, s.skin
    outline = s.outline()
    head = s.head = c.cover(outline)
    c.paint(outline, skin)
    blush = skin * (1.0, 0.78, 0.76)
    for eye, corner, sign in ((p[41], p[48], -1), (p[46], p[54], 1)):
        cheek = s.at(eye * 0.55 + corner * 0.45, 0.12 * sign, 0)
        c.paint(s.oval(cheek, 0.28, 0.22), blush, 0.45, blur=0.14, within=head)
        lift = 0.05 + 0.05 * s.unit(6) + 0.05 * s.unit(12)
        c.raise_(s.oval(s.at(cheek, 0.02 * sign, -0.05 * s.unit(12)), 0.26, 0.22), lift, 0.12)
    c.paint(s.oval(p[30], 0.16, 0.13), blush, 0.5, blur=0.08, within=head)
    c.paint(s.oval(p[8], 0.3, 0.14), blush, 0.25, blur=0.12, within=head)
    mottle = s.rng.normal(0, 1, (c.side // 8, c.side // 8, 3)).astype(np.float32)
    mottle = cv2.resize(mottle * np.array((0.006, 0.012, 0.012), np.float32), (c.side, c.side))
    c.image *= 1 + head[..., None] * mottle
    c.relief += c.dome(head, 0.95, 0.80)
    c.raise_(s.oval(p[8], 0.24, 0.13) - 0.08 * s.down, 0.06, 0.08)


def beard(s: Scene) -> None:
    """Beard and moustache as a darker, grainy skin."""
    if not s.person.beard:
        return
    c, p = s.canvas, s.p
    cheek = spline(np.array([p[1], p[2] * 0.75 + p[31] * 0.25, p[3] * 0.62 + p[48] * 0.38, s.at(p[48], -0.08, -0.12),
                             s.at(p[31], 0.02, 0.10), p[33] * 0.7 + p[51] * 0.3, s.at(p[35], -0.02, 0.10),
                             s.at(p[54], 0.08, -0.12), p[13] * 0.62 + p[54] * 0.38, p[14] * 0.75 + p[35] * 0.25, p[15]]))  # fmt: skip
    area = np.concatenate([cheek, spline(p[1:16])[::-1]])
    grain = np.random.default_rng(s.person.grain + 1).standard_normal((c.side, c.side), np.float32)
    colour = np.array(s.person.hair, np.float32) * np.clip(0.9 + 0.35 * grain, 0.3, 2)[..., None]
    c.paint(area, colour, 0.25 + 0.6 * s.person.beard, blur=0.06, within=s.head)


def folds(s: Scene) -> None:
    """Lines of age and of the action units."""
    for sign, wing, corner, outer in ((-1, s.p[31], s.p[48], s.p[36]), (1, s.p[35], s.p[54], s.p[45])):
        _cheek_folds(s, sign, wing, corner)
        _brow_folds(s, sign, outer)
    _forehead_folds(s)
    groove = np.array([s.at(s.p[33], 0, 0.05), s.at(s.p[51], 0, -0.02)])
    s.canvas.paint(groove, s.skin * FOLD, 0.16, blur=0.025, width=0.05)


def _fold(s: Scene, strength: float, width: float, origin: np.ndarray, *path: tuple[float, float]) -> None:
    """A line through points (x, y) in units right of and below `origin`, if it is strong enough to be seen."""
    if strength > 0.06:
        line = taper(np.array([s.at(origin, x, y) for x, y in path]), width * s.u)
        s.canvas.paint(line, s.skin * FOLD, min(strength, 0.8), blur=0.012)
        s.canvas.raise_(line, -0.05 * min(strength, 1), 0.03)


def _cheek_folds(s: Scene, sign: int, wing: np.ndarray, corner: np.ndarray) -> None:
    """From the nose's wing round the mouth, and below its corner."""
    age, smile = s.person.age, s.unit(12)
    strength = 0.75 * smile + 0.55 * s.unit(9) + 0.3 * s.unit(20) + 0.35 * age + 0.2 * s.unit(15)
    x, y = np.array([(corner - wing) @ s.right, (corner - wing) @ s.down]) / s.u**2
    top, end = (0.07 * sign, -0.06), (x + 0.14 * sign, y + 0.02 + 0.06 * smile)
    middle = ((top[0] + end[0]) / 2 + 0.05 * sign * (0.4 + smile), (top[1] + end[1]) / 2 - 0.02)
    _fold(s, strength, 0.028, wing, top, middle, end)
    strength = 0.55 * s.unit(15) + 0.25 * max(0, age - 0.4)
    _fold(s, strength, 0.024, corner, (0.04 * sign, 0.04), (0.08 * sign, 0.16), (0.07 * sign, 0.26))


def _brow_folds(s: Scene, sign: int, outer: np.ndarray) -> None:
    """Beside the eye, between the brows, and on the nose's root."""
    age = s.person.age
    for k in (-1, 0, 1):
        start, strength = s.at(outer, 0.11 * sign, 0.02 + 0.07 * k), 0.42 * s.unit(6) + 0.25 * max(0, age - 0.45)
        _fold(s, strength, 0.02, start, (0, 0), (0.08 * sign, 0.015 + 0.04 * k), (0.16 * sign, 0.05 * k))
    frown = s.at((s.p[21] + s.p[22]) / 2, 0.075 * sign, 0.03)
    _fold(s, 0.6 * s.unit(4) + 0.12 * age, 0.03, frown, (0.03 * sign, -0.16), (0, 0), (0.015 * sign, 0.1))
    for k in (0, 1):
        _fold(s, 0.5 * s.unit(9), 0.03, s.p[27], (0.03 * sign, 0.07 + 0.09 * k), (0.15 * sign, 0.12 + 0.1 * k))


def _forehead_folds(s: Scene) -> None:
    """Across the forehead: over its whole width where the outer brows rise too."""
    p = s.p
    along = [p[18], p[20], (p[21] + p[22]) / 2 - 0.04 * s.down, p[23], p[25]]
    along = np.array(along if s.unit(2) > 0.15 else along[1:4])
    for k, share in enumerate((0.9, 0.7, 0.5)):
        strength = (0.45 * s.unit(1) + 0.4 * s.unit(2)) * share + 0.25 * max(0, s.person.age - 0.4)
        path = [((q - p[27]) @ s.right / s.u**2, (q - p[27]) @ s.down / s.u**2 - 0.28 - 0.14 * k) for q in along]
        _fold(s, strength, 0.018, p[27], *path)


def shade(s: Scene) -> None:
    """Lamp and daylight on the head's relief; shadows stay warm."""
    bright, gloss = s.canvas.light(s.canvas.relief, s.photo.lamp, s.photo.key)
    s.canvas.image *= 1 + ((bright - 1) * s.head)[..., None] * np.array([0.88, 1.0, 1.06], np.float32)
    s.canvas.image += (np.float32(0.10 * s.photo.key) * gloss * s.head)[..., None]
