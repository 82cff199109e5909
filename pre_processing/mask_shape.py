"""Where a mask sits: outline, cloth mesh and straps from 68 points.

All of it is worked out in the face's own frame (origin between the eyes, x along the eyes, unit about the distance
between them), so turning or scaling the photo turns and scales the mask. Only points that a mask leaves visible may
reach these functions.
"""

from __future__ import annotations

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
    right, left = points[36:42].sum(0) / 6, points[42:48].sum(0) / 6
    across, origin = left - right, (left + right) / 2
    distance = float(np.hypot(*across))
    # A turned head brings the eyes together but hardly shortens the face.
    unit = max(distance, 0.45 * float(np.hypot(*(points[8] - origin))))
    if not np.isfinite(unit) or distance < 1e-3 or unit < 1.0:
        return None
    x = across / distance
    return origin, unit, np.array([x, [-x[1], x[0]]])


def _along(jaw: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Points of the jaw line (17, 2) at fractional indices."""
    low = np.minimum(index.astype(int), 15)
    part = (index - low)[:, None]
    return jaw[low] * (1 - part) + jaw[low + 1] * part


def _middle(face: np.ndarray, top: str, height: float) -> np.ndarray:
    """The top edge's middle (2,)."""
    if top == "bridge":
        return face[28] + height * (face[29] - face[28])
    if top == "lip":
        return face[33] + (0.15 + 0.35 * (1 - height)) * (face[51] - face[33])
    return face[57] + (0.45 + 0.3 * (1 - height)) * (face[8] - face[57])


_PART = np.linspace(0, 1, TOP // 2 + 1)[:-1, None]
_TENT = 1 - np.abs(np.linspace(-1, 1, TOP))[:, None]


def _top_edge(face: np.ndarray, ends: np.ndarray, middle: np.ndarray, sag: tuple[float, float, float]) -> np.ndarray:
    """(TOP, 2) from cheek over the nose to cheek; kept below both eyes by a cone under every eye point."""
    top = np.empty((TOP, 2))
    top[:4], top[4], top[:4:-1] = (1 - _PART) * ends[0], 0, (1 - _PART) * ends[1]
    top += _TENT * middle
    top[:, 1] += (0, *sag, 0, *sag[::-1], 0)
    eyes = face[_EYES]
    lids = (eyes[:, 1] - 0.5 * np.abs(eyes[:, 0] - top[:, :1])).max(1)
    np.maximum(top[:, 1], lids + LID_MARGIN, out=top[:, 1])
    return top


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


_MESH, _SMOOTH = _coons(), _spline(2 * TOP + 2 * (SIDE - 2))


def folds(mesh: np.ndarray) -> bool:
    """Whether any cell of the mesh (rows, columns, 2) is turned over, so that the cloth would lie on itself."""
    a, b = mesh[1:, 1:] - mesh[:-1, :-1], mesh[1:, :-1] - mesh[:-1, 1:]
    return bool((a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0] <= 1e-4).any())


# Straps by kind: (where on the mask's side, 0 top to 1 bottom; jaw point; shift of the goal outwards and down; bend).
_STRAPS = {
    "ears": ((0, 0, 0.16, 0.02, -0.03), (2, 1, 0.15, 0.02, 0.05)),
    "head": ((0, 0, 0.30, -0.30, 0.02), (2, 2, 0.28, 0.02, 0.02)),
}
_T = np.linspace(0, 1, 7)
_CURVE = np.column_stack([1 - _T, _T, np.sin(np.pi * _T)])


def _straps(face: np.ndarray, edges: tuple[np.ndarray, np.ndarray], kind: str) -> np.ndarray:
    """Straps (S, 7, 2), two a side, from the mask's sides to ears or head; none on the side a turned head hides."""
    reach = abs(face[0, 0] - face[27, 0]), abs(face[16, 0] - face[27, 0])
    ends = []
    for side, (edge, sign) in enumerate(zip(edges, (-1, 1), strict=True)):
        if reach[side] >= 0.6 * reach[1 - side]:
            for at, jaw, out, down, bend in _STRAPS.get(kind, ()):
                ear = face[16 - jaw if side else jaw]
                ends.append((edge[at], ear + (out * sign, down), (0, bend)))
    return _CURVE @ np.array(ends).reshape(-1, 3, 2)


@lru_cache(maxsize=64)
def _samples(shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Margin at each jaw point (17, 1); jaw indices of corners, left and right side and bottom edge, and their tilt."""
    margin = np.interp(np.abs(np.arange(17) - 8), (0, 4, 7), shape.margin[::-1])[:, None]
    high, low = (shape.corner, 16 - shape.corner), (shape.low, 16 - shape.low)
    index = [high, *(np.linspace(high[k], low[k], SIDE) for k in (1, 0)), np.linspace(*low, TOP)]
    tilted = [(1, 1), *(np.linspace(1, 0, SIDE),) * 2, np.zeros(TOP)]
    return margin, np.concatenate(index), np.concatenate(tilted)


_MIDDLE = np.array([1, 0.8]) / 13
_TRIANGLE = (1 - np.abs(np.linspace(-1, 1, TOP))) ** 0.8


def _border(face: np.ndarray, shape: Shape, height: float, tilt: float) -> np.ndarray:
    """Control points of the outline (2 * TOP + 2 * (SIDE - 2), 2): top, left side, bottom and right side in turn."""
    jaw = face[_JAW]
    margin, index, tilted = _samples(shape)
    outwards = jaw - jaw[2:15].sum(0) * _MIDDLE
    length = np.sqrt((outwards * outwards).sum(1, keepdims=True))
    points = _along(jaw + outwards * (margin / np.maximum(length, 1e-6)), index + tilt * tilted)
    top = _top_edge(face, points[:2], _middle(face, shape.top, height), shape.sag)
    left, right, bottom = points[2 : 2 + SIDE], points[2 + SIDE : 2 + 2 * SIDE], points[2 + 2 * SIDE :]
    if shape.tip:
        bottom[:, 1] += shape.tip * _TRIANGLE
    return np.concatenate([top, left[1:-1], bottom[::-1], right[1:-1][::-1]])


def fit_mask(points: np.ndarray, height: float, tilt: float, shape: Shape = Shape()) -> Fit | None:  # noqa: B008
    """Mask on a face.

    points: (68, 2) pixels, hidden ones already replaced. height: 0..1 from nose point 28 to 29. tilt: shift of both
    upper corners along the jaw, in jaw points (one goes up, the other down). None where the points span no face.
    """
    found = face_frame(points)
    if found is None:
        return None
    origin, unit, axes = found
    face = (points - origin) @ axes.T / unit
    border = _border(face, shape, height, tilt)
    right, left = border[[0, -1, -2]], border[TOP - 1 : TOP + 2]
    straps = _straps(face, (right, left), shape.straps)
    parts = np.concatenate([_SMOOTH @ border, _MESH @ border, straps.reshape(-1, 2)]) * unit @ axes + origin
    outline, mesh, straps = np.split(parts, (len(_SMOOTH), len(_SMOOTH) + len(_MESH)))
    return Fit(outline, mesh.reshape(SIDE, TOP, 2), straps.reshape(-1, len(_T), 2), origin, unit, axes)
