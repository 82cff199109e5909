"""How often a masked face is found and known to wear a mask, and how far its points move, by set of faces and kind of mask.

    python -m benchmarks.masked_faces [FOLDER ...] [--crops FER+_ROOT] [--kind all] [--photos 200]

Each photo is read bare and under each mask, as predict.py reads it. Demo faces and scikit-image's astronaut are
always there; FOLDERs of portraits add sets, and --crops one of pre-cropped faces, enlarged four times and given a
margin that repeats their border. "polygon" and "template" are mask routines of others (foreign_masks.py).

found: share of masked photos with a face whose eyes lie at those of the bare one. apart: distance of brows, eyes and
nose bridge (0-based 17-29, 36-47) from those of the bare photo, mean over points, in % of the distance between the eye
centres: median, 90th percentile, and share of found faces within 5 %. mask yes, no: share of found faces that are said to
wear one or not; of the others nothing is said. Photos whose bare face is not found, or has
uncertain points, have nothing to compare with and are counted as left out.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from skimage import data
from tqdm import tqdm

from benchmarks import report
from benchmarks.faces import demo
from benchmarks.foreign_masks import ROUTINES
from pre_processing.artefacts import InputError
from pre_processing.copies import SUFFIXES
from pre_processing.crop import read_image
from pre_processing.fitting import eye_distance
from pre_processing.overlay import kinds_of, put_mask
from pre_processing.photos import Face, find_faces
from prediction.search import read
from training import door

UPPER = np.array([*range(17, 30), *range(36, 48)])
LONG = 350  # pixels of the long side that photos are drawn with
ENLARGED = 4  # times
BARE = "bare"
TITLES = ["faces", "masks", "n", "found", "apart, median", "90th percentile", "within 5", "mask: yes", "no"]


def photos(folder: Path, count: int, side: int = LONG) -> list[np.ndarray]:
    """`count` photos of a folder, evenly picked, with this long side; InputError where there is none."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"{folder}: no photo there; give a folder of portraits")
    picked = [files[n] for n in np.linspace(0, len(files) - 1, min(count, len(files))).astype(int)]
    return [resized(read_image(file), side) for file in picked]


def resized(image: np.ndarray, side: int) -> np.ndarray:
    """The image with this long side."""
    factor = side / max(image.shape[:2])
    return cv2.resize(
        image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    )


def with_margin(crop: np.ndarray) -> np.ndarray:
    """A pre-cropped face, enlarged, with half its side repeated around it."""
    crop = resized(crop, ENLARGED * max(crop.shape[:2]))
    room = max(crop.shape[:2]) // 2
    return cv2.copyMakeBorder(crop, room, room, room, room, cv2.BORDER_REPLICATE)


def masked(image: np.ndarray, points: np.ndarray, seed: int, kind: str) -> np.ndarray:
    """The photo with a mask of that kind or routine."""
    return ROUTINES[kind](image, points, seed) if kind in ROUTINES else put_mask(image, points, seed, kind)[0]


def matching(faces: list[Face], points: np.ndarray) -> Face | None:
    """The face whose eyes are closest to those of points (68, 2), if within half the distance between them."""
    apart = [float(np.linalg.norm(face.points[36:48].mean(0) - points[36:48].mean(0))) for face in faces]
    scale = [eye_distance(face.points) / eye_distance(points) for face in faces]
    near = [n for n in np.argsort(apart) if apart[n] < 0.5 * eye_distance(points) and 0.5 < scale[n] < 2]
    return faces[near[0]] if near else None


def distance(points: np.ndarray, reference: np.ndarray) -> float:
    """Mean distance of the upper-face points (68, 2) each, in eye distances of the reference."""
    return float(np.linalg.norm(points[UPPER] - reference[UPPER], axis=1).mean()) / eye_distance(reference)


def measure(images: list[np.ndarray], kinds: list[str]) -> tuple[pd.DataFrame, int]:
    """(photo, kind, apart, masked) of each photo bare and masked, apart NaN where no face is found; further faces seen."""
    rows, extra = [], 0
    for number, image in enumerate(tqdm(images, leave=False)):
        bare = find_faces(image)
        if not bare or not bare[0].certain:
            continue
        reference = bare[0].points
        for kind in (BARE, *kinds):
            seen = read(image if kind == BARE else masked(image, reference, number, kind))
            found = matching([face for face, _ in seen], reference)
            told = [said for face, said in seen if face is found]
            off = np.nan if found is None else distance(found.points, reference)
            rows.append((number, kind, off, told[0] if told else None))
            extra += len(seen) - len(told)
    return pd.DataFrame(rows, columns=["photo", "kind", "apart", "masked"]), extra


def row(name: str, masks: str, rows: pd.DataFrame) -> list[object]:
    """The figures of some rows, in %."""
    found = rows[rows.apart.notna()]
    apart = 100 * found.apart.quantile([0.5, 0.9])
    shares = [found.apart <= 0.05, found.masked.eq(True), found.masked.eq(False)]
    return [
        name,
        masks,
        f"{len(rows):,}",
        100 * len(found) / len(rows),
        *apart,
        *(100 * part.mean() for part in shares),
    ]


def figures(name: str, images: list[np.ndarray], kinds: list[str]) -> list[list[object]]:
    """Rows of one set: bare, under each kind of mask, and under all that cover nose and mouth and let nothing through."""
    table, extra = measure(images, kinds)
    used = table.photo.nunique()
    print(
        f"{name}: {len(images)} photos, {len(images) - used} left out; {extra} further faces reported", file=sys.stderr
    )
    worn = set(kinds_of("opaque")) & set(kinds)
    lines = [row(name, kind, rows) for kind, rows in table.groupby("kind", sort=False) if kind not in worn]
    if worn and used:
        together = f"{len(worn)} kinds of ours" if len(worn) > 1 else min(worn)
        lines.insert(1, row(name, together, table[table.kind.isin(worn)]))
    return lines


def main() -> int:
    """Print the tables; exit code 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*", help="portraits, each folder a set")
    parser.add_argument("--crops", type=Path, help="folder of pre-cropped faces, such as FER+ Test")
    parser.add_argument("--kind", default="all")
    parser.add_argument("--photos", type=int, default=200, help="of each set, at most")
    parser.add_argument(
        "--write", action="store_true", help=f"put the table into {report.README.name} beside the script"
    )
    options = parser.parse_args()
    cv2.setNumThreads(1)

    def work() -> None:
        kinds = [*kinds_of(options.kind), *ROUTINES]
        sets = {"demo": [image for image, _ in demo(min(options.photos, 70), size=LONG)]}
        sets["astronaut"] = [data.astronaut()]
        sets |= {folder.name: photos(folder, options.photos) for folder in options.folders}
        if options.crops:
            sets["crops with margin"] = [with_margin(crop) for crop in photos(options.crops, options.photos, 48)]
        lines = [line for name, images in sets.items() for line in figures(name, images, kinds)]
        shown = report.table(TITLES, lines)
        print(*shown, sep="\n")
        if options.write:
            command = shlex.join(["python", "-m", "benchmarks.masked_faces", *sys.argv[1:]])
            report.write("masked_faces", "cpu", [f"`{command}`", "", *shown])

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
