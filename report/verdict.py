"""What the study says of its hypothesis, in words: from the intervals of the pairs that were run."""

from __future__ import annotations

from report.numbers import PERCENT, listing, percent, span
from report.tables import PAIRS, is_run

BETTER, WORSE = "Neutral, Happy, Angry and Surprise", "Sad, Fear and Disgust"
# Readings of masked faces by people (Rinck et al. 2022): what an emotion is taken for.
TAKEN_BY_PEOPLE = {"Disgust": "Angry", "Fear": "Surprise", "Sad": "Neutral"}


def all_of(study: dict) -> dict[str, str]:
    """Every sentence by name."""
    parts = (verdict, already, disgust, d_prime, people)
    return {part.__name__: part(study) for part in parts}


def pairs_of(study: dict) -> list[str]:
    """Pairs of conditions that were run."""
    return [pair for pair in PAIRS if is_run(study["costs"][pair])]


def verdict(study: dict) -> str:
    """Both readings of the hypothesis, all seven emotions."""
    if not pairs_of(study):
        return "The hypothesis is not decided: no pair of conditions has been run."
    absolute = (
        f"That behind masks {BETTER} are recognised better than {WORSE} is {_in_pairs(study, 'absolute', 'all')}."
    )
    drop = f"That a mask takes less from the former than from the latter is {_in_pairs(study, 'drop', 'all')}."
    return f"{absolute} {drop}"


def _in_pairs(study: dict, reading: str, group: str) -> str:
    """`supported (shift 35.4 points, 31.1–39.0)` and its like, pairs with one verdict together."""
    by_word: dict[str, list[str]] = {}
    for pair in pairs_of(study):
        gap = study["costs"][pair]["groups"][group][reading]
        figure = f"{PAIRS[pair]} {percent(gap['value'])}, {span(gap['ci95'])}"
        by_word.setdefault(study["verdict"][pair][reading][group], []).append(figure)
    return listing([f"{word} (difference in points: {'; '.join(figures)})" for word, figures in by_word.items()])


def already(study: dict) -> str:
    """How much of the gap is there without any mask."""
    said = []
    for pair in pairs_of(study):
        gaps = study["costs"][pair]["groups"]["all"]
        said.append(f"{percent(gaps['bare']['value'])} points ({PAIRS[pair]})")
    return f"On bare faces the same gap is already {listing(said)}." if said else ""


def disgust(study: dict) -> str:
    """Whether leaving disgust out changes a verdict."""
    changed = []
    for pair in pairs_of(study):
        for reading, name in (("absolute", "recognised better"), ("drop", "losing less")):
            said = study["verdict"][pair][reading]
            if said["all"] != said["without_disgust"]:
                changed.append(f"“{name}” from {said['all']} to {said['without_disgust']} ({PAIRS[pair]})")
    if not pairs_of(study):
        return ""
    return (
        f"Without disgust the verdict changes for {listing(changed)}."
        if changed
        else "Without disgust no verdict changes."
    )


def d_prime(study: dict) -> str:
    """The same gaps in sensitivity."""
    said = []
    for pair in pairs_of(study):
        gaps = study["costs"][pair].get("groups_d_prime")
        if gaps:
            bare, masked = (gaps["all"][key] for key in ("bare", "absolute"))
            said.append(f"{_units(bare)} bare and {_units(masked)} masked ({PAIRS[pair]})")
    return f"The gap between both groups is, in these units, {listing(said)}." if said else ""


def _units(estimate: dict) -> str:
    low, high = (f"{end:.2f}" for end in estimate["ci95"])
    return f"{estimate['value']:.2f} ({low} to {high})".replace("-", "\u2212")


def people(study: dict) -> str:
    """Whether lost faces go where people put them."""
    part = next(
        (study["costs"][pair] for pair in ("information", "both", "shift") if is_run(study["costs"][pair])), None
    )
    if part is None:
        return "Whether the networks err as people do cannot be said yet."
    same, others = [], []
    for emotion, answer in TAKEN_BY_PEOPLE.items():
        to = part["lost"][emotion]["to"]
        if to:
            most = max(to, key=to.get)
            text = f"{emotion} for {most} ({percent(to[most], 0)}{PERCENT} of {part['lost'][emotion]['n']} lost faces)"
            (same if most == answer else others).append(text)
    said = [f"like people, the network takes {listing(same)}"] if same else []
    said += [f"unlike people, it takes {listing(others)}"] if others else []
    text = "; ".join(said) or "no face of these emotions was lost"
    return f"{text[0].upper()}{text[1:]}."
