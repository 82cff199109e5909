"""Prose that states results: made from whatever cells were run, so that it holds for any of them."""

from __future__ import annotations

from pre_processing.emotions import EMOTIONS
from report import repeats
from report.numbers import PERCENT, cell_accuracy, count, decimal, listing, percent, plural, span, with_span
from report.tables import FIVE, LARGER, LARGEST, PAIRS, SHORT, TRAINED, find, is_run, over_seeds
from training.cells import WANTS_GPU

# What is said of a cell that was not run, and of several, after their number.
REASONS = {
    WANTS_GPU: (
        "is of VGG16, which needs a GPU for longer than we had one",
        "are of VGG16, which needs a GPU for longer than we had one",
    ),
    "not run yet": ("is still to be run", "are still to be run"),
    "waits for another cell": ("waits for another one", "wait for another one"),
}


def all_of(study: dict) -> dict[str, str]:
    """Every sentence by name; empty where there is nothing to say."""
    return {
        "progress": progress(study), "abstract": abstract(study), "remains": remains(study),
        "costs_by_pair": costs_by_pair(study), "window": window(study),
        "seeds": repeats.seeds(study), "spread": repeats.spread(study), "cost": cost(study),
        "averaged": repeats.averaged(study), "emotions": emotions(study), "reasons": reasons(study), "certain": certain(study), "other": other(study),
        "calibration": calibration(study), "lost": lost(study), "gates": gates(study),
    }  # fmt: skip


def progress(study: dict) -> str:
    """How much of the matrix was run."""
    return _run(study, "cells of the matrix", "; the others say “not run”")


def missing(study: dict) -> str:
    """The same for who does not see the matrix: what was not run, and what that means for the rest."""
    told = _run(study, "trainings and tests of the study")
    return " ".join(filter(None, (told, reasons(study), repeats.spread(study))))


def _run(study: dict, what: str, rest: str = "") -> str:
    cells = study["cells"]
    done = sum(map(is_run, cells))
    if done == len(cells):
        return f"All {len(cells)} {what} were run."
    return f"Of the {len(cells)} {what} {done} {'was' if done == 1 else 'were'} run{rest}."


def reasons(study: dict) -> str:
    """Why cells were not run, with how many each."""
    why: dict[str, int] = {}
    for cell in study["cells"]:
        if not is_run(cell):
            # Reasons that name a cell are alike for whoever reads numbers of cells.
            reason = "waits for another cell" if cell["reason"].startswith("waits for") else cell["reason"]
            why[reason] = why.get(reason, 0) + 1
    said = [f"{n} {REASONS.get(reason, [f'say: {reason}'] * 2)[n > 1]}" for reason, n in why.items()]
    return f"Of those not run, {listing(said)}." if why else ""


def headline(study: dict) -> str:
    """What networks recognise that never saw a mask, that were trained for masks, and that were trained on both."""
    apart, both = _trained_apart(study), _bare_and_masked(study, "both")
    if not apart and not both:
        return "No network of the matrix for seven emotions has been tested yet."
    if both:
        largest = _bare_and_masked(study, LARGER, "lite2")
        more = f", our largest {largest}" if largest else ""
        both = f"One network for both recognises {both}{repeats.means(study, 'both')}{more}."
    return " ".join(filter(None, (apart, both)))


def abstract(study: dict) -> str:
    """The same for an abstract: networks trained apart, and the largest, behind unseen masks too; else all that was run."""
    apart, largest, fall = _trained_apart(study), _bare_and_masked(study, LARGER, "lite2"), study["unseen"][LARGEST]
    if not (apart and largest and is_run(fall)):
        return headline(study)
    return (f"{apart} Our largest network, trained on both, recognises {largest} (bare and masked), and {percent(fall['accuracy_unseen'])}{PERCENT} behind "
            "kinds never worn in training (one seed).")  # fmt: skip


def _trained_apart(study: dict) -> str:
    """What networks recognise that were trained on bare or on masked faces; empty where neither was run."""
    bare, shifted, worn = (
        accuracy_of(study, *test) for test in (("unmasked", "bare"), ("unmasked", "seen"), ("masked", "seen"))
    )
    said = []
    if bare:
        behind = f" and {shifted} of the same faces behind masks" if shifted else ""
        said.append(
            f"A network (gACNN-Lite0) that was never shown a mask recognises {bare} of the bare test faces{behind}"
        )
    if worn:
        said.append(
            f"{'one' if said else 'A network'} trained behind masks of the same kinds {'' if said else 'recognises '}{worn}"
            f"{'' if said else ' of masked faces'}"
        )
    return (
        f"{'; '.join(said)}{repeats.means(study, *(['unmasked'] if bare else []), *(['masked'] if worn else []))}."
        if said
        else ""
    )


def _bare_and_masked(study: dict, train: str, backbone: str = "lite0") -> str | None:
    """`86.6 % and 73.1 %` of bare and of masked faces, of Lite0 means where several seeds were run; None where either was not run."""
    parts = [
        over_seeds(study, train, test) if backbone == "lite0" else find(study, train, test, backbone=backbone)
        for test in ("bare", "seen")
    ]
    found = [part and (part["mean"]["value"] if "mean" in part else part["accuracy"]) for part in parts]
    return " and ".join(f"{percent(value)}{PERCENT}" for value in found) if all(found) else None


def accuracy_of(study: dict, train: str, test: str) -> str | None:
    """`87.4 % (86.2–88.5)` of gACNN-Lite0 for seven emotions, a mean where several seeds were run; None if not run."""
    part = over_seeds(study, train, test)
    if part is None or "mean" not in part:
        return part and cell_accuracy(part)
    return f"{percent(part['mean']['value'])}{PERCENT} ({span(part['mean']['ci95'])})"


def costs_by_pair(study: dict) -> str:
    """What a mask costs, in each pair."""
    said = []
    for pair, words in (
        ("shift", "in a network that never saw one"),
        ("information", "between networks trained for bare and for masked faces"),
        ("both", "in one network trained on both"),
    ):
        part = study["costs"][pair]
        if is_run(part):
            drop = part["accuracy"]["drop"]
            mean = f", mean of {len(part['seeds'])} seeds" if len(part["seeds"]) > 1 else ""
            said.append(f"{percent(drop['value'])} points ({span(drop['ci95'])}{mean}) {words} (“{PAIRS[pair]}”)")
    return f"A mask costs accuracy: {listing(said)}." if said else "What a mask costs has not been measured yet."


def remains(study: dict) -> str:
    """What of the cost is left after training for masks."""
    first, trained = (study["costs"][pair] for pair in ("shift", "information"))
    if not (is_run(first) and is_run(trained)):
        return ""
    whole, left = (part["accuracy"]["drop"] for part in (first, trained))
    better = ""
    if is_run(study["largest"]):
        drop = study["largest"]["drop"]
        better = f"; our largest network, for both, loses {percent(drop['value'])} ({span(drop['ci95'])}, one seed)"
    return (f"Of the {percent(whole['value'])} points that a mask costs unprepared ({span(whole['ci95'])}), {percent(left['value'])} "
            f"({span(left['ci95'])}) remain after training for masks{better}.")  # fmt: skip


def cost(study: dict) -> str:
    """Which emotions lose most and least recall in each pair, and what McNemar’s test says."""
    said = []
    for pair, name in PAIRS.items():
        part = study["costs"][pair]
        if not is_run(part):
            said.append(f"The pair “{name}” was not run.")
            continue
        drops = {emotion: part["recall"][emotion]["drop"] for emotion in EMOTIONS}
        order = sorted((e for e in EMOTIONS if drops[e]["value"] is not None), key=lambda e: -drops[e]["value"])
        most, least = order[0], order[-1]
        sure = [e for e in EMOTIONS if part["mcnemar"][e]["p_holm"] < 0.05]
        unsure = [f"{e} (n = {part['mcnemar'][e]['n']})" for e in EMOTIONS if e not in sure]
        told = f"a difference for {listing(sure) if unsure else 'all seven'}" if sure else "no difference"
        few = f", and none for {listing(unsure)}" if sure and unsure else ""
        said.append(
            f"In the pair “{name}” {most} loses most ({with_span(drops[most])} points of recall) and {least} least "
            f"({with_span(drops[least])}); McNemar’s test detects {told}{few}."
        )
    return " ".join(said)


def emotions(study: dict) -> str:
    """Easiest and hardest emotion, bare and behind masks, in networks trained for it."""
    said: dict[tuple[str, str], list[str]] = {}
    for train, test, where in (
        ("unmasked", "bare", "on bare faces"),
        ("masked", "seen", "behind masks"),
        ("both", "bare", "on bare faces after training on both"),
        ("both", "seen", "behind masks after training on both"),
    ):
        cell = over_seeds(study, train, test)
        if cell:
            recall = {e: v["value"] for e, v in cell["recall"].items() if v["value"] is not None}
            said.setdefault((max(recall, key=recall.get), min(recall, key=recall.get)), []).append(where)
    if len(said) == 1:
        ((best, worst),) = said
        return f"gACNN-Lite0 recognises {best} best and {worst} worst on faces like those it was trained on."
    return " ".join(
        f"gACNN-Lite0 recognises {best} best and {worst} worst {listing(found)}."
        for (best, worst), found in said.items()
    )


def window(study: dict) -> str:
    """What a network trained behind masks makes of a mouth that shows, or of a nose."""
    words = {"window": "behind a mask with a window", "low": "where a mask is worn low"}
    said = []
    for test, where in words.items():
        part = study["apart"][test]
        if is_run(part):
            gain = part["gain"]
            more = f"{percent(abs(gain['value']))} points {'more' if gain['value'] > 0 else 'fewer'} than behind seen masks"
            said.append(f"{percent(part['accuracy'])}{PERCENT} {where} ({more}; difference {span(gain['ci95'])})")
    if not said:
        return ""
    bare, worn = find(study, "masked", "bare"), find(study, "masked", "seen")
    text = f"The network trained behind masks recognises {listing(said)}."
    if bare and worn and bare["accuracy"] < worn["accuracy"]:
        text += (f" Of bare faces it recognises {percent(bare['accuracy'])}{PERCENT}, fewer than behind masks "
                 f"({percent(worn['accuracy'])}): in training it hardly ever saw a mouth.")  # fmt: skip
    return text


def certain(study: dict) -> str:
    """Accuracy where landmarks are certain."""
    said, count_of = [], {}
    wanted = (
        ("unmasked", "bare", "bare"),
        ("masked", "seen", "masked"),
        ("both", "bare", "bare"),
        ("both", "seen", "masked"),
    )
    trained = {test: train for train, test, _ in reversed(wanted) if find(study, train, test)}
    for train, test, where in wanted:
        if trained.get(test) != train:
            continue
        cell = find(study, train, test)
        if cell and cell.get("certain"):
            part = cell["certain"]
            said.append(f"{percent(part['accuracy'])}{PERCENT} ({span(part['ci95'])}) of {where} ones")
            count_of[part["n"]] = cell["n"]
    if not said:
        return ""
    known = listing([f"{count(n)} of {count(of)}" for n, of in count_of.items()])
    return f"{known} test faces have a certain fit; of these the networks trained for each recognise {listing(said)}."


def other(study: dict) -> str:
    """Runs that are no cell: said, and used for nothing."""
    runs = study["other_runs"]
    if not runs:
        return ""
    figures = listing(
        [f"{percent(run['accuracy'])}{PERCENT} ({run['condition']}, {run['num_classes']} emotions)" for run in runs[:4]]
    )
    more = "" if len(runs) <= 4 else f", and {len(runs) - 4} more"
    return (f"Results also keeps {plural(len(runs), 'run', 'runs')} of other commands, trials with fewer epochs or older masks: {figures}{more}. "
            "Nothing else in this report rests on them.")  # fmt: skip


def calibration(study: dict) -> str:
    """Expected calibration errors, and on which side they are."""
    said: dict[str, list[str]] = {"too sure": [], "not sure enough": []}
    for train, test in FIVE:
        cell = find(study, train, test)
        if cell and cell["id"] in study["calibration"]:
            part = study["calibration"][cell["id"]]
            over = sum(b["n"] * (b["confidence"] - b["accuracy"]) for b in part["bins"] if b["n"]) / cell["n"]
            side = "too sure" if over > 0 else "not sure enough"
            said[side].append(f"{percent(part['ece'])} ({TRAINED[train]} → {SHORT[test]})")
    sides = [f"{listing(found)}, where the network is {side}" for side, found in said.items() if found]
    return (
        f"The expected calibration error in points is {'; and '.join(sides)}."
        if sides
        else "Calibration was not measured yet."
    )


def lost(study: dict) -> str:
    """The answer that took most of the lost faces."""
    said = []
    for pair, title in PAIRS.items():
        part = study["costs"][pair]
        if not is_run(part):
            continue
        taken = dict.fromkeys(EMOTIONS, 0.0)
        for each in part["lost"].values():
            for name, share in each["to"].items():
                taken[name] += share * each["n"]
        total = sum(taken.values())
        if total:
            most = sorted(EMOTIONS, key=lambda e: -taken[e])[:2]
            to = listing([f"{percent(taken[name] / total, 0)}{PERCENT} to {name}" for name in most])
            said.append(f"{count(round(total))} in the pair “{title}”, {to}")
    return f"Faces are lost: {'; '.join(said)}." if said else ""


def gates(study: dict) -> str:
    """Mean gate of hidden and visible regions, on bare faces and behind masks."""
    part = study["gates"]
    if not is_run(part):
        return "Gates were not measured yet."
    masked, bare = (part[test]["mean"] for test in ("seen", "bare"))
    change = f", by {percent(abs(1 - masked['hidden'] / bare['hidden']), 0)}{PERCENT}" if bare["hidden"] else ""
    return (f"The mean gate of the regions that a mask hides goes from {decimal(bare['hidden'])} on bare faces to {decimal(masked['hidden'])} "
            f"below a mask{change}; that of the others from {decimal(bare['visible'])} to {decimal(masked['visible'])}. Each region has weights of "
            "its own, so that gates compare within a region and not between regions.")  # fmt: skip
