"""Photos a second from file to masked file, on one core: decode, detect, fit, mask, encode.

    python -m benchmarks.masks_end_to_end [FOLDER ...] [--show portrait|every|crop] [--long 350] [--rounds 3]

Demo photos of 350 and 1350 px are drawn; the photos of a folder are measured as they are and, where most are larger, shrunk to
--long pixels on their long side. Time is the process's own (CPU); each part of each photo counts with its fastest round,
because whatever runs beside it slows it.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks import report
from pre_processing import photos, render
from pre_processing.artefacts import InputError
from pre_processing.copies import SUFFIXES, write_image
from pre_processing.crop import read_image
from training import door

PARTS = ("decode", "detect", "fit", "mask", "encode")
TITLES = ["photos", "n", "long side (px)", "photos/s", *(f"{part} (ms)" for part in PARTS), "with a mask (%)", "masks",
          "certain (%)"]  # fmt: skip


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
    boxes = photos.find_boxes(image, show)
    times.append(clock.lap())
    faces = photos.credible(photos.fit_faces(image, boxes))
    times.append(clock.lap())
    masked, rows = photos.mask_photo(image, file.name, faces, kind=kind)
    times.append(clock.lap())
    write_image(target / file.name, masked)
    times.append(clock.lap())
    worn = [row for row in rows if row["placement"] != "none"]
    return times, len(worn), sum(row["certain"] for row in worn)


def photo_files(folder: Path) -> list[Path]:
    """Photos of a folder; InputError where there are none."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"{folder}: no photo there; give a folder of photos")
    return files


def draw_demo(folder: Path, count: int, size: int) -> list[Path]:
    """Drawn photos with a side of `size` pixels."""
    files = [folder / f"{size}-{number}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        scene = render.make_person(0, number), render.make_photo(0, number, 0, number % 7)
        write_image(file, render.draw(*scene, size)[0])
    return files


def shrink(files: list[Path], folder: Path, long: int) -> list[Path]:
    """Copies with this long side, photos that are smaller as they are."""
    copies = [folder / f"{number}.jpg" for number in range(len(files))]
    for file, copy in zip(files, copies, strict=True):
        image = read_image(file)
        factor = min(long / max(image.shape[:2]), 1)
        size = [max(1, round(length * factor)) for length in image.shape[1::-1]]
        write_image(copy, cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    return copies


def measure(name: str, files: list[Path], options: argparse.Namespace) -> list[object]:
    """A row of the table."""
    times = np.empty((options.rounds + 1, len(files), len(PARTS)))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds + 1):  # the first loads models and draws cloths
            found = []
            for index, file in enumerate(files):
                times[number, index], *counts = one_photo(file, Path(folder), options.show, options.kind)
                found.append(counts)
    each = times[1:].min(0).mean(0)
    masked, certain = np.array(found).T
    long = float(np.median([max(read_image(file).shape[:2]) for file in files]))
    shares = [100 * (masked > 0).mean(), f"{masked.sum():,}", 100 * certain.sum() / max(masked.sum(), 1)]
    return [name, f"{len(files):,}", f"{long:.0f}", 1 / each.sum(), *(1000 * each), *shares]


def rows(options: argparse.Namespace) -> Iterator[list[object]]:
    """A row for each set of photos."""
    with tempfile.TemporaryDirectory() as place:
        for size in (options.long, 1350):
            yield measure("drawn", draw_demo(Path(place), options.drawn, size), options)
    for folder in options.folders:
        files = photo_files(folder)
        found = measure(folder.name, files, options)
        yield found
        if float(found[2]) > options.long:
            with tempfile.TemporaryDirectory() as place:
                yield measure(folder.name, shrink(files, Path(place), options.long), options)


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", help="photos, each folder a set")
    parser.add_argument("--show", choices=photos.SHOWS, default="portrait")
    parser.add_argument("--kind", default="all")
    parser.add_argument("--long", type=int, default=350, help="long side of the photos that are drawn or shrunk")
    parser.add_argument("--drawn", type=int, default=8, help="demo photos of each size")
    parser.add_argument("-n", "--rounds", type=int, default=3)
    parser.add_argument(
        "--write", action="store_true", help=f"put the table into {report.README.name} beside the script"
    )
    return parser


def main() -> int:
    """Print the table; exit code 2 for bad input."""
    options = build_parser().parse_args()
    options.threads, options.device = 1, "cpu"
    cv2.setNumThreads(1)

    def work() -> None:
        # Before minutes are spent on what cannot be written, or on other folders.
        if options.write and options.show == photos.CROP:
            raise InputError("--write: there is no table of pre-cropped faces; leave it out")
        for folder in options.folders:
            photo_files(folder)
        shown = report.table(TITLES, list(rows(options)))
        print(*shown, sep="\n")
        if options.write:
            command = shlex.join(["python", "-m", "benchmarks.masks_end_to_end", *sys.argv[1:]])
            lines = [f"`{command}`", "", f"{report.machine(options)}.", "", *shown]
            report.write(f"masks_end_to_end_{options.show}", "cpu", lines)

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
