"""Faces that may wear a mask: their visible points, and whether they wear one.

dlib's predictor places brows and eyes of a covered face by a mouth that it does not see. The small convolutional network
used here was trained by benchmarks/covered.py on real faces, bare and under drawn masks, to give the points of the bare face.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from pre_processing.crop import similarity, warp
from pre_processing.meanface import FLIP, MEAN_FACE, VISIBLE, hide_points

NETWORK = Path(__file__).with_name("covered.onnx")
SIDE = 64  # pixels of the network's crop
EYES = 21.0  # distance between the eyes there, in pixels
PLACE = MEAN_FACE * EYES + np.array([(SIDE - 1) / 2, EYES], np.float32)  # where the points of a mean face lie in it
SURE = 0.9  # the least chance of an answer on whether a mask is worn
SEEN = np.array(VISIBLE)
MIRRORED = np.array([VISIBLE.index(FLIP[point]) for point in VISIBLE])  # how visible points change places in a mirror
FIRM = np.arange(17, len(VISIBLE))  # of the visible points, those above the mask: brows, nose bridge, eyes


class Look(NamedTuple):
    """Points (68, 2) float32 in image pixels, hidden ones by the mean face; chance that a mask is worn."""

    points: np.ndarray
    worn: float

    @property
    def masked(self) -> bool | None:
        """Whether a mask is worn; None where the chance says neither."""
        if max(self.worn, 1 - self.worn) < SURE:
            return None
        return self.worn > 0.5


@lru_cache(maxsize=1)
def _session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # as many processes as cores look at photos already
    return onnxruntime.InferenceSession(NETWORK.read_bytes(), options, providers=["CPUExecutionProvider"])


def normalised(crops: np.ndarray) -> np.ndarray:
    """Crops (N, SIDE, SIDE) of any brightness and contrast, as (N, 1, SIDE, SIDE) float32 for the network."""
    crops = np.asarray(crops, np.float32)
    mean, spread = crops.mean((1, 2), keepdims=True), crops.std((1, 2), keepdims=True)
    return ((crops - mean) / (spread + 1))[:, None]


def box_matrix(box: np.ndarray) -> np.ndarray:
    """Map (2, 3) into the crop that puts the mean face's eyes where a detector's box (4,) has them."""
    side = max(float((box[2:] - box[:2]).mean()), 1.0)
    eyes = side / 2.29  # fitting.box_of gives a mean face with this distance between the eyes such a box
    middle = (box[:2] + box[2:]) / 2 - (0, 0.418 * eyes)
    scale = EYES / eyes
    return np.column_stack([np.eye(2) * scale, PLACE[36:48].mean(0) - scale * middle])


def _ask(grey: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """Visible points (42, 2) in `grey` and the logit of a mask, from the crop that `matrix` (2, 3) cuts and its mirror."""
    crop = warp(grey, matrix, SIDE)
    (answer,) = _session().run(None, {"crop": normalised(np.stack([crop, crop[:, ::-1]]))})
    shifts = answer[:, :-1].reshape(2, -1, 2)
    shifts = (shifts[0] + shifts[1][MIRRORED] * (-1, 1)) / 2
    back = cv2.invertAffineTransform(matrix)
    return (PLACE[SEEN] + EYES * shifts) @ back[:, :2].T + back[:, 2], float(answer[:, -1].mean())


def look(grey: np.ndarray, box: np.ndarray) -> Look:
    """The face in a detector's box (4,): left, top, right, bottom in pixels of `grey` (H, W) uint8.

    The first crop is the box's, the second one lies where the first one's points are.
    """
    matrix = box_matrix(np.asarray(box, np.float64))
    seen, _ = _ask(grey, matrix)
    seen, logit = _ask(grey, similarity(seen[FIRM], PLACE[SEEN][FIRM]))
    points = np.zeros((68, 2))
    points[SEEN] = seen
    return Look(hide_points(points), 1 / (1 + float(np.exp(-logit))))
