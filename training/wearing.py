"""Masks put on bare faces while they are read: others at every look for training, the same ones for validation and test."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import numpy as np
import torch

from pre_processing.artefacts import InputError, read_object, write_object
from pre_processing.copies import face_seed
from pre_processing.meanface import hide_points
from pre_processing.overlay import put_mask


class Masks(NamedTuple):
    """kinds: as in pre_processing.mask_kinds.kinds_of; share: of the faces that wear one.

    fixed: who wears what follows from the path, exactly as pre_processing.prepare draws it with seed 0; else it is
    drawn anew at every look, by torch's global generator. second: kinds of one more mask, which goes over the first.
    """

    kinds: str
    share: float = 1.0
    fixed: bool = False
    second: str | None = None

    @property
    def worn(self) -> str:
        """What the faces wear, in words of Scripts.txt: `seen`, `unseen under surgical_white`."""
        return f"{self.kinds} under {self.second}" if self.second else self.kinds


def put_on(image: np.ndarray, points: np.ndarray, masks: Masks, path: str) -> tuple[np.ndarray, np.ndarray]:
    """(image, points (68,2)) with a mask on and what it hides replaced, or as they came for a face that wears none."""
    if masks.fixed:
        seed, chance, above = face_seed(0, path), face_seed(1, path) / 2**32, face_seed(2, path)
    else:
        seed, chance = int(torch.randint(2**31, ())), float(torch.rand(()))
        above = int(torch.randint(2**31, ())) if masks.second else 0
    if chance >= masks.share:
        return image, points
    worn, description = put_mask(image, points, seed, masks.kinds)
    if description["placement"] == "none":
        return image, points
    if masks.second:  # worn in another way than the first, as whoever puts it there does not know how that one sits
        worn, _ = put_mask(worn, points, above, masks.second)
    return worn, np.asarray(hide_points(points), np.float32)


def checksum(images: Iterable[np.ndarray]) -> str:
    """16 hex digits that tell whether faces are, pixel by pixel, the ones of another time."""
    pixels = hashlib.sha256()
    for image in images:
        pixels.update(np.ascontiguousarray(image).tobytes())
    return pixels.hexdigest()[:16]


def freeze(file: Path, worn: dict[str, Any]) -> None:
    """Note kinds, number of faces and checksum in `file` (JSON); InputError where another checksum is noted there."""
    wrong = "not a record of test masks ({error}); restore it, or remove it and test again"
    key = f"{worn['kinds']}, {worn['faces']} faces"
    file.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(file.with_suffix(".lock")):  # another run may note its own at the same time
        noted = read_object(file, wrong) if file.is_file() else {}
        if noted.setdefault(key, worn["sha256"]) != worn["sha256"]:
            raise InputError(f"{file}: test faces wore other masks ({key}) when earlier runs were tested; "
                             "another machine or version may draw a pixel otherwise. Give --results FOLDER for results of your own")  # fmt: skip
        write_object(file, dict(sorted(noted.items())))
