"""Faces that several benchmarks measure on: files drawn from a folder, faces of a landmark file, and drawn ones."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pre_processing import render
from pre_processing.artefacts import InputError, read_landmarks
from pre_processing.crop import read_image

Face = tuple[np.ndarray, np.ndarray]


def add_folder(parser: argparse.ArgumentParser, count: int) -> None:
    """Options of scripts that take pre-cropped faces from a folder."""
    parser.add_argument("root", type=Path, help="folder of pre-cropped faces, such as FER+")
    parser.add_argument("--faces", type=int, default=count, help="how many, drawn at random")
    parser.add_argument("--seed", type=int, default=0)


def files(options: argparse.Namespace, rng: np.random.Generator) -> list[Path]:
    """`--faces` files of the folder, in random order; InputError where there are none."""
    found = sorted(options.root.rglob("*.png"))
    if not found:
        raise InputError(f"{options.root}: no .png files there; give a folder of pre-cropped faces")
    return [found[index] for index in rng.permutation(len(found))[: options.faces]]


def add_stored(parser: argparse.ArgumentParser, count: int) -> None:
    """Options of scripts that put masks on faces whose points are known."""
    parser.add_argument("--root", type=Path, help="folder of photos; demo faces are drawn without it")
    parser.add_argument("--landmarks", type=Path, help="their landmark file")
    parser.add_argument("--faces", type=int, default=count)
    parser.add_argument("--kind", default="all")


def known(options: argparse.Namespace, parser: argparse.ArgumentParser) -> list[Face]:
    """Photos with their points (68, 2), of the landmark file or drawn."""
    if (options.root is None) != (options.landmarks is None):
        parser.error("--root and --landmarks go together")
    return stored(options.root, options.landmarks, options.faces) if options.root else demo(options.faces)


def demo(count: int, seed: int = 11, size: int = render.SIZE) -> list[Face]:
    """Drawn faces with their points: RGB uint8 (size, size, 3) and (68, 2)."""
    scenes = ((render.make_person(seed, n), render.make_photo(seed, n, 0, n % 7)) for n in range(count))
    return [render.draw(*scene, size) for scene in scenes]


def stored(root: Path, landmarks: Path, count: int) -> list[Face]:
    """`count` faces of a landmark file, evenly picked from its sorted paths."""
    points = read_landmarks(landmarks)
    paths = sorted(points)
    picked = [paths[n] for n in np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)]
    return [(read_image(root / path), points[path][0]) for path in picked]
