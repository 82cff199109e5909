"""FER+ (FERPlus): FER2013's images with the votes of ten raters.

Source: Barsoum et al., Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution,
ICMI 2016; https://github.com/microsoft/FERPlus (labels, MIT licence). The images are FER2013's, scraped from the web.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from pre_processing.artefacts import FARTHEST
from pre_processing.databases import fer2013
from pre_processing.databases.fer2013 import FOLDERS, PIXELS, USAGES
from pre_processing.databases.layouts import packed_in, within
from pre_processing.databases.table import Collector, Table, found_in
from pre_processing.emotions import DATABASES, FERPLUS
from pre_processing.errors import InputError

LABELS = "label.csv"
NEW_LABELS = "fer2013new.csv"
COLUMNS = tuple(FERPLUS)
NAME = DATABASES["F"]
EXPECTED = (
    f"{', '.join(FOLDERS.values())} each with {LABELS} and the images (as Microsoft's generate_training_data.py makes "
    f"them), or {PIXELS}, or Kaggle's folders train/angry ... test/surprise"
)


def read(root: Path, *, rule: str = "majority") -> Table:
    """FER+ or FER2013 below `root`, in any of the forms in which people have it.

    FER2013{Train,Valid,Test} with label.csv (the official layout); fer2013.csv; Kaggle's image folders. The last two
    carry FER2013's own labels unless fer2013new.csv lies beside them. `rule`: "majority" or "argmax", see `winner`.
    Valid is FER2013's PublicTest, Test its PrivateTest. Folders that hold labels alone give way to fer2013.csv.
    """
    if rule not in RULES:
        raise InputError(f"--rule {rule}: give one of {', '.join(RULES)}")
    if root.is_file() and root.name == PIXELS:
        root = root.parent
    if not root.is_dir():
        raise InputError(f"{root}: not a folder; expected is {EXPECTED}")
    official = [split for split, name in FOLDERS.items() if (root / name).is_dir()]
    # Microsoft's repository has these folders with labels alone.
    if official and not ((root / PIXELS).is_file() and labels_alone(root, official)):
        return read_official(root, official, rule)
    rated = (root / NEW_LABELS).is_file()
    if (root / PIXELS).is_file():
        return read_joined(root, rule) if rated else fer2013.read_pixels(root)
    if fer2013.is_kaggle(root):
        if rated:
            # Kaggle's numbers (up to 8 digits) are no row numbers, and JPEG changed the pixels: nothing joins them.
            raise InputError(f"{root}: Kaggle's file names do not tell which row of {NEW_LABELS} a face is; put "
                             f"{PIXELS} there too, or take {NEW_LABELS} away to use FER2013's own labels")  # fmt: skip
        return fer2013.read_kaggle(root)
    for base in within(root):
        if fer2013.is_kaggle(base) or any((base / name).exists() for name in (PIXELS, *FOLDERS.values())):
            move = f"move {NEW_LABELS} there and " if rated and (base / PIXELS).exists() else ""
            raise InputError(
                f"{root}: holds {found_in(root)}; what is known lies in {base}: {move}give --root_path {base}"
            )
    raise InputError(f"{root}: holds {found_in(root)}{packed_in(root)}; expected is {EXPECTED}")


def labels_alone(root: Path, present: Sequence[str]) -> bool:
    """Whether the official folders that are there hold no image."""
    return not any({entry.name for entry in os.scandir(root / FOLDERS[split])} - {LABELS} for split in present)


def read_joined(root: Path, rule: str) -> Table:
    """FER+ labels of fer2013new.csv for the images of fer2013.csv, which get the names that FER+ gives them.

    Both files have the same rows in the same order, as in Microsoft's generate_training_data.py. The numbers in the
    names are not row numbers, and four names are given to two rows each: the first of them keeps it.
    """
    ratings, rows = read_new_labels(root / NEW_LABELS), fer2013.load_rows(root)
    if [split for _, split, _ in rows] != [split for split, _, _ in ratings]:
        raise InputError(f"{root}: {PIXELS} ({len(rows)} rows) and {NEW_LABELS} ({len(ratings)} rows) do not have the "
                         "same rows in Usage; get both complete from their official sources")  # fmt: skip
    collector, named = Collector(), {}
    for number, ((_, split, image), (_, name, votes)) in enumerate(zip(rows, ratings, strict=True), 2):
        path = f"{FOLDERS[split]}/{name}"
        if not name or path in named:
            collector.drop("listed twice" if name else "no image name", f"{NEW_LABELS}, line {number}")
            continue
        named[path] = image
        decide_face(collector, path, split, votes, rule)
    images = fer2013.images_root(root)
    table = collector.table(NAME, images, precropped=True, official=FOLDERS, labels=describe(NEW_LABELS, rule))
    fer2013.write_images(images, list(named), named.values())
    return table


def describe(source: str, rule: str) -> str:
    """Where labels come from, for people."""
    return f"FER+ votes of {source}, {RULES[rule]}"


def read_official(root: Path, present: Sequence[str], rule: str) -> Table:
    """Table of the official layout; fer2013new.csv serves only folders without label.csv."""
    missing = [name for split, name in FOLDERS.items() if split not in present]
    if missing:
        raise InputError(f"{root}: lacks {', '.join(missing)}; expected is {EXPECTED}")
    collector, sources = Collector(), set()
    for split, name in FOLDERS.items():
        rows, source = folder_votes(root, split)
        sources.add(source)
        files = {entry.name for entry in os.scandir(root / name)} - {LABELS}
        seen: set[str] = set()
        for image, votes, box in rows:
            path = f"{name}/{image}"
            if not image:
                collector.drop("no image name", f"{name}/{source}")
            elif image in seen:
                collector.drop("listed twice", path)
            elif image not in files:
                collector.lose(path, split)
            else:
                decide_face(collector, path, split, votes, rule, box)
            seen.add(image)
        for image in sorted(files - seen):
            collector.drop("not in the label file", f"{name}/{image}")
    labels = describe(" and ".join(sorted(sources)), rule)
    return collector.table(NAME, root, precropped=True, official=FOLDERS, labels=labels)


Row = tuple[str, tuple[int, ...], tuple[int, ...]]  # image name, ten votes, box


def folder_votes(root: Path, split: str) -> tuple[list[Row], str]:
    """Label rows of one official folder, and the name of the file that they come from."""
    labels = root / FOLDERS[split] / LABELS
    if labels.is_file():
        return read_labels(labels), LABELS
    if (root / NEW_LABELS).is_file():
        rows = read_new_labels(root / NEW_LABELS)
        return [(name, votes, ()) for usage, name, votes in rows if usage == split], NEW_LABELS
    raise InputError(
        f"{labels}: no such file; get it from Microsoft's FERPlus repository, or put {NEW_LABELS} in {root}"
    )


def read_labels(path: Path) -> list[Row]:
    """Rows of a label.csv, which has no header: name, box "(left, top, right, bottom)", ten votes.

    The box is missing in the files that Microsoft's generate_training_data.py writes.
    """
    rows = []
    for number, row in read_csv(path, 1 + len(COLUMNS), 2 + len(COLUMNS)):
        boxes = row[1 : -len(COLUMNS)]
        box = to_counts(path, number, boxes[0].strip("() ").split(",")) if boxes else ()
        if len(box) not in (0, 4):
            raise InputError(f"{path}, line {number}: {boxes[0]!r} is not a box; get the file from its official source")
        votes = to_counts(path, number, row[-len(COLUMNS) :])
        rows.append((check_name(path, number, row[0]), votes, box))
    return rows


def read_new_labels(path: Path) -> list[tuple[str, str, tuple[int, ...]]]:
    """(split, image name or "", ten votes) for every row of FER2013, in its order, from fer2013new.csv."""
    rows = read_csv(path, 2 + len(COLUMNS))
    if not rows or rows[0][1][0] != "Usage" or tuple(rows[0][1][2:]) != COLUMNS:
        raise InputError(f"{path}: its first line must be Usage,Image name,{','.join(COLUMNS)}; get it anew")
    table = []
    for number, row in rows[1:]:
        if row[0] not in USAGES:
            raise InputError(f"{path}, line {number}: Usage {row[0]!r} is none of {', '.join(USAGES)}; get it anew")
        table.append((USAGES[row[0]], check_name(path, number, row[1]), to_counts(path, number, row[2:])))
    return table


def read_csv(path: Path, *columns: int) -> list[tuple[int, list[str]]]:
    """(line number, row) of every line; InputError where one has another number of columns."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle)
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); get it from its official source") from error
    for number, row in rows:
        if len(row) not in columns:
            raise InputError(f"{path}, line {number}: {len(row)} columns instead of {columns[-1]}; get the file anew")
    return rows


def check_name(path: Path, number: int, name: str) -> str:
    """An image name without any folder."""
    if name in (".", "..") or any(mark in name for mark in "/\\\n\r\0"):
        raise InputError(f"{path}, line {number}: {name!r} is not a file name; get the file from its official source")
    return name


def to_counts(path: Path, number: int, fields: Sequence[str]) -> tuple[int, ...]:
    """Whole numbers that are not negative, and not beyond what any photo or vote has."""
    try:
        counts = tuple(int(field) for field in fields)
    except ValueError:
        counts = (-1,)
    if min(counts) < 0 or max(counts) > FARTHEST:
        raise InputError(
            f"{path}, line {number}: {','.join(fields)} are not counts; get the file from its official source"
        )
    return counts


def majority(votes: Sequence[int]) -> str:
    """Microsoft's "majority" rule: without single votes, the winner needs more than half of what remains."""
    votes = [count if count > 1 else 0 for count in votes]
    if not any(votes):
        return "no vote given twice"
    return COLUMNS[votes.index(max(votes))] if 2 * max(votes) > sum(votes) else "no majority"


def argmax(votes: Sequence[int]) -> str:
    """The column with most votes, the first of equals (as numpy.argmax)."""
    return COLUMNS[votes.index(max(votes))] if any(votes) else "no vote"


DECIDE = {"majority": majority, "argmax": argmax}
RULES = {"majority": "majority of the votes (single votes left out)", "argmax": "most votes"}
REASONS = {"unknown": "unknown emotion", "NF": "not a face"}


def winner(votes: Sequence[int], rule: str) -> tuple[int | None, str]:
    """(our code, "") or (None, why the face is left out) for ten votes in FER+'s order, by "majority" or "argmax".

    Votes for unknown and "not a face" count like others under both rules; a face that they win is left out.
    """
    label = DECIDE[rule](votes)
    code = FERPLUS.get(label)
    return (None, REASONS.get(label, label)) if code is None else (code, "")


def decide_face(
    collector: Collector, path: str, split: str, votes: Sequence[int], rule: str, box: tuple[int, ...] = ()
) -> None:
    """Keep a face with the emotion that its votes give, or count why not."""
    code, reason = winner(votes, rule)
    if code is None:
        collector.drop(reason, path)
    else:
        collector.keep(path, code, split, box=box, votes=in_our_order(votes))


def in_our_order(votes: Sequence[int]) -> tuple[int, ...]:
    """Votes for the seven emotions in the order of EMOTIONS."""
    order = sorted((code, column) for column, code in enumerate(FERPLUS.values()) if code is not None)
    return tuple(votes[column] for _, column in order)
