"""What a second mask over the one worn does to the answers, on masks of ours and on those of others.

    python -m benchmarks.second_mask --root_path data/ferplus [--every 3] [--weights gacnn-lite0-7] [--write]

Every N-th face of FER+ Valid, as it is read in the study (points of the bare face) and as predict.py reads it (points and
mask told by covered.py's network, in the box that dlib's detector would give the bare face; where no mask is told, predict.py
would take dlib's points instead). "polygon" and "template" are mask routines of others (foreign_masks.py).
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

import models
from benchmarks import report
from benchmarks.foreign_masks import ROUTINES
from benchmarks.masked_faces import masked
from pre_processing import covered
from pre_processing.copies import face_seed
from pre_processing.fitting import box_of
from prediction.network import Predictor
from prediction.search import View, view
from training import data, door, metrics, options

KINDS = ("seen", "unseen", "window", "half_worn", *ROUTINES)
TITLES = [
    "masks",
    "n",
    "study: as worn",
    "study: second over it",
    "study: mean of both",
    "predict.py: as worn",
    "predict.py: second over it",
    "predict.py: mean of both",
    "mask: yes",
]


def faces_of(root: Path, results: Path) -> data.Faces:
    """FER+ Valid, bare."""
    chosen = options.parse(["--root_path", str(root), "--main_folder", str(results), "--condition", "unmasked"])
    return data.Faces(chosen.root_path, chosen.valid_list, chosen.train_landmarksfile, chosen.samples)


def views(grey: np.ndarray, points: np.ndarray, path: str, kind: str, size: int) -> tuple[list[View], bool | None]:
    """A masked face with the study's points and with those that predict.py finds, and what is said of its mask."""
    worn = masked(grey, points, face_seed(0, path), kind)
    centre, side = box_of(points)
    look = covered.look(worn, np.concatenate([centre - side / 2, centre + side / 2]))
    return [view(worn, points, True, size), view(worn, look.points, bool(look.masked), size)], look.masked


def row(faces: data.Faces, indices: range, kind: str, predictor: Predictor) -> list[object]:
    """Accuracies of one kind of masks, in %."""
    seen, said = [], []
    for index in tqdm(indices, kind, leave=False):
        photo = faces.photo(index)
        both, told = views(photo.image, photo.points, faces.paths[index], kind, predictor.size)
        seen.append(both)
        said.append(told is True)
    codes, hits = faces.labels[list(indices)], []
    for column in zip(*seen, strict=True):
        crops = [[each._replace(again=None) for each in column],
                 [each if each.again is None else View(each.again, each.points) for each in column]]  # fmt: skip
        one, other = (np.array([answer.probabilities for answer in predictor(looks)]) for looks in crops)
        hits += [metrics.percent((chances.argmax(1) == codes).mean()) for chances in (one, other, one + other)]
    return [kind, f"{len(codes):,}", *hits, metrics.percent(np.mean(said))]


def main(argv: list[str] | None = None) -> int:
    """Exit code of training.door."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root_path", type=Path, required=True, help="folder with FER+'s images")
    parser.add_argument("--main_folder", type=Path, default=Path("Results"), help="folder of lists")
    parser.add_argument("--weights", default="gacnn-lite0-7")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th face")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    argv = sys.argv[1:] if argv is None else argv
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)

    def work() -> None:
        faces, predictor = faces_of(args.root_path, args.main_folder), Predictor(models.load_pretrained(args.weights))
        lines = [row(faces, range(0, len(faces), args.every), kind, predictor) for kind in KINDS]
        shown = report.table(TITLES, lines)
        print(*shown, sep="\n")
        if args.write:
            command = shlex.join(["python", "-m", "benchmarks.second_mask", *argv])
            report.write("second_mask", "cpu", [f"`{command}`", "", *shown])

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
