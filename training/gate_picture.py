"""The gates of a network, drawn on a face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from models import region_points
from training.figures import INK, PAPER, save

TITLES = {"bare": "bare faces", "seen": "masked faces"}
COLOURS = "viridis"


def write(path: Path, faces: dict[str, tuple[np.ndarray, np.ndarray]], gates: dict[str, Any]) -> None:
    """Write a PNG: {"bare", "seen"}: (crop (S,S,3), points (68,2)), with the mean gates that training.gates found."""
    figure = Figure(figsize=(10.6, 5.2), facecolor=PAPER, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    values = np.concatenate([gates[test]["gates"] for test in TITLES])
    # One scale for both, as wide as the gates differ: on a scale from 0 to 1 near ones would look alike.
    scale = Normalize(values.min(), max(values.max(), values.min() + 0.02))
    panels = figure.subplots(1, 2)
    for axes, (test, title) in zip(panels, TITLES.items(), strict=True):
        drawn = panel(axes, *faces[test], gates[test], title, scale)
    bar = figure.colorbar(drawn, ax=panels, shrink=0.86, pad=0.02)
    bar.set_label("mean gate of the region", color=INK, fontsize=10.5)
    bar.outline.set_visible(False)
    save(figure, path)


def panel(axes, image: np.ndarray, points: np.ndarray, gates: dict[str, Any], title: str, scale: Normalize):
    """One face with a disc and a number at the centre of each region; what the colour bar belongs to."""
    centres = region_points(torch.from_numpy(np.asarray(points, np.float32))[None], len(gates["gates"]))[0].numpy()
    axes.imshow(image, alpha=0.75)
    drawn = axes.scatter(
        *centres.T, c=gates["gates"], s=430, cmap=COLOURS, norm=scale, edgecolors=PAPER, linewidths=1.2
    )
    for (x, y), gate in zip(centres, gates["gates"], strict=True):
        dark = scale(gate) < 0.6
        axes.text(x, y, f"{gate:.2f}".lstrip("0"), ha="center", va="center", fontsize=9, color=PAPER if dark else INK)
    whole = "" if gates["global"] is None else f", whole face {gates['global']:.2f}"
    axes.set_title(f"{title} (n = {gates['n']:,}){whole}", fontsize=12, color=INK)
    axes.set_axis_off()
    return drawn
