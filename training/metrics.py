"""Figures of a set of predictions: accuracy with its interval, recall and precision by emotion, confusion."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

CI_METHOD = "Wilson score interval of the accuracy, 95 %"


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson's (1927) score interval of a share of `hits` in `n`, 95 %; fractions."""
    low, high = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return float(low), float(high)


def summarise(labels: np.ndarray, predicted: np.ndarray, names: tuple[str, ...], certain: np.ndarray | None) -> dict:
    """Figures as plain values, fractions not percent, None where an emotion has no face (or was never predicted).

    `labels`, `predicted` int (n,); `certain` bool (n,): the landmarks are trusted, None where nobody knows.
    """
    codes = list(range(len(names)))
    confusion = confusion_matrix(labels, predicted, labels=codes)
    precision, recall, _, _ = precision_recall_fscore_support(labels, predicted, labels=codes, zero_division=np.nan)
    # An emotion without a face has no recall, whatever is predicted; sklearn would still give 0 to some of them.
    recall[confusion.sum(1) == 0] = np.nan
    precision[confusion.sum(0) == 0] = np.nan
    hits = labels == predicted
    known = certain is not None
    return {
        "n": len(labels),
        "accuracy": float(hits.mean()),
        "ci95": list(wilson(int(hits.sum()), len(labels))),
        "ci95_method": CI_METHOD,
        "macro_recall": float(np.nanmean(recall)),
        "recall": by_name(names, recall),
        "precision": by_name(names, precision),
        "confusion": confusion.tolist(),
        "n_certain": int(certain.sum()) if known else None,
        "accuracy_certain": float(hits[certain].mean()) if known and certain.any() else None,
    }


def by_name(names: tuple[str, ...], values: np.ndarray) -> dict[str, Any]:
    """{emotion: fraction or None}."""
    return {name: None if np.isnan(value) else float(value) for name, value in zip(names, values, strict=True)}


def report(figures: dict, names: tuple[str, ...]) -> str:
    """The figures as text: confusion matrix (rows: true emotion), recall and precision, then the accuracy."""
    width = max(len(name) for name in names) + 1
    lines = ["confusion matrix, rows: true emotion, columns: predicted emotion"]
    lines.append(" " * width + "".join(f"{name:>{width}}" for name in (*names, "recall", "n")))
    for name, row in zip(names, figures["confusion"], strict=True):
        cells = "".join(f"{count:>{width}}" for count in row)
        lines.append(f"{name:<{width}}{cells}{percent(figures['recall'][name]):>{width}}{sum(row):>{width}}")
    precision = "".join(f"{percent(figures['precision'][name]):>{width}}" for name in names)
    lines.append(f"{'precision':<{width}}{precision}")
    low, high = figures["ci95"]
    lines.append("")
    lines.append(f"macro recall {percent(figures['macro_recall'])} %")
    if figures["n_certain"] is not None:
        certain = percent(figures["accuracy_certain"])
        lines.append(f"accuracy where landmarks are certain {certain} % (n = {figures['n_certain']})")
    lines.append(f"accuracy {percent(figures['accuracy'])} % (95 % interval {percent(low)} to {percent(high)}, "
                 f"n = {figures['n']})")  # fmt: skip
    return "\n".join(lines)


def percent(fraction: float | None) -> str:
    """0.7034 -> `70.3`, None -> `-`."""
    return "-" if fraction is None else f"{100 * fraction:.1f}"
