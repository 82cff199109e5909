"""RAF-DB (Real-world Affective Faces Database), basic emotions: aligned or original images.

Source: Li, Deng and Du, Reliable Crowdsourcing and Deep Locality-Preserving Learning for Expression Recognition in the
Wild, CVPR 2017; http://www.whdeng.cn/raf/model1.html (on application, for research only).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from pre_processing.artefacts import FARTHEST
from pre_processing.databases.layouts import IMAGE_SUFFIXES, Layout, recognise
from pre_processing.databases.table import Collector, Table
from pre_processing.emotions import DATABASES, RAFDB, by_code
from pre_processing.errors import InputError

NAME = DATABASES["R"]
LABELS = "EmoLabel/list_patition_label.txt"  # its official name, misspelt
BOXES = "Annotation/boundingbox"
FOLDERS = {"aligned": "Image/aligned", "original": "Image/original"}
ENDINGS = {"aligned": "_aligned", "original": ""}  # what follows the label file's name in an image's name
LINE = re.compile(r"(train|test)_(\d+)\.jpg\s+(\d+)")


def read(root: Path, *, images: str | None = None) -> Table:
    """RAF-DB below `root`: the folder "basic", or the one that holds it; "train" and "test" are the official splits.

    `images`: "aligned" (100x100 crops) or "original" (photos, with face boxes where Annotation/boundingbox is there);
    by default aligned where they are there.
    """
    if images not in (None, *FOLDERS):
        raise InputError(f"--images {images}: give one of {', '.join(FOLDERS)}")
    layout, base = recognise(root, NAME, LAYOUTS)
    present = [kind for kind, folder in FOLDERS.items() if (base / folder).is_dir()]
    if images and images not in present:
        raise InputError(f"{base / FOLDERS[images]}: no such folder; put the {images} images there, or leave --images")
    return layout.read(root, base, images or present[0])


def read_basic(root: Path, base: Path, images: str) -> Table:
    """The table of one kind of images."""
    folder, ending = base / FOLDERS[images], ENDINGS[images]
    prefix = folder.relative_to(root).as_posix()
    files = {entry.name for entry in os.scandir(folder) if entry.name.lower().endswith(IMAGE_SUFFIXES)}
    collector, seen = Collector(), set()
    for split, name, emotion in read_labels(base / LABELS):
        image = f"{name}{ending}.jpg"
        path = f"{prefix}/{image}"
        if image in seen:
            collector.drop("listed twice", path)
        elif image not in files:
            collector.lose(path, split)
        else:
            box = read_box(base / BOXES / f"{name}_boundingbox.txt") if images == "original" else ()
            collector.keep(path, emotion, split, box=box)
        seen.add(image)
    for image in sorted(files - seen):
        collector.drop("not in the label file", f"{prefix}/{image}")
    labels = f"{NAME}'s basic emotions, {images} images"
    return collector.table(NAME, root, precropped=images == "aligned", official=("train", "test"), labels=labels)


def read_labels(path: Path) -> list[tuple[str, str, int]]:
    """(split, image name without suffix, our code) of every line such as `train_00001.jpg 5`."""
    codes = {str(code): RAFDB[name] for code, name in by_code(RAFDB, first=1).items()}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); get it from the official source") from error
    rows = []
    for number, line in enumerate(lines, 1):
        match = LINE.fullmatch(line.strip())
        if match and match[3] in codes:
            rows.append((match[1], f"{match[1]}_{match[2]}", codes[match[3]]))
        elif line.strip():
            raise InputError(f"{path}, line {number}: {line.strip()!r} is not like `train_00001.jpg 5`, with 1 to 7; "
                             "get the file from its official source")  # fmt: skip
    return rows


def read_box(path: Path) -> tuple[float, ...]:
    """Face box (left, top, right, bottom) in pixels of the original image, or () where no file is there."""
    if not path.is_file():
        return ()
    try:
        left, top, right, bottom = map(float, path.read_text().split())
        if not all(abs(edge) <= FARTHEST for edge in (left, top, right, bottom)):
            raise ValueError("out of range")
    except ValueError as error:
        raise InputError(f"{path}: not four numbers; get it anew, or remove it, and the face is searched") from error
    return left, top, right, bottom


LAYOUTS = (
    Layout(
        ((LABELS,), tuple(FOLDERS.values())),
        f"basic/ with {LABELS} and {FOLDERS['aligned']}/train_00001_aligned.jpg or "
        f"{FOLDERS['original']}/train_00001.jpg",
        read_basic,
    ),
)
