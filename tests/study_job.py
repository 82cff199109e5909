"""Invented runs of the study: metrics.json and predictions.csv.gz where a line of Scripts.txt would leave them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pre_processing import emotions
from training import cells, metrics, predictions, selection
from training.cells import Cell
from training.checkpoint import plain
from training.trained import trained_on


def leave(cell: Cell, labels: np.ndarray, answers: np.ndarray, **more: object) -> None:
    """Results of a line: it took faces 0..n-1 of these labels for `answers`, with a probability of 0.6 each."""
    names = emotions.names(cell.chosen.num_classes)
    probabilities = np.full((len(labels), len(names)), 0.4 / (len(names) - 1))
    probabilities[np.arange(len(labels)), answers] = 0.6
    table = pd.DataFrame({"path": [f"FER2013Test/fer{number:07d}.png" for number in range(len(labels))]})
    table["emotion"], table["predicted"] = ([names[code] for code in codes] for codes in (labels, answers))
    table[[f"p_{name}" for name in names]] = probabilities.round(4)
    table["certain"] = (np.arange(len(labels)) % 5 > 0).astype(int)
    cell.folder.mkdir(parents=True)
    predictions.write(cell.folder, table[::-1])
    masks = selection.masks_of("test", cell.chosen)
    kinds = masks and masks.worn
    found = {
        "database": "FERPlus",
        "num_classes": len(names),
        "model": cell.chosen.model,
        "backbone": cell.chosen.backbone,
        "test_condition": cell.chosen.condition,
        "test_masks": {"kinds": kinds, "sha256": kinds} if kinds else None,
        "condition": cell.chosen.condition,
        **metrics.summarise(labels, answers, names, table["certain"].to_numpy(bool)),
        "config": plain(vars(cell.chosen)),
        "command": cell.line,
        "train_condition": trained_on(vars((cell.parent or cell).chosen)),
        "best_epoch": 11,
        "precision_used": "bf16" if cell.chosen.backbone == "lite2" else "fp32",
        "valid_accuracy": 0.5 + 0.01 * (cell.parent or cell).chosen.seed,
        **more,
    }
    (cell.folder / "metrics.json").write_text(json.dumps(found))


def study(results: Path, rates: dict[str, list[float]], faces: list[int]) -> dict[str, Cell]:
    """Cells by id; those named in `rates` have results: shares of each emotion that are right, the others Neutral or Happy.

    faces: how many show each emotion.
    """
    matrix = {cell.id: cell for cell in cells.read(folder=results)}
    for name, right in rates.items():
        count = len(right)
        labels = np.repeat(np.arange(count), faces[:count])
        rng = np.random.default_rng(matrix[name].chosen.seed)
        # Faces are hard or easy whoever looks at them: one draw a face and seed.
        hits = rng.random(len(labels)) < np.repeat(right, faces[:count])
        leave(matrix[name], labels, np.where(hits, labels, (labels == 0).astype(int)))
    return {cell.id: cell for cell in cells.read(folder=results)}
