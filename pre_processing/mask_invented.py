"""Masks that nobody sells, for training and its validation: a network that reads the cloth instead of the face meets too many of them.

Cloth, print, attachments and outline are drawn from a number, within what masks are. None copies a kind that tests wear, but
patches, stiff pieces and hanging tips, which some of those have, are among what is drawn.
"""

from __future__ import annotations

import cv2
import numpy as np

from pre_processing.mask_shape import Shape
from pre_processing.mask_textures import Painter, border, cloth, creases, falloff, fold, form, ridge, stitches, weave

COUNT = 12  # each with the variants of mask_textures


def shape(number: int) -> Shape:
    """An outline between those of drawn kinds."""
    rng = np.random.default_rng((number, 1))
    tone = float(rng.uniform(50, 240))
    return Shape(
        corner=rng.uniform(0.8, 3.0),
        low=rng.uniform(3.6, 5.2),
        margin=(rng.uniform(0, 0.03), rng.uniform(-0.01, 0.04), rng.uniform(0, 0.05)),
        sag=(rng.uniform(0, 0.09), rng.uniform(-0.05, 0.12), rng.uniform(-0.07, 0.09)),
        tip=rng.choice((0.0, 0.0, rng.uniform(0.1, 0.6))),
        strap=(tone, tone, tone, rng.uniform(0.02, 0.05)),
    )


def dyes(number: int) -> tuple[tuple[int, int, int], ...]:
    """Colours of any brightness, most of them not very bright in hue."""
    rng = np.random.default_rng((number, 2))
    greys = rng.uniform(30, 250, (12, 1)) * (1 + rng.normal(0, 0.15, (12, 3)))
    return tuple(tuple(int(part) for part in np.clip(colour, 20, 250)) for colour in greys)


def painter(number: int) -> Painter:
    """The cloth of an invented kind; a variant differs in all but the number of layers."""

    def paint(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rng = np.random.default_rng((number, 3, int(rng.integers(1 << 30))))
        edge = border(u, v)
        shade = 1.02 + rng.uniform(0.3, 1.2) * form(u, v) + rng.uniform(0.5, 1.8) * creases(u, v, rng, 4, 8)
        shade += weave(u.shape, rng, rng.uniform(0.01, 0.04)) - 0.15 * falloff(edge, 0.013)
        colour = np.ones((*u.shape, 3), np.float32)
        for _ in range(rng.integers(0, 4)):
            share, ink = PRINTS[rng.integers(len(PRINTS))](u, v, rng), rng.uniform(0.1, 1.1, 3).astype(np.float32)
            colour += np.clip(share, 0, 1)[..., None] * (ink - colour) * rng.uniform(0.4, 1.0)
        for _ in range(rng.integers(0, 4)):
            shade += RELIEFS[rng.integers(len(RELIEFS))](u, v, rng)
        return cloth(shade, colour)

    return paint


def _patches(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Patches of any size with soft or hard edges."""
    cells = int(rng.integers(2, 16))
    coarse = rng.standard_normal((cells + 2, cells + 3)).astype(np.float32)
    clouds = cv2.resize(coarse, u.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (clouds - rng.uniform(-0.5, 1.2)) / rng.uniform(0.05, 0.8)


def _bands(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bands, straight or bent, of any direction and width."""
    turn, pitch = rng.uniform(0, np.pi), rng.uniform(0.06, 0.6)
    along = u * np.cos(turn) + v * np.sin(turn) + rng.uniform(-0.4, 0.4) * u**2
    return (np.sin(along * 2 * np.pi / pitch + rng.uniform(0, 6)) - rng.uniform(-0.6, 0.8)) * rng.uniform(1, 6)


def _marks(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One mark many times over, in rows: blot, ring or short arc."""
    pitch, ring = rng.uniform(0.10, 0.40), rng.uniform(0, 0.3)
    row = np.floor(v / pitch)
    dx = (u / pitch + rng.choice((0.0, 0.5)) * (row % 2)) % 1 - 0.5
    dy = (v / pitch - row - 0.5) * rng.uniform(0.6, 1.6) + rng.uniform(-1, 1) * dx**2
    return (rng.uniform(0.08, 0.2) - np.abs(np.hypot(dx, dy) - ring)) / 0.06


def _line(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A seam, pleat or tuck that bows up or down."""
    line = v - rng.uniform(0.05, 0.95) - rng.uniform(-0.3, 0.3) * u**2 - rng.uniform(-0.25, 0.25) * u
    kinds = (lambda: fold(line, rng.uniform(0.15, 0.4)), lambda: 0.15 * ridge(line, rng.uniform(0.01, 0.05)),
             lambda: 2 * stitches(line, u), lambda: -0.3 * falloff(line, rng.uniform(0.006, 0.03)))  # fmt: skip
    return kinds[rng.integers(len(kinds))]()


def _upright(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A seam from nose to chin."""
    line = u - rng.uniform(-0.7, 0.7) - rng.uniform(-0.3, 0.3) * (v - 0.5)
    return rng.uniform(0.08, 0.2) * ridge(line, rng.uniform(0.01, 0.06)) - 0.15 * falloff(line, 0.01)


def _piece(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A stiff piece that is set on or moulded: round or square, anywhere, with a rim."""
    x = (u - rng.uniform(-0.6, 0.6)) / rng.uniform(0.1, 0.9)
    y = (v - rng.uniform(0.2, 0.85)) / rng.uniform(0.08, 0.5)
    power = rng.uniform(1.6, 5)
    away = (np.abs(x) ** power + np.abs(y) ** power) ** (1 / power)
    inside = np.clip((1 - away) / 0.05, 0, 1)
    slots = rng.choice((0.0, 0.3)) * (np.sin(y * rng.uniform(6, 20)) > 0.4)
    return inside * (rng.uniform(-0.2, 0.2) - slots) - rng.uniform(0.1, 0.4) * falloff(away - 1, 0.07)


PRINTS = (_patches, _bands, _marks)
RELIEFS = (_line, _line, _upright, _piece)
