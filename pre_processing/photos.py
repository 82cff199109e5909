"""Masks for photos: every face of every photo of a folder, on all cores, going on where a run was cut short."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pre_processing import landmarks, manifest
from pre_processing.artefacts import InputError, path_defect
from pre_processing.chunks import in_chunks
from pre_processing.copies import (
    NO_PLACE,
    OTHERS,
    SUFFIXES,
    asked,
    check_roots,
    face_seed,
    stamp,
    writable,
    write_image,
)
from pre_processing.crop import CONVERT, PHONES, read_image
from pre_processing.fitting import to_grey
from pre_processing.overlay import put_mask

CHUNK = 16  # photos: what an interruption can cost each process
UNREADABLE, UNWRITABLE = "unreadable", "pictures of this kind cannot be written; convert it to .jpg or .png"
# What a photo shows: any number of faces, large and small; one portrait, found several times as fast; one face that
# fills it, so that none is searched for.
EVERY, PORTRAIT, CROP = SHOWS = ("every", "portrait", "crop")
LITTLE = 0.35  # of the largest certain face: of smaller ones on uncertain points hardly one is a face


class Face(NamedTuple):
    """A face of a photo: points (68, 2), box (left, top, right, bottom), and whether the points are certain."""

    points: np.ndarray
    box: np.ndarray
    certain: bool


class Photo(NamedTuple):
    """A photo to mask: path for the manifest, file, its copy, what is known of its faces, and its stamp.

    `points` and `boxes`: (68, 2) and (4,) of each face, None where nothing was supplied.
    """

    path: str
    file: Path
    copy: Path
    points: Sequence[np.ndarray] | None = None
    boxes: Sequence[np.ndarray] | None = None
    stamp: str = ""


def find_faces(
    image: np.ndarray,
    show: str = EVERY,
    points: Sequence[np.ndarray] | None = None,
    boxes: Sequence[np.ndarray] | None = None,
) -> list[Face]:
    """Faces of a photo, uint8 RGB or grey: those supplied as points or boxes, else what the photo is said to show."""
    if points is not None:
        return [Face(face, np.concatenate([face.min(0), face.max(0)]), True) for face in points]
    return fit_faces(image, find_boxes(image, show) if boxes is None else boxes)


def find_boxes(image: np.ndarray, show: str) -> Sequence[np.ndarray] | None:
    """Boxes (4,) of what a photo is said to show, best first; None for a face that fills it, which has none."""
    if show == CROP:
        return None
    return landmarks.detect(image, every=True) if show == EVERY else landmarks.detect(image)[:1]


def fit_faces(image: np.ndarray, boxes: Sequence[np.ndarray] | None) -> list[Face]:
    """The face in each box, or the one that fills the photo."""
    grey = to_grey(image)
    if boxes is None:
        fit = landmarks.fit_crop(grey)
        return [Face(fit.points, np.array([0, 0, grey.shape[1], grey.shape[0]]), fit.certain)]
    fits = [landmarks.fit_photo(grey, box) for box in boxes]
    return [Face(fit.points, box, fit.certain) for fit, box in zip(fits, boxes, strict=True)]


def credible(faces: Sequence[Face]) -> list[Face]:
    """Without the small ones on uncertain points beside a large face: patterns in cloth, leaves and walls."""
    largest = max((face.box[2] - face.box[0] for face in faces if face.certain), default=0)
    return [face for face in faces if face.certain or face.box[2] - face.box[0] >= LITTLE * largest]


def mask_photo(
    image: np.ndarray, path: str, faces: Sequence[Face], *, seed: int = 0, kind: str = "surgical"
) -> tuple[np.ndarray, list[dict]]:
    """Mask the faces of a photo, uint8 (H, W, 3) or (H, W); the masked copy, and a manifest row for each face.

    The path gives each face its seed.
    """
    rows = []
    for number, (points, box, certain) in enumerate(faces):
        image, description = put_mask(image, points, face_seed(seed, path, number), kind)
        edges = dict(zip(("left", "top", "right", "bottom"), (round(float(edge)) for edge in box), strict=True))
        reason = NO_PLACE if description["placement"] == "none" else ""
        rows.append({"path": path, "face": number, **edges, "group": kind, **description, "certain": certain,
                     "reason": reason})  # fmt: skip
    return image, rows


def _miss(photo: Photo, kind: str, reason: str) -> dict:
    return {"path": photo.path, "group": kind, "placement": "none", "reason": reason, "stamp": photo.stamp}


def _mask_file(photo: Photo, seed: int, kind: str, show: str) -> list[dict]:
    """Manifest rows of one photo; its copy is written where some face got a mask."""
    try:
        image = read_image(photo.file)
    except InputError:
        phone = photo.file.suffix.lower() in PHONES
        return [_miss(photo, kind, f"{UNREADABLE}; {CONVERT}" if phone else UNREADABLE)]
    if not writable(photo.copy):
        return [_miss(photo, kind, UNWRITABLE)]
    # All faces are fitted before the first mask is drawn: neighbours may overlap.
    faces = find_faces(image, show, photo.points, photo.boxes)
    if photo.boxes is None:
        faces = credible(faces)
    masked, rows = mask_photo(image, photo.path, faces, seed=seed, kind=kind)
    if not any(row["placement"] != "none" for row in rows):
        return [_miss(photo, kind, NO_PLACE if rows else landmarks.NO_FACE)]
    if rows[0]["grey"]:
        masked = masked[..., 0]  # grey photos are stored as grey, as they came
    write_image(photo.copy, masked)
    return [{**row, "stamp": photo.stamp, "sha256": manifest.digest(photo.copy, masked)} for row in rows]


def _mask_files(photos: Sequence[Photo], seed: int, kind: str, show: str) -> list[dict]:
    return [row for photo in photos for row in _mask_file(photo, seed, kind, show)]


def list_photos(source: Path, target: Path) -> tuple[list[Photo], Path]:
    """The photo, or all photos of a folder, with their copies, and the manifest; InputError where they clash.

    The manifest lies in the folder of copies, or beside the copy that `target` names, as .csv.
    """
    record = target / manifest.NAME
    if source.is_dir():
        check_roots(source, target)
        # Names with a dot in front are what systems and interrupted runs leave behind.
        shown = (file for file in source.rglob("*") if not file.name.startswith(".") and file.is_file())
        files = sorted(file for file in shown if file.suffix.lower() in SUFFIXES | OTHERS)
        paths = [file.relative_to(source).as_posix() for file in files]
        photos = [Photo(path, file, target / path) for path, file in zip(paths, files, strict=True)]
    elif not source.exists():
        raise InputError(f"{source}: no such file or folder; give a photo or a folder of photos")
    elif target.suffix.lower() in SUFFIXES and not target.is_dir():
        photos, record = [Photo(source.name, source, target)], target.with_suffix(".csv")
    else:
        photos = [Photo(source.name, source, target / source.name)]
    if not photos:
        raise InputError(f"{source}: no photo there; give a photo or a folder of {', '.join(sorted(SUFFIXES))} files")
    check_links(record.parent, (photo.copy for photo in photos))
    for photo in photos:
        # Not resolve(), which fails on links in a circle.
        if os.path.realpath(photo.copy) == os.path.realpath(photo.file):
            raise InputError(f"{target}: the copy would replace its original; choose another place")
        if defect := path_defect(photo.path):
            raise InputError(f"{source}: {defect}")
    return photos, record


def check_links(root: Path, copies: Iterable[Path]) -> None:
    """InputError where the folder of a copy is a link that leads out of `root`, to files that are none of ours."""
    for folder in dict.fromkeys(copy.parent for copy in copies):
        if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
            raise InputError(f"{folder}: is a link that leads out of {root}; remove it, or choose another folder")


def check_free(record: Path, copies: Iterable[Path]) -> None:
    """InputError where a copy would replace a file that no manifest tells of."""
    if not record.is_file() and (there := next((copy for copy in copies if copy.is_file()), None)):
        raise InputError(
            f"{there}: is there already, and no manifest says that it is a masked copy; remove it, or choose another place"
        )


def _stamped(photo: Photo, kinds: str, seed: int, show: str) -> Photo:
    """The photo with a stamp of all that its masks are made from."""
    try:
        content = hashlib.sha256(photo.file.read_bytes()).digest()
    except OSError:
        content = b""
    known = [np.asarray(face, "<f8").tobytes() for face in [*(photo.points or ()), *(photo.boxes or ())]]
    counts = f"{show} {photo.points is not None} {photo.boxes is not None}".encode()
    return photo._replace(stamp=stamp(kinds, seed, [photo.path.encode(), content, counts, *known]))


def _kept(rows: Sequence[manifest.Row], photos: Sequence[Photo], folder: Path) -> list[manifest.Row]:
    """Rows that still hold: of photos masked just so, and of those that are not asked for now but have their copies.

    Copies that were made from something else are removed, so that none is left where a photo now gets no mask; but only
    such as are still what was written: any other file is somebody's own, whatever the manifest says.
    """
    wanted = {photo.path: photo for photo in photos}
    kept = []
    for row in rows:
        photo = wanted.get(row["path"])
        copy = photo.copy if photo else folder / row["path"]
        if photo and row["stamp"] != photo.stamp:
            if row["sha256"] and manifest.is_as_written(row, copy):
                copy.unlink(missing_ok=True)
        elif copy.is_file() or (photo and not row["sha256"] and row["face"] == ""):
            kept.append(row)
    return kept


def mask_photos(
    source: str | Path,
    target: str | Path,
    *,
    seed: int = 0,
    kind: str = "surgical",
    show: str = EVERY,
    points: Mapping[str, Sequence[np.ndarray]] | None = None,
    boxes: Mapping[str, Sequence[np.ndarray]] | None = None,
    jobs: int = -1,
) -> pd.DataFrame:
    """Masked copies of a photo or of a folder's photos, with every face masked; the manifest's rows for them.

    A photo without a mask has one row with placement "none" and the reason. `show`: one of SHOWS. `points` and `boxes`: (68, 2) and (4,) of each face by path, where they are known. What the
    manifest lists as made from the same is not made again. InputError where source and target clash.
    """
    kinds = asked(kind)
    photos, record = list_photos(Path(source), Path(target))
    points, boxes = points or {}, boxes or {}
    photos = [photo._replace(points=points.get(photo.path), boxes=boxes.get(photo.path)) for photo in photos]
    check_free(record, (photo.copy for photo in photos))
    before = manifest.read(record)
    photos = [_stamped(photo, kinds, seed, show) for photo in photos]
    with manifest.Journal(record, _kept(before, photos, record.parent)) as journal:
        kept = {row["path"] for row in journal.rows}
        todo = [photo for photo in photos if photo.path not in kept]
        done = len(photos) - len(todo)
        for rows in in_chunks(_mask_files, todo, CHUNK, jobs, seed, kind, show, done=done, desc="masks", unit="photo"):
            journal.add(rows)
    paths = {photo.path for photo in photos}
    return manifest.to_table(row for row in journal.rows if row["path"] in paths)
