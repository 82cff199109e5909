"""Photos a second from file to masked file, on one core: decode, detect, fit, mask, encode.

    python -m benchmarks.masks_end_to_end [FOLDER] [--show portrait|every|crop] [--rounds 3]

Without a folder, demo photos of 350 and 1350 px are drawn. Time is the process's own (CPU); each part of each photo
counts with its fastest round, because whatever runs beside it slows it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from pre_processing import landmarks, render
from pre_processing.artefacts import InputError
from pre_processing.copies import SUFFIXES, face_seed, write_image
from pre_processing.crop import read_image
from pre_processing.fitting import to_grey
from pre_processing.overlay import put_mask
from pre_processing.photos import SHOWS

PARTS = ("decode", "detect", "fit", "mask", "encode")


class Clock:
    """CPU seconds since the last look."""

    def __init__(self) -> None:
        self.last = time.process_time()

    def lap(self) -> float:
        last, self.last = self.last, time.process_time()
        return self.last - last


def one_photo(file: Path, target: Path, show: str, kind: str) -> tuple[list[float], int, int]:
    """Seconds of each part, faces masked, and those with certain points; the same steps as the command's."""
    clock = Clock()
    image = read_image(file)
    times = [clock.lap()]
    grey = to_grey(image)
    boxes = (
        [None] if show == "crop" else landmarks.detect(image, every=show == "every")[: None if show == "every" else 1]
    )
    times.append(clock.lap())
    fits = [landmarks.fit_crop(grey) if box is None else landmarks.fit_photo(grey, box) for box in boxes]
    times.append(clock.lap())
    worn = 0
    for number, fit in enumerate(fits):
        image, description = put_mask(image, fit.points, face_seed(0, file.name, number), kind)
        worn += description["placement"] != "none"
    times.append(clock.lap())
    write_image(target / file.name, image)
    return [*times, clock.lap()], worn, sum(fit.certain for fit in fits)


def measure(files: list[Path], show: str, kind: str, rounds: int) -> str:
    """One line of figures."""
    times = np.empty((rounds + 1, len(files), len(PARTS)))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):  # the first loads models and draws cloths
            worn = []
            for index, file in enumerate(files):
                times[number, index], *counts = one_photo(file, Path(folder), show, kind)
                worn.append(counts)
    each = times[1:].min(0).mean(0)
    masked, certain = np.array(worn).T
    parts = ", ".join(f"{name} {1000 * value:.1f}" for name, value in zip(PARTS, each, strict=True))
    return (f"{len(files)} photos, {show}: {1 / each.sum():.1f} photos/s (ms: {parts}); photos with a mask "
            f"{(masked > 0).mean():.1%}, masks {masked.sum()}, certain {certain.sum()}")  # fmt: skip


def main() -> int:
    """Print the figures; exit code 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="photos; demo photos are drawn where none is given")
    parser.add_argument("--show", choices=SHOWS, default="portrait")
    parser.add_argument("--kind", default="all")
    parser.add_argument("--drawn", type=int, default=8, help="demo photos of each size")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        if options.folder:
            files = sorted(file for file in options.folder.rglob("*") if file.suffix.lower() in SUFFIXES)
            if not files:
                raise InputError(f"{options.folder}: no photo there; give a folder of photos")
            print(measure(files, options.show, options.kind, options.rounds))
            return 0
        with tempfile.TemporaryDirectory() as folder:
            for size in (350, 1350):
                files = [Path(folder) / f"{size}-{number}.jpg" for number in range(options.drawn)]
                for number, file in enumerate(files):
                    scene = render.make_person(0, number), render.make_photo(0, number, 0, number % 7)
                    write_image(file, render.draw(*scene, size)[0])
                print(f"{size} px: {measure(files, options.show, options.kind, options.rounds)}")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
