"""CK+ (Extended Cohn-Kanade): posed expressions as image sequences that begin neutral and end at their peak.

Source: Lucey et al., The Extended Cohn-Kanade Dataset (CK+), CVPR Workshops 2010; on application, for research only.
Of each sequence with an emotion label the last three frames carry it and the first frame is neutral, as is usual.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pre_processing.databases.layouts import Layout, recognise
from pre_processing.databases.table import Collector, Table, shipped_points
from pre_processing.emotions import CKPLUS, DATABASES, NEUTRAL, by_code
from pre_processing.errors import InputError

NAME = DATABASES["C"]
IMAGES, EMOTIONS, LANDMARKS = "cohn-kanade-images", "Emotion", "Landmarks"
PEAK = 3  # frames at the end that carry the sequence's emotion
UNLABELLED = "sequence without an emotion label"
MIDDLE = "frame between neutral and peak"
MARGIN = 0.1  # of the points' extent, around them: the box of a face


def read(root: Path) -> Table:
    """CK+ below `root`, the folder that holds cohn-kanade-images and Emotion; subjects are S005 and so on.

    Points come from Landmarks/ where the frame has a file there. There is no official split. Sequences of contempt
    are left out as a whole, with their neutral frames.
    """
    layout, base = recognise(root, NAME, LAYOUTS)
    return layout.read(root, base)


def read_sequences(root: Path, base: Path) -> Table:
    """The table of all labelled sequences."""
    collector = Collector()
    labelled = {folder.relative_to(base / EMOTIONS) for folder in sequences(base / EMOTIONS)}
    pictured = sequences(base / IMAGES)
    for folder in pictured:
        add_sequence(collector, root, base, folder)
    for lost in sorted(labelled - {folder.relative_to(base / IMAGES) for folder in pictured}):
        if any((base / EMOTIONS / lost).glob("*_emotion.txt")):
            collector.drop("images missing", f"{EMOTIONS}/{lost.as_posix()}")
    labels = f"first frame neutral, last {PEAK} frames of each labelled sequence"
    return collector.table(NAME, root, precropped=False, labels=labels)


def sequences(folder: Path) -> list[Path]:
    """The folders S005/001 and so on below `folder`; anything else, such as .DS_Store, is passed over."""
    subjects = [entry for entry in folder.iterdir() if re.fullmatch(r"S\d{3}", entry.name) and entry.is_dir()]
    inner = [entry for subject in subjects for entry in subject.iterdir()]
    return sorted(entry for entry in inner if re.fullmatch(r"\d{3}", entry.name) and entry.is_dir())


def add_sequence(collector: Collector, root: Path, base: Path, folder: Path) -> None:
    """Keep the first and the last frames of one sequence, or count why not."""
    subject, number = folder.parts[-2:]
    place = folder.relative_to(root).as_posix()
    frames = sorted(
        entry.stem for entry in folder.iterdir() if re.fullmatch(rf"{subject}_{number}_\d+\.png", entry.name)
    )
    labels = sorted((base / EMOTIONS / subject / number).glob(f"{subject}_{number}_*_emotion.txt"))
    if not labels:
        return collector.drop(UNLABELLED, place)
    if len(frames) < 2 or labels[0].name != f"{frames[-1]}_emotion.txt":
        return collector.drop("last frame missing or not the labelled one", place)
    label = read_label(labels[0])
    emotion = CKPLUS[label]
    peak = min(PEAK, len(frames) - 1)
    for at, frame in enumerate(frames):
        path = f"{place}/{frame}.png"
        if 0 < at < len(frames) - peak:
            collector.drop(MIDDLE, path)
        elif emotion is None:
            collector.drop(label, path)
        else:
            points = read_points(base / LANDMARKS / subject / number / f"{frame}_landmarks.txt")
            code = NEUTRAL if at == 0 else emotion
            collector.keep(path, code, "", subject=subject, box=box_around(points), landmarks=points)
    return None


def read_label(path: Path) -> str:
    """CK+'s own name of the emotion in a file such as `   3.0000000e+00`."""
    try:
        return by_code(CKPLUS)[float(path.read_text())]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not one of the emotions 0 to 7; get it from its official source") from error


def read_points(path: Path) -> np.ndarray | tuple[()]:
    """68 points (68, 2) float32 of one frame, or () where it has no file."""
    if not path.is_file():
        return ()
    try:
        with np.errstate(over="ignore"):
            points = shipped_points(np.array(path.read_text().split(), np.float32))
    except ValueError:
        points = ()
    if not len(points):
        raise InputError(f"{path}: not 68 points; get it from its official source, or remove it to have them fitted")
    return points


def box_around(points: np.ndarray | tuple[()]) -> tuple[float, ...]:
    """(left, top, right, bottom) around points (68, 2), or ()."""
    if not len(points):
        return ()
    low, high = points.min(0), points.max(0)
    margin = MARGIN * (high - low)
    return tuple(np.concatenate([low - margin, high + margin]).tolist())


LAYOUTS = (
    Layout(
        ((IMAGES,), (EMOTIONS,)),
        f"{IMAGES}/S005/001/S005_001_00000011.png with {EMOTIONS}/S005/001/S005_001_00000011_emotion.txt "
        f"(and {LANDMARKS}/)",
        read_sequences,
    ),
)
