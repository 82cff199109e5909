"""Raw faces -> landmarks, masked copies, split lists and landmark files: the notebooks' steps as one command.

python -m pre_processing.prepare --DB F --root_path data/ferplus --masked_root data/ferplus-masked --out Results
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pre_processing import artefacts, databases, landmarks, masks, splits
from pre_processing.artefacts import InputError, ListPaths
from pre_processing.emotions import DATABASES
from pre_processing.meanface import hide_points

CONDITIONS = ("unmasked", "masked")


NO_PLACE = "the points leave no place for a mask"


class Prepared(NamedTuple):
    """What was prepared: faces in the lists, audit table, manifest of masks, and why some faces are in no list."""

    samples: pd.DataFrame
    audit: pd.DataFrame
    manifest: pd.DataFrame
    failures: dict[str, str]


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
    unworn = manifest.loc[manifest["placement"] == "none", "path"].tolist()
    points = {path: face for path, face in found.points.items() if path not in set(unworn)}
    return found._replace(points=points, failures={**found.failures, **dict.fromkeys(unworn, NO_PLACE)})


def write_artefacts(
    out: Path, name: str, samples: pd.DataFrame, found: landmarks.Landmarks, audit: pd.DataFrame
) -> pd.DataFrame:
    """Lists, landmark files, sample files and audit of both conditions, with the same faces; the faces written.

    A face without landmarks is left out of both conditions.
    """
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
        splits.write_audit(paths.audit, audit)
    return samples


def prepare(
    db: str,
    root: str | Path,
    out: str | Path,
    masked_root: str | Path,
    *,
    keep_duplicates: bool = False,
    rule: str = "majority",
    kind: str = "surgical",
    seed: int = 0,
    jobs: int = -1,
) -> Prepared:
    """All steps in order; InputError names what is wrong with the input."""
    out, masked_root = Path(out), Path(masked_root)
    table = databases.read(db, root, rule=rule)
    masks.check_roots(Path(root), masked_root)
    samples, audit = splits.drop_near_duplicates(table, keep=keep_duplicates)
    found = find_landmarks(table, samples, out, jobs)
    manifest = masks.mask_all(table.root, masked_root, found.points, seed=seed, kind=kind, jobs=jobs)
    found = leave_out_unworn(found, manifest)
    samples = write_artefacts(out, table.name, samples, found, audit)
    return Prepared(samples, audit, manifest, found.failures)


def summary(done: Prepared) -> str:
    """Lines that count what is in the lists, what was left out and why, and how the masks sit."""
    faces = done.samples["split"].value_counts()
    out = done.audit[done.audit["what"].str.startswith(("left out", "near-duplicate"))].groupby("what")["count"].sum()
    reasons = {**out[out > 0], **pd.Series(list(done.failures.values()), dtype=str).value_counts()}
    placed = done.manifest["placement"].value_counts()
    lines = [
        "faces: " + ", ".join(f"{split} {faces.get(split, 0)}" for split in ("train", "valid", "test")),
        f"certain landmarks: {done.samples['certain'].mean():.1%}",
        *(f"{what.removeprefix('left out: ')}: {count}" for what, count in reasons.items()),
        "masks: " + ", ".join(f"{count} {placement}" for placement, count in placed.items()),
    ]
    return "\n".join(lines)


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m pre_processing.prepare", description=__doc__.splitlines()[0])
    parser.add_argument("--DB", choices=sorted(DATABASES), required=True, help="database: F is FER+")
    parser.add_argument("--root_path", type=Path, required=True, help="the database as it was unpacked")
    parser.add_argument("--out", type=Path, default=Path("Results"), help="folder of lists and landmark files")
    parser.add_argument("--masked_root", type=Path, help="folder for masked copies; ROOT-masked where not given")
    parser.add_argument("--keep_duplicates", action="store_true", help="keep near-duplicates across splits")
    parser.add_argument("--rule", choices=("majority", "argmax"), default="majority", help="how votes make a label")
    parser.add_argument("--kind", choices=sorted(masks.KINDS), default="surgical")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-j", "--jobs", type=int, default=-1, help="processes; -1: all cores")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit code 0, or 2 for bad input."""
    options = build_parser().parse_args(argv)
    root = options.root_path
    masked_root = options.masked_root or root.with_name(f"{root.name}-masked")
    try:
        done = prepare(
            options.DB,
            root,
            options.out,
            masked_root,
            keep_duplicates=options.keep_duplicates,
            rule=options.rule,
            kind=options.kind,
            seed=options.seed,
            jobs=options.jobs,
        )
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path, reason in done.failures.items():
        print(f"in no list: {path}: {reason}", file=sys.stderr)
    print(summary(done))
    print(f"masked copies: {masked_root}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
