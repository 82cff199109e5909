"""The confusion matrix as a picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from pre_processing.artefacts import atomic_write
from training.metrics import percent

INK, PAPER = "#1b2733", "#ffffff"


def confusion_picture(path: Path, figures: dict, names: tuple[str, ...], title: str, about: str = "") -> None:
    """Write a PNG: cell = share of the row's faces in percent over their number; on top the title, lines `about` the run,
    accuracy with its interval, and n."""
    counts = np.array(figures["confusion"])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 2.6 + 0.86 * len(names)
    # Not pyplot: a picture must not change the backend of the notebook that trains.
    figure = Figure(figsize=(side + 0.9, side), facecolor=PAPER, dpi=96)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        share = shares[row, column] if counts[row].any() else None
        draw_cell(axes, row, column, share, counts[row, column])
    label_axes(axes, names, counts.sum(1))
    low, high = figures["ci95"]
    above = {"xycoords": "axes fraction", "textcoords": "offset points", "color": INK}
    summary = (
        f"accuracy {percent(figures['accuracy'])} % (95 % CI {percent(low)}–{percent(high)})   "
        f"macro recall {percent(figures['macro_recall'])} %   n = {figures['n']:,}"
    )
    lines = [*about.splitlines(), summary]
    for number, line in enumerate(reversed(lines)):
        axes.annotate(line, (0, 1), (0, 14 + 16 * number), fontsize=10.5, parse_math=False, **above)
    axes.annotate(title, (0, 1), (0, 18 + 16 * len(lines)), fontsize=14, fontweight="bold", parse_math=False, **above)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03, ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.ax.set_yticklabels(["0", "25", "50", "75", "100 %"], fontsize=9, color=INK)
    bar.outline.set_visible(False)
    save(figure, path, bbox_inches="tight", pad_inches=0.25)


def save(figure: Figure, path: Path, **options: object) -> None:
    """Write a figure as PNG of 256 colours, a third of the size: a study has dozens of pictures."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", **options)
    flat = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    with atomic_write(path) as temporary:
        flat.save(temporary, format="png", optimize=True)


def draw_cell(axes, row: int, column: int, share: float | None, count: int) -> None:
    """Percent in large, number of faces in small print; the diagonal in bold; a dash where the row has no face."""
    colour = PAPER if share is not None and share > 0.55 else INK
    weight = "bold" if row == column else "normal"
    axes.text(
        column, row - 0.07, percent(share), ha="center", va="center", fontsize=12, color=colour, fontweight=weight
    )
    axes.text(column, row + 0.25, f"{count:,}", ha="center", va="center", fontsize=8, color=colour, alpha=0.8)


def label_axes(axes, names: tuple[str, ...], totals: np.ndarray) -> None:
    """Names on both axes, the number of faces beside the true ones, white lines between the cells."""
    axes.set_xticks(range(len(names)), names, fontsize=10.5, color=INK)
    labels = [f"{name}\nn = {total:,}" for name, total in zip(names, totals, strict=True)]
    axes.set_yticks(range(len(names)), labels, fontsize=10.5, color=INK)
    axes.set_xlabel("predicted emotion", fontsize=11, color=INK, labelpad=8)
    axes.set_ylabel("true emotion (row = 100 %)", fontsize=11, color=INK, labelpad=8)
    axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=PAPER, linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
