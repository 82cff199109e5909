"""Light on a mask, blur and noise of the photo: all read from skin that stays visible, never from under the mask."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from pre_processing.mask_shape import Fit
from pre_processing.mask_warp import CELLS, STEPS

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Look(NamedTuple):
    """How a photo was taken: softness (1 sharp; f as if enlarged f times) and noise (standard deviation, 0..255)."""

    softness: float
    noise: float


def _spots() -> tuple[np.ndarray, np.ndarray]:
    """Weights (S, 68) that give spots of skin as mixtures of landmarks, and shifts (S, 2) in the face's frame."""
    spots = [((17 + i,), (0, -y)) for i in range(10) for y in (0.1, 0.16, 0.22, 0.28, 0.34)]
    spots += [((21, 22, 27), (x, -y)) for x in (-0.1, 0.0, 0.1) for y in (0.0, 0.1, 0.2, 0.3)]
    spots += [((27, 28), (x, y)) for x in (-0.06, 0.0, 0.06) for y in (-0.05, 0.05)]
    for eye, jaw in ((36, 0), (45, 16)):
        spots += [((eye,) * a + (jaw,) * b, (0, y)) for a, b in ((3, 1), (1, 1), (1, 3)) for y in (-0.1, 0.0, 0.1, 0.2)]
    spots += [((eye,), (x, y)) for eye in (36, 40, 41, 46, 47, 45) for x in (-0.06, 0.06) for y in (0.09, 0.14)]
    weights = np.zeros((len(spots), 68))
    for row, (points, _) in enumerate(spots):
        np.add.at(weights[row], list(points), 1 / len(points))
    return weights, np.array([shift for _, shift in spots], float)


_SPOTS = _spots()
_WEIGHTS = np.repeat(_SPOTS[0], 2, 0)
_SHIFTS = (_SPOTS[1][:, None] + ((-0.025, -0.02), (0.025, 0.02))).reshape(-1, 2)  # two samples a spot


def skin(
    image: np.ndarray, points: np.ndarray, alpha: np.ndarray, corner: np.ndarray, fit: Fit
) -> tuple[np.ndarray, np.ndarray]:
    """Colours (N, c) float32 of visible skin and their places (N, 2) in the face's frame.

    image: (h, w[, 3]) uint8; points: (68, 2) in its pixels; alpha: (h, w) uint8, not 0 where something is worn, with its
    upper left pixel at `corner` (x, y) of the image.
    """
    places = np.rint(_WEIGHTS @ points + _SHIFTS @ (fit.axes * fit.unit)).astype(int)
    places = np.minimum(np.maximum(places, 0), (image.shape[1] - 1, image.shape[0] - 1))
    # Nothing is worn outside alpha, so the nearest of its pixels can only rule out too much.
    worn = np.minimum(np.maximum(places - corner, 0), (alpha.shape[1] - 1, alpha.shape[0] - 1))
    places = places[alpha[worn[:, 1], worn[:, 0]] == 0]
    colours = image[places[:, 1], places[:, 0]].astype(np.float32).reshape(len(places), 1 if image.ndim == 2 else 3)
    return colours, (places - fit.origin) @ (fit.axes.T / fit.unit)


_DAMPING = np.diag([1e-3, 0.05, 0.2])


def light_grid(colours: np.ndarray, places: np.ndarray, fit: Fit, size: tuple[int, int]) -> np.ndarray:
    """Brightness (CELLS, CELLS, c) 0..255, that white cloth would have over a window of `size` (h, w).

    A plane through the visible skin (colours and places as `skin` gives them), carried on under the mask; cloth takes
    on a little of the skin's tint, as what it reflects comes from there.
    """
    channels = colours.shape[-1]
    if len(colours) < 12:
        return np.full((CELLS, CELLS, channels), 150, np.float32)
    value = colours @ LUMA if channels == 3 else colours[:, 0]
    level = max(float(np.partition(value, int(0.65 * len(value)))[int(0.65 * len(value))]), 8.0)
    # Eyes, brows and hair are dark, highlights bright: both are clipped, dark ones count little; the slope is damped.
    ratio = np.minimum(np.maximum(value / level, 0.6), 1.3) - 1
    weight = 0.1 + 0.9 * (ratio >= -0.3)
    basis = np.ones((len(places), 3))
    basis[:, 1:] = places
    weighted = basis.T * weight
    slope = cv2.solve(weighted @ basis + _DAMPING * len(places), weighted @ ratio[:, None])[1][:, 0]
    # Axis-parallel steps of the window, turned into the face's frame.
    x, y = (STEPS * side - 0.5 - start for side, start in zip(size[::-1], fit.origin, strict=True))
    across, down = ((axis[0] * x + axis[1] * y[:, None]) / fit.unit for axis in fit.axes)
    plane = slope[1] * across + 0.5 * slope[2] * np.minimum(np.maximum(down, 0), 1.5)
    plane = np.minimum(np.maximum(plane, -0.4), 0.3) + 1
    # Cloth is lighter than most skin; the power keeps it plausible on dark skin and in dim light.
    light = 250 * (level / 195) ** 0.45 * plane
    tint = np.ones(channels, np.float32)
    if channels == 3:
        tone = weight @ colours / max(float(weight @ value), 1.0)
        tint = 0.9 + 0.10 * np.minimum(np.maximum(tone, 0.6), 1.5)
    return light[..., None] * tint


def look(grey: np.ndarray, bare: np.ndarray) -> Look:
    """Softness and noise of a photo's part. grey: (h, w) uint8; bare: (h, w) uint8, not 0 where it may be read.

    Softness comes from the detail of about 1 to 2 pixels against that of 2 to 3; noise from the calmest quarter.
    """
    at = np.flatnonzero(cv2.erode(bare, _REACH, borderType=cv2.BORDER_CONSTANT, borderValue=0))
    if len(at) < 60:
        return Look(1.0, 1.0)
    at = at[:: max(1, len(at) // 1200)]
    value = grey.astype(np.float32)
    blurred = [cv2.GaussianBlur(value, (size, size), sigma).ravel()[at] for size, sigma in _BLURS]
    fine, wide = blurred[0] - blurred[1], blurred[1] - blurred[2]
    soft = float(np.interp(fine @ fine / max(float(wide @ wide), 1e-3), *_SOFTNESS))
    calm = np.abs(fine if soft > 1.5 else value.ravel()[at] - blurred[0])
    noise = float(np.partition(calm, len(calm) // 4)[len(calm) // 4]) / 0.3186
    # The calmest skin has texture too, the more of it the wider the detail: only a part is taken for noise.
    return Look(soft, min(1.4 * noise, 2.0) if soft > 1.5 else min(0.9 * noise, 6.0))


_REACH = np.ones((13, 13), np.uint8)
_BLURS = ((5, 0.8), (9, 1.8), (13, 3.2))
# Share of fine detail, and softness: from portraits shrunk and enlarged again, linear and cubic alike (medians 0.34 at
# 4.67 times, 0.47 at 3, 0.60 at 2, 0.82 untouched); held back below 2, as a calm face in a sharp photo has little.
_SOFTNESS = ((0.27, 0.34, 0.395, 0.46, 0.53, 0.60), (6.0, 4.67, 4.0, 3.0, 2.0, 1.0))
