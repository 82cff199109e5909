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
from pre_processing.overlay import KINDS, kinds_of, put_mask

__all__ = ["KINDS", "kinds_of", "mask_all", "mask_photo", "mask_photos", "put_mask"]

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
MANIFEST = "manifest.csv"
COLUMNS = ("path", "kind", "seed", "colour", "height", "tilt", "shade", "variant", "grey", "placement", "stamp")
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
    if not cv2.haveImageWriter(path.name):
        raise InputError(
            f"{path}: images cannot be written as {path.suffix or 'files without suffix'}; use .png or .jpg"
        )
    _, data = cv2.imencode(path.suffix, pixels)
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
    try:
        rows = pd.read_csv(path, dtype={"path": str, "stamp": str})[list(COLUMNS)].to_dict("records")
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"{path}: not a manifest of masks; remove it, and the masks are made again") from error
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
    manifest = pd.DataFrame([rows[path] for path in sorted(rows)], columns=list(COLUMNS))
    with atomic_write(masked_root / MANIFEST) as temporary:
        manifest.to_csv(temporary, index=False, lineterminator="\n")
    return manifest


def _faces(image: np.ndarray, precropped: bool) -> list[tuple[list[int], np.ndarray]]:
    """Box and points of every face of a photo, or of the one that fills it."""
    from pre_processing import landmarks

    if precropped:
        return [([0, 0, image.shape[1], image.shape[0]], landmarks.fit_crop(image).points)]
    boxes = landmarks.detect(image, every=True)
    return [([round(float(edge)) for edge in box], landmarks.fit_photo(image, box).points) for box in boxes]


def mask_photo(
    image: np.ndarray, path: str, *, seed: int = 0, kind: str = "surgical", precropped: bool = False
) -> tuple[np.ndarray, list[dict]]:
    """Mask every face of a photo, uint8 (H, W, 3) or (H, W); the masked copy and what each face wears, with its box.

    The path only gives each face its seed.
    """
    worn = []
    # All faces are fitted before the first mask is drawn: neighbours may overlap.
    for face, (box, points) in enumerate(_faces(image, precropped)):
        image, description = put_mask(image, points, face_seed(seed, path, face), kind)
        if description["placement"] != "none":
            worn.append({"path": path, "face": face, "box": box, **description})
    return image, worn


def _copies(source: Path, target: Path) -> list[tuple[str, Path, Path]]:
    """Path within the source, the photo and its copy, for one photo or all of a folder; InputError where they clash."""
    if source.is_dir():
        check_roots(source, target)
        files = sorted(file for file in source.rglob("*") if file.suffix.lower() in SUFFIXES)
        paths = [(file.relative_to(source).as_posix(), file) for file in files]
        copies = [(path, file, target / path) for path, file in paths]
    elif source.exists():
        named = target.suffix.lower() in SUFFIXES and not target.is_dir()
        copies = [(source.name, source, target if named else target / source.name)]
    else:
        raise InputError(f"{source}: no such file or folder; give a photo or a folder of photos")
    if not copies:
        raise InputError(f"{source}: no photo there; give a photo or a folder of {', '.join(sorted(SUFFIXES))} files")
    if any(copy.resolve() == file.resolve() for _, file, copy in copies):
        raise InputError(f"{target}: the copy would replace its original; choose another place")
    return copies


def mask_photos(
    source: str | Path, target: str | Path, *, seed: int = 0, kind: str = "surgical", precropped: bool = False
) -> tuple[list[dict], dict[str, str]]:
    """Masked copies of a photo or of a folder's photos, with every face masked.

    Returns what was worn (path, face, box and the description of put_mask), and the reason for each photo without a
    copy. `precropped`: one face fills each photo, so none is searched for. InputError where source and target clash.
    """
    worn, failures = [], {}
    for path, file, copy in tqdm(_copies(Path(source), Path(target)), desc="masks", unit="photo"):
        try:
            masked, faces = mask_photo(read_image(file), path, seed=seed, kind=kind, precropped=precropped)
            if faces:
                write_image(copy, masked)
                worn += faces
            else:
                failures[path] = "no face found"
        except InputError as error:
            failures[path] = str(error).removeprefix(f"{file}: ")
    return worn, failures


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m pre_processing.masks", description="Put masks on photographed faces."
    )
    parser.add_argument("source", metavar="IN", type=Path, help="a photo, or a folder of photos")
    parser.add_argument(
        "target", metavar="OUT", type=Path, help="folder for copies and manifest.json, or one .jpg/.png"
    )
    parser.add_argument("--kind", default="surgical", help="kind or group of masks, or several with commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precropped", action="store_true", help="one face fills each photo, as in FER+")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit code 0, 1 where some photo got no mask, 2 for bad input."""
    options = build_parser().parse_args(argv)
    target = options.target
    try:
        kinds_of(options.kind)
        worn, failures = mask_photos(
            options.source, target, seed=options.seed, kind=options.kind, precropped=options.precropped
        )
        single = target.suffix.lower() in SUFFIXES and not target.is_dir()
        with atomic_write(target.with_suffix(".json") if single else target / "manifest.json") as temporary:
            temporary.write_text(json.dumps({"worn": worn, "failures": failures}, indent=1) + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(worn)} masks in {target}")
    for path, reason in failures.items():
        print(f"no mask: {path}: {reason}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
