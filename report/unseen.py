"""Table and prose on the fall from kinds of masks that training showed to others."""

from __future__ import annotations

import itertools
from typing import Any

from report.numbers import PERCENT, count, listing, percent, plural, with_span
from report.tables import NO_CELL, is_run, trained_network
from training.analysis import FALLS

WAYS = {"worn": "as worn", "second": "under a second mask", "mean": "with the mean of both answers"}


def table(study: dict) -> list[list[Any]]:
    """Rows: trained on, then in each of WAYS the accuracy behind seen and unseen kinds, and the fall as (figure with its
    interval, whether the target is reached)."""
    rows = []
    for network in FALLS:
        ways = [_in_way(study, network, way) for way in WAYS]
        if any(map(is_run, ways)):
            figures = (_fall(part) if is_run(part) else (NO_CELL, NO_CELL, [NO_CELL, False]) for part in ways)
            rows.append([trained_network(network), *itertools.chain(*figures)])
    return rows


def summary(study: dict) -> str:
    """Which networks reach the target for the fall from seen to unseen kinds, in which tests, and which faces fall."""
    part = study["unseen"]
    if not any(is_run(part[network]) for network in FALLS):
        return "Unseen kinds were not tested yet."
    target = percent(part["target"], 0)
    ways = {how: {network: _in_way(study, network, way) for network in FALLS} for way, how in WAYS.items()}
    said = [text for how, found in ways.items() if (text := _reached(how, found, target))]
    second = [part[network]["second_from_worn"] for network in FALLS]
    fair = sum(is_run(each) and each["target"] == "reached" for each in second)
    said[-1] += (
        f"; counted from seen masks as worn, {fair} reach it under a second mask" if any(map(is_run, second)) else ""
    )
    return (f"We aimed at a fall of at most {target} points from seen to unseen kinds. It is reached {listing(said)}. "
            f"{fallen(study)}").strip()  # fmt: skip


def fallen(study: dict) -> str:
    """The emotion that most of the faces show that are right behind seen kinds and wrong behind unseen ones, and its answer."""
    network = next((name for name in FALLS if is_run(study["unseen"][name])), None)
    if network is None:
        return ""
    lost = study["unseen"][network]["lost"]
    name, most = max(lost.items(), key=lambda item: item[1]["n"])
    total = sum(each["n"] for each in lost.values())
    if not most["n"]:
        return ""
    answer, share = max(most["to"].items(), key=lambda item: item[1])
    return (f"Behind unseen kinds {FALLS[network]} recognises {with_span(study['unseen'][network]['drop'])} points fewer: of "
            f"the {count(total)} faces that it then gets wrong and had right, {percent(most['n'] / total, 0)}{PERCENT} show {name}, and "
            f"{percent(share, 0)}{PERCENT} of these are called {answer}. {harder(study)}").strip()  # fmt: skip


def harder(study: dict) -> str:
    """What a network loses to which all kinds are new: unseen kinds may be the harder ones."""
    rows = study["ablations"].get("rows", [])
    row = next((row for row in rows if row["name"] == "bare" and is_run(row)), None)
    if row is None:
        return ""
    fall = row["seen"]["accuracy"] - row["unseen"]["accuracy"]
    return (f"Not all of this need be novelty: in the ablations, on Valid, a network trained on bare faces, to which all kinds are new, recognises "
            f"{percent(fall)} points fewer behind unseen kinds than behind seen ones.") if fall > 0 else ""  # fmt: skip


def _in_way(study: dict, network: str, way: str) -> dict:
    """The fall of a network in one of WAYS."""
    part = study["unseen"][network]
    return part if way == "worn" else part[way]


def _fall(part: dict) -> tuple[str, str, list]:
    doubt = "" if part["certain"] else " ?"
    seen, unseen = (percent(part[f"accuracy_{kinds}"]) for kinds in ("seen", "unseen"))
    return seen, unseen, [with_span(part["drop"]) + doubt, part["target"] == "reached"]


def _reached(how: str, parts: dict[str, dict], target: str) -> str:
    """`by 1 of 5 networks as worn (the largest, with an interval that includes 3)`; empty where nothing was run."""
    found = {network: part for network, part in parts.items() if is_run(part)}
    reached = [network for network, part in found.items() if part["target"] == "reached"]
    doubtful = sum(not found[network]["certain"] for network in reached)
    notes = [FALLS[reached[0]]] if len(reached) == 1 < len(found) else []
    if doubtful:
        notes.append(
            f"{'' if notes else f'{doubtful} '}with {'an interval' if doubtful == 1 else 'intervals'} that {'includes' if doubtful == 1 else 'include'} {target}"
        )
    more = f" ({', '.join(notes)})" if notes else ""
    return f"by {len(reached) or 'none'} of {plural(len(found), 'network', 'networks')} {how}{more}" if found else ""
