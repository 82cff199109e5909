"""Draw the confusion pictures again from metrics.json, without training or testing anything.

python -m training.redraw Results
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from pre_processing import emotions
from training import cells, door, figures, results


def redraw(folder: Path) -> Path:
    """Replace the picture beside `folder`/metrics.json; its path."""
    found = cells.read_figures(folder / "metrics.json")
    options = Namespace(**found["config"])
    picture = folder / f"{results.stem(options)}.png"
    names = emotions.names(options.num_classes)
    figures.confusion_picture(picture, found, names, results.title(options), results.about(options, found))
    return picture


def main(argv: list[str] | None = None) -> int:
    """Redraw every picture below the results folder (Results); the exit code of training.door."""
    argv = sys.argv[1:] if argv is None else argv

    def work() -> None:
        for path in sorted(Path(argv[0] if argv else "Results").rglob("metrics.json")):
            print(redraw(path.parent))

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
