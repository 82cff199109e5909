"""Rows of the report's tables from Results/study.json; None is a figure that no run has given, "–" one that nobody wants."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pre_processing.emotions import EMOTIONS
from pre_processing.errors import InputError
from report.numbers import PERCENT, count, decimal, p_value, percent, span, with_span
from training.analysis import FOUR_ONLY, LARGER, LARGEST, MAIN, WORN
from training.results import DISPLAY

TESTS = {"bare": "bare", "seen": "seen masks", "unseen": "unseen masks", "low": "worn low", "window": "window",
         "copies": "mixed copies"}  # fmt: skip
TRAINED = {"unmasked": "bare faces", "masked": "masked faces", "both": "both"}
# What else was not as usual, as training.cells names it.
MORE = {"duplicates": "near-duplicates kept", "teacher": "teacher", "init_from": "fine-tuned",
        "consistency": "agreeing looks", "invented": "invented masks", "same_masks": "same masks"}  # fmt: skip
SHORT = {"bare": "bare", "seen": "masked"}
PAIRS = {"shift": "shift", "information": "information", "both": "one network"}
NO_CELL = "\u2013"
FEW = 20  # faces, below which no share is given
# What the network is trained on and tested with, in the order of the tables.
FIVE = (("unmasked", "bare"), ("unmasked", "seen"), ("masked", "seen"), ("both", "bare"), ("both", "seen"))
# Where the confusion matrix of each is: in which pair, on which side.
SHOWN_IN = {
    ("unmasked", "bare"): (("shift", "bare"), ("information", "bare")),
    ("unmasked", "seen"): (("shift", "masked"),),
    ("masked", "seen"): (("information", "masked"),),
    ("both", "bare"): (("both", "bare"),),
    ("both", "seen"): (("both", "masked"),),
}


def is_run(part: dict | None) -> bool:
    """Whether a part of study.json has figures."""
    return bool(part) and part.get("status", "run") == "run"


def shown_pairs(study: dict) -> list[str]:
    """The two pairs that tables with room for two show: shift and information, or what was run in their stead."""
    return sorted(PAIRS, key=lambda pair: not is_run(study["costs"][pair]))[:2]


def network(cell: dict) -> str:
    """`gACNN-Lite0`."""
    return f"{DISPLAY[cell['model']]}-{DISPLAY[cell['backbone']]}"


def find(
    study: dict, train: str, test: str, classes: int = 7, model: str = "gacnn", backbone: str = "lite0"
) -> dict | None:
    """The cell of the network of seed 0; None where there is none or it was not run."""
    wanted = {"num_classes": classes, "model": model, "backbone": backbone, "train": train, "test": test, "seed": 0}
    return next((cell for cell in study["cells"] if wanted.items() <= cell.items() and is_run(cell)), None)


def over_seeds(study: dict, train: str, test: str) -> dict | None:
    """Figures by emotion of gACNN-Lite0 for seven emotions: means where several seeds were run, else its cell's; None if not run."""
    name = f"7-gacnn-lite0-{train}-{test}"
    several = (part for part in study["seeds"] if part["id"] == name and is_run(part) and len(part["seeds"]) > 1)
    return next(several, None) or find(study, train, test)


def trained(train: str) -> str:
    """`both, 160 px, teacher` of `both+160px+teacher`."""
    faces, *more = train.split("+")
    told = (f"{name.removesuffix('px')} px" if name.endswith("px") else MORE.get(name, name) for name in more)
    return ", ".join([TRAINED[faces], *told])


def trained_network(name: str) -> str:
    """`both, 160 px, teacher, Lite2` of `7-gacnn-lite2-both+160px+teacher`; Lite0 is not told."""
    _, _, backbone, train = name.split("-", 3)
    return trained(train) + ("" if backbone == "lite0" else f", {DISPLAY[backbone]}")


def accuracy(cell: dict) -> str | None:
    """`85.1 (83.8–86.3)` or None."""
    return f"{percent(cell['accuracy'])} ({span(cell['ci95'])})" if is_run(cell) else None


def matrix(study: dict, classes: int) -> dict[str, Any]:
    """{"tests", "rows"}: a row for each network and what it was trained on, seed 0, a figure for each kind of test face.

    Tests under a second mask have a table of their own.
    """
    cells = [cell for cell in study["cells"] if cell["num_classes"] == classes and cell["seed"] == 0]
    found = {(network(cell), cell["train"], cell["test"]): accuracy(cell) for cell in cells if cell["test"] in TESTS}
    tests = [test for test in TESTS if any(test == key[2] for key in found)]
    rows = [
        [name, trained(train), *(found.get((name, train, test), NO_CELL) for test in tests)]
        for name, train in dict.fromkeys(key[:2] for key in found)
    ]
    order = [row[0] for row in rows]
    rows.sort(key=lambda row: order.index(row[0]))
    return {"tests": [TESTS[test] for test in tests], "rows": once(rows)}


def once(rows: list[list]) -> list[list]:
    """The same rows, in which a name that stands above as well is empty."""
    return [
        ["" if above and row[0] == above[0] else row[0], *row[1:]]
        for row, above in zip(rows, [None, *rows], strict=False)
    ]


def seeds(study: dict) -> list[list[Any]]:
    """Rows of gACNN-Lite0: emotions, trained on, tested on, seeds run, mean accuracy with its interval, standard deviation in points.

    Of what was run with several seeds: the mean of one is in the matrix.
    """
    rows = []
    for part in study["seeds"]:
        if is_run(part) and len(part["seeds"]) > 1 and part["id"].startswith((f"{MAIN}-", f"{FOUR_ONLY}-")):
            classes, _, _, train, test = part["id"].split("-", 4)
            kinds, _, second = test.partition("-under-")
            rows.append([
                int(classes), trained(train), TESTS[kinds] + (", second mask" if second else ""),
                f"{len(part['seeds'])} of {len(part['wanted'])}", with_span(part["mean"]), percent(part["sd"]),
            ])  # fmt: skip
    return rows


def by_emotion(study: dict, figure: str) -> dict[str, Any]:
    """{"columns", "rows"} of recall, precision or f1 by emotion for the five tests of gACNN-Lite0, means over the seeds run.

    "–" is the precision of an emotion that was never answered: run, but not defined.
    """
    cells = [over_seeds(study, train, test) for train, test in FIVE]

    def shown(key: str, name: str | None) -> list[str | None]:
        found = [cell and (cell[key] if name is None else cell[key][name]) for cell in cells]
        return [each and (with_span(each) or NO_CELL) for each in found]

    rows = [[name, *shown(figure, name)] for name in EMOTIONS]
    if figure == "recall":
        rows.append(["Mean", *shown("macro_recall", None)])
    return {"columns": [[TRAINED[train], TESTS[test]] for train, test in FIVE], "rows": rows}


def three_shown(study: dict) -> list[int]:
    """Which of FIVE are shown where there is room for three: the first three, or what was run in their stead."""
    return sorted(range(len(FIVE)), key=lambda index: find(study, *FIVE[index]) is None)[:3]


def costs(study: dict) -> dict[str, Any]:
    """By pair: name, whether it was run, and the drop of recall by emotion as (value, low, high) in points for a chart."""
    found = {}
    for pair, name in PAIRS.items():
        part = study["costs"][pair]
        found[pair] = {"name": name, "run": is_run(part)}
        if is_run(part):
            found[pair]["drop"] = [_points(part["recall"][emotion]["drop"]) for emotion in EMOTIONS]
    return found


def _points(estimate: dict) -> list[float] | None:
    if estimate["value"] is None:
        return None
    return [round(100 * value, 3) for value in (estimate["value"], *estimate["ci95"])]


def mcnemar(study: dict) -> list[list[str | None]]:
    """Rows: emotion, then for the two pairs shown: lost, won, corrected p."""
    rows = []
    for emotion in EMOTIONS:
        row: list[str | None] = [emotion]
        for pair in shown_pairs(study):
            part = study["costs"][pair]
            test = part["mcnemar"][emotion] if is_run(part) else None
            row += [count(test["b"]), count(test["c"]), p_value(test["p_holm"])] if test else [None] * 3
        rows.append(row)
    return rows


def hypothesis(study: dict) -> dict[str, list[list[str | None]]]:
    """By measure, rows: pair, emotions, gap on bare faces, gap behind masks, its verdict, gap of the drops, its verdict."""
    return {"recall": _gaps(study, "groups"), "auc": _gaps(study, "groups_auc")}


def _gaps(study: dict, measure: str) -> list[list[str | None]]:
    rows = []
    for pair, name in PAIRS.items():
        part, said = study["costs"][pair], study["verdict"][pair]
        for group, label in (("all", "all seven"), ("without_disgust", "no disgust")):
            if not is_run(part):
                rows.append([name, label, *[None] * 5])
                continue
            gaps, words = part[measure][group], said if measure == "groups" else said["auc"]
            bare, masked, drop = (with_span(gaps[kind]) or NO_CELL for kind in ("bare", "absolute", "drop"))
            rows.append([name, label, bare, masked, words["absolute"][group], drop, words["drop"][group]])
    return rows


def lost(study: dict) -> list[list[str | None]]:
    """Rows: emotion, then for the two pairs shown: faces lost, and the two answers that most of them got."""
    rows = []
    for emotion in EMOTIONS:
        row: list[str | None] = [emotion]
        for pair in shown_pairs(study):
            part = study["costs"][pair]
            row += _where(part["lost"][emotion]) if is_run(part) else [None, None]
        rows.append(row)
    return rows


def _where(lost_faces: dict) -> list[str]:
    n, most = lost_faces["n"], sorted(lost_faces["to"].items(), key=lambda item: -item[1])[:2]
    # Of a few faces a share would promise too much.
    said = [f"{name} {percent(share, 0) + PERCENT if n >= FEW else round(share * n)}" for name, share in most if share]
    return [count(n), ", ".join(said) or NO_CELL]


def confusions(study: dict) -> list[dict[str, Any]]:
    """Three matrices side by side, cells as (share, percent), means over the seeds run: bare, shifted, trained and tested on
    masks, and in the place of those that were not run the ones of the network for both."""
    found = []
    for train, test in (FIVE[index] for index in three_shown(study)):
        rows = next((study["costs"][pair]["confusion"][side] for pair, side in SHOWN_IN[train, test]
                     if is_run(study["costs"][pair])), None)  # fmt: skip
        found.append(
            {"title": f"{TRAINED[train]} → {SHORT[test]}", "masked": test != "bare", "rows": rows and _shares(rows)}
        )
    return found


def _shares(confusion: Iterable[list[float]]) -> list[list[list]]:
    """Rows of shares as (share, percent); an emotion without a face has none."""
    return [[[share, percent(share, 0)] if any(row) else [None, NO_CELL] for share in row] for row in confusion]


def calibration(study: dict) -> list[dict[str, Any]]:
    """For the five tests that were run: name, and points (confidence, accuracy, share of faces)."""
    found = []
    for train, test in FIVE:
        cell = find(study, train, test)
        if cell is None or cell["id"] not in study["calibration"]:
            continue
        part = study["calibration"][cell["id"]]
        points = [[b["confidence"], b["accuracy"], b["n"] / cell["n"]] for b in part["bins"] if b["n"] >= FEW]
        found.append({"train": train, "test": test, "name": f"{TRAINED[train]} → {SHORT[test]}", "points": points})
    return found


def four(study: dict) -> list[list[str | None]]:
    """Rows for gACNN-Lite0 of seed 0, fine-tuned for masks and with larger inputs too, and the largest network: trained on, tested on, four emotions out of seven,
    trained on four."""
    by_id = {cell["id"]: cell for cell in study["cells"]}
    networks = [*(f"7-gacnn-lite0-{train}" for train in (*TRAINED, WORN, LARGER)), LARGEST]
    tests = [(network, test) for network in networks for test in SHORT]
    found = {}
    for part in study["four_from_seven"]:
        cell, four_only = by_id[part["cell"]], by_id.get(part["trained_cell"] or "")
        if (cell["model"], cell["seed"]) == ("gacnn", 0):
            name = f"7-gacnn-{cell['backbone']}-{cell['train']}"
            found[name, cell["test"]] = [f"{percent(part['accuracy'])} ({span(part['ci95'])})",
                                                  accuracy(four_only) if four_only else NO_CELL]  # fmt: skip
    rows = [[trained_network(name), TESTS[test], *found[name, test]] for name, test in tests if (name, test) in found]
    return once(rows)


def differences(study: dict) -> list[dict[str, Any]]:
    """Masked minus bare confusion matrix of the pairs that were run, in points."""
    found = []
    for pair, name in PAIRS.items():
        if is_run(study["costs"][pair]):
            both = study["costs"][pair]["confusion"]
            rows = zip(both["bare"], both["masked"], strict=True)
            found.append(
                {
                    "title": name,
                    "rows": [[round(100 * (new - old), 2) for old, new in zip(*row, strict=True)] for row in rows],
                }
            )
    return found


def areas(study: dict) -> dict[str, Any]:
    """{"pairs", "rows"}: emotion, then the area under the ROC curve bare and masked and its drop, for all pairs that were
    run, or the first two."""
    chosen = [pair for pair in PAIRS if is_run(study["costs"][pair])] or shown_pairs(study)
    rows = []
    for emotion in EMOTIONS:
        row: list[str | None] = [emotion]
        for part in (study["costs"][pair] for pair in chosen):
            sides = part["auc"][emotion] if is_run(part) else None
            row += [percent(sides[side]["value"]) or NO_CELL if sides else None for side in ("bare", "masked", "drop")]
        rows.append(row)
    return {"pairs": [PAIRS[pair] for pair in chosen], "rows": rows}


def axis(costs_found: dict[str, Any]) -> list[int]:
    """Ends, multiples of 5 and 20, of a chart that holds all drops with their intervals."""
    ends = [end for part in costs_found.values() for drop in part.get("drop", []) if drop for end in drop[1:]]
    return [5 * math.floor(min([0, *ends]) / 5), 20 * math.ceil(max([20, *ends]) / 20)]


def gates(study: dict, regions: int) -> dict[str, Any] | None:
    """{"train", "emotions"}: by emotion and over all faces the mean gate of each region, bare and masked, and the means of visible
    regions, of hidden ones and of the whole face; emotions without a test face are left out. None if not run.

    InputError where they are of a network with another number of regions than the report draws.
    """
    part = study["gates"]
    if not is_run(part):
        return None
    hidden = part["hidden"]
    if len(hidden) != regions:
        raise InputError(
            f"Results/gates.json: of a network with {len(hidden)} regions, not {regions}; run training.gates on the main one"
        )
    groups = [("All", [part["bare"], part["seen"]])]
    groups += [(name, [part[test]["emotions"][name] for test in ("bare", "seen")]) for name in EMOTIONS]
    shown = [
        {
            "emotion": name,
            **{
                where: {"gates": side["gates"], "means": _gate_means(side, hidden)}
                for where, side in zip(("bare", "masked"), sides, strict=True)
            },
        }
        for name, sides in groups
        if all(side["gates"] for side in sides)
    ]
    return {"train": TRAINED[part["train"]], "emotions": shown}


def _gate_means(side: dict, hidden: list[bool]) -> list[str]:
    means = []
    for wanted in (False, True):
        own = [gate for gate, under in zip(side["gates"], hidden, strict=True) if under == wanted]
        means.append(decimal(sum(own) / len(own)) if own else NO_CELL)
    return [*means, decimal(side["global"]) or NO_CELL]
