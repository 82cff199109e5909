"""What lies around a face: wall, neck, clothes, ears."""

from __future__ import annotations

import cv2
import numpy as np

from pre_processing.drawing.canvas import ellipse, spline
from pre_processing.drawing.scene import Scene


def backdrop(s: Scene) -> None:
    """A wall lit from one side, with a few soft patches."""
    side, (first, second) = s.canvas.side, np.array(s.photo.backdrop, np.float32)
    ramp = np.linspace(0, 1, 16, dtype=np.float32)[:, None]
    t = np.clip(ramp * 0.6 + np.float32(s.rng.uniform(-1, 1)) * (ramp.T - 0.5) + 0.2, 0, 1)[..., None]
    s.canvas.image[:] = cv2.resize(first * (1 - t) + second * t, (side, side), interpolation=cv2.INTER_LINEAR)
    for _ in range(3):
        centre, size = s.rng.uniform(0, side, 2), s.rng.uniform(0.3, 1.2)
        patch = ellipse(centre, s.right * size, s.down * size * s.rng.uniform(0.4, 2))
        colour = np.clip(first + s.rng.normal(0, 0.12) + s.rng.normal(0, 0.04, 3), 0, 1)
        s.canvas.paint(patch, colour, 0.5, blur=s.rng.uniform(0.1, 0.5))


def body(s: Scene) -> None:
    """Neck, clothes and ears, lit by their own relief; the chin's shadow lies on the neck."""
    c = s.canvas
    # The neck follows the head by half.
    base = (np.array([c.side / 2, c.side * 0.94]) + s.at(s.p[8], 0, 0.50)) / 2
    whole = np.maximum(_neck(s, base), _clothes(s, base))
    for name in ("ear_r", "ear_l"):
        whole = np.maximum(whole, _ear(s, spline(s.extra[name])))
    bright, _ = c.light(c.dome(whole, 0.55, 0.4), s.photo.lamp, s.photo.key)
    c.image *= 1 + (whole * (bright - 1))[..., None]


def _neck(s: Scene, base: np.ndarray) -> np.ndarray:
    """Neck down to its `base` (2,); its cover (side, side)."""
    p = s.p
    left = [
        s.at(p[3], 0.26, -0.1),
        s.at(p[5], 0.06, 0.25),
        base + s.u * np.array([-0.6, 0]),
        base + s.u * np.array([-1, 1]),
    ]
    right = [s.at(p[13], -0.26, -0.1), s.at(p[11], -0.06, 0.25), base + s.u * np.array([0.6, 0]), base + s.u]
    neck = spline(np.array(left + right[::-1]))
    cover = s.canvas.cover(neck)
    s.canvas.paint(neck, s.skin * (0.92, 0.88, 0.86), blur=0.012)
    shadow = s.at(p[2:15], 0.05 - 0.2 * s.photo.lamp[0], 0.16)
    s.canvas.paint(shadow, s.skin * 0.36, 0.85, blur=0.10, within=cover)
    return cover


def _clothes(s: Scene, base: np.ndarray) -> np.ndarray:
    """Shoulders with a round or deep collar; their cover (side, side)."""
    wide, cloth = 0.62 + 0.25 * s.photo.collar, np.array(s.photo.clothes)
    edge = np.array(
        [(-wide, 0.04), (-1, 0.02), (-2.1, 0.34), (-2.6, 2), (2.6, 2), (2.1, 0.34), (1, 0.02), (wide, 0.04)]
    )
    edge = spline(base + edge * s.u)
    dip = base + np.array([0.0, 0.15 + 0.6 * s.photo.collar]) * s.u
    shirt = np.concatenate([edge, [dip]])
    s.canvas.paint(shirt, cloth, blur=0.01)
    s.canvas.paint(np.array([edge[0], dip, edge[-1]]), cloth * 0.6, 0.8, blur=0.012, width=0.05)
    return s.canvas.cover(shirt)


def _ear(s: Scene, ear: np.ndarray) -> np.ndarray:
    """One ear (n, 2); its cover (side, side)."""
    s.canvas.paint(ear, s.skin * (0.95, 0.84, 0.80), blur=0.012)
    inner = ear.mean(0) + (ear - ear.mean(0)) * 0.55
    s.canvas.paint(inner, s.skin * (0.62, 0.46, 0.42), 0.6, blur=0.03)
    return s.canvas.cover(ear)
