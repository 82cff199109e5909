"""The hypothesis: behind masks Neutral, Happy, Angry and Surprise are told better than Sad, Fear and Disgust."""

from __future__ import annotations

from typing import Any

import numpy as np

from pre_processing.emotions import EMOTIONS
from training.statistics import estimate

BETTER, WORSE = EMOTIONS[:4], EMOTIONS[4:]
GROUPS = {"all": WORSE, "without_disgust": tuple(name for name in WORSE if name != "Disgust")}
SUPPORTED, CONTRADICTED, UNDECIDED, UNDEFINED = "supported", "contradicted", "undecided", "not defined"
RULE = (
    "A difference speaks for the hypothesis where it is positive: behind a mask the mean recall of the better four is higher "
    "(absolute), or the mask takes less of it (drop). Supported: its whole 95 % interval is above 0. Contradicted: its whole "
    "interval is below 0. Undecided: the interval holds 0."
)


def group_difference(found: np.ndarray, drawn: np.ndarray, worse: tuple[str, ...]) -> dict[str, Any]:
    """Mean recall of the better four minus that of `worse`, of recalls (2, K) and resamples (R, 2, K)."""

    def difference(recall: np.ndarray) -> np.ndarray:
        first, second = (recall[..., [EMOTIONS.index(name) for name in names]] for names in (BETTER, worse))
        return first.mean(-1) - second.mean(-1)

    value, values = difference(found), difference(drawn)
    return {
        "bare": estimate(value[0], values[:, 0]),
        "absolute": estimate(value[1], values[:, 1]),
        "drop": estimate(value[1] - value[0], values[:, 1] - values[:, 0]),
    }


def judge(difference: dict[str, Any]) -> str:
    """The verdict on one difference by RULE; UNDEFINED where a figure of one of the emotions is not."""
    if difference["ci95"] is None:
        return UNDEFINED
    low, high = difference["ci95"]
    return SUPPORTED if low > 0 else CONTRADICTED if high < 0 else UNDECIDED


def words(groups: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The verdict on either reading, with and without Disgust."""
    return {kind: {name: judge(groups[name][kind]) for name in GROUPS} for kind in ("absolute", "drop")}


def verdict(groups: dict[str, Any]) -> dict[str, Any]:
    """What the differences of one pair say, by RULE and as a sentence."""
    return {**words(groups), "sentence": " ".join(sentence(groups[name], name) for name in GROUPS)}


def sentence(group: dict[str, Any], name: str) -> str:
    """The verdict on one set of emotions in words."""
    who = f"{'' if name == 'all' else 'Without Disgust: '}behind masks the mean recall of {', '.join(BETTER)} is"
    than = ", ".join(GROUPS[name])
    higher, less = points(group["absolute"]), points(group["drop"])
    text = (
        f"{who} {higher} points above that of {than} ({judge(group['absolute'])}; on bare faces {points(group['bare'])}); "
        f"masks take {less} points more from the latter ({judge(group['drop'])})."
    )
    return text[0].upper() + text[1:]


def points(difference: dict[str, Any]) -> str:
    """`20.1 [15.2, 25.0]`: percentage points with their interval."""
    if difference["value"] is None:
        return "-"
    low, high = difference["ci95"]
    return f"{100 * difference['value']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def overall(verdicts: dict[str, dict[str, Any]]) -> str:
    """In how many pairs of conditions the hypothesis is supported and contradicted, in words."""
    ran = [found for found in verdicts.values() if "absolute" in found]
    if not ran:
        return "Not run: no pair of conditions has results."
    parts = []
    for name, words in (("all", ""), ("without_disgust", "without Disgust, ")):
        for kind, meant in (("absolute", "as recall behind masks"), ("drop", "as what masks take")):
            said = [found[kind][name] for found in ran]
            counts = [f"{word} in {said.count(word)}" for word in (SUPPORTED, CONTRADICTED, UNDECIDED) if word in said]
            parts.append(f"{words}{meant}: {', '.join(counts)}")
    said = "; ".join(parts)
    return f"{len(ran)} of {len(verdicts)} pairs of conditions have results. {said[0].upper()}{said[1:]}."
