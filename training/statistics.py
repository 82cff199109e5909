"""Statistics of the study: bootstrap over faces and seeds, area under the ROC curve, McNemar's test, calibration.

Emotions are codes 0..K-1; predictions of several networks for the same faces are the columns of one array. All shares are
fractions. Resampling n faces with replacement is a multinomial draw over the distinct rows (true emotion, answers), which
takes seconds where drawing the faces themselves takes minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

RESAMPLES, SEED, LEVEL = 10_000, 0, 0.95
BINS = 15
METHOD = (
    f"95 % percentile bootstrap with {RESAMPLES:,} resamples, of faces within their true emotion, and, where a figure is of "
    "several seeds, of the seeds as well; with one seed the interval covers faces only"
)


class Scores(NamedTuple):
    """Figures from confusion matrices (..., K, K): arrays (..., K) but accuracy and macro_recall (...); nan: not defined."""

    accuracy: np.ndarray
    macro_recall: np.ndarray
    recall: np.ndarray
    precision: np.ndarray
    f1: np.ndarray


def scores(confusion: np.ndarray) -> Scores:
    """Figures of confusion matrices (..., K, K), rows: true emotion. An emotion without a face has only nan.

    The precision of an emotion that is never answered is not defined.
    """
    hits, true, said = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1), confusion.sum(-2)
    empty = true == 0
    with np.errstate(invalid="ignore"):
        recall = hits / true
        precision = np.where(empty, np.nan, hits / said)
        f1 = np.where(empty, np.nan, 2 * hits / (true + said))
        macro = np.where(empty, 0, recall).sum(-1) / (~empty).sum(-1)
    return Scores(hits.sum(-1) / true.sum(-1), macro, recall, precision, f1)


class Areas(NamedTuple):
    """Areas under the ROC curve of each emotion (R, K): against all other faces, and the mean of those against each other emotion."""

    rest: np.ndarray
    alike: np.ndarray


def areas(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> Areas:
    """Areas under the ROC curve of each emotion, with faces counted by the rows of `counts` (R, n); labels (n,), scores (n, K).

    The probability that a face of the emotion gets a higher score for it than a face of another one, ties counting half; an
    inclination to that answer does not raise it: Hanley, McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", Radiology 143, 1982. Against all others it depends on how common these are; the mean over
    the other emotions does not: Hand, Till, "A simple generalisation of the area under the ROC curve for multiple class
    classification problems", Machine Learning 45, 2001. nan for an emotion that no face or every face shows; in the mean,
    emotions that no face shows are left out.
    """
    classes = scores.shape[1]
    against = np.full((len(counts), classes, classes), np.nan)
    own = [labels == code for code in range(classes)]
    faces = np.stack([counts[:, faces_of].sum(1) for faces_of in own], axis=1)
    for code, column in enumerate(scores.T):
        for other in range(classes):
            pairs = faces[:, code] * faces[:, other]
            if code != other and pairs.any():
                wins = (np.sign(column[own[code], None] - column[own[other]]) / 2 + 0.5).astype(np.float32)
                won = np.einsum("rn,rn->r", counts[:, own[code]] @ wins, counts[:, own[other]])
                np.divide(won, pairs, out=against[:, code, other], where=pairs > 0)
    shown = np.isfinite(against)
    weights = np.where(shown, faces[:, None], 0)
    with np.errstate(invalid="ignore"):
        return Areas(*((np.where(shown, against, 0) * share).sum(2) / share.sum(2) for share in (weights, shown)))


def face_counts(labels: np.ndarray, resamples: int | None = None) -> np.ndarray:
    """How often each face is in each of R resamples, float32 (R, n); stratified as `resampled` is."""
    rng, resamples = np.random.default_rng((SEED, 2)), resamples or RESAMPLES
    found = np.zeros((resamples, len(labels)), np.float32)
    for emotion in np.unique(labels):
        faces = np.flatnonzero(labels == emotion)
        found[:, faces] = rng.multinomial(len(faces), np.full(len(faces), 1 / len(faces)), size=resamples)
    return found


def confusions(labels: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """Confusion matrices int64 (S, K, K) of labels (n,) and answers (n, S) of S networks."""
    cells = labels[:, None] * classes + answers
    counts = [np.bincount(column, minlength=classes**2) for column in cells.T]
    return np.stack(counts).reshape(-1, classes, classes)


def resampled(labels: np.ndarray, answers: np.ndarray, classes: int, resamples: int | None = None) -> np.ndarray:
    """Confusion matrices float32 (R, S, K, K) of R resamples of the faces, the same faces for all S networks.

    labels (n,), answers (n, S). Stratified: each resample has as many faces of each true emotion as there are.
    """
    rng, networks, resamples = np.random.default_rng(SEED), answers.shape[1], resamples or RESAMPLES
    found = np.zeros((resamples, networks, classes, classes), np.float32)
    for emotion in np.unique(labels):
        rows, counts = np.unique(answers[labels == emotion], axis=0, return_counts=True)
        drawn = rng.multinomial(counts.sum(), counts / counts.sum(), size=resamples).astype(np.float32)
        said = np.eye(classes, dtype=np.float32)[rows]  # (rows, S, K)
        found[:, :, emotion] = (drawn @ said.reshape(len(rows), -1)).reshape(resamples, networks, classes)
    return found


def seed_weights(seeds: int, resamples: int | None = None, seed: int = SEED) -> np.ndarray:
    """Weights (R, S) that sum to 1: how often each of S seeds is in a resample of S."""
    return np.random.default_rng((seed, 1)).multinomial(seeds, [1 / seeds] * seeds, size=resamples or RESAMPLES) / seeds


def over_seeds(figures: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """(..., S, ...) with S as axis 0 -> mean over it; with weights (R, S) and S as axis 1: (R, S, ...) -> (R, ...)."""
    if weights is None:
        return figures.mean(0)
    weights = weights.reshape(*weights.shape, *[1] * (figures.ndim - 2))
    # What is not defined in a seed that was not drawn says nothing.
    return (np.where(weights > 0, figures, 0) * weights).sum(1)


def interval(drawn: np.ndarray) -> list[float] | None:
    """Percentile interval [low, high] of resampled values (R,), those that are not defined left out; None without any."""
    defined = drawn[np.isfinite(drawn)]
    if not len(defined):
        return None
    return [float(v) for v in np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])]


def estimate(value: float, drawn: np.ndarray) -> dict[str, Any]:
    """{value, ci95}; both None where the value is not defined."""
    defined = bool(np.isfinite(value))
    return {"value": float(value) if defined else None, "ci95": interval(drawn) if defined else None}


def mcnemar(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """McNemar's exact two-sided test of two networks' hits, bool (n,) each, on the same faces.

    b: only the first was right, c: only the second. McNemar, Psychometrika 12, 1947, with the binomial distribution.
    """
    b, c = int((before & ~after).sum()), int((~before & after).sum())
    p = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    return {"n": len(before), "b": b, "c": c, "p": float(p)}


def holm(values: list[float]) -> list[float]:
    """P values corrected for being several, in their order: Holm, Scandinavian Journal of Statistics 6, 1979."""
    order, count = np.argsort(values, kind="stable"), len(values)
    factors = np.arange(count, 0, -1)
    corrected = np.maximum.accumulate(np.asarray(values, float)[order] * factors)
    found = np.empty(count)
    found[order] = np.minimum(corrected, 1)
    return found.tolist()


def shares(confusion: np.ndarray) -> np.ndarray:
    """Confusion matrices (..., K, K) as shares of their rows; rows without a face are 0."""
    return confusion / np.maximum(confusion.sum(-1, keepdims=True), 1)


def calibration(confidence: np.ndarray, hits: np.ndarray, bins: int = BINS) -> dict[str, Any]:
    """Expected calibration error and reliability bins: {ece, bins: [{low, high, n, confidence, accuracy}]}.

    confidence: probability (n,) of the answer, hits bool (n,); bins of one width, each without its lower edge. Guo, Pleiss,
    Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    found = list(_bins(edges, place, confidence, hits))
    gaps = [part["n"] * abs(part["accuracy"] - part["confidence"]) for part in found if part["n"]]
    return {"ece": float(sum(gaps) / len(hits)), "bins": found}


def _bins(edges: np.ndarray, place: np.ndarray, confidence: np.ndarray, hits: np.ndarray) -> Iterator[dict[str, Any]]:
    for number in range(len(edges) - 1):
        inside = place == number
        n = int(inside.sum())
        yield {
            "low": float(edges[number]),
            "high": float(edges[number + 1]),
            "n": n,
            "confidence": float(confidence[inside].mean()) if n else None,
            "accuracy": float(hits[inside].mean()) if n else None,
        }
