"""Work out the numbers of pre_processing/meanface.py from a store of landmarks.

    python benchmarks/mean_face.py Results/UnmaskedDatasets/FERPlus/landmarks --under FER2013Train

Generalised Procrustes analysis (Gower, Psychometrika 1975) over all certain fits and their mirror images: each face is
centred, scaled to unit norm and turned onto the mean, again and again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pre_processing.meanface import FLIP


def certain_points(store: Path, under: str) -> np.ndarray:
    """Points (N, 68, 2) of the certain fits of a store whose path starts with `under`."""
    chunks = [np.load(path, allow_pickle=False) for path in sorted(store.glob("chunk-*.npz"))]
    wanted = [chunk["certain"] & np.char.startswith(chunk["path"], under) for chunk in chunks]
    return np.concatenate([chunk["points"][keep] for chunk, keep in zip(chunks, wanted, strict=True)]).astype(float)


def turned(faces: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Each face (N, 68, 2), already centred, under the rotation that brings it closest to the mean (68, 2)."""
    left, _, right = np.linalg.svd(faces.transpose(0, 2, 1) @ mean)
    left[:, :, 1] *= np.linalg.det(left @ right)[:, None]  # a rotation, never a mirror
    return faces @ left @ right


def mean_face(faces: np.ndarray, rounds: int = 10) -> np.ndarray:
    """Symmetric mean (68, 2): origin between the eyes, x along them, unit = distance between the eye centres."""
    faces = np.concatenate([faces, faces[:, FLIP] * [-1, 1]])
    faces = faces - faces.mean(1, keepdims=True)
    faces /= np.linalg.norm(faces, axis=(1, 2), keepdims=True)
    mean = faces[0]
    for _ in range(rounds):
        mean = turned(faces, mean).mean(0)
        mean /= np.linalg.norm(mean)
    right, left = mean[36:42].mean(0), mean[42:48].mean(0)
    x = (left - right) / np.linalg.norm(left - right)
    mean = (mean - (left + right) / 2) @ np.array([x, [-x[1], x[0]]]).T / np.linalg.norm(left - right)
    return (mean + mean[FLIP] * [-1, 1]) / 2


def main(argv: list[str] | None = None) -> None:
    """Print the 68 points as they stand in the source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, help="folder of chunk-*.npz files")
    parser.add_argument("--under", default="", help="only paths that start with this")
    args = parser.parse_args(argv)
    faces = certain_points(args.store, args.under)
    print(f"# {len(faces)} certain faces")
    for x, y in mean_face(faces) + 0.0:
        print(f"({x:.4f}, {y:.4f}),")


if __name__ == "__main__":
    main()
