"""The demo database: drawn faces with their labels and points, written by one command and read as any other.

    python -m pre_processing.databases.demo data/demo --faces 1400 --seed 0

Layout: faces/p0003/5.png (person 3, photo 5) and faces.csv with a line for each face. People are numbered; of five in
a row three are in train, one each in valid and test.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from pre_processing import render
from pre_processing.databases.table import Collector, Table, found_in
from pre_processing.emotions import DATABASES, EMOTIONS
from pre_processing.errors import InputError

NAME = DATABASES["D"]
LABELS = "faces.csv"
COLUMNS = ("path", "emotion", "person", "split", "points")
SPLITS = ("train", "test", "train", "valid", "train")
PHOTOS = len(EMOTIONS)  # of each person: one of every emotion
LEAST = PHOTOS * (len(SPLITS) - 1)  # faces with which every split has some
CHUNK = 4 * PHOTOS
MAKE = "make it with python -m pre_processing.databases.demo FOLDER"

Row = tuple[str, str, str, str, str]


def read(root: Path) -> Table:
    """The demo database below `root`; its points are those that were drawn. InputError where it is not there."""
    labels = root / LABELS
    if not labels.is_file():
        raise InputError(
            f"{root}: holds {found_in(root) if root.is_dir() else 'no folder'}; expected is {LABELS}; {MAKE}"
        )
    collector = Collector()
    for number, row in _read_rows(labels):
        try:
            path, emotion, person, split, points = row
            points = np.array(points.split(), np.float32).reshape(68, 2)
            code = EMOTIONS.index(emotion)
        except ValueError as error:
            raise InputError(f"{labels}, line {number}: not {', '.join(COLUMNS)}; {MAKE}") from error
        if split not in SPLITS or not np.isfinite(points).all():
            raise InputError(f"{labels}, line {number}: not {', '.join(COLUMNS)}; {MAKE}")
        if (root / path).is_file():
            collector.keep(path, code, split, subject=person, landmarks=points)
        else:
            collector.drop("image missing", path)
    return collector.table(NAME, root, precropped=False, labels=f"{LABELS}: the emotion that was drawn")


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, columns) of faces.csv."""
    try:
        with open(path, newline="", encoding="utf-8") as handle:
            reader = csv.reader(handle)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); {MAKE}") from error
    if not rows or tuple(rows[0][1]) != COLUMNS:
        raise InputError(f"{path}: its first line must be {','.join(COLUMNS)}; {MAKE}")
    return rows[1:]


def write(out: str | Path, faces: int, seed: int = 0, *, size: int = render.SIZE, jobs: int = -1) -> Path:
    """Draw `faces` faces of `size` pixels into the new folder `out`; the same seed gives the same files.

    The first faces are the same whatever their number. InputError where the folder is there already or the faces are
    too few for three splits; then nothing is written.
    """
    out = Path(out)
    if faces < LEAST:
        raise InputError(f"--faces {faces}: give at least {LEAST}, so that every split has some")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is there already; remove it or choose another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    # Drawn beside its place and moved there when complete: a folder with the name is a whole database.
    place = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        starts = range(0, faces, CHUNK)
        work = (delayed(_draw)(place, seed, range(at, min(at + CHUNK, faces)), size) for at in starts)
        jobs = min(cpu_count() if jobs == -1 else jobs, len(starts))
        rows: list[Row] = []
        with tqdm(total=faces, desc="drawing", unit="face", disable=None) as bar:
            for chunk in Parallel(n_jobs=jobs, return_as="generator")(work):
                rows += chunk
                bar.update(len(chunk))
        with open(place / LABELS, "w", newline="", encoding="utf-8") as handle:
            csv.writer(handle, lineterminator="\n").writerows([COLUMNS, *rows])
        place.chmod(0o755)
        place.replace(out)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return out


def _draw(root: Path, seed: int, numbers: range, size: int) -> list[Row]:
    """Draw faces by number; their lines for faces.csv."""
    rows = []
    for number in numbers:
        person, index = divmod(number, PHOTOS)
        emotion = emotions_of(seed, person)[index]
        image, points = render.draw(
            render.make_person(seed, person), render.make_photo(seed, person, index, emotion), size
        )
        path = f"faces/p{person:04d}/{index}.png"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        shown = " ".join(f"{value:.3f}" for value in points.ravel())
        rows.append((path, EMOTIONS[emotion], f"p{person:04d}", SPLITS[person % len(SPLITS)], shown))
    return rows


def emotions_of(seed: int, person: int) -> list[int]:
    """Codes of the emotions of a person's photos, in their order: all of them, shuffled."""
    return np.random.default_rng((seed, person)).permutation(PHOTOS).tolist()


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m pre_processing.databases.demo", description="Draw a face database."
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="new folder for faces and labels")
    parser.add_argument("--faces", type=int, default=1400, help="how many; 7 for each person")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=render.SIZE, help="side of the images in pixels")
    parser.add_argument("-j", "--jobs", type=int, default=-1, help="processes; -1: all cores")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit code 0, or 2 for bad input."""
    options = build_parser().parse_args(argv)
    try:
        write(options.out, options.faces, options.seed, size=options.size, jobs=options.jobs)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.faces} faces of {-(-options.faces // PHOTOS)} people: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
