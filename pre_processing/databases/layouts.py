"""Layouts in which a database is known to lie on disk, and how one is told from another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pre_processing.databases.table import Table, found_in
from pre_processing.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


class Layout(NamedTuple):
    """`needs`: of each group one path must exist; `looks`: the layout in words; `read`(root, base) reads it.

    Paths of the table are relative to `root`; the layout begins at the folder `base`, which is `root` or lies in it.
    """

    needs: tuple[tuple[str, ...], ...]
    looks: str
    read: Callable[..., Table]


def first_of(base: Path, names: Sequence[str]) -> Path | None:
    """The first of several paths below `base` that exists."""
    return next((base / name for name in names if (base / name).exists()), None)


def recognise(root: Path, name: str, layouts: Sequence[Layout]) -> tuple[Layout, Path]:
    """(layout, folder where it begins: `root` or a folder in it) of the database `name`, by what lies there.

    InputError shows what was found, and what every known layout looks like.
    """
    if root.is_dir():
        found = f"holds {found_in(root)}"
        inner = sorted(folder for folder in root.iterdir() if folder.is_dir())
        for base in (root, *inner):
            for layout in layouts:
                if all(first_of(base, group) for group in layout.needs):
                    return layout, base
    else:
        found = "is not a folder"
    known = "; or ".join(layout.looks for layout in layouts)
    raise InputError(f"{root}: {found}; {name} is known as {known}")
