"""Mean answers to the same faces, of several networks or of one network's two looks, from the predictions of their tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pre_processing import emotions
from pre_processing.mask_kinds import SECOND
from training import metrics, pairs, predictions, statistics
from training.predictions import Predictions

KEPT = ("n", "accuracy", "ci95", "macro_recall", "recall", "precision")


def figures(cells: Iterable[str], runs: dict[str, Predictions]) -> tuple[Predictions, dict[str, Any]]:
    """The mean answers of the runs of some cells, and their figures; InputError where they tested other faces."""
    together = predictions.mean([runs[cell] for cell in cells])
    names = emotions.names(together.probabilities.shape[1])
    found = metrics.summarise(together.labels, together.answers, names, None)
    return together, {"cells": [*cells], **{key: found[key] for key in KEPT}, "calibration": reliability(together)}


def two_looks(runs: dict[str, Predictions]) -> dict[str, Any]:
    """By cell: mean answers for its faces as they are masked, and with a second mask over that one."""
    found = {}
    for name in runs:
        other = f"{name}-under-{SECOND}"
        if other in runs:
            _, found[name] = figures([name, other], runs)
    return {"kind": SECOND, "cells": found}


def networks(wanted: dict[str, list[str]], runs: dict[str, Predictions]) -> dict[str, Any]:
    """By name: mean answers of the networks of these cells, how much more they recognise than one alone does on average, what the
    best one does, and four emotions.

    What has fewer than two cells, or one that was not run, is left out.
    """
    found = {}
    for name, cells in wanted.items():
        if len(cells) > 1 and runs.keys() >= {*cells}:
            together, told = figures(cells, runs)
            more = pairs.gain(together, *(runs[cell] for cell in cells))
            found[name] = {**told, "accuracy_alone": more["accuracy_beside"], "gain": more["gain"],
                           "best": max((runs[cell].answers == together.labels).mean() for cell in cells),
                           "four": predictions.four(together)}  # fmt: skip
    return found


def reliability(run: Predictions) -> dict[str, Any]:
    """Calibration of a run's answers."""
    return statistics.calibration(run.probabilities.max(1), run.answers == run.labels)
