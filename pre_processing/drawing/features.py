"""Nose, mouth, eyes, brows, and glasses."""

from __future__ import annotations

import numpy as np

from pre_processing.drawing.canvas import ellipse, lip_curve, spline
from pre_processing.drawing.scene import DARK, Scene

OPEN = 0.03  # units between the lips from which a mouth shows its inside


def nose(s: Scene) -> None:
    """Bridge, tip and wings as relief; nostrils in colour."""
    c, p, skin = s.canvas, s.p, s.skin
    c.raise_(spline(p[27:31]), 0.14, 0.075, width=0.15)
    c.raise_(s.oval(p[30] + 0.03 * s.down, 0.15, 0.13), 0.15, 0.06)
    away = (p[31] - p[35]) / np.linalg.norm(p[31] - p[35])
    for wing, hole, sign in ((p[31], p[31:34], 1), (p[35], p[33:36], -1)):
        centre = wing - 0.035 * s.down - 0.02 * away * s.u * sign
        c.raise_(s.oval(centre, 0.09, 0.085), 0.085, 0.045)
        crease = np.array([[0.02, -0.13], [0.07, -0.10], [0.085, -0.02], [0.045, 0.045]]) * (sign, 1)
        crease = np.array([s.at(wing, -x, y) for x, y in crease])
        c.paint(spline(crease), skin * (0.55, 0.42, 0.38), 0.34 + 0.25 * s.unit(9), blur=0.026, width=0.03)
        nostril = ellipse(hole.mean(0) - 0.035 * s.down, 0.06 * s.right, 0.028 * s.down + 0.018 * sign * s.right)
        c.paint(nostril, skin * (0.28, 0.17, 0.15), 0.85, blur=0.016)
    c.paint(spline(p[31:36]), skin * (0.5, 0.38, 0.35), 0.32, blur=0.035, width=0.035)
    shadow = p[[31, 33, 35]].mean(0) + (-0.10 * s.photo.lamp[0]) * s.right + 0.08 * s.down
    c.paint(s.oval(shadow, 0.2, 0.06), skin * (0.5, 0.4, 0.37), 0.5 * s.photo.key, blur=0.05)


def mouth(s: Scene) -> None:
    """Lips with relief, and what shows between them."""
    c, p, lips = s.canvas, s.p, np.array(s.person.lips)
    upper_edge, lower_edge = spline(p[48:55]), lip_curve(p[[54, 55, 56, 57, 58, 59, 48]], 0.1)
    upper_line, lower_line = lip_curve(p[60:65]), lip_curve(p[[64, 65, 66, 67, 60]])
    upper, lower = (np.concatenate([a, b[::-1]]) for a, b in ((upper_edge, upper_line), (lower_edge, lower_line)))
    c.paint(upper, lips * 0.9, 0.9, blur=0.02)
    c.paint(lower, lips, 0.9, blur=0.02)
    c.raise_(upper, 0.045, 0.03)
    c.raise_(lower, 0.07, 0.035)
    gap = float(np.linalg.norm(p[66] - p[62])) / s.u
    _opening(s, upper_line, lower_line, gap)
    closed = np.concatenate([p[48:49], (p[60:65] + p[[60, 67, 66, 65, 64]]) / 2, p[54:55]])
    dark = lips * 0.32
    c.paint(spline(closed) if gap <= OPEN else upper_line, dark, 0.85, blur=0.010, width=0.026)
    for corner in (p[48], p[54]):
        c.paint(s.oval(corner, 0.03, 0.025), dark, 0.55, blur=0.022)
    c.paint(lower_edge + 0.05 * s.down, s.skin * (0.6, 0.48, 0.44), 0.38, blur=0.045, width=0.06)


def _opening(s: Scene, upper: np.ndarray, lower: np.ndarray, gap: float) -> None:
    """Dark between the lips (n, 2), and where they are `gap` units apart, tongue and teeth."""
    c, p = s.canvas, s.p
    hole = np.concatenate([upper, lower])
    c.paint(hole, DARK * (1.6, 1.0, 1.0))
    if gap <= OPEN:
        return
    inside = c.cover(hole)
    c.paint(s.oval(s.at((p[66] + p[57]) / 2, 0, -0.02), 0.2, 0.11), (0.55, 0.25, 0.24), 0.8, blur=0.03, within=inside)
    height = min(0.15, 0.03 + 0.6 * gap)
    middle = (p[60] + p[64]) / 2 * 0.15 + p[62] * 0.85
    c.paint(s.oval(middle - 0.02 * s.down, 0.30, height + 0.02), (0.90, 0.87, 0.81), 0.95, blur=0.012, within=inside)
    gaps = p[62] + np.arange(-2, 3)[:, None] * 0.08 * s.right
    gaps = np.stack([gaps, gaps + height * 0.9 * s.down], 1)
    c.paint(gaps, DARK, 0.10, blur=0.006, width=0.014, within=inside)
    if s.unit(16) > 0.4:
        teeth = np.concatenate([lower, lower[::-1] - 0.06 * s.down])
        c.paint(teeth, (0.82, 0.78, 0.72), 0.9, blur=0.012, within=inside)
    c.paint(upper, DARK, 0.6, blur=0.02, width=0.04, within=inside)


def eye(s: Scene, points: np.ndarray, sign: int) -> None:
    """One eye (6, 2): white, iris and lids; `sign`: -1 on the viewer's left."""
    outer, inner = (points[0], points[3]) if sign < 0 else (points[3], points[0])
    centre = (outer + inner) / 2 - 0.012 * s.down
    around = centre - 0.02 * s.down
    s.canvas.paint(s.oval(around, 0.33, 0.2), s.skin * (0.84, 0.74, 0.72), 0.5, blur=0.09)
    s.canvas.raise_(s.oval(around - 0.02 * s.down, 0.34, 0.22), -0.10, 0.11)
    s.canvas.raise_(s.oval(centre, 0.2, 0.15), 0.07, 0.06)
    inside = _eyeball(s, points, centre)
    s.canvas.paint(
        s.oval(inner + 0.03 * (outer - inner), 0.045, 0.03), (0.8, 0.52, 0.48), 0.7, blur=0.012, within=inside
    )
    _lids(s, points, outer, sign, inside)


def _eyeball(s: Scene, points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """White, iris and pupil between the lids; the cover (side, side) of what shows of the eye."""
    shape = np.concatenate([spline(points[:4]), spline(points[[3, 4, 5, 0]])])
    inside = s.canvas.cover(shape)
    s.canvas.paint(shape, (0.93, 0.91, 0.89), blur=0.006)
    pupil = s.at(centre, 0.07 * s.photo.gaze[0], 0.035 * s.photo.gaze[1])
    iris = np.array(s.person.iris)
    s.canvas.paint(s.oval(pupil, 0.122, 0.122), iris * 0.35, blur=0.008, within=inside)
    s.canvas.paint(s.oval(pupil, 0.103, 0.103), iris, blur=0.014, within=inside)
    s.canvas.paint(s.oval(pupil + 0.035 * s.down, 0.06, 0.04), iris * 1.5 + 0.03, 0.6, blur=0.02, within=inside)
    s.canvas.paint(s.oval(pupil, 0.048, 0.048), (0.03, 0.02, 0.02), blur=0.006, within=inside)
    return inside


def _lids(s: Scene, points: np.ndarray, outer: np.ndarray, sign: int, inside: np.ndarray) -> None:
    """Lashes, edges and creases of both lids."""
    c, person, skin = s.canvas, s.person, s.skin
    upper, lower = spline(points[:4]), spline(points[[3, 4, 5, 0]])
    c.paint(upper + 0.025 * s.down, DARK, 0.5, blur=0.025, width=0.05, within=inside)
    weight = 0.026 + 0.02 * person.lashes
    c.paint(upper - 0.006 * s.down, DARK, 0.88, blur=0.007, width=weight)
    wing = np.array([outer, s.at(outer, 0.045 * sign, -0.012 - 0.02 * person.lashes)])
    c.paint(wing, DARK, 0.7 * person.lashes, blur=0.01, width=weight * 0.7)
    c.paint(lower + 0.004 * s.down, skin * (0.52, 0.33, 0.30), 0.6, blur=0.010, width=0.02)
    height = 0.08 - 0.02 * s.unit(5) + 0.015 * s.unit(1)
    c.paint(upper - height * s.down, skin * (0.48, 0.35, 0.31), 0.62, blur=0.016, width=0.022)
    strength = 0.22 + 0.3 * person.age + 0.45 * s.unit(6) + 0.3 * s.unit(7)
    bag = lower[2:-2] + (0.10 + 0.015 * person.age) * s.down
    c.paint(bag, skin * (0.62, 0.48, 0.46), min(strength, 0.8), blur=0.022, width=0.025)


def brow(s: Scene, points: np.ndarray, sign: int) -> None:
    """One brow (5, 2) along its points, of single hairs over a soft ground."""
    c = s.canvas
    spine = spline(points if sign < 0 else points[::-1])  # from the temple inwards
    t = np.linspace(0, 1, len(spine))[:, None]
    thick = s.person.brow_weight * 0.055 * np.sin(np.pi * (0.10 + 0.80 * t)) ** 0.8
    top, bottom = spine - thick * s.down * 0.9, spine + thick * s.down * 1.1
    colour = np.array(s.person.brows)
    ground = np.concatenate([top, bottom[::-1]])
    c.paint(ground, colour, 0.72, blur=0.016)
    c.raise_(spine, 0.05, 0.06, width=0.12)
    rng = np.random.default_rng(s.person.grain + 2)
    at = rng.integers(3, len(spine), (2, 16))
    start = bottom[at] + (top[at] - bottom[at]) * rng.uniform(0, 0.6, (2, 16, 1))
    end = start + (spine[np.maximum(at - 4, 0)] - spine[at]) * 0.7 + (top[at] - bottom[at]) * 0.5
    for tone, hairs in zip((0.65, 1.25), np.stack([start, end], 2), strict=True):
        c.paint(hairs, colour * tone, 0.5, width=0.008)


def glints(s: Scene) -> None:
    """The lamp mirrored in both eyes."""
    x = 0.07 * s.photo.gaze[0] + 0.045 * s.photo.lamp[0]
    for points in (s.p[36:42], s.p[42:48]):
        inside = s.canvas.cover(np.concatenate([spline(points[:4]), spline(points[[3, 4, 5, 0]])]))
        at = s.at((points[0] + points[3]) / 2, x, -0.045 + 0.035 * s.photo.gaze[1])
        s.canvas.paint(s.oval(at, 0.022, 0.022), (1, 1, 1), 0.9, blur=0.006, within=inside)


def glasses(s: Scene) -> None:
    """Thin frames."""
    c, frame = s.canvas, DARK * 1.2
    t = np.linspace(0, 2 * np.pi, 41)[:, None]
    across, down = (np.sign(wave) * np.abs(wave) ** 0.7 for wave in (np.cos(t), np.sin(t)))
    for points, ear, sign in ((s.p[36:42], s.extra["ear_r"][0], -1), (s.p[42:48], s.extra["ear_l"][0], 1)):
        centre = s.at((points[0] + points[3]) / 2, 0.03 * sign, 0.06)
        rim = centre + 0.36 * across * s.right + 0.26 * down * s.down
        c.paint(rim, (0.9, 0.95, 1.0), 0.06)
        c.paint(rim, frame, 0.9, width=0.032)
        c.paint(np.array([s.at(centre, 0.36 * sign, -0.08), ear]), frame, 0.8, width=0.032)
    bridge = spline(np.array([s.at(s.p[27], x, y) for x, y in ((-0.13, 0.06), (0, 0), (0.13, 0.06))]))
    c.paint(bridge, frame, 0.9, width=0.032)
