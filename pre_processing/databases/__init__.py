"""Readers: a database on disk, in its official layout -> one table of samples. No image is opened to list it."""

from __future__ import annotations

import inspect
from pathlib import Path

from pre_processing.databases import affectnet, ckplus, demo, ferplus, rafdb
from pre_processing.databases.table import Table
from pre_processing.emotions import DATABASES
from pre_processing.errors import InputError

__all__ = ["READERS", "Table", "read"]

READERS = {"A": affectnet.read, "C": ckplus.read, "R": rafdb.read, "F": ferplus.read, "D": demo.read}


def read(db: str, root: str | Path, **options) -> Table:
    """Table of the database with the letter `db` below `root`; options are those of its reader, None is not given.

    Raises InputError where the root is missing, its layout is not known, it holds no usable face or the reader has no
    such option.
    """
    if db not in READERS:
        known = ", ".join(f"{letter} ({DATABASES[letter]})" for letter in READERS)
        raise InputError(f"no reader for database {db!r}; give one of: {known}")
    root = Path(root)
    if not root.exists():
        raise InputError(f"{root}: no such folder; give --root_path the folder of {DATABASES[db]}")
    given = {name: value for name, value in options.items() if value is not None}
    if foreign := set(given) - set(inspect.signature(READERS[db]).parameters):
        raise InputError(f"--{min(foreign)}: {DATABASES[db]} has no such option; leave it out")
    return READERS[db](root, **given)
