"""Hair behind, on and beside the head."""

from __future__ import annotations

import cv2
import numpy as np

from pre_processing.drawing.canvas import spline
from pre_processing.drawing.scene import Scene


def behind(s: Scene) -> None:
    """Hair behind the head; where it is long, it falls behind the neck too."""
    outer, reach = s.extra["hair"], 0.10 + s.person.volume
    outline = spline(outer)
    if s.person.style == "long":
        right = [s.at(outer[-1], reach, 0.7), s.at(outer[-1], reach, 1.5), s.at(outer[-1], 0.0, 2.6)]
        left = [s.at(outer[0], 0.0, 2.6), s.at(outer[0], -reach, 1.5), s.at(outer[0], -reach, 0.7)]
        outline = spline(np.concatenate([outer, right, left, outer[:1]]))
    s.canvas.paint(outline, np.array(s.person.hair) * 0.5, blur=0.015)


def _strands(s: Scene, crown: np.ndarray) -> np.ndarray:
    """Picture (side, side, 3) of hair: strands that run away from the crown, or curls."""
    side, rng = s.canvas.side, np.random.default_rng(s.person.grain)
    if s.person.style == "curly":
        small = rng.normal(0, 1, (side // 4, side // 4)).astype(np.float32)
        tone = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
        band = 0.25
    else:
        y, x = np.mgrid[:side, :side].astype(np.float32)
        x, y = (x - float(crown[0])) / s.u, (y - float(crown[1])) / s.u
        angle, far = np.arctan2(y, x), np.hypot(x, y)
        noise = sum(np.repeat(rng.normal(0, 1, 1024 // k), k) * w for k, w in ((1, 0.45), (2, 0.5), (8, 0.6)))
        at = (angle + 0.06 * np.sin(2.5 * far + float(noise[0]))) * 120 + 512
        tone = noise.astype(np.float32)[at.astype(np.int32) % 1024]
        band = np.exp(-(((far - 1.0 - 0.1 * tone) / 0.3) ** 2))
    shade = np.clip(0.85 + 0.16 * tone, 0.4, 1.5) + band * (0.3 * s.photo.key)
    return shade.astype(np.float32)[..., None] * np.array(s.person.hair, np.float32)


def _locks(s: Scene, hair: np.ndarray) -> None:
    """Long hair that falls in front of the ears, as a picture `hair`."""
    both = (s.extra["hair"], s.extra["hairline"])
    for sign, jaw in ((-1, s.p[:6]), (1, s.p[16:10:-1])):
        outer, line = (edge[::-sign] for edge in both)
        inner = [
            line[4],
            line[0],
            s.at(jaw[2], -0.02 * sign, 0),
            s.at(jaw[4], 0.25 * sign, 0.1),
            s.at(jaw[5], 0.45 * sign, 0.9),
        ]
        outside = [s.at(outer[0], x * sign, y) for x, y in ((0.16, 2.2), (0.22, 1.2), (0.12, 0.5), (0, 0))]
        s.canvas.paint(spline(np.array([*inner, *outside, outer[4]])), hair, 0.97, blur=0.014)


def front(s: Scene) -> None:
    """Hair on the head between its outer edge and the hairline, with its shadow on the forehead."""
    c, style = s.canvas, s.person.style
    outer, line = spline(s.extra["hair"]), spline(s.extra["hairline"])
    crown = s.at(s.extra["hair"][10], 0.5 * s.person.parting, -0.25 if style != "tied" else 0.1)
    rng = np.random.default_rng(s.person.grain + 3)
    if style == "curly":
        outer = outer + rng.normal(0, 0.035, outer.shape) * s.u
    c.paint(line + 0.05 * s.down, s.skin * 0.35, 0.4, blur=0.06, width=0.08, within=s.head)
    outline = np.concatenate([outer, line[::-1]])
    whole = c.cover(outline)
    bright, _ = c.light(c.dome(whole, 0.5, 0.45), s.photo.lamp, s.photo.key * 0.8)
    hair = np.clip(_strands(s, crown) * (0.35 + 0.65 * bright[..., None]), 0, 1)
    if style == "long":
        _locks(s, hair)
    c.paint(outline, hair, 0.97, blur=0.02)
    # Loose ends break both edges.
    reach = {"fringe": 0.12, "side": 0.10, "curly": 0.03}.get(style, 0.04)
    for edge, spread in ((outer, 0.025), (line, reach)):
        root = edge[rng.integers(25, len(edge) - 25, 50)]
        away = (root - crown) / np.linalg.norm(root - crown, axis=1)[:, None]
        if edge is outer:
            away = 0.4 * away + 0.6 * away[:, ::-1] * (-1, 1) * np.sign(away[:, :1])
        away = (away + rng.normal(0, 0.25, away.shape)) * s.u
        ends = [root - 0.12 * away, root, root + away * spread * rng.uniform(0.2, 1.2, (50, 1))]
        c.paint(np.stack(ends, 1), hair, 0.6, blur=0.008, width=0.012)
