"""Decoded faces of a list in one memory-mapped file: built on first use, rebuilt when stale, shared by processes.

Photos no larger than a crop and all of one shape are stored as they are; of others the crops and their points, so that
a database of 300,000 photos needs room on the disk but not in memory. A file's name tells what it was made of: another
list, crop size, landmark or changed photo is another name, and the file it replaces is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import filelock
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from pre_processing.artefacts import InputError, atomic_write
from training import distributed

VERSION = 1  # of what is stored; a higher number makes all files stale


class Look(NamedTuple):
    """What a face looks like: image uint8 (H,W,3) RGB or (H,W) grey, points (68,2) float32 in its pixels."""

    image: np.ndarray
    points: np.ndarray


class Uneven(Exception):
    """Images cannot be stored in one array; `.sizes` where their sizes differ, not only grey and colour."""

    def __init__(self, sizes: bool) -> None:
        super().__init__()
        self.sizes = sizes


class Store:
    """Faces in a file: [i] is a Look, of which `.points` is None where photos are stored; a copy, free to be changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        points = points_path(self.path)
        try:  # maps the file; nothing is read before it is looked at
            self.pixels = np.load(self.path, mmap_mode="r")
            self.points = np.load(points, mmap_mode="r") if points.is_file() else None
        except (ValueError, EOFError) as error:
            raise InputError(f"{self.path}: damaged, though only a copy of faces; remove it and run again") from error

    def __getstate__(self) -> dict:
        return {"path": self.path}  # a process that is not forked maps the file itself

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)

    def __getitem__(self, index: int) -> Look:
        points = None if self.points is None else np.array(self.points[index])
        return Look(np.array(self.pixels[index]), points)

    @property
    def grey(self) -> bool:
        """All faces are grey, and stored as (H,W)."""
        return self.pixels.ndim == 3


class Reader(Dataset):
    """Lets loading processes do the decoding."""

    def __init__(self, read: Callable[[int], Look], count: int, colour: bool) -> None:
        self.read, self.count, self.colour = read, count, colour

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Look:
        look = self.read(index)
        return Look((rgb if self.colour else slim)(look.image), look.points)


def slim(image: np.ndarray) -> np.ndarray:
    """A grey photo stored as RGB in a third of the memory: (H,W) where all channels are equal, else as it is."""
    grey = image.ndim == 3 and (image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all()
    return np.ascontiguousarray(image[..., 0]) if grey else image


def rgb(image: np.ndarray) -> np.ndarray:
    """(H,W,3) of (H,W) or (H,W,3)."""
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def fingerprint(*parts: object) -> str:
    """16 hex digits of strings, numbers and arrays."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def files_state(root: Path, paths: list[str]) -> np.ndarray:
    """(n, 2) int64: size in bytes and time of the last change (ns) of each file."""
    states = [os.stat(root / path) for path in paths]
    return np.array([(state.st_size, state.st_mtime_ns) for state in states], np.int64)


def points_path(path: Path) -> Path:
    """File of the points that belong to stored crops."""
    return path.with_name(f"{path.stem}-points.npy")


def open_store(path: Path, stale: str, read: Callable[[int], Look], count: int, *, points: bool, workers: int) -> Store:
    """The store at `path`, built where it is missing; files that match `stale` are then removed.

    `read` gives the faces 0 to `count` - 1, with `points` to be stored or not. Raises Uneven, OSError where the disk is
    full, and whatever `read` raises; then there is no file.
    """
    with locked(path.parent / ".lock"):
        if not path.is_file():
            for old in (*path.parent.glob(stale), *path.parent.glob(f".{stale}")):  # the latter: of a killed process
                old.unlink()
            try:
                write(path, Reader(read, count, colour=False), points, workers)
            except Uneven as error:
                if error.sizes:
                    raise
                write(path, Reader(read, count, colour=True), points, workers)
    return Store(path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process of this machine at a time do the block."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path).acquire()
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be written ({error.strerror}); give another --cache folder") from error
    with lock:  # ends with the process, however that ends
        yield


def unchanged(look: Look) -> Look:
    """Keeps the loader from making tensors of a face."""
    return look


def write(path: Path, reader: Reader, points: bool, workers: int) -> None:
    """Write all faces of `reader`, then give the file its name: that tells that it is complete."""
    loader = DataLoader(reader, batch_size=None, num_workers=workers, collate_fn=unchanged,
                        generator=torch.Generator())  # fmt: skip
    places = []
    try:
        # Not through a map: a full disk would end the process without a word.
        with atomic_write(path) as temporary, open(temporary, "wb") as handle:
            shape = None
            for look in tqdm(loader, "reading faces once", disable=distributed.no_bar(), leave=False):
                if shape is None:
                    shape = look.image.shape
                    header = {"descr": "|u1", "fortran_order": False, "shape": (len(reader), *shape)}
                    np.lib.format.write_array_header_1_0(handle, header)
                if look.image.shape != shape:
                    raise Uneven(sizes=look.image.shape[:2] != shape[:2])
                handle.write(np.ascontiguousarray(look.image).data)
                places.append(look.points)
            handle.flush()
            if points:
                with atomic_write(points_path(path)) as other:
                    np.save(other, np.stack(places).astype(np.float32))
    except OSError as error:
        raise OSError(
            f"{path}: could not be written ({error.strerror or error}); make room, or give another --cache"
        ) from error
