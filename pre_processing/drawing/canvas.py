"""A canvas for drawn faces: soft polygons and lines in colour, the same as relief, and light on the relief.

Coordinates are pixels of the canvas with pixel centres at integers; lengths are in `unit`s (pixels of an eye distance).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

Window = tuple[slice, slice]


def spline(points: np.ndarray, steps: int = 6) -> np.ndarray:
    """Open Catmull-Rom curve ((n-1)*steps+1, 2) through points (n, 2)."""
    p = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]]).astype(np.float64)
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([curve.reshape(-1, 2), points[-1:]])


def taper(points: np.ndarray, width: float) -> np.ndarray:
    """Polygon of a line through points (n, 2) that is `width` pixels wide in the middle and ends in tips."""
    line = spline(points)
    along = np.gradient(line, axis=0)
    across = along[:, ::-1] * (-1, 1) / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
    half = width / 2 * np.sin(np.pi * np.linspace(0, 1, len(line)))[:, None] ** 0.7
    return np.concatenate([line + half * across, (line - half * across)[::-1]])


def lip_curve(points: np.ndarray, bulge: float = 0.22) -> np.ndarray:
    """Curve through points (n, 2) of a lip from corner to corner, rounder beside the corners than a spline alone."""
    axis = points[-1] - points[0]
    across = axis[::-1] * (-1, 1) / max(float(np.hypot(*axis)), 1e-6)
    ends = [
        (end + near) / 2 + bulge * ((near - end) @ across) * across
        for end, near in ((points[0], points[1]), (points[-1], points[-2]))
    ]
    return spline(np.concatenate([points[:1], ends[:1], points[1:-1], ends[1:], points[-1:]]), 5)


def ellipse(centre: np.ndarray, across: np.ndarray, down: np.ndarray, count: int = 28) -> np.ndarray:
    """(count, 2) points of an ellipse with half axes `across` and `down` (2,)."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)[:, None]
    return centre + np.cos(angle) * across + np.sin(angle) * down


class Canvas:
    """image float32 (side, side, 3) in 0..1, relief float32 (side, side) in units."""

    def __init__(self, side: int, unit: float) -> None:
        self.side, self.unit = side, unit
        self.image = np.zeros((side, side, 3), np.float32)
        self.relief = np.zeros((side, side), np.float32)

    def soft(self, shape: np.ndarray, blur: float, width: float | None = None) -> tuple[Window, np.ndarray]:
        """Window and blurred cover 0..1 of a polygon (n, 2) or several (k, n, 2), or with `width` of lines."""
        shapes = shape.reshape(-1, *shape.shape[-2:])
        sigma = blur * self.unit
        thick = 0 if width is None else max(1, round(width * self.unit))
        # Broad blurs hide the pixels: draw them smaller.
        scale = 1 << int(np.clip(math.log2(max(sigma / 3, 1)), 0, 3))
        room = 3 * sigma + thick / 2 + scale
        low = np.floor(np.clip(shapes.min((0, 1)) - room, 0, self.side) / scale).astype(int)
        high = np.ceil(np.clip(shapes.max((0, 1)) + room, 0, self.side) / scale).astype(int)
        window = tuple(slice(a * scale, min(b * scale, self.side)) for a, b in zip(low[::-1], high[::-1], strict=True))
        if (high <= low).any():
            return window, np.zeros((0, 0), np.float32)
        # Room around keeps the canvas's border from reflecting into the picture.
        pad = math.ceil(3 * sigma / scale) if sigma else 0
        cover = np.zeros((*(high - low)[::-1] + 2 * pad,), np.uint8)
        local = np.round((((shapes + 0.5) / scale - 0.5) - low + pad) * 16).astype(np.int32)
        if width is None:
            for each in local:
                cv2.fillPoly(cover, [each], 255, cv2.LINE_AA, 4)
        else:
            cv2.polylines(cover, list(local), False, 255, max(1, round(thick / scale)), cv2.LINE_AA, 4)
        cover = cover.astype(np.float32) / 255
        if sigma:
            cover = cv2.GaussianBlur(cover, (0, 0), sigma / scale)
        cover = cover[pad : cover.shape[0] - pad, pad : cover.shape[1] - pad]
        if scale > 1:
            cover = cv2.resize(cover, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        rows, columns = (part.stop - part.start for part in window)
        return window, cover[:rows, :columns]

    def paint(
        self,
        shape: np.ndarray,
        colour: Sequence[float] | np.ndarray,
        alpha: float = 1.0,
        *,
        blur: float = 0.0,
        width: float | None = None,
        within: np.ndarray | None = None,
    ) -> None:
        """Lay a colour (3,) or picture (side, side, 3) over a shape; `within`: cover (side, side) it is kept to."""
        window, cover = self.soft(shape, blur, width)
        if not cover.size:
            return
        cover *= np.float32(alpha)
        if within is not None:
            cover *= within[window]
        colour = np.asarray(colour, np.float32)
        over = colour[window] if colour.ndim == 3 else colour
        part = self.image[window]
        part += cover[..., None] * (over - part)

    def raise_(self, shape: np.ndarray, height: float, blur: float, width: float | None = None) -> None:
        """Add a soft bump (height < 0: hollow) to the relief; lengths in units."""
        window, cover = self.soft(shape, blur, width)
        if cover.size:
            self.relief[window] += np.float32(height) * cover

    def cover(self, shape: np.ndarray, blur: float = 0.0) -> np.ndarray:
        """Cover (side, side) 0..1 of a polygon."""
        whole = np.zeros((self.side, self.side), np.float32)
        window, cover = self.soft(shape, blur)
        if cover.size:
            whole[window] = cover
        return whole

    def dome(self, cover: np.ndarray, reach: float, height: float) -> np.ndarray:
        """Relief (side, side) that swells from the edge of `cover` over a distance of `reach` to `height`, in units."""
        inside = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) / (
            reach * self.unit
        )
        swell = np.sqrt(1 - (1 - np.minimum(inside, 1)) ** 2).astype(np.float32)
        return self.smooth(swell, 0.09) * np.float32(height)

    def smooth(self, picture: np.ndarray, blur: float) -> np.ndarray:
        """A float picture blurred by units, at a quarter of the size: for broad blurs."""
        small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), max(blur * self.unit / 4, 0.3))
        return cv2.resize(small, (self.side, self.side), interpolation=cv2.INTER_LINEAR)

    def light(self, relief: np.ndarray, source: Sequence[float], key: float) -> tuple[np.ndarray, np.ndarray]:
        """(brightness around 1, gloss 0..1), both (side, side), of a relief under a lamp in direction `source` (3,).

        `key`: share of the light that comes from the lamp, the rest comes from everywhere.
        """
        x, y, z = (float(part) for part in source)
        scale = self.unit / 8
        dx = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3, scale=scale)
        dy = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3, scale=scale)
        norm = 1 / np.sqrt(dx * dx + dy * dy + 1)
        facing = (z - dx * x - dy * y) * norm
        half = math.sqrt(x * x + y * y + (z + 1) ** 2)
        gloss = np.maximum(facing * (1 / half) + norm * (1 / half), 0) ** 2
        gloss = (gloss * gloss * gloss) ** 2  # to the 12th
        # Hollows get less light from around, edges that turn away too.
        hollow = np.clip((self.smooth(relief, 0.08) - relief) * 9, 0, 0.45)
        around = (0.72 + 0.28 * norm) * (1 - hollow)
        # Lamps have a size, and skin carries light around: it fades past the edge instead of ending there.
        facing = np.maximum(facing + 0.4, 0) * (key / (max(z, 0.5) + 0.4))
        return facing + around * (1 - key), gloss * gloss
