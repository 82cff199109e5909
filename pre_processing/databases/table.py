"""What every reader returns: one table of samples, and what it left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from pre_processing.artefacts import FARTHEST, InputError, path_defect

MISSING = "image missing"
COLUMNS = ("path", "emotion", "split", "subject", "box", "landmarks", "votes")


@dataclass
class Table:
    """The faces of a database.

    name: as in file names; root: folder that paths are relative to; samples: one row a face, columns path (POSIX),
    emotion (0..6), split ("train", "valid", "test" or ""), subject ("" where unknown), box (left, top, right, bottom in
    pixels, or ()), landmarks (float32 (68,2) in pixels, or ()), votes (7 ints in the order of EMOTIONS, or ());
    dropped: {reason: paths, or lines of a label file, that were left out}; precropped: images show one face each;
    labels: where the labels come from, and by which rule; official: {split that the database comes with: paths of its
    images that are missing}.
    """

    name: str
    root: Path
    samples: pd.DataFrame
    dropped: dict[str, list[str]]
    precropped: bool
    labels: str = ""
    official: dict[str, list[str]] = field(default_factory=dict)

    def counts(self) -> pd.DataFrame:
        """Faces of each split (rows) and emotion code (columns)."""
        return pd.crosstab(self.samples["split"], self.samples["emotion"])


@dataclass
class Collector:
    """Gathers the rows of a Table and what is left out, by reason."""

    rows: list[tuple] = field(default_factory=list)
    dropped: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lost: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def keep(self, path: str, emotion: int, split: str, *, subject="", box=(), landmarks=(), votes=()) -> None:
        """Add a face; InputError where its path could lead out of the database, or into no list."""
        if defect := path_defect(path):
            raise InputError(f"a face cannot be kept: {defect}")
        self.rows.append((path, emotion, split, subject, box, landmarks, votes))

    def drop(self, reason: str, path: str) -> None:
        """Count a face that is left out."""
        self.dropped[reason].append(path)

    def lose(self, path: str, split: str) -> None:
        """Count a face of an official split whose image is not there."""
        self.drop(MISSING, path)
        self.lost[split].append(path)

    def table(self, name: str, root: Path, *, precropped: bool, labels: str, official: Iterable[str] = ()) -> Table:
        """The table, sorted by path; InputError where no face is left."""
        if not self.rows:
            reasons = ", ".join(f"{len(paths)} {reason}" for reason, paths in self.dropped.items()) or "no image at all"
            first = next(iter(self.dropped[MISSING]), None)
            wanted = f"; looked for {first}" if first else ""
            raise InputError(
                f"{root}: no usable face of {name} ({reasons}); check that the images lie beside their labels{wanted}"
            )
        samples = pd.DataFrame(sorted(self.rows, key=lambda row: row[0]), columns=list(COLUMNS))
        lost = {split: self.lost[split] for split in official}
        return Table(name, root, samples, dict(self.dropped), precropped, labels, lost)


def shipped_points(values: np.ndarray) -> np.ndarray | tuple[()]:
    """68 points (68, 2) float32 that a database ships, from any array of 136 numbers; () where they span no face."""
    try:
        with np.errstate(all="ignore"):
            points = np.asarray(values, np.float32).reshape(68, 2)
    except (ValueError, TypeError, OverflowError):
        return ()
    # A comparison with NaN fails, as it should.
    return points if (np.abs(points) <= FARTHEST).all() and np.ptp(points, axis=0).min() >= 1 else ()


def found_in(folder: Path, limit: int = 8) -> str:
    """Names in a folder for an error message."""
    entries = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
    more = f" and {len(entries) - limit} more" if len(entries) > limit else ""
    return ", ".join(entries[:limit]) + more if entries else "nothing"
