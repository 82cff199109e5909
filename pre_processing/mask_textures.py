"""Mask cloth drawn by formula: flat RGBA pictures that are bent onto a face later.

u runs along the columns from the wearer's right ear (-1) to the left (1), v down the rows from nose (0) to chin (1).
Pictures reach a little beyond that (MARGIN of their sides), because a worn edge is rounder than a drawn one. A picture
is float32 (h, w, 4): RGB is what the cloth reflects (NEUTRAL is white cloth in full light, so that seams and shadows are
darker and edges that catch light brighter), A is 0..255. Plain kinds are drawn white and dyed later.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

VARIANTS = 6  # cloths that differ in creases; few, so that all stay cached
NEUTRAL = 200
MARGIN = 0.06
WIDTHS = (1024, 512, 256, 128, 64, 32, 16)
Painter = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def falloff(distance: np.ndarray, width: float) -> np.ndarray:
    """Bell curve, 1 at no distance."""
    return np.exp(-((distance / width) ** 2))


def ridge(distance: np.ndarray, width: float) -> np.ndarray:
    """Shade of a raised line, `distance` positive below it: lit above, in shadow below; about -1..1."""
    return -2.3 * (distance / width) * falloff(distance, width)


def fold(distance: np.ndarray, depth: float) -> np.ndarray:
    """Shade of cloth that tucks under: a lit lip, a dark line, and a shadow that fades below (distance > 0)."""
    lip = falloff(distance + 0.016, 0.012) * (distance < 0)
    line = falloff(distance, 0.006)
    below = np.exp(-np.maximum(distance, 0) / 0.035) * (distance > 0)
    return depth * (0.35 * lip - 0.8 * line - 0.65 * below)


def stitches(distance: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Shade of a sewn line: a groove, and threads in it (along: lengths of about 1 over the mask's height)."""
    return -0.10 * falloff(distance, 0.010) - 0.16 * falloff(distance, 0.005) * (np.sin(along * 230) > 0)


def creases(u: np.ndarray, v: np.ndarray, rng: np.random.Generator, pulls: int = 4, dents: int = 6) -> np.ndarray:
    """Diagonal pulls from where the loops are fixed, and short dents; different for every variant."""
    shade = np.zeros_like(v)
    for side in (-1, 1):
        for _ in range(pulls):
            start, angle, inner = rng.uniform(0.05, 0.95), rng.uniform(-0.4, 0.4), rng.uniform(0.2, 0.6)
            across = (v - start) - angle * (side * u - 1)
            reach = np.clip((side * u - inner) / 0.3, 0, 1)
            shade += rng.uniform(0.05, 0.11) * reach * ridge(across, 0.03)
    for _ in range(dents):
        du, dv, turn = u - rng.uniform(-0.65, 0.65), v - rng.uniform(0.15, 0.9), rng.uniform(-0.7, 0.7)
        along, across = du + turn * dv, dv - turn * du * 0.6
        shade += rng.uniform(0.03, 0.09) * falloff(along, 0.22) * ridge(across, 0.035)
    return shade


def form(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Large forms of cloth on a face: tent over the nose, sides and chin turning away from light from above."""
    nose = falloff(u, 0.16 + 0.5 * v) * np.clip(1 - v / 0.75, 0, 1)
    flank = falloff(np.abs(u) - 0.34, 0.16) * falloff(v - 0.2, 0.2)
    under = np.clip((v - 0.6) / 0.4, 0, 1) ** 1.5
    return 0.11 * nose - 0.10 * flank - 0.26 * np.abs(u) ** 3 - 0.28 * under


def border(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Distance to the nearest edge, in mask heights."""
    return np.minimum(np.minimum(v, 1 - v), (1 - np.abs(u)) * 0.7)


def weave(shape: tuple[int, ...], rng: np.random.Generator, strength: float) -> np.ndarray:
    """Fine grain of the cloth."""
    return cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (3, 3), 0) * strength


def cloth(shade: np.ndarray, colour: np.ndarray | tuple[float, ...] = (1, 1, 1)) -> np.ndarray:
    """RGBA float32, opaque, from shade (h, w) around 1 and colour ((3,) or (h, w, 3), 0..1)."""
    out = np.empty((*shade.shape, 4), np.float32)
    out[..., :3] = NEUTRAL * shade[..., None] * np.asarray(colour, np.float32)
    out[..., 3] = 255
    return out


def _paint(painter: Painter, variant: int, width: int) -> np.ndarray:
    v, u = np.mgrid[0.5 : width * 3 // 4, 0.5:width].astype(np.float32)
    u, v = (side * (1 + 2 * MARGIN) - MARGIN for side in (u / width, v / (width * 3 // 4)))
    picture = painter(2 * u - 1, v, np.random.default_rng(variant))
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


@lru_cache(maxsize=24)
def _large(painter: Painter, variant: int, width: int) -> np.ndarray:
    return _paint(painter, variant, width)


# Every kind in every variant stays at hand where faces are small: a quarter of a megabyte each.
@lru_cache(maxsize=256)
def _small(painter: Painter, variant: int) -> dict[int, np.ndarray]:
    picture, levels = _paint(painter, variant, WIDTHS[1]), {}
    for width in WIDTHS[2:]:
        picture = levels[width] = cv2.resize(picture, (width, width * 3 // 4), interpolation=cv2.INTER_AREA)
    return levels


@lru_cache(maxsize=1024)
def _small_grey(painter: Painter, variant: int, width: int) -> np.ndarray:
    return _to_grey(_small(painter, variant)[width])


def _to_grey(colour: np.ndarray) -> np.ndarray:
    return np.dstack([cv2.cvtColor(colour, cv2.COLOR_RGBA2GRAY), colour[..., 3]])


def level(painter: Painter, variant: int, width: int, grey: bool) -> np.ndarray:
    """A painter's cloth in one of the WIDTHS (height 3/4), uint8 (h, w, 4); grey: (h, w, 2) of brightness and alpha."""
    if width in WIDTHS[:2]:
        colour = _large(painter, variant, width)
        return _to_grey(colour) if grey else colour
    return _small_grey(painter, variant, width) if grey else _small(painter, variant)[width]


@lru_cache(maxsize=2)
def grain(channels: int) -> np.ndarray:
    """Noise of a photo, uint8 (512, 512[, 3]) around 128 with a standard deviation of 25; mostly brightness."""
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((512, 512, 1), np.float32)
    if channels == 3:
        noise = 0.9 * noise + 0.45 * rng.standard_normal((512, 512, 3), np.float32)
    return np.clip(128.5 + 25 * np.squeeze(noise), 0, 255).astype(np.uint8)
