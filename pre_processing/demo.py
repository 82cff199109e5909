"""Write the demo database: drawn faces, so that everybody can run everything.

    python -m pre_processing.demo data/demo --faces 1400 --seed 0

Its numbers mean nothing about people. Every person shows every emotion once; of five people in a row three are in
train, one each in valid and test. The layout is that of databases/demo.py.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from pathlib import Path

import numpy as np

from pre_processing import errors, masks, render
from pre_processing.chunks import in_chunks
from pre_processing.databases.demo import COLUMNS, LABELS
from pre_processing.emotions import EMOTIONS
from pre_processing.errors import InputError

SPLITS = ("train", "test", "train", "valid", "train")  # of five people in a row
PHOTOS = len(EMOTIONS)  # of each person: one of every emotion
LEAST = PHOTOS * (len(SPLITS) - 1)  # faces with which every split has some
CHUNK = 4 * PHOTOS

Row = tuple[str, str, str, str, str]


def write(out: str | Path, faces: int, seed: int = 0, *, size: int = render.SIZE, jobs: int = -1) -> Path:
    """Draw `faces` faces of `size` pixels into the new folder `out`; the same seed gives the same files.

    The first faces are the same whatever their number. InputError where the folder is there already, the faces are too
    few for three splits or a number is out of range; then nothing is written.
    """
    out = Path(out)
    if faces < LEAST:
        raise InputError(f"--faces {faces}: give at least {LEAST}, so that every split has some")
    if seed < 0 or not 48 <= size <= 2048:
        raise InputError(f"--seed {seed} --size {size}: give a seed from 0 on and a size of 48 to 2048 pixels")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is there already; remove it or choose another folder")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # Drawn beside its place and moved there when complete: a folder with the name is a whole database.
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            place = Path(folder) / out.name
            rows = _draw_all(place, seed, faces, size, jobs)
            with open(place / LABELS, "w", newline="", encoding="utf-8") as handle:
                csv.writer(handle, lineterminator="\n").writerows([COLUMNS, *rows])
            place.replace(out)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another folder") from error
    return out


def _draw_all(root: Path, seed: int, faces: int, size: int, jobs: int) -> list[Row]:
    """Draw faces 0 to `faces` - 1 in several processes; their lines for faces.csv in that order."""
    chunks = in_chunks(_draw, range(faces), CHUNK, jobs, root, seed, size, ordered=True, desc="drawing", unit="face")
    return [row for chunk in chunks for row in chunk]


def _draw(numbers: range, root: Path, seed: int, size: int) -> list[Row]:
    """Draw faces by number; their lines for faces.csv."""
    rows = []
    for number in numbers:
        person, index = divmod(number, PHOTOS)
        emotion = emotions_of(seed, person)[index]
        image, points = render.draw(
            render.make_person(seed, person), render.make_photo(seed, person, index, emotion), size
        )
        path = f"faces/p{person:04d}/{index}.png"
        masks.write_image(root / path, image)
        shown = " ".join(f"{value:.3f}" for value in points.ravel())
        rows.append((path, EMOTIONS[emotion], f"p{person:04d}", SPLITS[person % len(SPLITS)], shown))
    return rows


def emotions_of(seed: int, person: int) -> list[int]:
    """Codes of the emotions of a person's photos, in their order: all of them, shuffled."""
    return np.random.default_rng((seed, person)).permutation(PHOTOS).tolist()


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m pre_processing.demo", description="Draw a face database.")
    parser.add_argument("out", metavar="OUT", type=Path, help="new folder for faces and labels")
    parser.add_argument("--faces", type=int, default=1400, help="how many; 7 for each person")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=render.SIZE, help="side of the images in pixels")
    parser.add_argument("-j", "--jobs", type=int, default=-1, help="processes; -1: all cores")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit code 0, or 2 for bad input."""
    options = build_parser().parse_args(argv)

    def work() -> None:
        write(options.out, options.faces, options.seed, size=options.size, jobs=options.jobs)
        print(f"{options.faces} faces of {-(-options.faces // PHOTOS)} people: {options.out}")

    return errors.run(work)


if __name__ == "__main__":
    sys.exit(main())
