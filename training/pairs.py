"""What a mask costs: networks on bare and on masked faces, emotion by emotion."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pre_processing.emotions import EMOTIONS
from training import statistics
from training.hypothesis import GROUPS, group_difference
from training.predictions import Predictions, same_faces
from training.statistics import estimate, over_seeds


class Pair(NamedTuple):
    """The same faces bare and masked: labels (n,), answers (n, 2, S) of S seeds, and figures of R resamples (R, 2, ...)."""

    labels: np.ndarray
    answers: np.ndarray
    found: statistics.Scores
    drawn: statistics.Scores


def pair(bare: list[Predictions], masked: list[Predictions], same_networks: bool) -> Pair:
    """One run a seed on either side. Where networks differ, their seeds are resampled each for itself."""
    same_faces([*bare, *masked])
    labels, classes = bare[0].labels, bare[0].probabilities.shape[1]
    answers = np.stack([run.answers for run in (*bare, *masked)], axis=1).reshape(len(labels), 2, -1)
    seeds, flat = answers.shape[2], answers.reshape(len(labels), -1)
    shape = (2, seeds, classes, classes)
    found = statistics.scores(statistics.confusions(labels, flat, classes).reshape(shape))
    drawn = statistics.scores(statistics.resampled(labels, flat, classes).reshape(-1, *shape))
    left, right = (
        statistics.seed_weights(seeds, seed=statistics.SEED + side) for side in (0, 0 if same_networks else 1)
    )

    def resampled_mean(figures: np.ndarray) -> np.ndarray:
        return np.stack([over_seeds(figures[:, 0], left), over_seeds(figures[:, 1], right)], axis=1)

    return Pair(labels, answers, statistics.Scores(*(figures.mean(1) for figures in found)),
                statistics.Scores(*map(resampled_mean, drawn)))  # fmt: skip


def sides(found: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """{bare, masked, drop} of a figure (2,) and its resamples (R, 2); the drop is positive where the mask costs."""
    return {
        "bare": estimate(found[0], drawn[:, 0]),
        "masked": estimate(found[1], drawn[:, 1]),
        "drop": estimate(found[0] - found[1], drawn[:, 0] - drawn[:, 1]),
    }


def lost_faces(labels: np.ndarray, bare: np.ndarray, masked: np.ndarray) -> dict[str, Any]:
    """What faces that were right bare and wrong masked are taken for: {emotion: {n, to: {emotion: share}}}."""
    found = {}
    for code, name in enumerate(EMOTIONS):
        taken = masked[(labels == code) & (bare == code) & (masked != code)]
        shares = np.bincount(taken, minlength=len(EMOTIONS)) / max(len(taken), 1)
        to = {other: float(share) for other, share in zip(EMOTIONS, shares, strict=True) if other != name}
        found[name] = {"n": len(taken), "to": to if len(taken) else {}}
    return found


def tests(labels: np.ndarray, bare: np.ndarray, masked: np.ndarray) -> dict[str, Any]:
    """McNemar's test of each emotion's faces, corrected for their number."""
    found = {}
    for code, name in enumerate(EMOTIONS):
        own = labels == code
        found[name] = statistics.mcnemar(bare[own] == code, masked[own] == code)
    corrected = statistics.holm([test["p"] for test in found.values()])
    return {name: {**test, "p_holm": p} for (name, test), p in zip(found.items(), corrected, strict=True)}


def cost(bare: list[Predictions], masked: list[Predictions], same_networks: bool) -> dict[str, Any]:
    """Every figure of a pair of conditions, for 7 emotions; runs of the lowest seed come first."""
    both = pair(bare, masked, same_networks)
    found, drawn, classes = both.found, both.drawn, len(EMOTIONS)

    def by_emotion(figure: np.ndarray, figures: np.ndarray) -> dict[str, Any]:
        return {name: sides(figure[:, code], figures[:, :, code]) for code, name in enumerate(EMOTIONS)}

    flat = both.answers.reshape(len(both.labels), -1)
    shares = (
        statistics.shares(statistics.confusions(both.labels, flat, classes)).reshape(2, -1, classes, classes).mean(1)
    )
    first = both.answers[:, :, 0].T
    return {
        "n": len(both.labels),
        "accuracy": sides(found.accuracy, drawn.accuracy),
        "macro_recall": sides(found.macro_recall, drawn.macro_recall),
        "recall": by_emotion(found.recall, drawn.recall),
        "d_prime": by_emotion(found.d_prime, drawn.d_prime),
        "mcnemar": tests(both.labels, *first),
        "groups": {name: group_difference(found.recall, drawn.recall, worse) for name, worse in GROUPS.items()},
        "groups_d_prime": {
            name: group_difference(found.d_prime, drawn.d_prime, worse) for name, worse in GROUPS.items()
        },
        "confusion_difference": (shares[1] - shares[0]).tolist(),
        "lost": lost_faces(both.labels, *first),
    }
