"""The study's pictures, from study.json: what a mask costs by emotion, and confusion matrices side by side.

    python -m training.study_pictures [Results]

Writes drop.png and confusion.png into the results folder; what was not run is not drawn.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pre_processing.artefacts import InputError
from pre_processing.emotions import EMOTIONS
from training import analysis, door, options
from training.figures import INK, PAPER, draw_cell, label_axes, save
from training.metrics import percent
from training.results import DISPLAY

DROP, CONFUSION = "drop.png", "confusion.png"
COLOURS = {"shift": "#c4532e", "information": "#2b6ca3", "both": "#3b8a5a"}
NAMES = {
    "shift": "trained on bare faces, tested bare and masked",
    "information": "trained and tested bare, against masked",
    "both": "one network trained on both, tested bare and masked",
}
SIDES = {"bare": "bare faces", "masked": "masked faces"}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; not of pyplot, so that a picture does not change a notebook's backend."""
    figure = Figure(figsize=(width, height), facecolor=PAPER, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def networks(study: dict[str, Any], pairs: list[dict[str, Any]]) -> str:
    """`FER+, gACNN-Lite0`: what the networks of these pairs are."""
    cells = {cell["id"]: cell for cell in study["cells"]}
    asked = [cells[name] for pair in pairs for name in (*pair["bare"], *pair["masked"])]
    shown = dict.fromkeys(f"{DISPLAY[cell['model']]}-{DISPLAY[cell['backbone']]}" for cell in asked)
    return ", ".join(["FER+", *shown])


def drop_picture(study: dict[str, Any]) -> Figure | None:
    """Recall that a mask costs each emotion, in points with intervals, by pair of conditions; None where none was run."""
    ran = {name: cost for name, cost in study["costs"].items() if cost["status"] == "run"}
    if not ran:
        return None
    figure = new_figure(10, 4.8)
    axes = figure.add_subplot()
    places, width = np.arange(len(EMOTIONS)), 0.8 / len(ran)
    for number, (name, cost) in enumerate(ran.items()):
        drops = [cost["recall"][emotion]["drop"] for emotion in EMOTIONS]
        at = places + (number - (len(ran) - 1) / 2) * width
        bars(axes, at, drops, width * 0.92, COLOURS[name], NAMES[name])
    for x, side, text in (
        (3.42, "right", "should lose less,\nsays the hypothesis"),
        (3.58, "left", "should lose more"),
    ):
        axes.annotate(text, (x, 0.97), xycoords=("data", "axes fraction"), ha=side, va="top", fontsize=9, color=INK)
    axes.axvline(3.5, color=INK, linewidth=0.8, linestyle=(0, (4, 4)), alpha=0.5)
    axes.axhline(0, color=INK, linewidth=0.8)
    faces = [next(iter(ran.values()))["mcnemar"][emotion]["n"] for emotion in EMOTIONS]
    labels = [f"{emotion}\nn = {count:,}" for emotion, count in zip(EMOTIONS, faces, strict=True)]
    axes.set_xticks(places, labels, fontsize=10.5, color=INK)
    axes.set_ylabel("recall lost behind a mask, points", fontsize=10.5, color=INK)
    figure.get_layout_engine().set(rect=(0.005, 0.01, 0.985, 0.98))
    axes.set_title(
        "What a mask costs, emotion by emotion", fontsize=14, fontweight="bold", color=INK, loc="left", pad=26
    )
    said = f"{networks(study, [*ran.values()])}; bars: {seeds(ran)}; lines: 95 % intervals"
    above = {"xycoords": "axes fraction", "textcoords": "offset points"}
    axes.annotate(said, (0, 1), (0, 9), fontsize=10.5, color=INK, **above)
    axes.legend(frameon=False, fontsize=9.5, labelcolor=INK, loc="upper left", bbox_to_anchor=(0, 1))
    ends = [end for cost in ran.values() for side in cost["recall"].values() for end in side["drop"]["ci95"] or ()]
    axes.set_ylim(min(0, *ends) * 100 - 4, max(ends) * 135)
    tidy(axes)
    return figure


def seeds(ran: dict[str, Any]) -> str:
    """Of how many seeds the bars are the mean; pairs with fewer are named."""
    counts = {name: len(cost["seeds"]) for name, cost in ran.items()}
    most = max(counts.values())
    fewer = [f"{NAMES[name].partition(',')[0]}: {count}" for name, count in counts.items() if count < most]
    named = f" ({', '.join(fewer)})" if fewer else ""
    return f"mean of {most} seeds{named}" if most > 1 else "1 seed"


def bars(axes, at: np.ndarray, drops: list[dict[str, Any]], width: float, colour: str, label: str) -> None:
    """A bar and an interval each, in points; nothing where an emotion has no face."""
    values = 100 * np.array([drop["value"] if drop["value"] is not None else np.nan for drop in drops])
    ends = 100 * np.array([drop["ci95"] or (np.nan, np.nan) for drop in drops])
    axes.bar(at, values, width, color=colour, label=label)
    axes.vlines(at, *ends.T, color=INK, linewidth=1.2)


def tidy(axes) -> None:
    """Only the lines that say something."""
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.yaxis.grid(True, color="#dfe4e8", linewidth=0.8)
    axes.set_axisbelow(True)


def chosen_pair(costs: dict[str, Any]) -> dict[str, Any] | None:
    """The pair whose matrices are shown: networks of either condition, else the one for both, else the one that was run."""
    order = ("information", "both", "shift")
    return next((costs[name] for name in order if costs[name]["status"] == "run"), None)


def confusion_picture(study: dict[str, Any]) -> Figure | None:
    """Confusion matrices of the same faces bare and masked, side by side; None where no pair was run."""
    pair = chosen_pair(study["costs"])
    if pair is None:
        return None
    cells = {cell["id"]: cell for cell in study["cells"]}
    figure = new_figure(16, 8.2)
    panels = figure.subplots(1, 2)
    for axes, (side, title) in zip(panels, SIDES.items(), strict=True):
        cell = cells[pair[side][0]]
        counts = np.array(cell["confusion"])
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(*counts.shape):
            draw_cell(axes, row, column, shares[row, column] if counts[row].any() else None, counts[row, column])
        label_axes(axes, EMOTIONS, counts.sum(1))
        low, high = (percent(end) for end in cell["ci95"])
        head = f"{title}: accuracy {percent(cell['accuracy'])} % (95 % CI {low}–{high}), n = {cell['n']:,}"
        axes.set_title(head, fontsize=13, fontweight="bold", color=INK, loc="left", pad=12)
    figure.get_layout_engine().set(rect=(0.005, 0.01, 0.98, 0.92))
    title = pair["title"][0].upper() + pair["title"][1:]
    seed = cells[pair["bare"][0]]["seed"]
    figure.text(0.01, 0.955, f"{title}: {networks(study, [pair])}, seed {seed}", fontsize=14, color=INK)
    return figure


def write(results: Path) -> list[Path]:
    """Draw what study.json in the results folder has; the pictures' paths."""
    file = results / analysis.FILE
    if not file.is_file():
        raise InputError(f"{file}: no such file; run python -m training.analysis first")
    study = analysis.read_noted(file)
    drawers: dict[str, Callable[[], Figure | None]] = {
        DROP: lambda: drop_picture(study),
        CONFUSION: lambda: confusion_picture(study),
    }
    written = []
    for name, draw in drawers.items():
        if figure := draw():
            save(figure, results / name)
            written.append(results / name)
    return written


def main(argv: list[str] | None = None) -> int:
    """Draw the pictures of the results folder named (Results); the exit code of training.door."""
    parser = options.Parser(prog="python -m training.study_pictures", description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", type=Path, default=Path("Results"), help="folder of the results")

    def work() -> None:
        for path in write(parser.parse_args(argv).results):
            print(path)

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
