"""Train, valid and test for databases that do not come with all three.

Where people are known, no person is in two splits. Where only train and test are official, valid is taken out of train.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from pre_processing.databases.table import Table
from pre_processing.emotions import EMOTIONS
from pre_processing.errors import InputError
from pre_processing.splits import UNREADABLE

FOLDS = 10
MOST = 0.1  # of a class's training faces that may go to valid


def partition(table: Table, *, seed: int = 0, fold: int | None = None) -> Table:
    """The table with every face in "train", "valid" or "test".

    Three official splits stay as they are. A database without any is split by people: in ten groups, by `fold_of`; in
    fold k (1 to 10) group k is "test", the next one "valid"; without `fold` two groups are "test" and one "valid".
    Official train and test without valid: see `carve`, which alone uses `seed`. InputError where an official split has
    no image, people would be in two splits, a fold is asked for and nobody knows the people, or there are fewer than ten.
    """
    check_whole(table)
    samples = table.samples
    splits = set(samples["split"])
    if fold is not None or splits == {""}:
        samples = by_people(table, fold)
    elif "valid" not in splits and {"train", "test"} <= splits:
        samples = carve(samples, seed)
    check_people(table, samples)
    return replace(table, samples=samples)


def check_whole(table: Table) -> None:
    """InputError where no image of an official split is there: Valid would be drawn anew, and other lists fail after hours."""
    for split, missing in table.official.items():
        if (table.samples["split"] == split).any():
            continue
        lost = [*missing, *table.dropped.get(UNREADABLE, ())]
        why = f" ({len(lost)} listed images are missing or unreadable, such as {lost[0]})" if lost else ""
        raise InputError(
            f"{table.root}: no image of {table.name}'s {split} split is there{why}; unpack all of it there, and prepare again"
        )


def fold_of(subjects: pd.Series) -> pd.Series:
    """Group 1 to 10 of every face's person: people in ascending order of their names take turns.

    This is how CK+ is usually cut: ten groups, sampled from the sorted subjects in steps of ten.
    """
    turn = {name: rank % FOLDS + 1 for rank, name in enumerate(sorted(set(subjects)))}
    return subjects.map(turn)


def require_people(table: Table) -> None:
    """InputError where the table cannot be split by people."""
    subjects = table.samples["subject"]
    if (subjects == "").any():
        raise InputError(f"{table.root}: nobody knows who is in which photo of {table.name}; folds need people")
    if subjects.nunique() < FOLDS:
        raise InputError(f"{table.root}: {subjects.nunique()} people, but {FOLDS} are needed; get all of {table.name}")


def by_people(table: Table, fold: int | None) -> pd.DataFrame:
    """Samples split by their people."""
    require_people(table)
    if fold is not None and not 1 <= fold <= FOLDS:
        raise InputError(f"--fold {fold}: give 1 to {FOLDS}, or all")
    groups = fold_of(table.samples["subject"])
    test, valid = ([1, 2], 3) if fold is None else ([fold], fold % FOLDS + 1)
    splits = np.select([groups.isin(test), groups == valid], ["test", "valid"], "train")
    return table.samples.assign(split=splits)


def check_seed(seed: int) -> None:
    """InputError where nothing can be drawn with a seed."""
    if seed < 0:
        raise InputError(f"--seed {seed}: give one from 0 on")


def carve(samples: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Samples with a valid split out of train, drawn by emotion with `seed`.

    Valid has the mix of emotions of test, because it stands for test where choices are made, and is as large as it can
    be while no emotion gives more than a tenth of its training faces (but one face, where it has two).
    """
    train, test = (
        samples.loc[samples["split"] == split, "emotion"].value_counts().reindex(range(len(EMOTIONS)), fill_value=0)
        for split in ("train", "test")
    )
    shared = (train > 1) & (test > 0)
    share = (MOST * train / test)[shared].min()
    rng, chosen = np.random.default_rng(seed), []
    for code in train.index[shared]:
        here = samples[(samples["split"] == "train") & (samples["emotion"] == code)].sort_values("path").index
        chosen.extend(rng.permutation(here)[: max(1, round(share * test[code]))])
    return samples.assign(split=samples["split"].where(~samples.index.isin(chosen), "valid"))


def check_people(table: Table, samples: pd.DataFrame) -> None:
    """InputError where someone is in two splits."""
    known = samples[samples["subject"] != ""]
    splits = known.groupby("subject")["split"].nunique()
    if (splits > 1).any():
        raise InputError(f"{table.root}: {splits.idxmax()} is in two splits of {table.name}; split it by people")
