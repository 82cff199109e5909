"""Mask cloth drawn by formula: flat pictures that are bent onto a face later.

A texture is float32 shade (height, width) around 1: u runs along the columns from the wearer's right ear to the left,
v down the rows from nose bridge to chin. Colour is given separately, so one cloth serves every colour and grey photos.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

VARIANTS = 6  # cloths that differ in creases; few, so that all stay cached
LEVELS = 4  # each half the size of the one before
HEIGHT, WIDTH = 512, 768
PLEATS = (0.30, 0.50, 0.70)


def _falloff(distance: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-((distance / width) ** 2))


def _bulge(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Large forms: tent over the nose, sides and chin turning away from light that comes from above."""
    nose = _falloff(u, 0.16 + 0.55 * v) * np.clip(1 - v / 0.75, 0, 1)
    flank = _falloff(np.abs(u) - 0.34, 0.16) * _falloff(v - 0.22, 0.22)
    sides = np.abs(u) ** 3
    under = np.clip((v - 0.62) / 0.38, 0, 1) ** 1.5
    return 0.10 * nose - 0.07 * flank - 0.20 * sides - 0.20 * under


def _pleats(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Three folds that gape in the middle and close towards the sides: a lit ledge over a shadow that fades."""
    shade = np.zeros_like(v)
    middle = 1 - u**2
    for rest in PLEATS:
        below = v - (0.5 + (rest - 0.5) * (0.86 + 0.22 * middle) + 0.035 * middle)
        strength = 0.65 + 0.35 * middle
        shade += 0.07 * strength * _falloff(below + 0.012, 0.012)
        shade -= strength * np.where(below > 0, 0.24 * np.exp(-below / 0.012) + 0.07 * np.exp(-below / 0.06), 0)
        shade -= 0.24 * strength * np.where(below <= 0, _falloff(below, 0.004), 0)
    return shade


def _creases(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Soft diagonal pulls from the ear loops, and a few short dents."""
    shade = np.zeros_like(v)
    for side in (-1, 1):
        for _ in range(4):
            start, angle = rng.uniform(0.1, 0.9), rng.uniform(-0.45, 0.45)
            across = (v - start) - angle * (side * u - 1)
            reach = np.clip((side * u - rng.uniform(0.25, 0.6)) / 0.3, 0, 1)
            shade += rng.uniform(0.03, 0.07) * reach * (_falloff(across, 0.02) - _falloff(across - 0.03, 0.03))
    for _ in range(5):
        du, dv, turn = u - rng.uniform(-0.6, 0.6), v - rng.uniform(0.2, 0.9), rng.uniform(-0.6, 0.6)
        along, across = du + turn * dv, dv - turn * du * 0.6
        shade += rng.uniform(-0.05, 0.05) * _falloff(along, 0.25) * _falloff(across, 0.03)
    return shade


def _hems(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Doubled cloth along the border with a stitched groove, and the nose wire's ridge in the middle of the top hem."""
    edge = np.minimum(np.minimum(v, 1 - v), (1 - np.abs(u)) * 0.75)
    band = np.where(edge < 0.075, 0.045, 0.0)
    groove = -0.16 * _falloff(edge - 0.078, 0.006)
    stitches = -0.16 * _falloff(edge - 0.066, 0.005) * (np.sin((u * 0.75 + v) * 260) > 0)
    wire = _falloff(v - 0.04, 0.016) - 0.8 * _falloff(v - 0.064, 0.01)
    return band + groove + stitches + 0.12 * wire * _falloff(u, 0.3) - 0.15 * _falloff(edge, 0.012)


@lru_cache(maxsize=VARIANTS)
def surgical(variant: int) -> tuple[np.ndarray, ...]:
    """Shade of a three-pleat surgical mask at `LEVELS` sizes, largest first; float32 (h, w) around 1."""
    rng = np.random.default_rng(variant)
    v, u = np.mgrid[0.5:HEIGHT, 0.5:WIDTH].astype(np.float32)
    u, v = u / (WIDTH / 2) - 1, v / HEIGHT
    weave = cv2.GaussianBlur(rng.standard_normal(u.shape, np.float32), (3, 3), 0) * 0.012
    shade = (
        1 + _bulge(u, v) + _pleats(u, v) * (np.minimum(v, 1 - v) > 0.078) + _creases(u, v, rng) + _hems(u, v) + weave
    )
    levels = [shade.astype(np.float32)]
    while len(levels) < LEVELS:
        half = (levels[-1].shape[1] // 2, levels[-1].shape[0] // 2)
        levels.append(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA))
    return tuple(levels)
