"""Drawn faces: an image and its exact 68 points for a person and a photo, both of which come from seeds.

Nothing here is measured from a person; the drawings stand in for photographs so that everything can be run by anyone.
"""

from __future__ import annotations

import cv2
import numpy as np

from pre_processing.drawing import features, hair, skin, surroundings
from pre_processing.drawing.cast import Person, Photo, make_person, make_photo
from pre_processing.drawing.scene import Scene

__all__ = ["SIZE", "Person", "Photo", "draw", "make_person", "make_photo"]

SIZE = 160  # pixels of an image's side


def draw(person: Person, photo: Photo, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 (size, size, 3) RGB and points float32 (68, 2) in its pixels."""
    scene = Scene(person, photo, size)
    surroundings.backdrop(scene)
    if person.style != "bald":
        hair.behind(scene)
    surroundings.body(scene)
    skin.ground(scene)
    skin.beard(scene)
    features.nose(scene)
    features.mouth(scene)
    for eye, brow, sign in ((slice(36, 42), slice(17, 22), -1), (slice(42, 48), slice(22, 27), 1)):
        features.eye(scene, scene.p[eye], sign)
        features.brow(scene, scene.p[brow], sign)
    skin.folds(scene)
    skin.shade(scene)
    features.glints(scene)
    if person.style != "bald":
        hair.front(scene)
    if person.glasses:
        features.glasses(scene)
    return _develop(scene), scene.points


def _develop(s: Scene) -> np.ndarray:
    """The camera: smaller picture, exposure, colour cast, blur, noise; uint8 (size, size, 3)."""
    image = cv2.resize(s.canvas.image, (s.size, s.size), interpolation=cv2.INTER_AREA)
    image *= np.array(s.photo.cast, np.float32) * np.float32(s.photo.exposure)
    image -= np.maximum(image - 0.8, 0) * 0.45  # highlights roll off
    if s.photo.blur > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), s.photo.blur)
    rng = np.random.default_rng(s.photo.grain)
    image = image * 255 + rng.standard_normal(image.shape, np.float32) * np.float32(s.photo.noise)
    return (np.clip(image, 0, 255) + 0.5).astype(np.uint8)
