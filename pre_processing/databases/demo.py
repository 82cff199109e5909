"""The demo database: drawn faces with their labels and points, as pre_processing.demo writes them.

Layout: faces/p0003/5.png (person 3, photo 5) and faces.csv with a line for each face.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from pre_processing.artefacts import FARTHEST, path_defect
from pre_processing.databases.table import Collector, Table, found_in
from pre_processing.emotions import DATABASES, EMOTIONS
from pre_processing.errors import InputError

NAME = DATABASES["D"]
LABELS = "faces.csv"
COLUMNS = ("path", "emotion", "person", "split", "points")
SPLITS = ("train", "valid", "test")
MAKE = "make it with python -m pre_processing.demo FOLDER"


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
            with np.errstate(over="ignore"):
                points = np.array(points.split(), np.float32).reshape(68, 2)
            code = EMOTIONS.index(emotion)
        except ValueError as error:
            raise InputError(f"{labels}, line {number}: not {', '.join(COLUMNS)}; {MAKE}") from error
        if split not in SPLITS or not (np.abs(points) <= FARTHEST).all():
            raise InputError(f"{labels}, line {number}: not {', '.join(COLUMNS)}; {MAKE}")
        if defect := path_defect(path):
            raise InputError(f"{labels}, line {number}: {defect}")
        if (root / path).is_file():
            collector.keep(path, code, split, subject=person, landmarks=points)
        else:
            collector.lose(path, split)
    return collector.table(
        NAME, root, precropped=False, official=SPLITS, labels=f"{LABELS}: the emotion that was drawn"
    )


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
