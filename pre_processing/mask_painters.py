"""What each kind of mask looks like when it lies flat; see mask_textures for the coordinates u, v."""

from __future__ import annotations

import numpy as np

from pre_processing.mask_textures import border, cloth, creases, falloff, fold, form, ridge, stitches, weave


def surgical(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Three pleats that gape in the middle and close towards the sides, sewn hems, a nose wire under the upper one."""
    edge, middle = border(u, v), 1 - u**2
    shade = 1 + form(u, v) + creases(u, v, rng) + weave(u.shape, rng, 0.012)
    inside = edge > 0.078
    for rest in (0.30, 0.50, 0.70):
        line = 0.5 + (rest - 0.5) * (0.86 + 0.22 * middle) + 0.035 * middle + rng.uniform(-0.012, 0.012)
        shade += inside * fold(v - line, 0.30 * (0.65 + 0.35 * middle))
    shade += stitches(edge - 0.075, u * 0.7 + v) + 0.05 * (edge < 0.07) - 0.15 * falloff(edge, 0.012)
    wire = falloff(u, 0.32)
    shade += 0.10 * wire * ridge(v - 0.04, 0.022) - 0.05 * wire * falloff(v - 0.07, 0.01)
    return cloth(shade)
