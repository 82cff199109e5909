"""Time and memory of the near-duplicate search: ``python benchmarks/near_duplicates.py data/ferplus --faces 62000 124000``.

Thumbnails are FER+'s and, beyond those, mean images of random pairs, one of them mirrored. All pairs are compared, so time grows with
the square of the number of faces; memory with the number itself.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pre_processing import databases, splits


def more(images: np.ndarray, count: int) -> np.ndarray:
    """The first `count` of images (n, 24, 24), or all of them and mean images of random pairs."""
    first, second = np.random.default_rng(0).integers(0, len(images), (2, max(0, count - len(images))))
    blends = (images[first].astype(np.uint16) + images[second][:, :, ::-1]) // 2
    return np.concatenate([images, blends.astype(np.uint8)])[:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="FER+ as it was unpacked")
    parser.add_argument("--faces", type=int, nargs="+", default=[31000, 62000, 124000])
    args = parser.parse_args()
    table = databases.read("F", args.root)
    _, images = splits.look(table, jobs=1)
    for count in args.faces:
        start, busy = time.perf_counter(), time.process_time()
        pairs = splits.near_duplicates(more(images, count))
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{count} faces: {len(pairs)} pairs, {time.perf_counter() - start:.0f} s "
              f"({time.process_time() - busy:.0f} s of CPU), {most:.0f} MB at most")  # fmt: skip


if __name__ == "__main__":
    main()
