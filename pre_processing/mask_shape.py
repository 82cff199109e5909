"""Where a mask sits: outline, cloth mesh and straps from 68 points.

All of it is worked out in the face's own frame (origin between the eyes, x along the eyes, unit about the distance
between them), so turning or scaling the photo turns and scales the mask. Only points that a mask leaves visible may
reach these functions.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

TOP = 9  # samples along the top and the bottom edge
SIDE = 4  # samples along a side, corners included
LID_MARGIN = 0.15  # least gap between an eye and the mask, in units
_EYES, _JAW = slice(36, 48), slice(0, 17)


class Shape(NamedTuple):
    """Silhouette of a kind of mask. Lengths are in units of the face's frame; jaw points count from 0 to 16.

    corner, low: jaw points at which the sides start and end (mirrored for the other side). margin: how far the cloth
    goes beyond the jaw line at a side, at the lower corner and at the chin. sag: how far the top edge hangs below the
    straight line from corner to nose, at an eighth, a quarter and three eighths of its length. top: what lies in the
    middle of the top edge: "bridge", "lip" (nose is bare) or "chin" (mouth is bare too). tip: how far a triangle hangs
    below the chin. straps: "ears" (loops), "head" (two bands round the head) or "" for none; strap: their RGB colour
    and width.
    """

    corner: float = 1.5
    low: float = 4.0
    margin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    sag: tuple[float, float, float] = (0.05, 0.07, 0.05)
    top: str = "bridge"
    tip: float = 0.0
    straps: str = "ears"
    strap: tuple[int, int, int, float] = (236, 236, 236, 0.028)


class Fit(NamedTuple):
    """A worn mask in pixels: outline (N, 2), mesh (SIDE, TOP, 2) of the cloth, straps (S, M, 2); the face's frame."""

    outline: np.ndarray
    mesh: np.ndarray
    straps: np.ndarray
    origin: np.ndarray
    unit: float
    axes: np.ndarray

    def moved(self, by: np.ndarray) -> Fit:
        """The same mask shifted by (2,) pixels."""
        return Fit(self.outline + by, self.mesh + by, self.straps + by, self.origin + by, self.unit, self.axes)


def face_frame(points: np.ndarray) -> tuple[np.ndarray, float, np.ndarray] | None:
    """Origin (2,), unit (pixels) and axes (2, 2: rows x, y) of the face; None where the points span no face."""
    (right_x, right_y), (left_x, left_y) = (points[36:48].reshape(2, 6, 2).sum(1) / 6).tolist()
    origin_x, origin_y = (left_x + right_x) / 2, (left_y + right_y) / 2
    distance = math.hypot(left_x - right_x, left_y - right_y)
    # A turned head brings the eyes together but hardly shortens the face.
    unit = max(distance, 0.45 * math.hypot(points[8, 0] - origin_x, points[8, 1] - origin_y))
    if not math.isfinite(unit) or distance < 1e-3 or unit < 1.0:
        return None
    x, y = (left_x - right_x) / distance, (left_y - right_y) / distance
    return np.array([origin_x, origin_y]), unit, np.array([(x, y), (-y, x)])


def _along(index: np.ndarray) -> np.ndarray:
    """Weights (N, 17) that give points of the jaw line at fractional indices (N,)."""
    return np.maximum(1 - np.abs(np.asarray(index)[:, None] - np.arange(17)), 0)


def _coons() -> np.ndarray:
    """Matrix (SIDE * TOP, 2 * TOP + 2 * (SIDE - 2)) from the border (as in `_border`) to the mesh of a Coons patch."""
    count = 2 * TOP + 2 * (SIDE - 2)
    border = np.eye(count)
    top, left, bottom, right = np.split(border, np.cumsum([TOP, SIDE - 2, TOP]))
    bottom, right = bottom[::-1], right[::-1]
    right, left = np.vstack([top[:1], right, bottom[:1]]), np.vstack([top[-1:], left, bottom[-1:]])
    u, v = np.linspace(0, 1, TOP)[None, :, None], np.linspace(0, 1, SIDE)[:, None, None]
    ruled = (1 - v) * top[None] + v * bottom[None] + (1 - u) * right[:, None] + u * left[:, None]
    ruled -= (1 - v) * ((1 - u) * top[0] + u * top[-1]) + v * ((1 - u) * bottom[0] + u * bottom[-1])
    return ruled.reshape(-1, count)


def _spline(count: int, steps: int = 4) -> np.ndarray:
    """Closed Catmull-Rom curve as a matrix (count*steps, count)."""
    t = np.arange(steps)[:, None] / steps
    weights = 0.5 * np.hstack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2])
    matrix = np.zeros((count * steps, count))
    for i in range(count):
        for k in range(4):
            matrix[i * steps : (i + 1) * steps, (i + k - 1) % count] += weights[:, k]
    return matrix


# Straps by kind: (where on the mask's side, 0 top to 1 bottom; jaw point; shift of the goal outwards and down; bend).
_STRAPS = {
    "": (),
    "ears": ((0, 0, 0.16, 0.02, -0.03), (2, 1, 0.15, 0.02, 0.05)),
    "head": ((0, 0, 0.30, -0.30, 0.02), (2, 2, 0.28, 0.02, 0.02)),
}
_EARS = [0, 1, 2, 14, 15, 16]
COUNT, KNOTS = 2 * TOP + 2 * (SIDE - 2), 5  # points of the border; points of a strap


class _Plan(NamedTuple):
    """What follows from a shape alone. Outline, mesh and straps are one matrix times border and ears, plus shifts."""

    margin: np.ndarray  # (17, 1) of the jaw points
    border: np.ndarray  # (COUNT, 18) from jaw and middle of the top edge
    hang: np.ndarray  # (COUNT,) downwards
    parts: np.ndarray  # (outline + mesh + straps, COUNT + 6)
    shift: np.ndarray  # (outline + mesh + straps, 2)


def _border_plan(shape: Shape, tilt: float) -> tuple[np.ndarray, np.ndarray]:
    """Control points of the outline, in turn top, left side, bottom and right side: weights and how far they hang."""
    high, low = (shape.corner + tilt, 16 - shape.corner + tilt), (shape.low, 16 - shape.low)
    left, right = (_along(np.linspace(high[k], low[k], SIDE)[1:-1]) for k in (1, 0))
    part = np.linspace(0, 1, TOP // 2 + 1)[:-1, None]
    ends = [(1 - part) * end for end in _along(np.array(high))]
    top = np.vstack([ends[0], np.zeros((1, 17)), ends[1][::-1]])
    border = np.zeros((COUNT, 18))
    border[:, :17] = np.vstack([top, left, _along(np.linspace(*low, TOP))[::-1], right[::-1]])
    border[:TOP, 17] = 1 - np.abs(np.linspace(-1, 1, TOP))
    hang = np.zeros(COUNT)
    hang[:TOP] = 0, *shape.sag, 0, *shape.sag[::-1], 0
    hang[TOP + SIDE - 2 :][:TOP] = shape.tip * (1 - np.abs(np.linspace(-1, 1, TOP))) ** 0.8
    return border, hang


@lru_cache(maxsize=2048)
def _plan(shape: Shape, tilt: float) -> _Plan:
    border, hang = _border_plan(shape, tilt)
    margin = np.interp(np.abs(np.arange(17) - 8), (0, 4, 7), shape.margin[::-1])[:, None]
    t = np.linspace(0, 1, KNOTS)
    parts, shift = [np.pad(_spline(COUNT), ((0, 0), (0, 6))), np.pad(_coons(), ((0, 0), (0, 6)))], []
    for side in (0, 1):
        for at, jaw, out, down, bend in _STRAPS[shape.straps]:
            strap = np.zeros((KNOTS, COUNT + 6))
            strap[:, TOP - 1 + at if side else (0, -7, -8)[at]] = 1 - t
            strap[:, COUNT + (5 - jaw if side else jaw)] = t
            parts.append(strap)
            shift.append(np.outer(t, (out if side else -out, down)) + np.outer(np.sin(np.pi * t), (0, bend)))
    parts = np.vstack(parts)
    shifts = np.zeros((len(parts), 2))
    if shift:
        shifts[-len(shift) * KNOTS :] = np.vstack(shift)
    return _Plan(margin, border, hang, parts, shifts)


def _middle(face: np.ndarray, top: str, height: float) -> np.ndarray:
    """The top edge's middle (2,)."""
    if top == "bridge":
        return face[28] + height * (face[29] - face[28])
    if top == "lip":
        return face[33] + (0.15 + 0.35 * (1 - height)) * (face[51] - face[33])
    return face[57] + (0.45 + 0.3 * (1 - height)) * (face[8] - face[57])


def folds(mesh: np.ndarray) -> bool:
    """Whether any cell of the mesh (rows, columns, 2) is turned over, so that the cloth would lie on itself."""
    a, b = mesh[1:, 1:] - mesh[:-1, :-1], mesh[1:, :-1] - mesh[:-1, 1:]
    return bool((a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0] <= 1e-4).any())


_CENTRE = np.array([1, 0.8]) / 13


def _border(face: np.ndarray, plan: _Plan, middle: np.ndarray) -> np.ndarray:
    """Control points of the outline (COUNT, 2); the top edge is kept below both eyes by a cone under every eye point."""
    jaw = np.empty((18, 2))
    outwards = face[_JAW] - face[2:15].sum(0) * _CENTRE
    length = np.sqrt((outwards * outwards).sum(1, keepdims=True))
    jaw[:17], jaw[17] = face[_JAW] + outwards * (plan.margin / np.maximum(length, 1e-6)), middle
    border = plan.border @ jaw
    border[:, 1] += plan.hang
    lids = (face[_EYES, 1] - 0.5 * np.abs(face[_EYES, 0] - border[:TOP, :1])).max(1)
    np.maximum(border[:TOP, 1], lids + LID_MARGIN, out=border[:TOP, 1])
    return border


_MESH_AT = 4 * COUNT  # rows of a plan's parts: first the outline, then the mesh, then straps
_STRAPS_AT = _MESH_AT + SIDE * TOP


def _shown(straps: np.ndarray, face: np.ndarray) -> slice:
    """Which of straps (S, KNOTS, 2) are seen: not those on a side that a turned head hides, or that would cross an eye."""
    if not len(straps):
        return slice(0, 0)
    across, half = face[:, 0].tolist(), len(straps) // 2
    right, left = across[27] - across[0], across[16] - across[27]
    keep_right = right >= 0.6 * left and straps[:half, :, 0].max() < min(across[_EYES]) - 0.08
    keep_left = left >= 0.6 * right and straps[half:, :, 0].min() > max(across[_EYES]) + 0.08
    return slice(0 if keep_right else half, None if keep_left else half)


def fit_mask(points: np.ndarray, height: float, tilt: float, shape: Shape = Shape()) -> Fit | None:  # noqa: B008
    """Mask on a face.

    points: (68, 2) pixels, hidden ones already replaced. height: 0..1 from nose point 28 to 29. tilt: shift of both
    upper corners along the jaw, in jaw points (one goes up, the other down); rounded to hundredths. None where the
    points span no face.
    """
    found = face_frame(points)
    if found is None:
        return None
    origin, unit, axes = found
    plan = _plan(shape, round(tilt, 2))
    face = (points - origin) @ (axes.T / unit)
    border = _border(face, plan, _middle(face, shape.top, height))
    parts = plan.parts @ np.concatenate([border, face[_EARS]]) + plan.shift
    shown = _shown(parts[_STRAPS_AT:].reshape(-1, KNOTS, 2), face)
    parts = parts @ (axes * unit) + origin
    mesh = parts[_MESH_AT:_STRAPS_AT].reshape(SIDE, TOP, 2)
    return Fit(parts[:_MESH_AT], mesh, parts[_STRAPS_AT:].reshape(-1, KNOTS, 2)[shown], origin, unit, axes)
