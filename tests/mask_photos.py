"""Photos with a face at a known place, for tests of what masks are put on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pre_processing import masks, supplied
from pre_processing.meanface import MEAN_FACE


def face(size: int, dx: float = 0.0) -> np.ndarray:
    """The mean face in the middle of a square of `size` pixels."""
    return (MEAN_FACE - (MEAN_FACE.min(0) + MEAN_FACE.max(0)) / 2) * size / 4.2 + (size - 1) / 2 + np.array([dx, 0])


def photo(size: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Skin-like brightness with noise; uint8 (size, size, channels), or (size, size) for 0 channels."""
    shape = (size, size, channels) if channels else (size, size)
    return np.random.default_rng(seed).integers(110, 190, shape, np.uint8)


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def folder(root: Path, names: tuple[str, ...], size: int = 96) -> Path:
    """A folder of photos with one face each, where `face(size)` lies."""
    for number, name in enumerate(names):
        masks.write_image(root / name, photo(size, seed=number))
    return root


def points_file(path: Path, faces: list[tuple[str, np.ndarray]]) -> Path:
    lines = [",".join([name, *(f"{value:.3f}" for value in points.ravel())]) for name, points in faces]
    path.write_text("\n".join([",".join(supplied.POINT_COLUMNS), *lines]) + "\n")
    return path
