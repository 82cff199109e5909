"""What a mask costs: networks on bare and on masked faces, emotion by emotion."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pre_processing.emotions import EMOTIONS
from training import statistics
from training.hypothesis import GROUPS, group_difference, shares_kept
from training.predictions import Predictions, of, resampled_scores, same_faces
from training.statistics import estimate, over_seeds

UNSEEN_TARGET = 0.03  # what accuracy may lose from seen to unseen kinds of masks


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
    return Pair(labels, answers, statistics.Scores(*(figures.mean(1) for figures in found)),
                statistics.Scores(*(resampled_mean(figures, same_networks) for figures in drawn)))  # fmt: skip


def resampled_mean(figures: np.ndarray, same_networks: bool) -> np.ndarray:
    """Means over resampled seeds (R, 2, ...) of figures (R, 2, S, ...)."""
    seeds = [statistics.SEED, statistics.SEED + (not same_networks)]
    weights = [statistics.seed_weights(figures.shape[2], seed=seed) for seed in seeds]
    return np.stack([over_seeds(figures[:, side], weights[side]) for side in (0, 1)], axis=1)


def areas(
    bare: list[Predictions], masked: list[Predictions], same_networks: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Either area under the ROC curve of each emotion, mean over seeds (2, K), and of R resamples (R, 2, K); runs as for `pair`."""
    labels, runs = bare[0].labels, [*bare, *masked]

    def of_runs(weights: np.ndarray) -> list[np.ndarray]:
        found = [statistics.areas(labels, run.probabilities, weights) for run in runs]
        return [np.stack(each, axis=1).reshape(len(weights), 2, len(bare), -1) for each in zip(*found, strict=True)]

    found, drawn = of_runs(np.ones((1, len(labels)), np.float32)), of_runs(statistics.face_counts(labels))
    return [(one[0].mean(1), resampled_mean(many, same_networks)) for one, many in zip(found, drawn, strict=True)]


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
    auc, alike = areas(bare, masked, same_networks)

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
        "auc": by_emotion(*auc),
        "mcnemar": tests(both.labels, *first),
        "groups": {name: group_difference(found.recall, drawn.recall, worse) for name, worse in GROUPS.items()},
        "groups_auc": {name: group_difference(*auc, worse) for name, worse in GROUPS.items()},
        "groups_auc_alike": {name: group_difference(*alike, worse) for name, worse in GROUPS.items()},
        "kept": {name: shares_kept(found.recall, drawn.recall, worse) for name, worse in GROUPS.items()},
        "groups_certain": certain_groups(bare, masked, same_networks),
        "confusion": {"bare": shares[0].tolist(), "masked": shares[1].tolist()},
        "lost": lost_faces(both.labels, *first),
    }


def certain_groups(bare: list[Predictions], masked: list[Predictions], same_networks: bool) -> dict[str, Any] | None:
    """{n, groups of emotions: their differences in recall} on faces whose landmarks are trusted; None where nobody knows.

    More faces of some emotions than of others have uncertain landmarks, which could pass for a cost of masks.
    """
    certain = bare[0].certain
    if certain is None or not certain.any():
        return None
    both = pair(*([of(run, certain) for run in side] for side in (bare, masked)), same_networks)
    found, drawn = both.found.recall, both.drawn.recall
    return {"n": int(certain.sum()), **{name: group_difference(found, drawn, worse) for name, worse in GROUPS.items()}}


def difference(first: Predictions, second: Predictions) -> tuple[int, float, float, dict[str, Any]]:
    """Faces of two tests, one seed each, accuracy of either, and how much lower the second one's is."""
    both = pair([first], [second], same_networks=True)
    (high, low), drawn = both.found.accuracy, both.drawn.accuracy
    return len(both.labels), high, low, estimate(high - low, drawn[:, 0] - drawn[:, 1])


def gain(own: Predictions, *usual: Predictions) -> dict[str, Any]:
    """Accuracy of a network, the mean of that of others on the same faces, and how much higher the first is; resampled over faces."""
    found, drawn = (scores.accuracy for scores in resampled_scores([own, *usual]))
    higher = [figure[..., 0] - figure[..., 1:].mean(-1) for figure in (found, drawn)]
    return {"n": len(own.labels), "accuracy": float(found[0]), "accuracy_beside": float(found[1:].mean()),
            "gain": estimate(*higher)}  # fmt: skip


def fall(seen: Predictions, unseen: Predictions) -> dict[str, Any]:
    """What one network loses from seen to unseen kinds of masks, beside the target."""
    n, first, second, drop = difference(seen, unseen)
    low, high = drop["ci95"]
    found = "reached" if drop["value"] <= UNSEEN_TARGET else "missed"
    sure = high <= UNSEEN_TARGET if found == "reached" else low > UNSEEN_TARGET
    return {"status": "run", "n": n, "accuracy_seen": first, "accuracy_unseen": second, "drop": drop, "target": found,
            "certain": bool(sure)}  # fmt: skip
