"""Faces a second that get a mask, on one core, by size and kind: nothing but put_mask, photos and points in memory.

python benchmarks/mask_speed.py                      # draws demo faces itself
python benchmarks/mask_speed.py --root ROOT --landmarks Results/UnmaskedDatasets/FERPlus/FERPlus_landmarksfile.pkl
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pre_processing import render
from pre_processing.artefacts import read_landmarks
from pre_processing.crop import crop_face, read_image
from pre_processing.overlay import kinds_of, put_mask

Face = tuple[np.ndarray, np.ndarray]


def demo_faces(count: int, seed: int = 11, size: int = render.SIZE) -> list[Face]:
    """Drawn faces with their points: RGB uint8 (size, size, 3) and (68, 2)."""
    scenes = ((render.make_person(seed, n), render.make_photo(seed, n, 0, n % 7)) for n in range(count))
    return [render.draw(*scene, size) for scene in scenes]


def stored_faces(root: Path, landmarks: Path, count: int) -> list[Face]:
    """`count` faces of a landmark file, evenly picked from its sorted paths."""
    points = read_landmarks(landmarks)
    paths = sorted(points)
    picked = [paths[n] for n in np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)]
    return [(read_image(root / path), points[path][0]) for path in picked]


def faces_per_second(faces: list[Face], kind: str, repeats: int) -> float:
    """Best of `repeats` rounds over all faces, by CPU time of this process."""
    rounds = []
    for _ in range(repeats):
        start = time.process_time()
        for seed, (image, points) in enumerate(faces):
            put_mask(image, points, seed, kind)
        rounds.append(time.process_time() - start)
    return len(faces) / min(rounds)


def main(argv: list[str] | None = None) -> int:
    """Print a table of faces a second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder of photos; demo faces are drawn without it")
    parser.add_argument("--landmarks", type=Path, help="their landmark file")
    parser.add_argument("--sizes", type=int, nargs="+", default=[48, 112, 224, 350], help="sides of the crops, pixels")
    parser.add_argument("--kind", default="all")
    parser.add_argument("--faces", type=int, default=70)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args(argv)
    if (options.root is None) != (options.landmarks is None):
        parser.error("--root and --landmarks go together")
    cv2.setNumThreads(1)
    faces = stored_faces(options.root, options.landmarks, options.faces) if options.root else demo_faces(options.faces)
    crops = {size: [crop_face(*face, size) for face in faces] for size in options.sizes}
    print("faces/s".ljust(18), *(f"{size:>4d} px" for size in options.sizes))
    for kind in kinds_of(options.kind):
        for size in options.sizes:
            faces_per_second(crops[size], kind, 1)  # draws the cloths
        speeds = (faces_per_second(crops[size], kind, options.repeats) for size in options.sizes)
        print(kind.ljust(18), *(f"{speed:7.0f}" for speed in speeds), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
