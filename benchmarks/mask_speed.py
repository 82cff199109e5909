"""Faces a second that get a mask, on one core, by size and kind: nothing but put_mask, photos and points in memory.

python benchmarks/mask_speed.py                      # draws demo faces itself
python benchmarks/mask_speed.py --root ROOT --landmarks Results/UnmaskedDatasets/FERPlus/FERPlus_landmarksfile.pkl
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import faces, report
from pre_processing.crop import crop_face
from pre_processing.overlay import kinds_of, put_mask


def faces_per_second(photos: list[faces.Face], kind: str, repeats: int) -> float:
    """Best of `repeats` rounds over all photos with their points, by CPU time of this process."""
    rounds = []
    for _ in range(repeats):
        start = time.process_time()
        for seed, (image, points) in enumerate(photos):
            put_mask(image, points, seed, kind)
        rounds.append(time.process_time() - start)
    return len(photos) / min(rounds)


def main(argv: list[str] | None = None) -> int:
    """Print a table of faces a second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    faces.add_stored(parser, 70)
    parser.add_argument("--sizes", type=int, nargs="+", default=[48, 112, 224, 350], help="sides of the crops, pixels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--write", action="store_true", help=f"put the table into {report.README.name} beside the script"
    )
    options = parser.parse_args(argv)
    options.threads, options.device = 1, "cpu"
    cv2.setNumThreads(1)
    photos = faces.known(options, parser)
    crops = {size: [crop_face(*face, size) for face in photos] for size in options.sizes}
    rows = []
    for kind in kinds_of(options.kind):
        for size in options.sizes:
            faces_per_second(crops[size], kind, 1)  # draws the cloths
        rows.append([kind, *(faces_per_second(crops[size], kind, options.repeats) for size in options.sizes)])
    shown = report.table(["kind", *(f"{size} px (faces/s)" for size in options.sizes)], rows)
    print(*shown, sep="\n")
    if options.write:
        command = shlex.join(["python", "benchmarks/mask_speed.py", *(sys.argv[1:] if argv is None else argv)])
        lines = [f"`{command}`", "", f"{report.machine(options)}.", "", f"{len(photos)} faces.", "", *shown]
        report.write("mask_speed", "cpu", lines)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
