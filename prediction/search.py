"""From a picture to faces that a network can look at; runs in processes of its own and needs no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pre_processing import covered
from pre_processing.artefacts import InputError
from pre_processing.copies import face_seed
from pre_processing.crop import crop_face, read_image
from pre_processing.fitting import to_grey
from pre_processing.mask_kinds import SECOND
from pre_processing.meanface import hide_points
from pre_processing.overlay import kinds_of, put_mask
from pre_processing.photos import Face, credible, find_faces


class View(NamedTuple):
    """A face as the network sees it: crop uint8 (S, S, 3) RGB, points (68, 2) float32 in its pixels.

    again: the crop of a masked face with a second mask over its own, for a second look.
    """

    crop: np.ndarray
    points: np.ndarray
    again: np.ndarray | None = None


class Seen(NamedTuple):
    """A face of a picture.

    box: x, y, width, height in pixels; points: (68, 2) in the picture's pixels; masked: wears a mask in the picture, None
    in doubt; bare, worn: its view as it is, and with a mask put on (None where none was asked for); kind: of that mask;
    certain: whether the points are, as in photos.Face.
    """

    box: tuple[int, int, int, int]
    points: np.ndarray
    masked: bool | None
    bare: View
    worn: View | None = None
    kind: str = ""
    certain: bool = True


class Task(NamedTuple):
    """A picture to search: a photo's file, or a frame of a video (image, number, seconds from its start)."""

    file: str
    name: str  # of its annotated copy, relative
    image: np.ndarray | None = None
    frame: int | None = None
    seconds: float | None = None


class Found(NamedTuple):
    """What a picture shows, or in `error` why it cannot be read; the picture itself where it is kept."""

    task: Task
    faces: list[Seen]
    error: str = ""
    image: np.ndarray | None = None


def over(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The photo with a second mask, of a kind that networks know, over the one that a face wears."""
    return put_mask(image, points, 0, SECOND)[0]


def view(image: np.ndarray, points: np.ndarray, masked: bool, size: int) -> View:
    """The crop of a face; under a mask with hidden points replaced, as in training, and for two looks."""
    if not masked:
        return View(*crop_face(image, points, size))
    points = hide_points(points)
    return View(*crop_face(image, points, size), crop_face(over(image, points), points, size)[0])


def read(image: np.ndarray) -> list[tuple[Face, bool | None]]:
    """Faces of a photo uint8 (H, W, 3) from left to right, each with whether it wears a mask (None in doubt); those that
    the command for masks would mask.

    Behind a mask, visible points are those of covered.py's network and hidden ones the mean face's.
    """
    grey, faces = to_grey(image), []
    for face in sorted(credible(find_faces(image)), key=lambda face: float(face.box[0])):
        look = covered.look(grey, face.box)
        faces.append((face._replace(points=look.points) if look.masked else face, look.masked))
    return faces


def find(image: np.ndarray, size: int, kind: str = "", name: str = "") -> tuple[list[Seen], np.ndarray]:
    """Faces of a photo uint8 (H, W, 3), with crops of `size` pixels, from left to right; and the photo.

    With a `kind` each face is also looked at with such a mask on; the photo then shows the masks. One kind is worn alike
    in every photo. Of several, `name` picks one for each face, so that all frames of a video have the same; without a
    name the pixels do, so that a photo that is renamed keeps its masks.
    """
    seen, worn = [], image
    if not kind or len(kinds_of(kind)) == 1:
        name = "photo"
    name = name or hashlib.sha256(image.tobytes()).hexdigest()
    for number, (face, masked) in enumerate(read(image)):
        points = np.asarray(face.points, np.float32)
        left, top, right, bottom = (round(float(edge)) for edge in face.box)
        try:
            bare = view(image, points, bool(masked), size)
            one = Seen((left, top, right - left, bottom - top), points, masked, bare, certain=face.certain)
        except InputError:  # points that span no face
            continue
        if kind:
            worn, made = put_mask(worn, points, face_seed(0, name, number), kind)
            if made["placement"] != "none":
                one = one._replace(worn=view(worn, points, True, size), kind=made["kind"])
        seen.append(one)
    return seen, worn


def search(task: Task, size: int, kind: str = "", keep: bool = False) -> Found:
    """Faces of one task; `keep` hands the picture back, with the masks that were put on."""
    cv2.setNumThreads(1)  # as many processes as cores search already
    try:
        image = read_image(Path(task.file)) if task.image is None else task.image
    except InputError as error:
        return Found(task, [], str(error))
    faces, worn = find(image, size, kind, "" if task.image is None else Path(task.file).name)
    return Found(task._replace(image=None), faces, image=worn if keep else None)
