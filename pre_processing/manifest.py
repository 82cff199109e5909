"""The manifest of masked faces: what was worn by whom, written so that a run cut short goes on, and checked later.

One row a face, or one for a photo that got no mask. `stamp` tells what a mask was made from, `sha256` what was written.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pre_processing.artefacts import InputError, atomic_write, path_defect
from pre_processing.crop import read_image

NAME = "manifest.csv"
FIRST = ("path", "face", "left", "top", "right", "bottom", "group", "kind", "seed")
LAST = ("placement", "reason", "stamp", "sha256")
TEXTS = ("path", "group", "kind", "placement", "reason", "stamp", "sha256")
WHOLE = ("face", "left", "top", "right", "bottom")
NUMBER = re.compile("-?[0-9]{1,9}|")
LOSSLESS = {".png", ".bmp", ".tif", ".tiff"}
REMEDY = "remove it and its copies, and the masks are made again"
SHARE = 20  # writing may take one part in this many of a run's time

Row = dict[str, str]


def digest(path: Path, image: np.ndarray | None = None) -> str:
    """16 hexadecimal digits that stand for a written file.

    They come from its pixels where its format keeps them, so that they do not depend on the encoder, else from its
    bytes. `image`: its pixels, uint8 (H, W) or (H, W, 3) RGB, where they are at hand. InputError for an unreadable file.
    """
    if path.suffix.lower() not in LOSSLESS:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    image = read_image(path) if image is None else image
    image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image
    return hashlib.sha256(str(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()[:16]


def to_row(values: Mapping[str, object]) -> Row:
    """One row as text, as it stands in the file."""
    return {**dict.fromkeys(FIRST, ""), **{name: str(value) for name, value in values.items()},
            **{name: str(values.get(name, "")) for name in LAST}}  # fmt: skip


def read(path: str | Path) -> list[Row]:
    """Rows of a manifest as text; InputError for any other file, none where there is no file."""
    path = Path(path)
    if not path.is_file():
        return []
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), strict=True)
        rows, columns = list(reader), set(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a manifest of masks ({error}); {REMEDY}") from error
    if not columns.issuperset(FIRST + LAST):
        raise InputError(f"{path}: not a manifest of masks, or of an older version; {REMEDY}")
    for number, row in enumerate(rows, 2):
        whole = None not in row and None not in row.values() and all(NUMBER.fullmatch(row[name]) for name in WHOLE)
        if not whole or row["face"].startswith("-") or path_defect(row["path"]):
            raise InputError(f"{path}, row {number}: not a row of a manifest of masks; {REMEDY}")
    return rows


def to_text(rows: Iterable[Row]) -> str:
    """Rows as CSV, sorted by path and face."""
    ordered = sorted(rows, key=lambda row: (row["path"], int(row["face"] or 0)))
    more = dict.fromkeys(name for row in ordered for name in row if name not in FIRST + LAST)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*FIRST, *more, *LAST], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(ordered)
    return text.getvalue()


def to_table(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a table, sorted by path and face: numbers as numbers, nothing where a cell is empty."""
    types = {**dict.fromkeys(TEXTS, str), **dict.fromkeys(WHOLE, "Int64")}
    table = pd.read_csv(io.StringIO(to_text(rows)), dtype=types, keep_default_na=False, na_values=[""])
    return table.fillna(dict.fromkeys(TEXTS, ""))


class Journal:
    """Rows of a run and its manifest: kept from an earlier run, added as they come, on disk whatever ends the run."""

    def __init__(self, path: Path, kept: Iterable[Row]) -> None:
        self.path, self.rows, self.due = path, list(kept), 0.0

    def __enter__(self) -> Journal:
        self.write()  # before the first copy: what lies there without a manifest is somebody's own
        return self

    def add(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Add rows, and write the file unless the last time is so recent that large manifests would cost much."""
        self.rows += [to_row(row) for row in rows]
        if (start := time.monotonic()) >= self.due:
            self.write()
            self.due = start + (SHARE + 1) * (time.monotonic() - start)

    def write(self) -> None:
        """Write the whole file or nothing."""
        with atomic_write(self.path) as temporary:
            temporary.write_text(to_text(self.rows), encoding="utf-8", newline="\n")

    def __exit__(self, *_: object) -> None:
        self.write()


def manifest_checksum(path: str | Path) -> str:
    """SHA-256 over the sorted lines `path,stamp` of a manifest: the same faces, points, kinds, seeds and drawing."""
    rows = read(path)
    if not rows:
        raise InputError(f"{path}: no manifest with masks; give the folder of masked copies")
    lines = sorted(f"{row['path']},{row['stamp']}\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_as_written(row: Row, copy: Path) -> bool:
    """Whether a file is just what a row says was written there."""
    try:
        return digest(copy) == row["sha256"]
    except (OSError, InputError):
        return False


def check(masked_root: str | Path) -> dict[str, str]:
    """{path: what is wrong} with the masked copies that a folder's manifest lists; empty where all are as recorded."""
    root, wrong = Path(masked_root), {}
    for row in read(root / NAME):
        path = row["path"]
        if path in wrong or not row["sha256"]:
            continue
        try:
            if digest(root / path) != row["sha256"]:
                wrong[path] = "differs from what was written"
        except (OSError, InputError):
            wrong[path] = "is missing or unreadable"
    return wrong
