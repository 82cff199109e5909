"""Raw faces -> landmarks, masked copies, split lists and landmark files: the notebooks' steps as one command.

python -m pre_processing.prepare --DB F --root_path data/ferplus --masked_root data/ferplus-masked --out Results
python -m pre_processing.prepare --DB C --root_path data/ckplus --fold all
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pre_processing import artefacts, databases, errors, landmarks, masks, splits
from pre_processing.artefacts import ListPaths
from pre_processing.copies import NO_PLACE
from pre_processing.databases.table import MISSING
from pre_processing.emotions import DATABASES
from pre_processing.helping import HelpFormatter
from pre_processing.meanface import hide_points
from pre_processing.partition import FOLDS, check_seed, partition, require_people

CONDITIONS = ("unmasked", "masked")


class Prepared(NamedTuple):
    """What was prepared: faces in the lists, audit table, manifest of masks, and why some faces are in no list.

    folds: faces in the lists of each fold that was asked for; table: as it was read, whose root the lists' paths are
    relative to.
    """

    samples: pd.DataFrame
    audit: pd.DataFrame
    manifest: pd.DataFrame
    failures: dict[str, str]
    folds: dict[int, pd.DataFrame]
    table: databases.Table


def find_landmarks(table: databases.Table, samples: pd.DataFrame, out: Path, jobs: int = -1) -> landmarks.Landmarks:
    """68 points of every sample: those that the database ships, which are certain, else fitted ones.

    The store of fitted points beside the lists lets an interrupted run go on.
    """
    shipped = {row.path: np.asarray(row.landmarks, np.float32) for row in samples.itertuples() if len(row.landmarks)}
    known = landmarks.Landmarks(shipped, dict.fromkeys(shipped, True), {})
    rest = samples[[path not in shipped for path in samples["path"]]]
    if not len(rest):
        return known
    store = artefacts.condition_dir(out, "unmasked", table.name) / "landmarks"
    boxes = {row.path: row.box for row in rest.itertuples() if len(row.box)} if not table.precropped else None
    found = landmarks.extract(
        table.root, rest["path"], precropped=table.precropped, store=store, jobs=jobs, boxes=boxes
    )
    return landmarks.Landmarks(*({**own, **fitted} for own, fitted in zip(known, found, strict=True)))


def leave_out_unworn(found: landmarks.Landmarks, manifest: pd.DataFrame) -> landmarks.Landmarks:
    """The faces that got a mask; the others become failures, so that both conditions lose them."""
    unworn = {*manifest.loc[manifest["placement"] == "none", "path"]}
    points = {path: face for path, face in found.points.items() if path not in unworn}
    return found._replace(points=points, failures={**found.failures, **dict.fromkeys(unworn, NO_PLACE)})


def write_artefacts(
    out: Path, name: str, samples: pd.DataFrame, found: landmarks.Landmarks, audit: pd.DataFrame
) -> pd.DataFrame:
    """Lists, landmark files, sample files and audit of both conditions, with the same faces; the faces written.

    A face without landmarks is left out of both conditions.
    """
    audit = splits.without(audit, samples, found.failures)
    samples = samples[[path in found.points for path in samples["path"]]].reset_index(drop=True)
    samples = samples.assign(certain=[found.certain[path] for path in samples["path"]])
    for condition in CONDITIONS:
        paths = ListPaths(out, condition, name)
        for split in ("train", "valid", "test"):
            artefacts.write_list(getattr(paths, split), samples.loc[samples["split"] == split, "path"])
        faces = {}
        for row in samples.itertuples():
            points = found.points[row.path]
            faces[row.path] = (hide_points(points) if condition == "masked" else points, int(row.emotion))
        artefacts.write_landmarks(paths.landmarks, faces)
        artefacts.write_samples(paths.samples, samples)
        artefacts.write_table(paths.audit, audit)
    return samples


def fold_dir(out: Path, fold: int) -> Path:
    """Results folder of one fold: the same lists and files as in `out`, and the runs on them."""
    return out / "folds" / str(fold)


def prepare(
    db: str,
    root: str | Path,
    out: str | Path,
    masked_root: str | Path,
    *,
    keep_duplicates: bool = False,
    folds: Iterable[int] = (),
    kind: str = "surgical",
    seed: int = 0,
    jobs: int = -1,
    **reading: str | None,
) -> Prepared:
    """All steps in order; InputError names what is wrong with the input.

    `folds`: of these folds (1 to 10) the lists are written too, each in its own results folder, see `fold_dir`.
    `reading`: options of the database's reader, such as rule="argmax".
    """
    out, masked_root, folds = Path(out), Path(masked_root), tuple(folds)
    table = databases.read(db, root, **reading)
    masks.check_roots(Path(table.root), masked_root)
    if folds:
        require_people(table)
    table, images = splits.look(table, jobs)
    unreadable = dict.fromkeys(table.dropped.get(splits.UNREADABLE, ()), splits.UNREADABLE)
    parts = {
        fold: splits.drop_near_duplicates(partition(table, seed=seed, fold=fold), keep_duplicates, images=images)
        for fold in (None, *folds)
    }
    wanted = {path for samples, _ in parts.values() for path in samples["path"]}
    found = find_landmarks(table, table.samples[table.samples["path"].isin(wanted)], out, jobs)
    manifest = masks.mask_all(table.root, masked_root, found.points, seed=seed, kind=kind, jobs=jobs)
    found = leave_out_unworn(found, manifest)
    written = {
        fold: write_artefacts(fold_dir(out, fold) if fold else out, table.name, samples, found, audit)
        for fold, (samples, audit) in parts.items()
    }
    audit = splits.without(parts[None][1], parts[None][0], found.failures)
    return Prepared(written.pop(None), audit, manifest, {**unreadable, **found.failures}, written, table)


def in_splits(counts: pd.Series) -> str:
    """Counts of the three splits for people."""
    return ", ".join(f"{split} {counts.get(split, 0)}" for split in ("train", "valid", "test"))


def summary(done: Prepared) -> str:
    """Lines that count what is in the lists, what was left out and why, and how the masks sit."""
    faces = done.samples["split"].value_counts()
    out = done.audit[done.audit["what"].str.startswith(("left out", "near-duplicate"))].groupby("what")["count"].sum()
    out.index = out.index.str.removeprefix("left out: ")
    reasons = {**out[out > 0], **pd.Series(list(done.failures.values()), dtype=str).value_counts()}
    placed = done.manifest["placement"].value_counts()
    people = done.samples[done.samples["subject"] != ""].groupby("split")["subject"].nunique()
    lost = done.table.dropped.get(MISSING)
    lines = [
        f"labels: {done.table.labels}",
        *(f"{what}: {in_splits(counts)}" for what, counts in (("faces", faces), ("people", people)) if len(counts)),
        *(f"fold {fold}: {in_splits(part['split'].value_counts())}" for fold, part in done.folds.items()),
        f"certain landmarks: {done.samples['certain'].mean():.1%}",
        *(f"{what}: {count}" + (f", such as {lost[0]}" if what == MISSING else "") for what, count in reasons.items()),
        "masks: " + ", ".join(f"{count} {placement}" for placement, count in placed.items()),
    ]
    return "\n".join(lines)


def to_folds(text: str) -> tuple[int, ...]:
    """`3` or `all` as fold numbers."""
    numbers = {str(fold): (fold,) for fold in range(1, FOLDS + 1)}
    try:
        return {**numbers, "all": tuple(range(1, FOLDS + 1))}[text]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text}: give 1 to {FOLDS}, or all") from None


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m pre_processing.prepare", description=__doc__.splitlines()[0], formatter_class=HelpFormatter
    )
    known = ", ".join(f"{letter} {name}" for letter, name in DATABASES.items())
    parser.add_argument("--DB", choices=sorted(DATABASES), required=True, help=f"database: {known}")
    parser.add_argument("--root_path", type=Path, required=True, help="the database as it was unpacked")
    parser.add_argument("--out", type=Path, default=Path("Results"), help="folder of lists and landmark files")
    parser.add_argument("--masked_root", type=Path, help="folder for masked copies [ROOT-masked]")
    parser.add_argument("--keep_duplicates", action="store_true", help="keep near-duplicates across splits")
    parser.add_argument("--rule", choices=("majority", "argmax"), help="FER+: how votes make a label [majority]")
    parser.add_argument("--images", choices=("aligned", "original"), help="RAF-DB: which images [aligned if there]")
    parser.add_argument("--fold", type=to_folds, default=(), help=f"where people are known: 1 to {FOLDS}, or all: "
                        "lists of this fold too, in OUT/folds/")  # fmt: skip
    parser.add_argument("--kind", default="surgical", help="kind or group of masks, or several with commas")
    parser.add_argument("--seed", type=int, default=0, help="decides what is drawn")
    parser.add_argument("-j", "--jobs", type=int, default=-1, help="processes, -1: all cores")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit code 0; 1 where the system fails, 2 for bad input, 130 where the user stops it."""
    options = build_parser().parse_args(argv)
    root = options.root_path.parent if options.root_path.is_file() else options.root_path
    named = root if root.name not in ("", "..") else root.resolve()  # `.` has no name to put an end to
    masked_root = options.masked_root or named.with_name(f"{named.name}-masked")

    def work() -> None:
        masks.kinds_of(options.kind)  # before hours of work
        check_seed(options.seed)
        done = prepare(
            options.DB,
            root,
            options.out,
            masked_root,
            keep_duplicates=options.keep_duplicates,
            folds=options.fold,
            kind=options.kind,
            seed=options.seed,
            jobs=options.jobs,
            rule=options.rule,
            images=options.images,
        )
        for path, reason in done.failures.items():
            print(f"in no list: {path}: {reason}", file=sys.stderr)
        print(summary(done))
        if done.table.root.resolve() != root.resolve():
            print(f"faces were unpacked: give --root_path {done.table.root} to what trains on them")
        print(f"masked copies: {masked_root}")

    return errors.run(work, errors.GOES_ON)


if __name__ == "__main__":
    sys.exit(main())
