"""Find faces and their 68 points: whole photos, pre-cropped faces, and whole databases on all cores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from pre_processing import cascade
from pre_processing.artefacts import InputError, atomic_write
from pre_processing.chunks import in_chunks
from pre_processing.crop import read_image
from pre_processing.fitting import Fit, box_of, fit_box, load_dlib, to_grey

__all__ = ["Fit", "Landmarks", "detect", "extract", "fit_crop", "fit_photo"]

# Where the face lies in a pre-cropped picture: left, top, right, bottom in shares of its width and height.
CROP_BOX = (0.075, 0.165, 0.89, 0.97)
# Long sides of the copies searched, in pixels, each with the least score that counts. Small copies are fast and find
# nearly every face that fills its photo; a larger one is drawn only when the smaller ones show nothing.
SEARCH = ((160, -0.3), (320, 0.0), (640, 0.0), (1280, 0.0))
CROP_SEARCH = (160, -0.5)  # where a pre-cropped face leaves doubt
# Long side of the copy that the second detector searches, in pixels, and the least size of a face in it: of portraits,
# and where every face is wanted.
MASKED_SEARCH = {False: (320, 40), True: (640, 24)}
LAST_SEARCH = (220, 30)  # where all that shows no face: some large ones show in a small copy only
BORDER = 0.15  # replicated around the copy, in shares of its long side, for faces cut off by the frame
CHUNK = 256  # faces a chunk file: what an interruption can cost
NO_FACE = "no face found"
# What a chunk file holds by name: the kind of array, and its shape for one face.
COLUMNS = {"path": ("U", ()), "key": ("U", ()), "points": ("f", (68, 2)), "certain": ("b", ()), "reason": ("U", ())}
MOST = 1 << 26  # bytes of a chunk once it is unpacked; those written here take less than a tenth


class Landmarks(NamedTuple):
    """By path: points (68, 2) float32 in image pixels; whether they are certain; why a file has none."""

    points: dict[str, np.ndarray]
    certain: dict[str, bool]
    failures: dict[str, str]


@lru_cache(maxsize=1)
def _detector() -> Any:
    return load_dlib().get_frontal_face_detector()


def _search(grey: np.ndarray, side: int, least: float) -> list[tuple[float, np.ndarray]]:
    """(score, box (4,)) of dlib's HOG detector on a copy with this long side."""
    long = max(grey.shape)
    shape = [max(1, round(length * side / long)) for length in grey.shape]
    copy = cv2.resize(grey, shape[::-1], interpolation=cv2.INTER_AREA if side < long else cv2.INTER_LINEAR)
    border = round(side * BORDER)
    copy = cv2.copyMakeBorder(copy, border, border, border, border, cv2.BORDER_REPLICATE)
    found, scores, _ = _detector().run(copy, 0, least)
    boxes = [np.array([box.left(), box.top(), box.right(), box.bottom()], np.float64) for box in found]
    return [(score, (box - border + 0.5) * long / side - 0.5) for score, box in zip(scores, boxes, strict=True)]


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Shared area of two boxes as a share of the smaller one."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    smaller = min(np.prod(one[2:] - one[:2]), np.prod(other[2:] - other[:2]))
    return float(np.prod(np.maximum(sides, 0)) / smaller)


def detect(image: np.ndarray, every: bool = False) -> np.ndarray:
    """Boxes (N, 4) float32 of the faces in a uint8 image (RGB or grey): left, top, right, bottom, best first.

    Without `every` the search ends at the first copy that shows a face; with it, small faces beside large ones are
    found too, at the price of searching all copies. Faces that wear masks are dlib's detector's blind spot: a second
    one (cascade.py) looks where dlib's finds nothing, and beside it where every face is wanted.
    """
    grey = to_grey(image)
    boxes = _search_copies(grey, every)
    if every or not boxes:
        # Tried before the brighter copy below: it costs less, and masks are more common than darkness.
        for box in _search_masked(image, *MASKED_SEARCH[every]):
            if all(_overlap(box, other) < 0.5 for other in boxes):
                boxes.append(box)
    boxes = boxes or _search_masked(image, *LAST_SEARCH)
    if not boxes:
        # Dark and pale photos: the detector's own gradients are too faint there.
        boxes = _search_copies(cv2.createCLAHE(4.0, (4, 4)).apply(grey), every)
    return np.array(boxes, np.float32).reshape(-1, 4)


def _search_masked(image: np.ndarray, side: int, smallest: int) -> list[np.ndarray]:
    """Boxes (4,) of the second detector, as dlib's own would draw them, best first, in a copy with this long side."""
    long = max(image.shape[:2])
    factor = min(side / long, 2.0)
    if min(image.shape[:2]) * factor < smallest:
        return []
    shape = [max(1, round(length * factor)) for length in image.shape[1::-1]]
    copy = cv2.resize(image, shape, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    boxes = []
    for _, places in cascade.search(copy, smallest):
        face = np.empty((68, 2))
        face[36:42], face[42:48], face[48:] = places[0], places[1], places[3:].mean(0)
        centre, half = box_of(face)[0], box_of(face)[1] / 2
        boxes.append((np.concatenate([centre - half, centre + half]) + 0.5) / factor - 0.5)
    return boxes


def _search_copies(grey: np.ndarray, every: bool) -> list[np.ndarray]:
    """Boxes (4,), best first, of the faces in copies of growing size, up to the first that shows one or in all."""
    kept: list[tuple[float, np.ndarray]] = []
    for side, least in SEARCH:
        if side > max(160, 2 * max(grey.shape)) or (kept and not every):
            break
        for score, box in sorted(_search(grey, side, least), key=lambda each: -each[0]):
            if all(_overlap(box, other) < 0.5 for _, other in kept):
                kept.append((score, box))
    return [box for _, box in sorted(kept, key=lambda each: -each[0])]


def fit_crop(image: np.ndarray) -> Fit:
    """Points of the face that fills a pre-cropped picture (uint8, RGB or grey), in its pixels."""
    grey = to_grey(image)
    height, width = grey.shape
    box = np.array(CROP_BOX) * [width, height, width, height] - 0.5
    return fit_box(grey, box, lambda: [found for _, found in _search(grey, *CROP_SEARCH)])


def fit_photo(image: np.ndarray, box: Sequence[float] | None = None) -> Fit | None:
    """Points of the most prominent face of a photo (uint8, RGB or grey), or of the one in `box`.

    `box`: left, top, right, bottom in pixels. None where no box is given and no face is found.
    """
    grey = to_grey(image)
    if box is not None:
        return fit_box(grey, np.asarray(box, np.float64))
    boxes = detect(image)
    return fit_box(grey, boxes[0].astype(np.float64)) if len(boxes) else None


def _fit_file(path: Path, precropped: bool, box: Sequence[float] | None) -> Fit | str:
    """Fit of one file, or the reason why there is none."""
    try:
        image = read_image(path)
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    fit = fit_crop(image) if precropped and box is None else fit_photo(image, box)
    return NO_FACE if fit is None else fit


def _key(path: Path, box: Sequence[float] | None) -> str:
    """What a stored result depends on besides the path: the size of the file, and the box. Empty for a missing file."""
    try:
        size = path.stat().st_size
    except OSError:
        return ""
    return f"{size} {' '.join(f'{value:g}' for value in box)}" if box is not None else str(size)


def _fit_files(
    tasks: Sequence[tuple[str, str, Sequence[float] | None]], root: Path, precropped: bool
) -> dict[str, Any]:
    """One chunk of results as arrays, see COLUMNS."""
    fits = [_fit_file(root / path, precropped, box) for path, _, box in tasks]
    nothing = np.full((68, 2), np.nan, np.float32)
    return {
        "path": np.array([path for path, _, _ in tasks]),
        "key": np.array([key for _, key, _ in tasks]),
        "points": np.array([nothing if isinstance(fit, str) else fit.points for fit in fits], np.float32),
        "certain": np.array([not isinstance(fit, str) and fit.certain for fit in fits]),
        "reason": np.array([fit if isinstance(fit, str) else "" for fit in fits]),
    }


def _chunk_files(store: Path) -> list[Path]:
    return sorted(store.glob("chunk-*.npz"))


def _load_chunks(store: Path, mode: str) -> Iterator[dict[str, np.ndarray]]:
    """The finished chunks of a store that were made in this mode; a damaged file is an InputError."""
    for path in _chunk_files(store):
        try:
            chunk = _load_chunk(path, mode)
        except Exception as error:  # a hostile or cut file can raise nearly anything
            raise InputError(f"{path}: not a chunk of landmarks; remove the file and run again") from error
        if chunk:
            yield chunk


def _load_chunk(path: Path, mode: str) -> dict[str, np.ndarray]:
    """The arrays of one file by name, none where it was made in another mode; an exception where they do not fit."""
    # Opened here, because numpy leaves a damaged file open.
    with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
        if sum(part.file_size for part in file.zip.infolist()) > MOST:
            raise ValueError("too large")
        if str(file["mode"]) != mode:
            return {}
        chunk = {name: file[name] for name in COLUMNS}
    for name, (kind, shape) in COLUMNS.items():
        if chunk[name].dtype.kind != kind or chunk[name].shape != (len(chunk["path"]), *shape):
            raise ValueError(f"{name} does not fit")
    return chunk


def _save_chunk(store: Path, mode: str, chunk: Mapping[str, np.ndarray]) -> None:
    name = hashlib.sha256("\n".join([mode, *chunk["path"], *chunk["key"]]).encode()).hexdigest()[:16]
    with atomic_write(store / f"chunk-{name}.npz") as handle:
        np.savez(handle, mode=np.array(mode), **chunk)


def _collect(chunks: Iterable[Mapping[str, np.ndarray]], keys: Mapping[str, str]) -> Landmarks:
    """Results for the wanted paths; those of a file that has changed since, or of another box, are left out."""
    found = Landmarks({}, {}, {})
    for chunk in chunks:
        columns = (chunk[name] for name in COLUMNS)
        for path, key, points, certain, reason in zip(*columns, strict=True):
            if keys.get(path := str(path)) != str(key):
                continue
            if reason:
                found.failures[path] = str(reason)
            else:
                found.points[path], found.certain[path] = points, bool(certain)
    return found


def extract(
    root: str | Path,
    paths: Iterable[str],
    *,
    precropped: bool,
    store: str | Path,
    jobs: int = -1,
    boxes: Mapping[str, Sequence[float]] | None = None,
) -> Landmarks:
    """Points of many files (`paths` relative to `root`, POSIX) on `jobs` cores (-1: all), with a progress bar.

    `precropped`: a face fills each file, so none is searched for. `boxes`: face boxes by path (left, top, right, bottom
    in pixels) where the database ships them. Finished chunks lie in `store` and are not computed again, so an
    interrupted run goes on where it stopped. Every path is in exactly one of `points` and `failures`.
    """
    root, store, boxes = Path(root), Path(store), boxes or {}
    mode = "crop 2" if precropped else "photo 3"
    keys = {path: _key(root / path, boxes.get(path)) for path in paths}
    # A missing file is looked for again each time: it has no key, and what has none is not kept.
    done = _collect(_load_chunks(store, mode), {path: key for path, key in keys.items() if key})
    known = done.points.keys() | done.failures.keys()
    todo = [(path, key, boxes.get(path)) for path, key in keys.items() if path not in known]
    if todo:
        load_dlib()
    bar = {"done": len(known), "desc": "landmarks", "unit": "face"}
    for chunk in in_chunks(_fit_files, todo, CHUNK, jobs, root, precropped, **bar):
        _save_chunk(store, mode, chunk)
        for whole, part in zip(done, _collect([chunk], keys), strict=True):
            whole.update(part)
    return done
