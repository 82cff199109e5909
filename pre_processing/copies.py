"""Masked copies: where they lie, how they are written, which seed a face has, and what a copy is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from pre_processing.artefacts import InputError, atomic_write
from pre_processing.overlay import DRAWING, KINDS, kinds_of

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
# Some versions of OpenCV read or write some of these, so they are tried, and named where that fails.
OTHERS = {".avif", ".gif", ".heic", ".heif", ".jfif", ".jxl"}
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95]
NO_PLACE = "the points leave no place for a mask"


def face_seed(seed: int, path: str, face: int = 0) -> int:
    """Seed of one face: follows from the run's seed and the face's path, whatever the order of work."""
    named = f"{seed}/{path}/{face}".encode(errors="surrogatepass")  # a file's name may be no text
    return int.from_bytes(hashlib.sha256(named).digest()[:4], "little")


def check_roots(root: Path, masked_root: Path) -> None:
    """InputError where masked copies would land among the originals, or among other files beside their folder."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the one that holds the photos")
    inner, outer = sorted((masked_root.resolve(), root.resolve()), key=lambda path: -len(path.parts))
    if inner.is_relative_to(outer):
        lies = "lies within" if inner == masked_root.resolve() else "holds"
        raise InputError(f"{masked_root}: {lies} {root}; choose a folder outside, so that no file is written over")


def writable(path: Path) -> bool:
    """Whether images can be written under this suffix."""
    # OpenCV gets the suffix alone: it crashes on names that are no text.
    kind = path.suffix.lower()  # OpenCV wants another number of colours for some that it knows
    return kind.isascii() and kind not in (".pbm", ".pgm", ".ppm") and cv2.haveImageWriter(f"image{kind}")


def encoded(path: Path, image: np.ndarray) -> bytes:
    """The file of an RGB or grey image under a path's suffix; InputError where there are none of that kind."""
    if not writable(path):
        raise InputError(
            f"{path}: images cannot be written as {path.suffix or 'files without suffix'}; use .png or .jpg"
        )
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    done, data = cv2.imencode(path.suffix, pixels, QUALITY if path.suffix.lower() in (".jpg", ".jpeg") else [])
    if not done:
        raise InputError(f"{path}: this image cannot be written as {path.suffix}; use .png or .jpg")
    return data.tobytes()


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an RGB or grey image under its own suffix, all of it or nothing."""
    data = encoded(path, image)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def asked(kind: str) -> str:
    """The kinds meant by a kind, group or list, with the content of those that are pictures; InputError as kinds_of."""
    names = kinds_of(kind)
    own = [Path(name) for name in names if name not in KINDS]
    files = [file for picture in own for file in (picture, picture.with_suffix(".txt")) if file.is_file()]
    return ",".join([*names, *(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)])


def stamp(kinds: str, seed: int, parts: Iterable[bytes]) -> str:
    """16 hexadecimal digits that change with whatever a mask is made from. `kinds`: see `asked`."""
    made = hashlib.sha256(f"{DRAWING}/{kinds}/{seed}/".encode(errors="surrogatepass"))
    for part in parts:
        made.update(len(part).to_bytes(8, "little") + part)
    return made.hexdigest()[:16]
