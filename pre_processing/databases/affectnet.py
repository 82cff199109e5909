"""AffectNet in the three forms in which people have it; its official validation set is the test set here.

Source: Mollahosseini, Hasani and Mahoor, AffectNet: A Database for Facial Expression, Valence, and Arousal Computing in
the Wild, IEEE Transactions on Affective Computing 2017; on application, for research only. The official test set was
never released, so published figures are those of the validation set.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pre_processing.databases import affectnet_full
from pre_processing.databases.layouts import IMAGE_SUFFIXES, Layout, recognise
from pre_processing.databases.table import Collector, Table, shipped_points
from pre_processing.emotions import AFFECTNET, DATABASES, by_code
from pre_processing.errors import InputError

NAME = DATABASES["A"]
MINI = {"train": "train_set", "test": "val_set"}
KAGGLE = {"train": "train_class", "test": "val_class"}
LABELS = by_code(AFFECTNET)


def read(root: Path) -> Table:
    """AffectNet below `root`: the full release (2017), the smaller one of 224-pixel crops, or Kaggle's class folders.

    Splits are "train" and "test". The full release ships face boxes and points, the smaller one points.
    """
    layout, base = recognise(root, NAME, LAYOUTS)
    return layout.read(root, base)


def keep_or_drop(collector: Collector, path: str, label: str, split: str, **details) -> None:
    """Keep a face by AffectNet's own label, or count it as left out under that label."""
    code = AFFECTNET[label]
    if code is None:
        collector.drop(label, path)
    else:
        collector.keep(path, code, split, **details)


def images_in(folder: Path) -> dict[str, str]:
    """{name without suffix: name} of the images in a folder."""
    names = (entry.name for entry in os.scandir(folder))
    return {os.path.splitext(name)[0]: name for name in sorted(names) if name.lower().endswith(IMAGE_SUFFIXES)}


def read_mini(root: Path, base: Path) -> Table:
    """The smaller release: {train,val}_set/images/<n>.jpg, annotations/<n>_exp.npy and <n>_lnd.npy."""
    collector = Collector()
    for split, name in MINI.items():
        folder = base / name
        images = images_in(folder / "images")
        labels = {entry.name for entry in os.scandir(folder / "annotations")}
        prefix = f"{folder.relative_to(root).as_posix()}/images"
        for stem, image in tqdm(images.items(), f"labels of {name}", disable=None):
            path = f"{prefix}/{image}"
            if f"{stem}_exp.npy" not in labels:
                collector.drop("label file missing", path)
                continue
            label = read_label(folder / "annotations" / f"{stem}_exp.npy")
            points: np.ndarray | tuple[()] = ()
            if AFFECTNET[label] is not None and f"{stem}_lnd.npy" in labels:
                points = shipped_points(load(folder / "annotations" / f"{stem}_lnd.npy"))
            keep_or_drop(collector, path, label, split, landmarks=points)
        labelled = {entry.removesuffix("_exp.npy") for entry in labels if entry.endswith("_exp.npy")}
        for stem in sorted(labelled - set(images)):
            collector.lose(f"{prefix}/{stem}.jpg", split)
    return collector.table(
        NAME, root, precropped=True, official=MINI, labels="AffectNet's smaller release, annotations/*_exp.npy"
    )


def load(path: Path) -> np.ndarray:
    """Content of an .npy file; Python objects in it are refused, because reading them could execute anything."""
    try:
        # Opened here, because numpy leaves a damaged file open.
        with open(path, "rb") as handle:
            content = np.load(handle, allow_pickle=False)
        if not isinstance(content, np.ndarray):
            raise ValueError("it holds several")
        return content
    except Exception as error:  # a hostile header can raise nearly anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: not an array of plain numbers ({reason}); get it from its source") from error


def read_label(path: Path) -> str:
    """AffectNet's own label of a `_exp.npy` file, which holds a number or a number as text."""
    try:
        return LABELS[float(load(path).item())]
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not an expression of 0 to {max(LABELS)}; get it from its source") from error


def read_kaggle(root: Path, base: Path) -> Table:
    """Kaggle's subset: {train,val}_class/class001 ... class008, whose number is AffectNet's code plus one."""
    collector = Collector()
    for split, name in KAGGLE.items():
        for folder in sorted(entry for entry in (base / name).iterdir() if entry.is_dir()):
            match = re.fullmatch(r"class(\d{3})", folder.name)
            label = LABELS.get(int(match[1]) - 1) if match else None
            place = folder.relative_to(root).as_posix()
            for image in images_in(folder).values():
                if label is None:
                    collector.drop("folder is none of class001 to class011", f"{place}/{image}")
                else:
                    keep_or_drop(collector, f"{place}/{image}", label, split)
    return collector.table(
        NAME, root, precropped=True, official=KAGGLE, labels="Kaggle's subset of AffectNet, one folder a class"
    )


LAYOUTS = (
    Layout(
        (affectnet_full.IMAGES, affectnet_full.TRAINING, affectnet_full.VALIDATION),
        "Manually_Annotated_Images/689/<56 hex>.jpg with Manually_Annotated_file_lists/training.csv and validation.csv "
        "(full release)",
        affectnet_full.read,
    ),
    Layout(
        tuple((f"{name}/{part}",) for name in MINI.values() for part in ("images", "annotations")),
        "train_set/ and val_set/ with images/0.jpg and annotations/0_exp.npy (smaller release)",
        read_mini,
    ),
    Layout(
        tuple((f"{name}/class001",) for name in KAGGLE.values()),
        "train_class/ and val_class/ with class001/image0000001.jpg ... class008/ (Kaggle's subset)",
        read_kaggle,
    ),
)
