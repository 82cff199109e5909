"""Masks for many faces: the same paths below another root, and a manifest of what was worn by whom.

python -m pre_processing.masks IN OUT [--kind surgical] [--seed 0] [-j 4] [--landmarks FILE.csv] [--boxes FILE.csv]
python -m pre_processing.masks --check MASKED_ROOT [--sha256 CHECKSUM]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pre_processing import errors, manifest, photos, supplied
from pre_processing.artefacts import InputError, path_defect
from pre_processing.chunks import in_chunks
from pre_processing.copies import NO_PLACE, asked, check_roots, face_seed, stamp, write_image
from pre_processing.crop import read_image
from pre_processing.helping import HelpFormatter
from pre_processing.manifest import manifest_checksum
from pre_processing.meanface import hide_points
from pre_processing.overlay import KINDS, kinds_of, put_mask
from pre_processing.photos import check_free, check_links, list_photos, mask_photo, mask_photos

__all__ = [
    "KINDS",
    "check_roots",
    "face_seed",
    "kinds_of",
    "main",
    "manifest_checksum",
    "mask_all",
    "mask_photo",
    "mask_photos",
    "put_mask",
    "write_image",
]

CHUNK = 256  # faces: what an interruption can cost each process


def _mask_face(root: Path, masked_root: Path, path: str, points: np.ndarray, seed: int, kind: str) -> dict:
    """Mask the face of one file; its manifest row."""
    masked, description = put_mask(read_image(root / path), points, face_seed(seed, path), kind)
    row = {"path": path, "face": 0, "group": kind, **description}
    copy = masked_root / path
    if description["placement"] == "none":
        copy.unlink(missing_ok=True)  # a bare face must not lie among the masked ones
        return {**row, "reason": NO_PLACE}
    # Grey photos are stored as grey, as they came.
    masked = masked[..., 0] if description["grey"] else masked
    write_image(copy, masked)
    return {**row, "sha256": manifest.digest(copy, masked)}


def _mask_faces(
    faces: list[tuple[str, np.ndarray, str]], root: Path, masked_root: Path, seed: int, kind: str
) -> list[dict]:
    return [{**_mask_face(root, masked_root, path, points, seed, kind), "stamp": mark} for path, points, mark in faces]


def _made_from(file: Path, points: np.ndarray) -> list[bytes]:
    """What a copy depends on besides its mask: visible points, and the photo, known by its size alone: millions are not read."""
    try:
        size = file.stat().st_size
    except OSError:  # said where it is read
        size = 0
    return [hide_points(points).astype("<f4").tobytes(), str(size).encode()]


def mask_all(
    root: str | Path,
    masked_root: str | Path,
    points: Mapping[str, np.ndarray],
    *,
    seed: int = 0,
    kind: str = "surgical",
    jobs: int = -1,
) -> pd.DataFrame:
    """Masked copies of root/path at masked_root/path for every path of `points` ((68, 2) pixels); the manifest.

    `kind`: a kind, a group, or several with commas, of which each face's seed picks one. What the manifest lists with
    the same photo (by its size), points, seed, kind and drawing is not made again, so that an interrupted run goes on where it stopped. A
    face with placement "none" has points that span no face: it gets no file. InputError for an unreadable image, a path
    or link that leads out, or a root within the other.
    """
    root, masked_root = Path(root), Path(masked_root)
    check_roots(root, masked_root)
    for path in points:  # before a file is written or removed
        if defect := path_defect(path):
            raise InputError(f"{root}: {defect}")
    check_links(masked_root, (masked_root / path for path in points))
    kinds, record = asked(kind), masked_root / manifest.NAME
    check_free(record, (masked_root / path for path in points))
    stamps = {path: stamp(kinds, seed, _made_from(root / path, face)) for path, face in points.items()}
    kept = [
        row
        for row in manifest.read(record)
        if stamps.get(row["path"]) == row["stamp"] and (masked_root / row["path"]).is_file() == bool(row["sha256"])
    ]
    with manifest.Journal(record, kept) as journal:
        done = {row["path"] for row in kept}
        todo = [(path, points[path], stamps[path]) for path in sorted(points) if path not in done]
        more = (root, masked_root, seed, kind)
        for rows in in_chunks(_mask_faces, todo, CHUNK, jobs, *more, done=len(done), desc="masks", unit="face"):
            journal.add(rows)
    return manifest.to_table(journal.rows)


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m pre_processing.masks",
        description="Put masks on every face of photos.",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("source", metavar="IN", type=Path, nargs="?", help="a photo, or a folder of photos")
    parser.add_argument(
        "target", metavar="OUT", type=Path, nargs="?", help="folder for copies and manifest.csv, or one .jpg/.png"
    )
    parser.add_argument(
        "--kind",
        default="surgical",
        help="a kind (surgical_blue, kn95, cloth_dots ...), a group "
        "(surgical, cloth, respirator, seen, unseen, all ...), several with commas, or a picture "
        "(mask.png with mask.txt beside it)",
    )
    parser.add_argument("--seed", type=int, default=0, help="decides what is drawn")
    parser.add_argument("-j", "--jobs", type=int, default=-1, help="processes, -1: all cores")
    shows = parser.add_mutually_exclusive_group()
    shows.add_argument("--portraits", dest="show", action="store_const", const=photos.PORTRAIT, default=photos.EVERY,
                       help="one face a photo: the search ends where it is found, several times as fast")  # fmt: skip
    shows.add_argument("--precropped", dest="show", action="store_const", const=photos.CROP,
                       help="one face fills each photo, as in FER+")  # fmt: skip
    parser.add_argument("--landmarks", metavar="FILE.csv", type=Path, help="points of faces: path,x0,y0,...,x67,y67 in "
                        "pixels of the upright photo; photos that it does not name are searched")  # fmt: skip
    parser.add_argument("--boxes", metavar="FILE.csv", type=Path, help="boxes of faces: path,left,top,right,bottom")
    parser.add_argument("--check", metavar="MASKED_ROOT", type=Path, help="compare copies with their manifest instead")
    parser.add_argument("--sha256", help="with --check: the checksum that the manifest must have")
    return parser


def check(masked_root: Path, expected: str | None) -> int:
    """Report on masked copies and their manifest; exit code 0 where all are as recorded, else 1."""
    checksum = manifest_checksum(masked_root / manifest.NAME)
    wrong = manifest.check(masked_root)
    for path, reason in wrong.items():
        print(f"{path}: {reason}", file=sys.stderr)
    if other := expected is not None and expected != checksum:
        print(f"the manifest is another one: its checksum is not {expected}", file=sys.stderr)
    print(f"{len(wrong)} copies are not as recorded; sha256 of the manifest's paths and stamps: {checksum}")
    return int(bool(wrong) or other)


def report(rows: pd.DataFrame, target: Path) -> int:
    """Print what was done, and each photo without a mask with its reason; exit code 1 where there is one, else 0."""
    worn = rows[rows["placement"] != "none"]
    bare = rows[~rows["path"].isin(worn["path"])]
    uncertain = int((worn["certain"].astype(str) == "False").sum()) if len(worn) else 0
    print(f"{rows['path'].nunique()} photos, {len(worn)} masks ({uncertain} on uncertain points) in {target}")
    unplaced = len(rows) - len(worn) - len(bare)
    if unplaced:
        print(f"faces left bare in photos with masks: {unplaced}")
    folded = int((worn["placement"] == "affine").sum())
    if folded:
        print(f"masks on heads turned far, which may leave part of a mouth in sight: {folded}")
    for reason, count in bare["reason"].value_counts().items():
        print(f"photos without a mask, {reason}: {count}")
    for row in bare.itertuples():
        print(f"no mask: {row.path}: {row.reason}", file=sys.stderr)
    return 1 if len(bare) else 0


def run(options: argparse.Namespace) -> int:
    """Mask what the options ask for; the exit code."""
    if options.check:
        return check(options.check, options.sha256)
    if options.source is None or options.target is None:
        raise InputError("give IN and OUT, or --check MASKED_ROOT; --help tells more")
    found, record = list_photos(options.source, options.target)
    paths = {photo.path for photo in found}
    if record.exists() and any(
        file and file.exists() and file.samefile(record) for file in (options.landmarks, options.boxes)
    ):
        raise InputError(f"{record}: the manifest would replace the file of faces; choose another place")
    rows = mask_photos(
        options.source,
        options.target,
        seed=options.seed,
        kind=options.kind,
        show=options.show,
        points=options.landmarks and supplied.read_points(options.landmarks, paths),
        boxes=options.boxes and supplied.read_boxes(options.boxes, paths),
        jobs=options.jobs,
    )
    return report(rows, options.target)


def main(argv: list[str] | None = None) -> int:
    """Exit code 0; 1 where some photo got no mask or a copy is not as recorded; 2 for bad input."""
    options = build_parser().parse_args(argv)
    return errors.run(lambda: run(options), errors.GOES_ON)


if __name__ == "__main__":
    sys.exit(main())
