"""Two mask routines of others, drawn as their authors describe them and kept apart from the project's own masks.

Nothing is trained on them: they show what detector, points and classifier do with masks that they have never met.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

COLOURS = ((170, 205, 230), (240, 240, 240), (35, 35, 38), (190, 220, 190), (150, 60, 60), (90, 90, 130))
TEMPLATE = (240, 320)  # height and width in pixels
# Where six places of the template lie on the face: x and y in the template, and the point on the face.
_CORNERS = np.array([(0, 52), (160, 6), (320, 52), (298, 186), (160, 236), (22, 186)], np.float32)


def _colour(seed: int) -> np.ndarray:
    rng = np.random.default_rng((seed, 77))
    return np.array(COLOURS[rng.integers(len(COLOURS))]) * rng.uniform(0.85, 1.05)


def polygon(image: np.ndarray, points: np.ndarray, seed: int) -> np.ndarray:
    """A flat, one-coloured polygon from ear to ear over nose bridge and jaw, without any shading.

    The simplest mask of the literature: jaw points 1 to 15 and nose point 28 (0-based) joined by straight lines.
    """
    out = image.copy()
    outline = np.vstack([points[1:16], points[28:29]])
    colour = np.clip(_colour(seed), 0, 255)
    cv2.fillPoly(out, [np.rint(outline).astype(np.int32)], colour.tolist() if image.ndim == 3 else float(colour.mean()))
    return out


@lru_cache(maxsize=1)
def _template() -> tuple[np.ndarray, np.ndarray]:
    """Shade (h, w) 0..1 and alpha (h, w) 0..1 of a pleated mask seen from the front."""
    height, width = TEMPLATE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    shade = 0.98 - 0.22 * np.abs(x / width * 2 - 1) ** 2 - 0.12 * (y / height)
    for fold in (0.38, 0.55, 0.72):
        shade -= 0.14 * np.exp(-(((y / height - fold - 0.03 * np.cos((x / width - 0.5) * np.pi)) / 0.012) ** 2))
    alpha = np.zeros(TEMPLATE, np.uint8)
    curve = [(0, 52), (60, 30), (120, 12), (160, 6), (200, 12), (260, 30), (320, 52), (316, 120), (298, 186), (240, 222),
             (160, 236), (80, 222), (22, 186), (4, 120)]  # fmt: skip
    cv2.fillPoly(alpha, [np.array(curve, np.int32)], 255, cv2.LINE_AA)
    return shade, alpha / np.float32(255)


def template(image: np.ndarray, points: np.ndarray, seed: int) -> np.ndarray:
    """A shaded picture of a mask laid on the face by one perspective map, as bright as the photo on the whole.

    After Anwar and Raychowdhury, "Masked face recognition for secure authentication", 2020 (MaskTheFace): six places
    of a template meet six of the face. The template here is drawn, not theirs.
    """
    shade, alpha = _template()
    target = np.array([points[1], points[28], points[15], points[12], points[8], points[4]], np.float32)
    matrix, _ = cv2.findHomography(_CORNERS, target)
    size = image.shape[1::-1]
    shade, alpha = (cv2.warpPerspective(layer, matrix, size, flags=cv2.INTER_LINEAR) for layer in (shade, alpha))
    light = 0.6 + 0.4 * float(image.mean()) / 128
    colour = _colour(seed + 1) if image.ndim == 3 else _colour(seed + 1).mean(keepdims=True)
    cloth = np.clip(shade[..., None] * colour * light, 0, 255)
    picture = image.reshape(*image.shape[:2], -1)
    mixed = picture + alpha[..., None] * (cloth - picture)
    return np.rint(mixed).astype(np.uint8).reshape(image.shape)


ROUTINES: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {"polygon": polygon, "template": template}
