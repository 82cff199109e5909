"""Light on a mask, blur and noise of the photo: all read from skin that stays visible, never from under the mask."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from pre_processing.mask_shape import Fit
from pre_processing.mask_warp import CELLS, STEPS

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Look(NamedTuple):
    """How a photo was taken: blur (standard deviation in pixels, 0 sharp) and noise (standard deviation, 0..255)."""

    blur: float
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
_WEIGHTS = np.repeat(_SPOTS[0], 2, 0).T.copy()
_SHIFTS = (_SPOTS[1][:, None] + ((-0.025, -0.02), (0.025, 0.02))).reshape(-1, 2).T.copy()  # two samples a spot


def skin(
    image: np.ndarray, points: np.ndarray, alpha: np.ndarray, corner: np.ndarray, fit: Fit
) -> tuple[np.ndarray, np.ndarray]:
    """Colours (N, c) float32 of visible skin and their places (2, N) in the face's frame.

    image: (h, w[, 3]) uint8; points: (68, 2) in its pixels; alpha: (h, w) uint8, not 0 where something is worn, with its
    upper left pixel at `corner` (x, y) of the image.
    """
    at = np.rint(points.T @ _WEIGHTS + (fit.axes.T * fit.unit) @ _SHIFTS).astype(np.intp)
    at = np.minimum(np.maximum(at, 0), [[image.shape[1] - 1], [image.shape[0] - 1]])
    # Nothing is worn outside alpha, so the nearest of its pixels can only rule out too much.
    worn = np.minimum(np.maximum(at - corner[:, None], 0), [[alpha.shape[1] - 1], [alpha.shape[0] - 1]])
    x, y = at = at.compress(alpha[worn[1], worn[0]] == 0, 1)
    colours = image[y, x].astype(np.float32).reshape(len(x), 1 if image.ndim == 2 else 3)
    return colours, (fit.axes / fit.unit) @ (at - fit.origin[:, None])


_GRID = np.stack(np.meshgrid(STEPS, STEPS)).reshape(2, -1)
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
    basis = np.ones((3, len(value)))
    basis[1:] = places
    weighted = basis * weight
    slope = cv2.solve(weighted @ basis.T + _DAMPING * len(value), weighted @ ratio[:, None])[1].ravel().tolist()
    # The window's grid in the face's frame.
    across, down = (fit.axes * (size[1] / fit.unit, size[0] / fit.unit)) @ _GRID - (
        fit.axes @ (0.5 + fit.origin) / fit.unit
    )[:, None]
    plane = slope[1] * across + (0.5 * slope[2]) * np.minimum(np.maximum(down, 0), 1.5)
    # Cloth is lighter than most skin; the power keeps it plausible on dark skin and in dim light.
    white = 250 * (level / 195) ** 0.45
    light = np.minimum(np.maximum(plane, -0.4), 0.3).reshape(CELLS, CELLS) * white + white
    tint = np.ones(channels, np.float32)
    if channels == 3:
        tone = weight @ colours / max(float(weight @ value), 1.0)
        tint = 0.9 + 0.10 * np.minimum(np.maximum(tone, 0.6), 1.5)
    return light[..., None] * tint


def look(image: np.ndarray, fit: Fit) -> Look:
    """Blur and noise of a photo, uint8 (h, w[, 3]), from brows, eyes and what is between them."""
    x, y = at = _look_at(image.shape, fit)
    if len(x) < 36 * 8:  # down to the upper lids
        return Look(0.0, 1.0)  # too few pixels to tell, or to show
    (left, top), (right, bottom) = at.min(1).tolist(), at.max(1).tolist()
    if left < 1 or top < 1 or right > image.shape[1] - 2 or bottom > image.shape[0] - 2:
        x, y = np.clip(x, 1, image.shape[1] - 2), np.clip(y, 1, image.shape[0] - 2)
    left, top = max(left - _REACH, 0), max(top - _REACH, 0)
    value = image[top : max(bottom, 0) + _REACH + 1, left : max(right, 0) + _REACH + 1]
    if not value.size:
        return Look(0.0, 1.0)  # all of it is beyond the photo
    value = (cv2.cvtColor(value, cv2.COLOR_RGB2GRAY) if value.ndim == 3 else value).astype(np.float32)
    wide = value.shape[1]
    around = (
        y * wide + x + (np.array([[0], [-1], [-wide], [1], [wide]]) - top * wide - left)
    )  # it, left, up, right, down
    narrow, broad = (cv2.GaussianBlur(value, (size, size), sigma).ravel().take(around) for size, sigma in _BLURS)
    value = value.ravel().take(around)
    blur = min(max(_bend_blur(value), _slope_blur(narrow, broad, fit.unit)), MOST_BLUR)
    calm = np.abs(narrow[0] - broad[0] if blur > SOFT else value[0] - narrow[0])
    noise = float(np.partition(calm, len(calm) // 4)[len(calm) // 4]) / 0.3186
    # The calmest skin has texture too, the more of it the wider the detail: only a part is taken for noise.
    return Look(blur, min(1.4 * noise, 2.0) if blur > SOFT else min(0.9 * noise, 6.0))


def _bend_blur(value: np.ndarray) -> float:
    """Blur (pixels) from how much the steepest slopes bend within a pixel, against how steep they are.

    value: (5, N) of pixels and their neighbours. Right for sharp photos, little blur and enlarged photos, which are made
    of straight slopes, up to about 2; noise bends slopes too, so it tells too little then.
    """
    slope, bend = np.abs(value[3:] - value[1:3]), np.abs(value[3:] + value[1:3] - 2 * value[0])
    return min(BEND * float(np.vdot(slope, slope)) / max(float(np.vdot(slope, bend)), 1e-3), 2.2)


BEND = 0.2


def _slope_blur(narrow: np.ndarray, broad: np.ndarray, unit: float) -> float:
    """Blur (pixels) from the energy of slopes after a narrow blur against that after a broad one, values (5, N) both.

    Blurring takes the less from slopes the more they are blurred already. Fitted to portraits blurred by 1 to 4 pixels
    whose unit was 30 to 140 pixels; what sharp photos have too (lens, shrinking) is taken off.
    """
    fine, coarse = (float(np.vdot(slope, slope)) for slope in (narrow[3:] - narrow[1:3], broad[3:] - broad[1:3]))
    whole = 0.81 * max(fine / max(coarse, 1e-3) - 1, 0.03) ** -0.68 * (unit / 84) ** -0.25
    return math.sqrt(max(whole**2 - 0.7**2, 0))


SOFT = 0.9  # pixels; less blur is not matched
MOST_BLUR = 4.0  # pixels; more cannot be told apart


_ROWS = np.linspace(-0.45, 0.10, 14)
# One half of the face tells enough where the photo is large.
_WHOLE, _HALF = (np.array([(x, y) for y in _ROWS for x in np.linspace(-0.68, right, 36)]).T for right in (0.68, -0.05))
_REACH = 5  # of the wider blur below and a slope beside it, in pixels


def _look_at(shape: tuple[int, ...], fit: Fit) -> np.ndarray:
    """Pixels (2, N: x, y) of brows and eyes from which no blur reaches the mask."""
    if fit.unit < 28:
        return np.empty((2, 0), int)
    highest = float(((fit.mesh[0, 1:-1] - fit.origin) @ fit.axes[1]).min()) - 1.4 * _REACH
    grid = _WHOLE if fit.unit < 56 else _HALF
    rows = max(math.floor((highest / fit.unit + 0.45) / (_ROWS[1] - _ROWS[0])) + 1, 0)
    at = np.rint((fit.axes.T * fit.unit) @ grid[:, : 36 * rows] + fit.origin[:, None]).astype(int)
    # A face that is mostly outside the photo tells too little.
    return at if 0 <= fit.origin[0] < shape[1] and 0 <= fit.origin[1] < shape[0] else at[:, :0]


_BLURS = ((5, 0.8), (9, 1.6))  # width and standard deviation, pixels
