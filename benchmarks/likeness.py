"""Learn the numbers of pre_processing/likeness.py from pre-cropped faces: which fits lie on a face.

    python -m benchmarks.likeness data/ferplus/FER2013Train [--faces 4000] [--share 0.94]

Faces are examples; so are the same pictures upside down, turned, cut and put together wrongly, and noise, each with the
points that the fit finds there. Then the spread of the jittered fits is weighed in on other faces; the limit is a little
stricter than the one that makes `--share` of them certain. The printed numbers belong into likeness.py.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks import faces
from pre_processing.artefacts import InputError
from pre_processing.crop import read_image
from pre_processing.fitting import to_grey
from pre_processing.landmarks import fit_crop
from pre_processing.likeness import features

WEIGHED_IN = 4  # one face in this many is kept for the spread and the limit
STRICTER = 0.2  # than the limit of --share: a third fewer of what is none, for .3 % of faces


def spoilt(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What is no upright face, made of one (48, 48)."""
    tiles = [face[y : y + 16, x : x + 16] for y in range(0, 48, 16) for x in range(0, 48, 16)]
    order = rng.permutation(9)
    noise = rng.integers(0, 256, (int(rng.integers(6, 49)),) * 2, np.uint8)
    return np.ascontiguousarray(
        [
            face[::-1],
            np.rot90(face, 2),
            np.rot90(face),
            np.rot90(face, 3),
            np.roll(face, 24, axis=1),
            np.roll(face, 24, axis=0),
            np.vstack([np.hstack([tiles[index] for index in order[at : at + 3]]) for at in (0, 3, 6)]),
            cv2.resize(noise, (48, 48), interpolation=cv2.INTER_CUBIC),
        ][rng.integers(8)]
    )


def examples(files: list[Path], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (n, 512), logarithms of spreads (n,), and 1 for faces, 0 for none (n,)."""
    rows = []
    for file in files:
        face = cv2.resize(to_grey(read_image(file)), (48, 48), interpolation=cv2.INTER_AREA)
        fit = fit_crop(face)
        rows.append((features(face, fit.points), np.log(max(fit.spread, 1e-3)), 1))
        none = spoilt(face, rng)
        fit = fit_crop(none)
        rows.append((features(none, fit.points), np.log(max(fit.spread, 1e-3)), 0))
    edges, spreads, kinds = zip(*rows, strict=True)
    return np.array(edges), np.array(spreads), np.array(kinds)


def learn(files: list[Path], share: float, rng: np.random.Generator) -> tuple[np.ndarray, float, float]:
    """Weights (512,) of the features, of the spread's logarithm, and the bias: certain where the sum is positive."""
    cut = len(files) // WEIGHED_IN
    edges, spreads, kinds = examples(files[cut:], rng)
    kept = (kinds != 1) | (spreads < np.log(0.05))  # faces whose fit is in doubt teach nothing
    weights = LogisticRegression(C=0.03, class_weight="balanced", max_iter=1000).fit(edges[kept], kinds[kept] == 1)
    edges, spreads, kinds = examples(files[:cut], rng)
    both = np.column_stack([weights.decision_function(edges), spreads])
    joint = LogisticRegression().fit(both, kinds)
    scale, spread = joint.coef_[0] / joint.coef_[0, 0]
    scores = both @ [scale, spread]
    limit = float(np.quantile(scores[kinds == 1], 1 - share)) + STRICTER
    for kind, name in ((1, "faces"), (0, "no faces")):
        print(f"{name}: {np.mean(scores[kinds == kind] > limit):.1%} of {np.sum(kinds == kind)} certain")
    return weights.coef_[0], float(spread), float(weights.intercept_[0]) - limit


def main() -> int:
    """Print the numbers; exit code 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    faces.add_folder(parser, 4000)
    parser.add_argument(
        "--share", type=float, default=0.94, help="of faces that are certain before the limit is made stricter"
    )
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(options.seed)
    try:
        weights, spread, bias = learn(faces.files(options, rng), options.share, rng)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    numbers = [str(round(100 * value)) for value in weights]
    print("\n".join(" ".join(numbers[at : at + 28]) for at in range(0, len(numbers), 28)))
    print(f"SPREAD, BIAS = {spread:.2f}, {bias:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
