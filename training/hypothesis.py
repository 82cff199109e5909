"""The hypothesis: behind masks Neutral, Happy, Angry and Surprise are told better than Sad, Fear and Disgust."""

from __future__ import annotations

from typing import Any

import numpy as np

from pre_processing.emotions import EMOTIONS
from training.statistics import estimate

BETTER, WORSE = EMOTIONS[:4], EMOTIONS[4:]
GROUPS = {"all": WORSE, "without_disgust": tuple(name for name in WORSE if name != "Disgust"), "sad": ("Sad",)}
SUPPORTED, CONTRADICTED, UNDECIDED, UNDEFINED = "supported", "contradicted", "undecided", "not defined"


def group_difference(found: np.ndarray, drawn: np.ndarray, worse: tuple[str, ...]) -> dict[str, Any]:
    """Mean recall, or another figure, of the better four minus that of `worse`; figures (2, K) and resamples (R, 2, K)."""
    value, values = (_mean(figures, BETTER) - _mean(figures, worse) for figures in (found, drawn))
    return {
        "bare": estimate(value[0], values[:, 0]),
        "absolute": estimate(value[1], values[:, 1]),
        "drop": estimate(value[1] - value[0], values[:, 1] - values[:, 0]),
    }


def shares_kept(found: np.ndarray, drawn: np.ndarray, worse: tuple[str, ...]) -> dict[str, Any]:
    """What share of their mean recall on bare faces the better four and `worse` keep behind masks, and the difference.

    Recalls (2, K), bare and masked, and resamples (R, 2, K). Points that a mask takes are bounded by what there is to take.
    """

    def kept(figures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        both = (_mean(figures, names) for names in (BETTER, worse))
        with np.errstate(divide="ignore", invalid="ignore"):  # of nothing no share is kept
            return tuple(means[..., 1] / means[..., 0] for means in both)

    (first, second), (firsts, seconds) = kept(found), kept(drawn)
    return {
        "better": estimate(first, firsts),
        "worse": estimate(second, seconds),
        "difference": estimate(first - second, firsts - seconds),
    }


def _mean(figures: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return figures[..., [EMOTIONS.index(name) for name in names]].mean(-1)


def judge(difference: dict[str, Any]) -> str:
    """The verdict on one difference, which speaks for the hypothesis where it is positive.

    Supported: its whole 95 % interval is above 0. Contradicted: its whole interval is below 0. Undecided: the interval holds
    0. Not defined: a figure of one of the emotions is not.
    """
    if difference["ci95"] is None:
        return UNDEFINED
    low, high = difference["ci95"]
    return SUPPORTED if low > 0 else CONTRADICTED if high < 0 else UNDECIDED


def words(groups: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The verdict on either reading, by group."""
    return {kind: {name: judge(groups[name][kind]) for name in GROUPS} for kind in ("absolute", "drop")}
