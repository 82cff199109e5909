"""Layouts in which a database is known to lie on disk, and how one is told from another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pre_processing.databases.table import Table, found_in
from pre_processing.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
PACKED = (".zip", ".tar", ".tar.gz", ".tgz", ".rar", ".7z")


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


def within(root: Path, levels: int = 2) -> Iterator[Path]:
    """`root`, the folders in it, and the folders in those: unpacking often puts one around another."""
    for folder, inner, _ in os.walk(root, followlinks=True):  # which passes over what may not be read
        deep = len(Path(folder).relative_to(root).parts) >= levels
        inner[:] = [] if deep else sorted(inner)
        yield Path(folder)


def packed_in(folder: Path) -> str:
    """Remedy for archives in a folder or one level deeper, to follow a message; "" where there are none."""
    files = (base / name for base in within(folder, 1) for name in os.listdir(base))
    packed = min((file for file in files if file.name.lower().endswith(PACKED)), default=None)
    return f"; unpack {packed.relative_to(folder).as_posix()} where it lies" if packed else ""


def recognise(root: Path, name: str, layouts: Sequence[Layout]) -> tuple[Layout, Path]:
    """(layout, folder where it begins: `root` or one within) of the database `name`, by what lies there.

    InputError shows what was found, and what every known layout looks like, or what one that is there in part lacks.
    """
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; {name} is known as {known(layouts)}")
    best, partly = 0, ""
    for base in within(root):
        for layout in layouts:
            lacks = [group for group in layout.needs if not first_of(base, group)]
            if not lacks:
                return layout, base
            if len(layout.needs) - len(lacks) > best:
                best = len(layout.needs) - len(lacks)
                wanted = ", ".join(" or ".join(group) for group in lacks)
                partly = f"{base}: lacks {wanted}{packed_in(base)}; expected is {layout.looks}"
    raise InputError(partly or f"{root}: holds {found_in(root)}{packed_in(root)}; {name} is known as {known(layouts)}")


def known(layouts: Sequence[Layout]) -> str:
    """All layouts in words."""
    return "; or ".join(layout.looks for layout in layouts)
