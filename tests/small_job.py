"""A training job small enough for tests: faces on disk, lists, landmark files and samples of both conditions."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pre_processing import artefacts, meanface

COUNTS = {"train": 28, "valid": 14, "test": 14}
TINY = ["--model", "cnn", "--scratch", "--imagesize", "64", "-b", "7", "-b_t", "7", "-j", "0", "--device", "cpu"]
ONE = [*TINY, "--root_path", "data/faces", "--epochs", "1", "--limit_batches", "1"]
MASKED = [*ONE, "--mask_kinds", "seen"]


def draw_faces(root: Path, size: int = 48) -> Path:
    """Grey noise pictures named like faces: for tests in which nothing has to be recognised."""
    rng = np.random.default_rng(1)
    for split, count in COUNTS.items():
        folder = root / f"FER2013{split.capitalize()}"
        folder.mkdir(parents=True)
        for number in range(count):
            cv2.imwrite(str(folder / f"fer{number:07d}.png"), rng.integers(0, 255, (size, size), dtype=np.uint8))
    return root


def face_points(count: int) -> np.ndarray:
    """(count, 68, 2) float32: the mean face in a 48 px picture, shaken a little."""
    face = np.asarray(meanface.MEAN_FACE, np.float64)
    face = (face - face.min(0)) / np.ptp(face, axis=0).max() * 34 + (7, 9)
    return (face + np.random.default_rng(2).normal(0, 0.3, (count, 68, 2))).astype(np.float32)


def write_artefacts(root: Path, results: Path) -> None:
    """Lists, landmark file and samples of both conditions for the pictures below `root`; emotions take turns."""
    paths = sorted(path.relative_to(root).as_posix() for path in root.glob("FER2013*/*.png"))
    points, rng = face_points(len(paths)), np.random.default_rng(3)
    labels = {path: number % 7 for number, path in enumerate(paths)}
    votes = [
        tuple(int(v) for v in rng.multinomial(4, [1 / 7] * 7) + 6 * np.eye(7, dtype=int)[labels[p]]) for p in paths
    ]
    table = pd.DataFrame({
        "path": paths,
        "emotion": list(labels.values()),
        "split": [path.split("/")[0].removeprefix("FER2013").lower() for path in paths],
        "subject": "",
        "box": [()] * len(paths),
        "certain": rng.random(len(paths)) < 0.8,
        "votes": votes,
    })  # fmt: skip
    for condition in ("masked", "unmasked"):
        files = artefacts.ListPaths(results, condition, "FERPlus")
        for split in ("train", "valid", "test"):
            artefacts.write_list(getattr(files, split), table.loc[table["split"] == split, "path"])
        told = meanface.hide_points(points) if condition == "masked" else points
        artefacts.write_landmarks(files.landmarks, {p: (told[i], labels[p]) for i, p in enumerate(paths)})
        artefacts.write_samples(files.samples, table)


def mask_root(root: Path, masked: Path) -> Path:
    """A copy of `root` that looks like one written by pre_processing.masks: it has a manifest."""
    shutil.copytree(root, masked)
    (masked / "manifest.csv").write_text("path,kind\n")
    return masked


def make_job(folder: Path) -> Path:
    """`data/faces`, `data/faces-masked` and `Results` below `folder`."""
    root = draw_faces(folder / "data" / "faces")
    mask_root(root, folder / "data" / "faces-masked")
    write_artefacts(root, folder / "Results")
    return folder
