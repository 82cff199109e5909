"""Sewn cloth masks and the bandana: folds and seams of the cloth, and the patterns printed on it."""

from __future__ import annotations

import cv2
import numpy as np

from pre_processing.mask_textures import Painter, border, cloth, creases, falloff, fold, form, ridge, stitches, weave

# Colours of pairs (ground, print), 0..1; the variant picks one.
PAIRS = (
    ((0.90, 0.88, 0.83), (0.16, 0.22, 0.42)),
    ((0.20, 0.26, 0.44), (0.88, 0.86, 0.80)),
    ((0.62, 0.16, 0.18), (0.92, 0.88, 0.82)),
    ((0.25, 0.40, 0.32), (0.86, 0.80, 0.60)),
    ((0.86, 0.68, 0.66), (0.42, 0.22, 0.32)),
    ((0.22, 0.22, 0.24), (0.72, 0.72, 0.74)),
)
CAMOUFLAGE = (
    ((0.42, 0.40, 0.27), (0.28, 0.33, 0.20), (0.24, 0.19, 0.14), (0.62, 0.57, 0.42)),
    ((0.74, 0.66, 0.50), (0.58, 0.46, 0.32), (0.42, 0.33, 0.24), (0.84, 0.79, 0.67)),
    ((0.46, 0.49, 0.53), (0.26, 0.29, 0.34), (0.14, 0.15, 0.18), (0.70, 0.72, 0.75)),
    ((0.28, 0.36, 0.52), (0.16, 0.22, 0.36), (0.10, 0.12, 0.20), (0.56, 0.62, 0.70)),
    ((0.60, 0.40, 0.46), (0.44, 0.26, 0.34), (0.28, 0.16, 0.22), (0.80, 0.64, 0.66)),
    ((0.32, 0.44, 0.30), (0.20, 0.28, 0.20), (0.38, 0.28, 0.18), (0.58, 0.60, 0.38)),
)

LEAF, HEART = np.array((0.28, 0.42, 0.26), np.float32), np.array((0.90, 0.74, 0.28), np.float32)


def _mix(share: np.ndarray, ground: tuple[float, ...], ink: tuple[float, ...]) -> np.ndarray:
    share = np.clip(share, 0, 1)[..., None]
    return (np.array(ground) * (1 - share) + np.array(ink) * share).astype(np.float32)


def plain(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White, to be dyed; with visible threads."""
    return np.broadcast_to(1 + 0.03 * np.sin(x * 300)[..., None] * np.sin(y * 300)[..., None], (*x.shape, 3))


def stripes(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Even stripes, upright or slanted."""
    turn, pitch = rng.choice((0.0, 0.6, 1.57)), rng.uniform(0.09, 0.15)
    along = x * np.cos(turn) + y * np.sin(turn)
    return _mix((np.sin(along * 2 * np.pi / pitch) - 0.1) * 3 + 0.5, *PAIRS[rng.integers(len(PAIRS))])


def checks(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gingham: two sets of stripes that darken where they cross."""
    pitch = rng.uniform(0.12, 0.18)
    bands = [np.clip(np.sin(side * 2 * np.pi / pitch) * 5 + 0.5, 0, 1) for side in (x, y)]
    return _mix(0.5 * (bands[0] + bands[1]), *PAIRS[rng.integers(len(PAIRS))])


def dots(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dots in rows that are shifted by half."""
    pitch = rng.uniform(0.13, 0.19)
    row = np.floor(y / pitch)
    dx, dy = (x / pitch + 0.5 * (row % 2)) % 1 - 0.5, y / pitch - row - 0.5
    return _mix((0.28 - np.hypot(dx, dy)) / 0.05, *PAIRS[rng.integers(len(PAIRS))])


def denim(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Twill with worn, lighter patches."""
    twill = 0.12 * np.sin((x + y) * 150) + 0.06 * cv2.blur(rng.standard_normal(x.shape, np.float32), (1, 7))
    worn = _clouds(x.shape, rng, 6)
    return _mix(0.30 + 0.08 * worn + twill, (0.13, 0.20, 0.36), (0.62, 0.72, 0.86))


def floral(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scattered five-petalled flowers with leaves."""
    ground, ink = PAIRS[rng.integers(len(PAIRS))]
    dense = x.shape[1] / 2.2  # pixels of the flat print to one of x and y
    flat = np.empty((round(2.0 * dense), round(3.0 * dense), 3), np.float32)
    flat[:] = ground
    for row in range(9):
        for column in range(14):
            at = 0.23 * dense * (np.array([column + 0.5 * (row % 2), row]) + rng.uniform(-0.22, 0.22, 2))
            _flower(flat, at, dense * rng.uniform(0.055, 0.085), rng.uniform(0, 6), np.array(ink, np.float32))
    where = [np.float32((side + start) * dense) for side, start in ((x, 1.5), (y, 0.5))]
    return cv2.remap(flat, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _flower(flat: np.ndarray, at: np.ndarray, size: float, turn: float, ink: np.ndarray) -> None:
    """A flower of `size` pixels with a leaf into a picture (h, w, 3)."""
    left, top = np.maximum(at - 2.2 * size, 0).astype(int)
    part = flat[top : int(at[1] + 2.2 * size), left : int(at[0] + 2.2 * size)]
    dy, dx = np.mgrid[: part.shape[0], : part.shape[1]].astype(np.float32)
    dx, dy = dx + left - at[0], dy + top - at[1]
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx) + turn
    leaf = np.hypot(dx - size, (dy - size) * 2.4)
    petals = size * (0.62 + 0.38 * np.cos(5 * angle))
    for reach, paint in ((size * 0.8 - leaf, LEAF), (petals - radius, ink), (size * 0.22 - radius, HEART)):
        part += np.clip(reach + 0.5, 0, 1)[..., None] * (paint - part)


def camouflage(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Four colours in torn patches."""
    palette = CAMOUFLAGE[rng.integers(len(CAMOUFLAGE))]
    colour = np.broadcast_to(np.array(palette[0], np.float32), (*x.shape, 3)).copy()
    for paint, least in zip(palette[1:], (0.25, 0.55, 0.75), strict=True):
        share = np.clip((_clouds(x.shape, rng, 9) + 0.35 * _clouds(x.shape, rng, 22) - least) / 0.06, 0, 1)[..., None]
        colour += share * (np.array(paint, np.float32) - colour)
    return colour


def _clouds(shape: tuple[int, ...], rng: np.random.Generator, cells: int) -> np.ndarray:
    coarse = rng.standard_normal((cells * 3 // 4 + 3, cells + 3)).astype(np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def sewn(pattern: Painter) -> Painter:
    """Painter of a curved cloth mask of two halves with a centre seam; each half's print is cut at its own angle."""

    def paint(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        edge, bend = border(u, v), np.abs(u)
        bow = 0.22 * (v - 0.45) * np.sign(u)  # the print runs into the seam at an angle
        x, y = (u + bow * (1 - bend)) * 1.0, v + 0.16 * bend - 0.05 * np.sign(u)
        colour = pattern(x, y, rng)
        shade = 1.02 + form(u, v) + 1.5 * creases(u, v, rng, 5, 9) + weave(u.shape, rng, 0.022)
        shade += 0.09 * falloff(u, 0.03) - 0.34 * falloff(u, 0.009) - 0.10 * falloff(bend - 0.035, 0.03)
        for inset in (0.04, 1.0):
            shade += stitches(edge - inset, u * 0.7 + v)
        shade += stitches(bend - 0.045, v) + 0.10 * ridge(edge - 0.055, 0.02) - 0.18 * falloff(edge, 0.014)
        for side in (-1, 1):  # darts that gather the cloth at cheek and chin
            shade += fold((v - 0.72) - 0.3 * (0.75 - side * u), 0.20) * falloff(side * u - 0.62, 0.22)
            shade += fold((v - 0.30) + 0.25 * (0.8 - side * u), 0.14) * falloff(side * u - 0.66, 0.2)
        return cloth(shade, colour)

    return paint


def bandana(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A folded square tied behind the head: drapes fan out from the cheeks, paisley-like marks, a printed border."""
    ground, ink = PAIRS[(2, 1, 5, 3)[rng.integers(4)]]
    edge = np.minimum(v + 0.02, (1 - np.abs(u)) * 0.7 + 0.3 * (1 - v))
    marks = np.zeros_like(u)
    for row in range(4):
        for column in range(-5, 6):
            dx = u - 0.24 * (column + 0.5 * (row % 2))
            dy = (v - 0.16 - 0.19 * row) * 1.1
            turn = 0.8 * np.sign(column + 0.1)
            along, across = dx + turn * dy, dy - turn * dx
            drop = np.hypot(along * 0.7, across * (1 + 6 * np.maximum(along, 0)))
            marks = np.maximum(marks, np.clip((0.060 - np.abs(drop - 0.035) * 3.2) / 0.02, 0, 1))
    marks = np.maximum(marks, np.clip((0.010 - np.abs(v - 0.05)) / 0.004, 0, 1))
    marks = np.maximum(marks, np.clip((0.22 - np.hypot((u * 14) % 1 - 0.5, (v - 0.085) * 14)) / 0.05, 0, 1))
    shade = 1.0 + 0.10 * falloff(u, 0.2 + 0.4 * v) * (1 - 0.6 * v) - 0.22 * np.abs(u) ** 2.5 - 0.16 * v**2
    for side in (-1, 1):  # drapes hang in arcs from the knots behind the ears
        for number in range(5):
            reach = 0.14 + 0.19 * number + rng.uniform(-0.04, 0.04)
            sag = reach * (1 - np.clip(side * u, 0, 1) ** 1.6)
            strength = rng.uniform(0.55, 1.1) * np.clip(side * u / 0.25 + 0.6, 0, 1)
            shade += strength * (0.13 * ridge(v - sag - 0.02, 0.035) - 0.13 * falloff(v - sag - 0.05, 0.028))
    shade += creases(u, v, rng, 3, 5) + weave(u.shape, rng, 0.022) - 0.15 * falloff(edge, 0.02)
    return cloth(shade, _mix(marks, ground, ink))
