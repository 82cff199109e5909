"""Faces/s of the landmark fit on one core, and how many fits are certain, on pre-cropped faces such as FER+.

    python -m benchmarks.landmark_speed data/ferplus [--faces 400] [--rounds 3]

Time is the process's own (CPU). Each face counts with its fastest round, because the predictor's tables are larger than
caches, and whatever runs beside it slows it. `calls` are predictor calls for a face, whatever the machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks import faces
from pre_processing import fitting
from pre_processing.artefacts import InputError
from pre_processing.crop import read_image
from pre_processing.landmarks import fit_crop


def measure(files: list[Path], rounds: int) -> dict[str, float]:
    """Faces/s, predictor calls a face, share certain, and median spread in eye distances."""
    images = [read_image(file) for file in files]
    fit_crop(images[0])  # loads the model
    predict, calls = fitting._predict, []
    fitting._predict = lambda *args: calls.append(1) or predict(*args)
    times = np.empty((rounds, len(images)))
    for times_of_round in times:
        fits = []
        for index, image in enumerate(images):
            start = time.process_time()
            fits.append(fit_crop(image))
            times_of_round[index] = time.process_time() - start
    fitting._predict = predict
    return {
        "faces/s": len(images) / times.min(0).sum(),
        "calls": len(calls) / times.size,
        "certain": float(np.mean([fit.certain for fit in fits])),
        "spread": float(np.median([fit.spread for fit in fits])),
    }


def main() -> int:
    """Print the figures; exit code 2 where there are no faces."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    faces.add_folder(parser, 400)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        chosen = sorted(faces.files(options, np.random.default_rng(options.seed)))
        figures = measure(chosen, options.rounds)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(chosen)} faces, one core: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
