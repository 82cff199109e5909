"""AffectNet's full release of 2017: whole photos, with face box, 68 points and expression in two CSV files."""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from pre_processing.artefacts import FARTHEST, path_defect
from pre_processing.databases.layouts import first_of
from pre_processing.databases.table import Collector, Table, shipped_points
from pre_processing.emotions import AFFECTNET, DATABASES, by_code
from pre_processing.errors import InputError

IMAGES = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images")
LISTS = ("Manually_Annotated_file_lists/", "Manually_Annotated_file_list/", "")
TRAINING = tuple(f"{folder}training.csv" for folder in LISTS)
VALIDATION = tuple(f"{folder}validation.csv" for folder in LISTS)
COLUMNS = ("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks", "expression",
           "valence", "arousal")  # fmt: skip
USED = COLUMNS[:7]
LABELS = {str(code): label for code, label in by_code(AFFECTNET).items()}
CHUNK = 4096  # rows whose points are read together
TWICE, UNSURE = "listed twice", "listed twice, with different expressions"


class Row(NamedTuple):
    """Path below the images, AffectNet's own label, box (left, top, right, bottom) or (), points (68, 2) or ()."""

    path: str
    label: str
    box: tuple[float, ...]
    points: np.ndarray | tuple[()]


class Disk:
    """Names of the files in the folders below `images`, read folder by folder: no image is opened to list it."""

    def __init__(self, images: Path) -> None:
        self.images = images
        self.names: dict[str, set[str]] = {}

    def folder(self, name: str) -> set[str]:
        """Names of the files in one folder."""
        if name not in self.names:
            path = self.images / name
            self.names[name] = {entry.name for entry in os.scandir(path)} if path.is_dir() else set()
        return self.names[name]

    def __contains__(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        return name in self.folder(folder)

    def all(self) -> Iterator[str]:
        """Every file, as folder/name."""
        for folder in sorted(entry.name for entry in os.scandir(self.images) if entry.is_dir()):
            yield from (f"{folder}/{name}" for name in sorted(self.folder(folder)))


def read(root: Path, base: Path) -> Table:
    """Table of training.csv ("train") and validation.csv ("test").

    A photo that is listed again with the same expression counts once; with another expression nobody knows which is
    right, and it is left out. What is listed in both files belongs to "test".
    """
    images = first_of(base, IMAGES)
    prefix, disk = images.relative_to(root).as_posix(), Disk(images)
    collector, seen, unsure = Collector(), {}, set()
    for split, names in (("test", VALIDATION), ("train", TRAINING)):
        for row in read_rows(first_of(base, names)):
            path = f"{prefix}/{row.path}"
            if row.path in seen:
                collector.drop(TWICE, path)
                if seen[row.path] != (split, row.label) and seen[row.path][0] == split:
                    unsure.add(path)
                continue
            seen[row.path] = split, row.label
            code = AFFECTNET[row.label]
            if row.path not in disk:
                collector.lose(path, split)
            elif code is None:
                collector.drop(row.label, path)
            else:
                collector.keep(path, code, split, box=row.box, landmarks=row.points)
    for path in disk.all():
        if path not in seen:
            collector.drop("not in the CSV files", f"{prefix}/{path}")
    leave_out(collector, unsure)
    return collector.table(
        DATABASES["A"], root, precropped=False, official=("train", "test"), labels="AffectNet's full release"
    )


def leave_out(collector: Collector, unsure: set[str]) -> None:
    """Take back faces that turned out to be listed with two expressions."""
    for path in sorted(unsure.intersection(row[0] for row in collector.rows)):
        collector.drop(UNSURE, path)
    collector.rows = [row for row in collector.rows if row[0] not in unsure]


def read_rows(path: Path) -> Iterator[Row]:
    """Every row of a CSV file, with the points of those whose expression is one of ours."""
    rows = raw_rows(path)
    while chunk := list(itertools.islice(rows, CHUNK)):
        wanted = [AFFECTNET[label] is not None for _, label, _, _ in chunk]
        points = to_points([text if want else "" for (*_, text), want in zip(chunk, wanted, strict=True)])
        for (image, label, box, _), face in zip(chunk, points, strict=True):
            yield Row(image, label, to_box(box), face)


def raw_rows(path: Path) -> Iterator[tuple[str, str, list[str], str]]:
    """(path below the images, AffectNet's own label, x y width height as text, points as text) of every row."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle)
            at = dict(zip(COLUMNS, range(len(COLUMNS)), strict=True))
            for row in tqdm(reader, path.name, unit="row", disable=None):
                if reader.line_num == 1 and row and row[0].lstrip("# ") == COLUMNS[0]:
                    at = columns(path, row)
                elif row:
                    yield to_row(path, reader.line_num, row, at)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); get it from its official source") from error


def columns(path: Path, header: list[str]) -> dict[str, int]:
    """{column: position} by a header, which may begin with `#`."""
    at = {name.strip().lstrip("# "): position for position, name in enumerate(header)}
    if missing := [name for name in USED if name not in at]:
        raise InputError(f"{path}: lacks the column {missing[0]}; get it from its official source")
    return at


def to_row(path: Path, number: int, row: list[str], at: dict[str, int]) -> tuple[str, str, list[str], str]:
    """One row of read_rows; InputError where it is not one."""
    if len(row) != len(at):
        raise InputError(f"{path}, line {number}: {len(row)} columns instead of {len(at)}; get the file anew")
    image, expression = row[at["subDirectory_filePath"]].strip(), row[at["expression"]].strip()
    if expression not in LABELS:
        raise InputError(
            f"{path}, line {number}: expression {expression!r} is not 0 to {len(LABELS) - 1}; get the file anew"
        )
    if defect := path_defect(image):
        raise InputError(f"{path}, line {number}: {defect}")
    return image, LABELS[expression], [row[at[name]] for name in COLUMNS[1:5]], row[at["facial_landmarks"]]


def to_box(fields: list[str]) -> tuple[float, ...]:
    """(left, top, right, bottom) of x, y, width, height; () where they are no box."""
    try:
        left, top, width, height = map(float, fields)
    except ValueError:
        return ()
    box = left, top, left + width, top + height
    return box if width > 0 and height > 0 and all(abs(edge) <= FARTHEST for edge in box) else ()


def to_points(texts: list[str]) -> list[np.ndarray | tuple[()]]:
    """Points (68, 2) float32 of each text `x;y;x;y ...`, or () where it is not 68 points that span a face."""
    # pandas reads these numbers four times as fast as numpy or float(): there are 400,000 rows of 136.
    even = "\n".join(text if text.count(";") == 135 and text.isprintable() else ";" * 135 for text in texts)
    try:
        with np.errstate(over="ignore"):
            table = pd.read_csv(io.StringIO(even), sep=";", header=None, dtype=np.float32, quoting=csv.QUOTE_NONE)
    except ValueError:  # some text is no number: one by one
        return [shipped_points(np.array([to_number(part) for part in text.split(";")])) for text in texts]
    points = table.to_numpy(np.float32).reshape(-1, 68, 2)
    with np.errstate(invalid="ignore", over="ignore"):
        good = (np.abs(points) <= FARTHEST).all((1, 2)) & (np.ptp(points, axis=1).min(1) >= 1)
    return [face if usable else () for face, usable in zip(points, good, strict=True)]


def to_number(text: str) -> float:
    """The number in a text, or NaN."""
    try:
        return float(text)
    except ValueError:
        return np.nan
