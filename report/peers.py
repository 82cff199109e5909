"""Prose on a package that people use, on the same faces as our networks."""

from __future__ import annotations

from pathlib import Path

from report.numbers import PERCENT, listing, percent
from training.analysis import read_noted

FILE = "peers.json"  # written by benchmarks/peers.py


def falls(file: Path) -> str:
    """What the package that people use loses on the same faces, beside a network of ours that was trained on bare ones too."""
    if not file.is_file():
        return ""
    rows = read_noted(file)["rows"]
    theirs = [(name, row) for name, row in rows.items() if name.startswith("fer ")]
    ours = [row for name, row in rows.items() if not name.startswith("fer ") and row["trained"] == "FER+, bare faces"]
    if not theirs:
        return ""
    name, best = max(theirs, key=lambda item: item[1]["bare"]["accuracy"])
    text = (f"On the same faces the package {name.partition(',')[0]}, which was fitted to bare faces and to FER2013’s labels, falls from {_sides(best)} "
            "(the better of two crops, with the whole picture as face box)")  # fmt: skip
    if not ours:
        return f"{text}."
    recalls = [percent(row["masked"]["macro_recall"]) for row in (best, ours[0])]
    return (f"{text}, our network for bare faces (seed 0) from {_sides(ours[0])}. The package looks at a face once, ours at its mirror image too; their mean recall "
            f"over the emotions behind masks is {listing(recalls)}{PERCENT}.")  # fmt: skip


def _sides(row: dict) -> str:
    return f"{percent(row['bare']['accuracy'])} to {percent(row['masked']['accuracy'])}{PERCENT}"
