"""Readers: a database on disk, in its official layout -> one table of samples. No image is opened to list it."""

from __future__ import annotations

from pathlib import Path

from pre_processing.databases import ferplus
from pre_processing.databases.table import Table
from pre_processing.emotions import DATABASES
from pre_processing.errors import InputError

__all__ = ["READERS", "Table", "read"]

READERS = {"F": ferplus.read}


def read(db: str, root: str | Path, **options) -> Table:
    """Table of the database with the letter `db` below `root`; options are those of its reader.

    Raises InputError where the root is missing, its layout is not known or it holds no usable face.
    """
    if db not in READERS:
        known = ", ".join(f"{letter} ({DATABASES[letter]})" for letter in READERS)
        raise InputError(f"no reader for database {db!r}; give one of: {known}")
    root = Path(root)
    if not root.exists():
        raise InputError(f"{root}: no such folder; give --root_path the folder of {DATABASES[db]}")
    return READERS[db](root, **options)
