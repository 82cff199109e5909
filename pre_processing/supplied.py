"""Points and boxes of faces that the user brings along, as CSV files: several rows of a photo are several faces."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from pathlib import Path

import numpy as np

from pre_processing.artefacts import FARTHEST, InputError, path_defect, read_bytes

POINT_COLUMNS = ("path", *(f"{axis}{point}" for point in range(68) for axis in "xy"))
BOX_COLUMNS = ("path", "left", "top", "right", "bottom")


def read_points(file: str | Path, photos: Collection[str]) -> dict[str, list[np.ndarray]]:
    """Points (68, 2) float64 of every face by photo; columns path, x0, y0, ..., x67, y67, in pixels of the photo.

    InputError names file and line of what cannot be used, such as a path that is not among `photos`.
    """
    return {path: [row.reshape(68, 2) for row in rows] for path, rows in _read(file, POINT_COLUMNS, photos).items()}


def read_boxes(file: str | Path, photos: Collection[str]) -> dict[str, list[np.ndarray]]:
    """Boxes (4,) float64 of every face by photo; columns path, left, top, right, bottom. InputError as above."""
    return _read(file, BOX_COLUMNS, photos)


def _read(file: str | Path, columns: tuple[str, ...], photos: Collection[str]) -> dict[str, list[np.ndarray]]:
    first, last = columns[1], columns[-1]
    try:
        reader = csv.reader(
            io.StringIO(read_bytes(file, "CSV file", "check its name").decode("utf-8-sig"), newline=""), strict=True
        )
        if tuple(next(reader, ())) != columns:
            raise InputError(f"{file}, line 1: give the columns path,{first},...,{last}")
        found: dict[str, list[np.ndarray]] = {}
        for row in reader:
            if not row:
                continue
            try:
                found.setdefault(row[0], []).append(_numbers(row, columns, photos))
            except ValueError as error:
                raise InputError(f"{file}, line {reader.line_num}: {error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: not a CSV file in UTF-8 ({error})") from error
    return found


def _numbers(row: list[str], columns: tuple[str, ...], photos: Collection[str]) -> np.ndarray:
    """The numbers of one row; ValueError says what is wrong with it."""
    if len(row) != len(columns):
        raise ValueError(f"{len(row)} columns instead of {len(columns)}")
    if defect := path_defect(row[0]):
        raise ValueError(defect)
    if row[0] not in photos:
        raise ValueError(f"no photo {row[0]!r} there; give paths relative to the folder of photos")
    numbers = np.array([float(text) for text in row[1:]])
    if not np.isfinite(numbers).all():
        raise ValueError("a number is not finite")
    if np.abs(numbers).max() > FARTHEST:
        raise ValueError(f"a number is beyond {FARTHEST}; give pixels of the photo")
    if columns == BOX_COLUMNS and not (numbers[2:] > numbers[:2]).all():
        raise ValueError("the box is empty; its right must lie beyond its left, its bottom below its top")
    return numbers
