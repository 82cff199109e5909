"""Light on a mask, read from skin that stays visible; pixels under the mask are never looked at."""

from __future__ import annotations

import cv2
import numpy as np

from pre_processing.mask_shape import Fit

MOST = 600  # skin pixels used: enough for a plane, the same cost at any size


def _skin(points: np.ndarray, covered: np.ndarray, fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of uncovered pixels between jaw line and forehead."""
    face = np.zeros(covered.shape, np.uint8)
    forehead = points[17:27] - 0.3 * fit.unit * fit.axes[1]
    outline = np.clip(np.concatenate([points[:17], forehead[::-1]]), -4000, 8000)
    cv2.fillPoly(face, [np.round(outline).astype(np.int32)], 255)
    face[covered] = 0
    rows, columns = np.nonzero(face)
    pick = slice(None, None, max(1, len(rows) // MOST))
    return rows[pick], columns[pick]


def light_plane(grey: np.ndarray, points: np.ndarray, covered: np.ndarray, fit: Fit) -> np.ndarray:
    """Brightness (h, w) float32, 0..255, that white cloth would have at each pixel.

    A plane through the visible skin, carried on under the mask. grey: (h, w) uint8; points: (68, 2) in its pixels;
    covered: (h, w) bool.
    """
    rows, columns = _skin(points, covered, fit)
    if len(rows) < 12:
        return np.full(grey.shape, 150, np.float32)
    value = grey[rows, columns].astype(np.float64)
    local = (np.stack([columns, rows], 1) - fit.origin) @ fit.axes.T / fit.unit
    level = max(float(np.quantile(value, 0.65)), 8.0)
    # Eyes, brows and hair are dark, highlights bright: both are clipped, dark ones count little; the slope is damped.
    ratio = np.clip(value / level, 0.6, 1.3) - 1
    basis = np.column_stack([np.ones(len(local)), local])
    weight = np.where(ratio < -0.3, 0.1, 1.0)
    damping = np.diag([1e-3, 0.05, 0.2]) * len(local)
    slope = np.linalg.solve(basis.T @ (basis * weight[:, None]) + damping, basis.T @ (weight * ratio))
    x, y = np.arange(grey.shape[1]) - fit.origin[0], (np.arange(grey.shape[0]) - fit.origin[1])[:, None]
    across, down = ((x * axis[0] + y * axis[1]) / fit.unit for axis in fit.axes)
    plane = np.clip(1 + slope[1] * across + 0.5 * slope[2] * np.clip(down, 0, 1.5), 0.6, 1.3)
    # Cloth is lighter than most skin; the power keeps it plausible on dark skin and in dim light.
    return (250 * (level / 195) ** 0.45 * plane).astype(np.float32)
