"""The one crop of a face, used for preparing, training and predicting alike.

Geometry: an upright square around the points that are kept under a mask (jaw, brows, nose bridge, eyes: 0-29 and 36-47,
0-based). Its centre is the middle of their bounding box, its side FACTOR times the longer side of that box. Because
hidden points take no part, a face is cropped the same with and without a mask. Pixel centres lie at integer
coordinates; what lies beyond the photo repeats its border.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from pre_processing.artefacts import InputError
from pre_processing.meanface import VISIBLE

FACTOR = 1.25
PHONES = (".heic", ".heif")  # whole photos of phones, which few versions of OpenCV read
CONVERT = "convert it to .jpg (on an iPhone: Settings, Camera, Formats, Most Compatible)"


def read_image(path: str | Path) -> np.ndarray:
    """RGB uint8 image (H, W, 3), turned upright by its EXIF orientation; InputError names a file that is unreadable."""
    try:
        # Not cv2.imread: it prints warnings of its own and says nothing about why a file cannot be opened.
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}); check the path") from error
    except cv2.error as error:
        if "CV_IO_MAX_IMAGE" in str(error):
            raise InputError(f"{path}: too many pixels; make it smaller, or remove the file") from error
        image = None
    if image is None:
        remedy = CONVERT if Path(path).suffix.lower() in PHONES else "replace or remove the file"
        raise InputError(f"{path}: not a readable image; {remedy}")
    return image


def crop_matrix(points: np.ndarray, size: int) -> np.ndarray:
    """Affine map (2, 3) float32 from image pixels to those of the `size` x `size` crop; points (68, 2) in image pixels.

    Raises InputError where the visible points are not finite or span less than a pixel.
    """
    visible = np.asarray(points, np.float64)[list(VISIBLE)]
    low, high = visible.min(0), visible.max(0)
    extent = float((high - low).max()) if np.isfinite(visible).all() else 0.0
    if extent < 1:
        raise InputError("these 68 points span no face; give points in pixels of the image")
    scale = size / (FACTOR * extent)
    # The crop spans [-0.5, size - 0.5] because its first pixel's centre is 0.
    shift = (size - 1) / 2 - scale * (low + high) / 2
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)


def similarity(points: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Map (2, 3) of turn, scale and shift that takes points (N, 2) closest to `goal` (N, 2), least squares.

    The one that Umeyama, "Least-squares estimation of transformation parameters between two point patterns", IEEE TPAMI 13(4),
    1991, finds in any number of dimensions; in two it needs no decomposition.
    """
    here, there = points - points.mean(0), goal - goal.mean(0)
    # Least-squares similarity, with points as complex numbers.
    (x, y), (u, v) = here.T, there.T
    size = max(float((here**2).sum()), 1e-6)
    cos, sin = float((x * u + y * v).sum()) / size, float((x * v - y * u).sum()) / size
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn, goal.mean(0) - turn @ points.mean(0)])


def apply_matrix(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) through an affine map (2, 3); float32 of the same shape."""
    matrix = np.asarray(matrix, np.float64)
    return (np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Draw an image (H, W[, 3]) uint8 through `matrix` (2, 3) onto `size` x `size` pixels; its border is repeated."""
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    # Shrinking must average every source pixel (as INTER_AREA does): draw `fine` times larger, then average the blocks.
    fine = max(1, math.ceil(1 / scale - 1e-3))
    # No face is four times its picture, and none fills more than 8192 pixels: a landmark that lies far out spoils its own
    # crop, and takes no memory.
    fine = min(fine, 1 + math.ceil(4 * max(image.shape[:2]) / size), max(1, 8192 // size))
    matrix = np.asarray(matrix, np.float64) * fine
    matrix[:, 2] += (fine - 1) / 2
    side = size * fine
    drawn = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(drawn, (size, size), interpolation=cv2.INTER_AREA) if fine > 1 else drawn


def crop_face(image: np.ndarray, points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Crop (size, size, 3) uint8 and the points (68, 2) float32 in its pixels.

    `image`: uint8 (H, W, 3) RGB or (H, W) grey; `points`: (68, 2) in its pixels. InputError as in crop_matrix.
    """
    matrix = crop_matrix(points, size)
    crop = warp(image, matrix, size)
    if crop.ndim == 2:
        crop = np.repeat(crop[:, :, None], 3, axis=2)
    return crop, apply_matrix(matrix, points)
