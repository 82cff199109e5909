"""Which test faces have near-duplicates in Train, and with which label: what a study that keeps them can learn by heart.

python -m pre_processing.twins --DB F --root_path data/ferplus
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pre_processing import databases, errors, splits
from pre_processing.artefacts import ListPaths, write_table
from pre_processing.emotions import DATABASES
from pre_processing.partition import check_seed, partition


def find(samples: pd.DataFrame, images: np.ndarray) -> pd.DataFrame:
    """A row for each test face with twins in Train: path, how many twins, and how many of these bear its label.

    samples: path, split, emotion and subject (n rows); images: their thumbnails (n, 24, 24), see splits.look.
    """
    pairs = splits.near_duplicates(images, splits.threshold_for(samples))
    split, emotion = samples["split"].to_numpy(str), samples["emotion"].to_numpy()
    test, train = np.concatenate([pairs, pairs[:, ::-1]]).T
    leaks = (split[test] == "test") & (split[train] == "train")
    test, train = test[leaks], train[leaks]
    rows = pd.DataFrame({
        "path": samples["path"].to_numpy()[test], "twins": 1, "same_label": (emotion[test] == emotion[train]).astype(int)
    })  # fmt: skip
    return rows.groupby("path", as_index=False).sum()


def main(argv: list[str] | None = None) -> int:
    """Exit code 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m pre_processing.twins", description=__doc__.splitlines()[0])
    known = ", ".join(f"{letter} {name}" for letter, name in DATABASES.items())
    parser.add_argument("--DB", choices=sorted(DATABASES), required=True, help=f"database: {known}")
    parser.add_argument("--root_path", type=Path, required=True, help="the database as it was unpacked")
    parser.add_argument("--out", type=Path, default=Path("Results"), help="folder of lists and landmark files")
    parser.add_argument("--seed", type=int, default=0, help="that of pre_processing.prepare, by which Valid was drawn")
    parser.add_argument(
        "--rule", choices=("majority", "argmax"), help="FER+: that of pre_processing.prepare [majority]"
    )
    parser.add_argument(
        "--images", choices=("aligned", "original"), help="RAF-DB: those of pre_processing.prepare [aligned if there]"
    )
    options = parser.parse_args(argv)

    def work() -> None:
        check_seed(options.seed)
        # In the order of pre_processing.prepare: what cannot be read takes no part in drawing Valid.
        table, images = splits.look(
            databases.read(options.DB, options.root_path, rule=options.rule, images=options.images)
        )
        table = partition(table, seed=options.seed)
        rows = find(table.samples, images)
        path = ListPaths(options.out, "unmasked", table.name).twins
        write_table(path, rows)
        same = int((rows["same_label"] == rows["twins"]).sum())
        print(f"{path}: {len(rows)} test faces have twins in Train, {same} of them with their own label only")

    return errors.run(work)


if __name__ == "__main__":
    sys.exit(main())
