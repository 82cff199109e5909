"""Time and memory of listing AffectNet at its full size: ``python benchmarks/affectnet_listing.py``.

Writes a release of 450,000 rows into a temporary folder, its images empty files, which nothing could open as images. A
fresh process reads it and splits it; making the folder is not timed.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pre_processing import databases
from pre_processing.partition import partition

# Rows by expression code 0..10, as the full release lists them for training; validation has 500 of each of 0..10.
TRAINING = (74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750, 33088, 11645, 82415)
VALIDATION = (500,) * 11
MOST_SECONDS, MOST_MEGABYTES = 20, 1000


def write_rows(images: Path, file: Path, counts: tuple[int, ...], rows: int, first: int) -> None:
    """A CSV file of about `rows` rows with the mix `counts` of expressions, and an empty file for each."""
    rng = np.random.default_rng(first)
    codes = rng.choice(len(counts), rows, p=np.array(counts) / sum(counts))
    marks = [";".join(f"{value:.2f}" for value in rng.uniform(0, 900, 136)) for _ in range(500)]
    with open(file, "w") as handle:
        handle.write(
            "#subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"
        )
        for number, code in enumerate(codes, first):
            name = f"{number % 1000}/{hashlib.sha224(str(number).encode()).hexdigest()}.jpg"
            (images / name).touch()
            handle.write(f"{name},134,134,899,899,{marks[number % 500]},{code},0.785714,-0.055556\n")


def make(root: Path, rows: int) -> None:
    """The folder that is read."""
    images, lists = root / "Manually_Annotated_Images", root / "Manually_Annotated_file_lists"
    lists.mkdir()
    for number in range(1000):
        (images / str(number)).mkdir(parents=True)
    valid = min(5500, rows // 10)
    write_rows(images, lists / "validation.csv", VALIDATION, valid, 0)
    write_rows(images, lists / "training.csv", TRAINING, rows - valid, valid)


def read(root: Path) -> None:
    """List and split; the figures."""
    start, busy = time.perf_counter(), time.process_time()
    table = partition(databases.read("A", root))
    wall, busy = time.perf_counter() - start, time.process_time() - busy
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    left_out = sum(map(len, table.dropped.values()))
    print(f"{len(table.samples)} faces listed and split, {left_out} left out: {wall:.1f} s ({busy:.1f} s of CPU), "
          f"{most:.0f} MB at most")  # fmt: skip
    print(table.samples["split"].value_counts().to_dict())
    if busy > MOST_SECONDS or most > MOST_MEGABYTES:
        sys.exit(f"more than {MOST_SECONDS} s or {MOST_MEGABYTES} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=450_000)
    parser.add_argument("--read", type=Path, help="read this folder, which is there already")
    args = parser.parse_args()
    if args.read:
        return read(args.read)
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), args.rows)
        subprocess.run([sys.executable, __file__, "--read", folder], check=True)
    return None


if __name__ == "__main__":
    main()
