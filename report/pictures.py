"""Pictures for the report: drawn faces and scikit-image's astronaut (NASA, public domain), nobody else's face."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch

from models.backbones import STRIDE, Lite0
from models.regions import region_points, window_size, window_start
from pre_processing import landmarks, render
from pre_processing.crop import crop_face
from pre_processing.drawing.points import UNITS
from pre_processing.emotions import EMOTIONS
from pre_processing.mask_kinds import KINDS
from pre_processing.meanface import hide_points
from pre_processing.overlay import put_mask
from report.numbers import kind_name

SIDE = 200  # pixels of a picture, printed 17 mm wide
# Drawn people of several ages and skins, each with the emotion that it shows; None is the astronaut.
SITTERS = ((4, "Happy"), (11, "Surprise"), (2, "Neutral"), None, (7, "Angry"))


def sitter(number: int, emotion: str, side: int = 3 * SIDE) -> tuple[np.ndarray, np.ndarray]:
    """A drawn face (side, side, 3) uint8 that shows an emotion, and its points (68, 2)."""
    units = dict.fromkeys(UNITS[EMOTIONS.index(emotion)], 0.8)
    return render.draw(render.make_person(0, number), render.Photo(units=units), side)


def astronaut() -> tuple[np.ndarray, np.ndarray]:
    """The photograph (512, 512, 3) uint8 and its points (68, 2)."""
    photo = skimage.data.astronaut()
    return photo, landmarks.fit_photo(photo).points


def gallery(folder: Path) -> list[dict[str, str]]:
    """Write one face for each kind of mask, and a bare one; returns [{"file", "kind"}, ...] in their order."""
    faces = [astronaut() if who is None else sitter(*who) for who in SITTERS]
    panels = []
    for index, kind in enumerate([None, *KINDS]):
        image, points = faces[index % len(faces)]
        worn = put_mask(image, points, 20 + index, kind)[0] if kind else image
        name = f"mask-{kind or 'bare'}.jpg"
        write(folder / name, crop_face(worn, points, SIDE)[0])
        panels.append({"file": name, "kind": kind_name(kind or "no mask")})
    return panels


def network_face(folder: Path, regions: int, imagesize: int) -> dict:
    """Write the masked face of the network's figure; returns its file and the windows' corners as shares of its side."""
    image, points = sitter(11, "Happy")
    worn = put_mask(image, points, 3, "surgical_blue")[0]
    face, moved = crop_face(worn, np.asarray(hide_points(points), np.float32), 3 * SIDE)
    write(folder / "network-face.jpg", face)
    side, first = Lite0.local_geometry(imagesize)
    size = window_size(side)
    centres = region_points(torch.tensor(moved[None]) * (imagesize / (3 * SIDE)), regions)
    corners = first + STRIDE * (window_start(centres, size, STRIDE, first)[0].numpy() - 0.5)
    return {"face": "network-face.jpg", "windows": (corners / imagesize).round(4).tolist(), "window": size * STRIDE,
            "cells": size, "side": side}  # fmt: skip


def gate_face(folder: Path, regions: int) -> dict:
    """Write the bare and the masked face that gates are drawn on; returns files and region centres as shares of the side."""
    image, points = sitter(2, "Neutral")
    found = {}
    for name, kind in (("bare", None), ("masked", "surgical_blue")):
        worn = put_mask(image, points, 3, kind)[0] if kind else image
        here = np.asarray(hide_points(points), np.float32) if kind else points
        face, moved = crop_face(worn, here, 2 * SIDE)
        grey = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        write(folder / f"gates-{name}.jpg", grey)
        centres = region_points(torch.tensor(np.asarray(moved, np.float32)[None]), regions)[0].numpy() / (2 * SIDE)
        found[name] = {"file": f"gates-{name}.jpg", "centres": centres.round(4).tolist()}
    return found


def write(path: Path, image: np.ndarray) -> None:
    """An RGB image as JPEG."""
    content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    path.write_bytes(content.tobytes())
