"""Where masks lie: how much of the lower face they cover, spill beyond the face, and covered eyes, by kind.

python benchmarks/mask_quality.py                      # draws demo faces itself, whose points are exact
python benchmarks/mask_quality.py --root ROOT --landmarks Results/UnmaskedDatasets/FERPlus/FERPlus_landmarksfile.pkl

cover: share of the lower face (polygon of nose bridge point 29 and jaw points 2 to 14, 0-based) that cloth hides.
spill: share of the cloth, straps left out, beyond the convex hull of the 68 points. eye: share of faces with any eye
point under the cloth. low: the faces with the least cover, 5th percentile. Bandanas hang over by design, and half-worn
and chin-worn masks lie low; they are listed all the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import faces
from pre_processing.crop import crop_face
from pre_processing.overlay import kinds_of, worn_area

LOWER_FACE = (29, *range(2, 15))


def _filled(shape: tuple[int, int], outline: np.ndarray) -> np.ndarray:
    """Share of each pixel (h, w) float within an outline (N, 2)."""
    area = np.zeros(shape, np.uint8)
    cv2.fillPoly(area, [np.rint(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return area / 255.0


def measure(points: np.ndarray, seed: int, kind: str, size: int) -> tuple[float, float, bool] | None:
    """Cover and spill (0..1), and whether an eye point is covered, of one face with points (68, 2) in a square."""
    worn = worn_area((size, size), points, seed, kind)
    if worn is None or not worn.any():
        return None
    lower = _filled(worn.shape, points[list(LOWER_FACE)]) > 0.99
    hull = _filled(worn.shape, cv2.convexHull(points.astype(np.float32))[:, 0])
    x, y = np.clip(np.rint(points[36:48]), 0, size - 1).astype(int).T
    cloth = worn > 0.5
    spill = float((cloth * (1 - hull)).sum() / max(cloth.sum(), 1))
    return float(cloth[lower].mean()), spill, bool(cloth[y, x].any())


def table(photos: list[faces.Face], kinds: tuple[str, ...], size: int) -> list[tuple]:
    """Rows (kind, n, cover, cover of the worst 5 %, spill, share of faces with a covered eye point)."""
    rows = []
    crops = [crop_face(*face, size)[1].astype(np.float64) for face in photos]
    for kind in kinds:
        found = [measure(points, seed, kind, size) for seed, points in enumerate(crops)]
        cover, spill, eye = np.array([one for one in found if one is not None], float).T
        rows.append((kind, len(cover), cover.mean(), np.quantile(cover, 0.05), spill.mean(), eye.mean()))
    return rows


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    faces.add_stored(parser, 140)
    parser.add_argument("--size", type=int, default=224, help="side of the crops, pixels")
    options = parser.parse_args(argv)
    photos = faces.known(options, parser)
    print("kind                 n   cover     low   spill     eye")
    for kind, count, *shares in table(photos, kinds_of(options.kind), options.size):
        print(f"{kind:18s} {count:4d}", *(f"{share:7.4f}" for share in shares))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
