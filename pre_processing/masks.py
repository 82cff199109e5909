"""Masks for many faces: the same paths below another root, and a manifest of what was worn by whom.

python -m pre_processing.masks IN OUT [--kind surgical] [--seed 0]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from pre_processing.artefacts import InputError, atomic_write
from pre_processing.crop import read_image
from pre_processing.meanface import hide_points
from pre_processing.overlay import KINDS, put_mask

__all__ = ["KINDS", "mask_all", "mask_photos", "put_mask"]

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}
MANIFEST = "manifest.csv"
CHUNK = 256


def face_seed(seed: int, path: str, face: int = 0) -> int:
    """Seed of one face: follows from the run's seed and the face's path, whatever the order of work."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{path}/{face}".encode()).digest()[:4], "little")


def check_roots(root: Path, masked_root: Path) -> None:
    """InputError where masked copies would land among the originals."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the one that holds the photos")
    if masked_root.resolve().is_relative_to(root.resolve()):
        raise InputError(
            f"{masked_root}: lies within {root}; choose a folder outside, so that originals stay untouched"
        )


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an RGB or grey image under its own suffix, all of it or nothing."""
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    done, data = cv2.imencode(path.suffix, pixels)
    if not done:
        raise InputError(f"{path}: images cannot be written as {path.suffix}; use .png or .jpg")
    with atomic_write(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _mask_files(root: Path, masked_root: Path, faces: list[tuple[str, np.ndarray]], seed: int, kind: str) -> list[dict]:
    worn = []
    for path, points in faces:
        masked, description = put_mask(read_image(root / path), points, face_seed(seed, path), kind)
        worn.append({"path": path, **description})
        if description["placement"] == "none":
            # A bare face must not lie among the masked ones.
            (masked_root / path).unlink(missing_ok=True)
            continue
        # Grey photos are stored as grey, as they came.
        write_image(masked_root / path, masked[..., 0] if description["grey"] else masked)
    return worn


def _stamp(points: np.ndarray, seed: int, kind: str) -> str:
    return hashlib.sha256(f"{kind}/{seed}/".encode() + hide_points(points).astype("<f4").tobytes()).hexdigest()[:16]


def _done(masked_root: Path) -> dict[str, dict]:
    path = masked_root / MANIFEST
    if not path.is_file():
        return {}
    rows = pd.read_csv(path, dtype={"path": str, "stamp": str}).to_dict("records")
    return {row["path"]: row for row in rows if (masked_root / row["path"]).is_file()}


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

    What the manifest lists with the same points, seed and kind is not made again; it is written every few thousand
    faces, so that an interrupted run goes on from there. A face with placement "none" has points that span no face: it
    gets no file. InputError for an unreadable image or a root within the other.
    """
    root, masked_root = Path(root), Path(masked_root)
    check_roots(root, masked_root)
    stamps = {path: _stamp(face, seed, kind) for path, face in points.items()}
    rows = {path: row for path, row in _done(masked_root).items() if stamps.get(path) == row["stamp"]}
    todo = [(path, points[path]) for path in sorted(points) if path not in rows]
    work = (
        delayed(_mask_files)(root, masked_root, todo[at : at + CHUNK], seed, kind) for at in range(0, len(todo), CHUNK)
    )
    jobs = min(cpu_count() if jobs == -1 else jobs, -(-len(todo) // CHUNK) or 1)
    with tqdm(total=len(points), initial=len(rows), desc="masks", unit="face") as bar:
        for number, worn in enumerate(Parallel(n_jobs=jobs, return_as="generator_unordered")(work), 1):
            rows.update({row["path"]: {**row, "stamp": stamps[row["path"]]} for row in worn})
            bar.update(len(worn))
            if number % 16 == 0:
                _write_manifest(masked_root, rows)
    return _write_manifest(masked_root, rows)


def _write_manifest(masked_root: Path, rows: Mapping[str, dict]) -> pd.DataFrame:
    manifest = pd.DataFrame([rows[path] for path in sorted(rows)])
    with atomic_write(masked_root / MANIFEST) as temporary:
        manifest.to_csv(temporary, index=False, lineterminator="\n")
    return manifest


def mask_photos(
    source: Path, target: Path, *, seed: int = 0, kind: str = "surgical"
) -> tuple[list[dict], dict[str, str]]:
    """Mask every face of a photo or of a folder's photos; what was worn, and why a file has no copy."""
    from pre_processing import landmarks

    root = source.parent if source.is_file() else source
    files = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"{source}: no photo there; give a photo or a folder of {', '.join(sorted(SUFFIXES))} files")
    if source.is_dir():
        check_roots(root, target)
    worn, failures = [], {}
    for file in tqdm(files, desc="masks", unit="photo"):
        path = file.relative_to(root).as_posix()
        try:
            image = read_image(file)
            boxes = landmarks.detect(image, every=True)
            if not len(boxes):
                failures[path] = landmarks.NO_FACE
                continue
            for face, box in enumerate(boxes):
                points = landmarks.fit_photo(image, box).points
                image, description = put_mask(image, points, face_seed(seed, path, face), kind)
                worn.append({"path": path, "face": face, "box": [round(float(edge)) for edge in box], **description})
            write_image(target / path, image)
        except InputError as error:
            failures[path] = str(error)
    return worn, failures


def main(argv: list[str] | None = None) -> int:
    """Exit code 0, 1 where some photo got no mask, 2 for bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m pre_processing.masks", description="Put masks on photographed faces."
    )
    parser.add_argument("source", metavar="IN", type=Path, help="a photo, or a folder of photos")
    parser.add_argument("target", metavar="OUT", type=Path, help="folder for the masked copies and manifest.json")
    parser.add_argument("--kind", choices=sorted(KINDS), default="surgical")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    try:
        if not options.source.exists():
            raise InputError(f"{options.source}: no such file or folder; give a photo or a folder of photos")
        worn, failures = mask_photos(options.source, options.target, seed=options.seed, kind=options.kind)
        with atomic_write(options.target / "manifest.json") as temporary:
            temporary.write_text(json.dumps({"worn": worn, "failures": failures}, indent=1) + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(worn)} masks in {options.target}")
    for path, reason in failures.items():
        print(f"no mask: {path}: {reason}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
