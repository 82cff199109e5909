"""What each kind of mask looks like when it lies flat; see mask_textures for the coordinates u, v."""

from __future__ import annotations

import numpy as np

from pre_processing.mask_textures import border, cloth, creases, falloff, fold, form, ridge, stitches, weave

METAL = (0.80, 0.82, 0.85)
WINDOW_CLOTHS = ((0.17, 0.18, 0.21), (0.23, 0.30, 0.45), (0.90, 0.90, 0.91), (0.30, 0.48, 0.50), (0.78, 0.58, 0.62))


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


def low(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A surgical mask pulled down: its pleats are pushed together and hang in arcs."""
    edge, middle = border(u, v), 1 - u**2
    shade = 1.02 + 0.7 * form(u, v) + 1.4 * creases(u, v, rng, 5, 9) + weave(u.shape, rng, 0.012)
    for rest in (0.22, 0.36, 0.52, 0.66, 0.82):
        line = rest - 0.05 + 0.10 * middle + 0.02 * np.sin(u * rng.uniform(3, 6) + rng.uniform(0, 6))
        shade += (edge > 0.06) * fold(v - line, rng.uniform(0.24, 0.36))
    shade += stitches(edge - 0.07, u * 0.7 + v) - 0.16 * falloff(edge, 0.014)
    return cloth(shade)


def kn95(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two stiff halves that meet in a raised seam, an embossed and welded edge, a metal strip over the nose."""
    edge, bend = border(u, v), np.abs(u)
    shade = 1.06 - 0.30 * bend**1.6 - 0.20 * np.clip((v - 0.55) / 0.45, 0, 1) ** 1.4
    shade += 0.05 * np.sign(u) * (1 - bend) * np.clip(bend / 0.03, 0, 1)  # one half faces the light a little more
    shade += 0.16 * falloff(u, 0.012) - 0.20 * falloff(bend - 0.035, 0.012) - 0.06 * falloff(bend - 0.07, 0.03)
    dots = np.sin(v * 190) > 0
    shade -= 0.14 * falloff(bend - 0.055, 0.008) * dots
    for inset in (0.045, 0.075):
        shade += 0.10 * ridge(edge - inset, 0.012)
    shade -= 0.12 * falloff(edge - 0.06, 0.010) * (np.sin((u * 0.7 + v) * 150) > 0) + 0.14 * falloff(edge, 0.012)
    for side in (-1, 1):  # the seams that shape nose and chin
        shade += 0.10 * ridge(v - 0.10 - 0.30 * np.clip(side * u, 0, 1), 0.02) * (side * u > 0.04) * (side * u < 0.7)
    shade += 0.7 * creases(u, v, rng, 2, 5) + weave(u.shape, rng, 0.010)
    strip = ((np.abs(v - 0.085) < 0.03) & (bend < 0.30)).astype(np.float32)[..., None]
    metal = cloth(shade * (1 + 0.25 * ridge(v - 0.085, 0.03)), METAL)
    return cloth(shade) * (1 - strip) + metal * strip


def n95_valve(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A moulded cup on a flat rim, a foam strip over the nose and a plastic valve with slots."""
    edge = border(u, v)
    # The cup nearly fills the outline; its rim is thin, and the cup turns away from the light towards it.
    away = (np.abs(u / 0.90) ** 2.6 + np.abs((v - 0.50) / 0.44) ** 2.6) ** (1 / 2.6)
    shade = 1.10 - 0.30 * np.clip(away, 0, 1) ** 2.4 - 0.20 * (v - 0.4) + 0.06 * falloff(u, 0.25) * (0.5 - v)
    shade += np.where(away > 1, 0.10, 0) - 0.30 * falloff(away - 1.0, 0.018) + 0.10 * falloff(away - 1.05, 0.02)
    for ring in (0.80, 0.62):
        shade += 0.07 * ridge((away - ring) * np.sign(0.5 - v), 0.018)  # embossed
    shade -= 0.10 * falloff(edge - 0.02, 0.012) * (np.sin((u * 0.7 + v) * 170) > 0) + 0.12 * falloff(edge, 0.012)
    shade += weave(u.shape, rng, 0.022) + 0.4 * creases(u, v, rng, 1, 4)
    nose = falloff(u, 0.30) * falloff(v - 0.115, 0.03)
    colour = np.ones((*u.shape, 3), np.float32) - nose[..., None] * (0.30, 0.28, 0.24)
    shade += 0.18 * nose * ridge(v - 0.115, 0.03)
    x, y = u / 0.75 - rng.choice((0.0, 0.16, -0.16)), (v - 0.56) * 4 / 3 / 0.75
    box = (np.abs(x / 0.25) ** 4 + np.abs(y / 0.20) ** 4) ** 0.25
    plastic = (box < 1)[..., None]
    valve = 0.98 - 0.10 * y / 0.2 + 0.16 * falloff(box - 0.90, 0.05) - 0.22 * falloff(box - 0.76, 0.04)
    valve -= 0.45 * ((np.abs(y) % 0.085 < 0.026) & (box < 0.66))
    shade -= 0.40 * falloff(np.maximum(box - 1, 0), 0.10) * (v > 0.5) + 0.16 * falloff(np.maximum(box - 1, 0), 0.07)
    return np.where(plastic, cloth(valve, (0.90, 0.91, 0.93)), cloth(shade, colour))


def duckbill(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two pouches that meet in a wide horizontal beak; welded side seams run towards it."""
    edge, bend = border(u, v), np.abs(u)
    beak = v - 0.56 - 0.06 * u**2
    shade = 1.04 + 0.12 * np.clip(-beak / 0.5, 0, 1) * falloff(u, 0.6) - 0.22 * bend**2.5
    shade = np.where(beak > 0, shade - 0.22 - 0.25 * np.clip(beak / 0.4, 0, 1), shade)
    shade += 0.20 * falloff(beak + 0.015, 0.012) - 0.40 * falloff(beak - 0.012, 0.010)
    shade -= 0.12 * falloff(beak + 0.045, 0.007) * (np.sin(u * 120) > 0)  # welds along the beak
    for side in (-1, 1):  # side seams from the corners to the beak's ends
        x = side * u
        for start, slope in ((0.10, 0.42), (0.95, -0.34)):
            line = v - start - slope * (1 - x) * 1.4
            shade += 0.12 * ridge(line, 0.022) * np.clip((x - 0.35) / 0.1, 0, 1)
    shade -= 0.16 * falloff(edge, 0.014) + 0.10 * falloff(edge - 0.04, 0.008)
    shade += 0.9 * creases(u, v, rng, 3, 6) + weave(u.shape, rng, 0.014)
    strip = ((np.abs(v - 0.07) < 0.024) & (bend < 0.28)).astype(np.float32)[..., None]
    return cloth(shade) * (1 - strip) + cloth(shade * (1 + 0.25 * ridge(v - 0.07, 0.024)), METAL) * strip


def window(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cloth around a panel of clear plastic, slightly hazy, with a sewn rim and reflections."""
    shade = 1 + form(u, v) + creases(u, v, rng) + weave(u.shape, rng, 0.02)
    edge = border(u, v)
    shade += stitches(edge - 0.05, u * 0.7 + v) - 0.15 * falloff(edge, 0.014)
    away = (np.abs(u / 0.62) ** 3 + np.abs((v - 0.60) / 0.25) ** 3) ** (1 / 3)
    shade += 0.14 * ridge(away - 1.06, 0.05) + stitches((away - 1.12) * 0.3, u + v)
    picture = cloth(shade, WINDOW_CLOTHS[rng.integers(len(WINDOW_CLOTHS))])
    clear = np.clip((1 - away) / 0.02, 0, 1)
    glare = 0.30 * falloff(u * 0.8 + v - rng.uniform(0.2, 0.5), 0.05) + 0.25 * falloff(away - 0.93, 0.03)
    glare += 0.22 * falloff(u * 0.8 + v - rng.uniform(0.7, 1.1), 0.025)
    picture[..., :3] += clear[..., None] * (225 - picture[..., :3])
    picture[..., 3] = 255 * (1 - clear * (1 - 0.14 - glare))
    return picture
