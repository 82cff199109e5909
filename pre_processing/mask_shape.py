"""Where a mask sits: outline, cloth mesh and ear loops from 68 points.

All of it is worked out in the face's own frame (origin between the eyes, x along the eyes, unit about the distance
between them), so turning or scaling the photo turns and scales the mask. Only points that a mask leaves visible may
reach these functions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TOP = 9  # samples along the top and the bottom edge
SIDE = 4  # samples along a side, corners included
LID_MARGIN = 0.15  # least gap between an eye and the mask, in units
CHIN_MARGIN, SIDE_MARGIN = 0.12, 0.035  # how far the cloth goes beyond the jaw, in units
_EYES, _JAW = slice(36, 48), slice(0, 17)


class Fit(NamedTuple):
    """A worn mask in pixels: outline (N, 2), mesh (SIDE, TOP, 2) of the cloth, loops [(M, 2)]; and the face's frame."""

    outline: np.ndarray
    mesh: np.ndarray
    loops: list[np.ndarray]
    origin: np.ndarray
    unit: float
    axes: np.ndarray

    def moved(self, by: np.ndarray) -> Fit:
        """The same mask shifted by (2,) pixels."""
        loops = [loop + by for loop in self.loops]
        return Fit(self.outline + by, self.mesh + by, loops, self.origin + by, self.unit, self.axes)


def face_frame(points: np.ndarray) -> tuple[np.ndarray, float, np.ndarray] | None:
    """Origin (2,), unit (pixels) and axes (2, 2: rows x, y) of the face; None where the points span no face."""
    right, left = points[36:42].mean(0), points[42:48].mean(0)
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
    low = np.clip(np.floor(index).astype(int), 0, 15)
    part = (index - low)[:, None]
    return jaw[low] * (1 - part) + jaw[low + 1] * part


def _top_edge(face: np.ndarray, height: float, tilt: float) -> np.ndarray:
    """(TOP, 2) from cheek over the nose bridge to cheek; kept below both eyes by a cone under every eye point."""
    jaw = face[_JAW]
    ends = _along(jaw, np.array([1 + tilt, 15 + tilt]))
    bridge = face[28] + height * (face[29] - face[28])
    part = np.linspace(0, 1, TOP // 2 + 1)[:-1, None]
    sag = np.array([0, 0.10]) * np.sin(np.pi * part)
    top = np.concatenate(
        [ends[0] + part * (bridge - ends[0]) + sag, [bridge], (ends[1] + part * (bridge - ends[1]) + sag)[::-1]]
    )
    eyes = face[_EYES]
    lids = (eyes[:, 1] + LID_MARGIN - 0.5 * np.abs(eyes[:, 0] - top[:, :1])).max(1)
    top[:, 1] = np.maximum(top[:, 1], lids)
    return top


def _mesh(top: np.ndarray, bottom: np.ndarray, right: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Coons patch (SIDE, TOP, 2) between four edges that share corners."""
    u, v = np.linspace(0, 1, TOP)[None, :, None], np.linspace(0, 1, SIDE)[:, None, None]
    ruled = (1 - v) * top[None] + v * bottom[None] + (1 - u) * right[:, None] + u * left[:, None]
    return ruled - ((1 - v) * ((1 - u) * top[0] + u * top[-1]) + v * ((1 - u) * bottom[0] + u * bottom[-1]))


def folds(mesh: np.ndarray) -> bool:
    """Whether any cell of the mesh (rows, columns, 2) is turned over, so that the cloth would lie on itself."""
    a, b = mesh[1:, 1:] - mesh[:-1, :-1], mesh[1:, :-1] - mesh[:-1, 1:]
    return bool((a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0] <= 1e-4).any())


def _spline(count: int, steps: int = 4) -> np.ndarray:
    """Closed Catmull-Rom curve as a matrix (count*steps, count)."""
    t = np.arange(steps)[:, None] / steps
    weights = 0.5 * np.hstack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2])
    matrix = np.zeros((count * steps, count))
    for i in range(count):
        for k in range(4):
            matrix[i * steps : (i + 1) * steps, (i + k - 1) % count] += weights[:, k]
    return matrix


_SMOOTH = _spline(2 * TOP + 2 * (SIDE - 2))


def _loops(face: np.ndarray, edges: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
    """Ear loops (two a side) from the mask's side to where the ear begins; none on the side a turned head hides."""
    jaw, nose = face[_JAW], face[27, 0]
    reach = np.abs(jaw[[0, 16], 0] - nose)
    loops = []
    for side, (edge, ear, sign) in enumerate(zip(edges, (jaw[[0, 1]], jaw[[16, 15]]), (-1, 1), strict=True)):
        if reach[side] < 0.6 * reach[1 - side]:
            continue
        t = np.linspace(0, 1, 7)[:, None]
        for start, goal, bend in (
            (edge[0], ear[0] + (0.16 * sign, 0.02), -0.03),
            (edge[2], ear[1] + (0.15 * sign, 0.02), 0.05),
        ):
            loops.append(start + t * (goal - start) + np.array([0, bend]) * np.sin(np.pi * t))
    return loops


def fit_mask(points: np.ndarray, height: float, tilt: float) -> Fit | None:
    """Mask on a face.

    points: (68, 2) pixels, hidden ones already replaced. height: 0..1 from nose point 28 to 29. tilt: shift of both
    upper corners along the jaw, in jaw points (one goes up, the other down). None where the points span no face.
    """
    found = face_frame(points)
    if found is None:
        return None
    origin, unit, axes = found
    face = (points - origin) @ axes.T / unit
    jaw = face[_JAW]
    outwards = jaw - jaw[2:15].mean(0) * (1, 0.8)
    outwards /= np.maximum(np.hypot(outwards[:, 0], outwards[:, 1]), 1e-6)[:, None]
    margin = SIDE_MARGIN + (CHIN_MARGIN - SIDE_MARGIN) * np.clip(1 - np.abs(np.arange(17) - 8) / 4, 0, 1)
    wide = face.copy()
    wide[_JAW] += outwards * margin[:, None]
    top = _top_edge(wide, height, tilt)
    bottom = _along(wide[_JAW], np.linspace(4, 12, TOP))
    right, left = (
        _along(wide[_JAW], np.linspace(1 + tilt, 4, SIDE)),
        _along(wide[_JAW], np.linspace(15 + tilt, 12, SIDE)),
    )
    right[0], left[0] = top[0], top[-1]
    mesh = _mesh(top, bottom, right, left)
    outline = _SMOOTH @ np.concatenate([top, left[1:-1], bottom[::-1], right[1:-1][::-1]])

    def to_pixels(xy: np.ndarray) -> np.ndarray:
        return xy * unit @ axes + origin

    return Fit(
        to_pixels(outline),
        to_pixels(mesh),
        [to_pixels(loop) for loop in _loops(face, (right, left))],
        origin,
        unit,
        axes,
    )
