"""FER2013 as people have it: fer2013.csv, or Kaggle's folders of JPEG images.

Source: Goodfellow et al., Challenges in Representation Learning, 2013, https://arxiv.org/abs/1307.0414. From Kaggle:
"Challenges in Representation Learning: Facial Expression Recognition Challenge" (csv) or "FER-2013" (folders).
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from pre_processing.artefacts import atomic_write
from pre_processing.databases.table import Collector, Table
from pre_processing.emotions import DATABASES, FER2013, by_code
from pre_processing.errors import InputError

PIXELS = "fer2013.csv"
HEADER = ["emotion", "pixels", "Usage"]
SIDE = 48
# FER2013's public test serves as Valid and its private test as Test, as in FER+.
USAGES = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}
FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
KAGGLE_FOLDERS = {"train": ("Training",), "test": ("PublicTest", "PrivateTest")}
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
NAME = DATABASES["F"]
OWN_LABELS = "FER2013's own labels, not FER+'s, and no votes of raters; for FER+'s put fer2013new.csv beside fer2013.csv, and prepare again"


def is_kaggle(root: Path) -> bool:
    """Whether `root` holds Kaggle's folders train/<emotion> and test/<emotion>."""
    return all((root / part / emotion).is_dir() for part in KAGGLE_FOLDERS for emotion in FER2013)


def read_kaggle(root: Path) -> Table:
    """Own labels of train/angry/Training_*.jpg, test/angry/{PublicTest,PrivateTest}_*.jpg and so on."""
    collector = Collector()
    for part, usages in KAGGLE_FOLDERS.items():
        for emotion, code in FER2013.items():
            for entry in os.scandir(root / part / emotion):
                usage = entry.name.partition("_")[0]
                path = f"{part}/{emotion}/{entry.name}"
                if not entry.name.lower().endswith(IMAGE_SUFFIXES):
                    collector.drop("not an image", path)
                elif usage not in usages:
                    collector.drop(f"file name does not begin with {' or '.join(usages)}", path)
                else:
                    collector.keep(path, code, USAGES[usage])
    return collector.table(NAME, root, precropped=True, official=FOLDERS, labels=OWN_LABELS)


def read_pixels(root: Path) -> Table:
    """Own labels of fer2013.csv; its images go to the folder `<root>-images`, which becomes the table's root."""
    rows = load_rows(root)
    # Not FER+'s names fer0000000.png: those count otherwise, so the same name would be two different faces.
    paths = [f"{FOLDERS[split]}/row{index:07d}.png" for index, (_, split, _) in enumerate(rows)]
    collector = Collector()
    for path, (code, split, _) in zip(paths, rows, strict=True):
        collector.keep(path, code, split)
    images = images_root(root)
    table = collector.table(NAME, images, precropped=True, official=FOLDERS, labels=OWN_LABELS)
    write_images(images, paths, (image for _, _, image in rows))
    return table


def images_root(root: Path) -> Path:
    """Folder beside `root` for the images of its fer2013.csv."""
    named = root if root.name not in ("", "..") else root.resolve()  # `.` has no name to put an end to
    return named.with_name(f"{named.name}-images")


def write_images(folder: Path, paths: list[str], images: Iterable[np.ndarray]) -> None:
    """Write each image (48,48) uint8 as PNG to its path below `folder`.

    What is already there with the same content stays untouched: a second call is quick, an interrupted one continues.
    """
    for path, image in tqdm(zip(paths, images, strict=True), f"unpacking {PIXELS}", total=len(paths), disable=None):
        content, file = cv2.imencode(".png", image)[1].tobytes(), folder / path
        if not file.is_file() or file.read_bytes() != content:
            with atomic_write(file) as temporary:
                temporary.write_bytes(content)


def load_rows(root: Path) -> list[tuple[int, str, np.ndarray]]:
    """All rows of fer2013.csv in their order, see read_rows; about 90 MB of pixels."""
    return list(tqdm(read_rows(root / PIXELS), f"reading {PIXELS}", disable=None))


def read_rows(path: Path) -> Iterator[tuple[int, str, np.ndarray]]:
    """(our emotion code, split, image (48,48) uint8) of each row; InputError with file and line for a bad one."""
    labels = {str(code): FER2013[name] for code, name in by_code(FER2013).items()}
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle)
            if next(reader, None) != HEADER:
                raise InputError(f"{path}: its first line must be {','.join(HEADER)}; get it anew from Kaggle")
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if len(row) != 3 or row[0] not in labels or row[2] not in USAGES:
                    raise InputError(f"{where}: not emotion 0 to 6, pixels, Usage; get the file anew from Kaggle")
                yield labels[row[0]], USAGES[row[2]], to_image(where, row[1])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); get it anew from Kaggle") from error


def to_image(where: str, pixels: str) -> np.ndarray:
    """Image (48,48) uint8 of the numbers in one row."""
    try:
        return np.array(list(map(int, pixels.split())), np.uint8).reshape(SIDE, SIDE)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{where}: not {SIDE * SIDE} grey values of 0 to 255; get the file anew from Kaggle"
        ) from error
