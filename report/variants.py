"""Tables and prose on networks that were trained or tested in other ways, beside those that were not."""

from __future__ import annotations

import itertools
from typing import Any

from pre_processing.mask_kinds import SECOND
from report.numbers import PERCENT, count, listing, percent, span, with_span
from report.tables import LARGER, NO_CELL, find, is_run
from training.analysis import AGREEING, LARGEST, ROBUST, WORN
from training.options import IMAGE_SIZE
from training.results import DISPLAY

WHERE = {"bare": "on bare faces", "seen": "behind seen masks", "unseen": "behind unseen masks"}
AFTER_BARE = "7-gacnn-lite0-s0-masked+init_from-seen"
APART = ("bare", "masked")  # ablations that are no remedies: networks trained for one condition
CONTROL = "The CNN has fewer parameters, one linear layer and only the coarse last map, so that this is not what attention alone is worth."


def all_of(study: dict) -> dict[str, str]:
    """Every sentence by name; empty where there is nothing to say."""
    parts = (
        after_bare,
        after_both,
        larger,
        vgg16,
        recipes,
        control,
        duplicates,
        ablations,
    )
    return {part.__name__: part(study) for part in parts}


def after_bare(study: dict) -> str:
    """What it is worth to start with the weights of the network for bare faces."""
    figures = _beside(study, AFTER_BARE, WHERE["seen"])
    return (
        f"Beside the network for masked faces that starts from ImageNet ({_of(_part(study, AFTER_BARE))}), one that starts from the network for bare faces, and so has twice the epochs, "
        f"recognises {figures}."
        if figures
        else ""
    )


def after_both(study: dict) -> str:
    """What the network for both is worth as the start and the teacher of one for masked faces that sees larger inputs."""
    name = f"7-gacnn-lite0-s0-{WORN}-seen"
    figures, cell = _beside(study, name, WHERE["seen"]), find(study, WORN, "seen")
    if figures is None:
        return ""
    four = {each["cell"]: each["accuracy"] for each in study["four_from_seven"]}
    return (f"Beside the same one, {cell['epochs']} more epochs at 160 pixels, with the network for both as start and teacher, give {figures}, and "
            f"{percent(four[name])}{PERCENT} of four emotions.")  # fmt: skip


def larger(study: dict) -> str:
    """What larger inputs and a teacher change together in the network for both, then a larger trunk, then training for unknown masks."""
    said = _changes(study, f"7-gacnn-lite0-s0-{LARGER}")
    if not said:
        return ""
    usual = _of(*(_part(study, f"7-gacnn-lite0-s0-{LARGER}-{test}") for test in WHERE))
    text = (f"Inputs of 160 pixels and a teacher whose features are followed, which ablations on Valid had favoured (the teacher behind seen masks alone), together "
            f"change the accuracy of the network for both ({usual}) by {listing(said)}.")  # fmt: skip
    return f"{text} {largest(study)}".strip()


def largest(study: dict) -> str:
    """What a larger trunk with a recipe of its own is worth beside that network."""
    cell = find(study, LARGER, "seen", backbone="lite2")
    if not (cell and find(study, LARGER, "seen")):
        return ""
    text = (f"An EfficientNet-Lite2 trunk with its own recipe ({cell['epochs']} epochs, {cell['precision_used']}) then changes it by {listing(_changes(study, cell['id'].removesuffix('-seen')))}.")  # fmt: skip
    return f"{text} {robust(study)}".strip()


def robust(study: dict) -> str:
    """What looks that agree and invented masks are worth to the largest network."""
    network = f"7-gacnn-lite2-s0-{AGREEING}"
    said = _changes(study, network)
    if not said:
        return ""
    text = (f"Invented kinds for half of its masks, with two looks at each face, each bare or masked by chance, whose answers are to agree, "
            f"change this network’s accuracy by {listing(said)}")  # fmt: skip
    covered = _part(study, f"{network}-unseen", f"7-gacnn-lite2-s0-{LARGER}-unseen-under-{SECOND}")
    if covered:
        text += f"; behind unseen masks it then differs by {with_span(covered['gain'])} points from the largest network under a second one"
    text += ". Only ablations part the kinds from the looks."
    return text


def vgg16(study: dict) -> str:
    """What VGG16, the trunk that the networks were published with, recognises beside Lite0 with the same regions and units."""
    said, ran, beside = [], [], []
    for model, classes in itertools.product(("gacnn", "pacnn"), (7, 4)):
        tests = (("unmasked", "bare"), ("masked", "seen"))
        parts = [_beside(study, f"{classes}-{model}-vgg16-s0-{train}-{test}", WHERE[test]) for train, test in tests]
        if any(parts):
            beside += [_part(study, f"{classes}-{model}-vgg16-s0-{train}-{test}") for train, test in tests]
            ran += [cell for train, test in tests if (cell := find(study, train, test, classes, model, "vgg16"))]
            emotions, each = "seven" if classes == 7 else "four", ", trained for each," if all(parts) else ""
            said.append(f"in {DISPLAY[model]}{each} {listing([part for part in parts if part])} of {emotions} emotions")
    if not said:
        return ""
    now = ran[0]
    return (f"VGG16, the trunk that Li et al. use, recognises {'; '.join(said)}, beside Lite0 ({_of(*beside)}). It saw {now['config']['imagesize']} pixels, not "
            f"{IMAGE_SIZE['lite0']}, for {now['epochs']} epochs in {now['precision_used']}, with a recipe of its own, so that this is not what the trunk "
            "alone is worth.")  # fmt: skip


def recipes(study: dict) -> str:
    """Recipes of the larger trunks, which were not chosen on Valid."""
    said = []
    for backbone in ("lite2", "vgg16"):
        trained = (
            cell for cell in study["cells"] if cell["backbone"] == backbone and is_run(cell) and not cell["evaluation"]
        )
        if cell := next(trained, None):
            now = cell["config"]
            said.append(
                f"{DISPLAY[backbone]} ({cell['epochs']} epochs, batches of {now['batch_size']}, a learning rate of {now['lr']:.4g})"
            )
    return (
        f"The recipes of {listing(said)} were set, once each, when test figures of others were known. " if said else ""
    )


def aims(study: dict) -> str:
    """What was aimed at before any network was trained, in % of Test, and what the best single networks reach."""
    cells = [cell for cell in study["cells"] if is_run(cell) and "duplicates" not in cell["train"]]
    reached: dict[tuple[int, str], dict[str, float]] = {}
    for cell in cells:
        network = f"{cell['model']}-{cell['backbone']}-s{cell['seed']}-{cell['train']}"
        reached.setdefault((cell["num_classes"], cell["test"]), {})[network] = cell["accuracy"]
    bare, seen = reached.get((7, "bare"), {}), reached.get((7, "seen"), {})
    one = [
        (bare[network], seen[network])
        for network in bare.keys() & seen.keys()
        if network.split("-")[3].startswith("both")
    ]
    tests = {cell["id"]: cell["test"] for cell in cells}
    four = [part["accuracy"] for part in study["four_from_seven"] if tests.get(part["cell"]) == "seen"]
    four += reached.get((4, "seen"), {}).values()
    if not (bare and seen and one and four):
        return ""
    goals = (
        ([88], f"{PERCENT} on bare faces", [max(bare.values())]),
        ([76], " behind seen masks", [max(seen.values())]),
        ([87, 75], " by one network", max(one, key=lambda both: (both[0] >= 0.87 and both[1] >= 0.75, sum(both)))),
        ([84], " of four emotions behind masks", [max(four)]),
    )
    said = [
        f"{' and '.join(map(str, aim))}{where} ({'reached' if all(100 * share >= goal for goal, share in zip(aim, best, strict=True)) else 'missed'}: "
        f"{' and '.join(map(percent, best))})"
        for aim, where, best in goals
    ]
    falls = [part["drop"]["value"] for name, part in study["unseen"].items() if name != "target" and is_run(part)]
    if falls:
        target = study["unseen"]["target"]
        met = sum(fall <= target for fall in falls)
        said.append(f"a fall of at most {percent(target, 0)} points to unseen masks ({'reached' if met else 'missed'} by {met or len(falls)} of {len(falls)} networks: "
                    f"{percent(min(falls))})")  # fmt: skip
    return f"We aimed at {listing(said)}; in brackets the best single network, of any seed and picked by Test."


def robust_in_short(study: dict) -> str:
    """How far the largest network falls behind masks that training never showed, and what helps at what price."""
    usual, part = (study["unseen"].get(network) for network in (LARGEST, ROBUST))
    bare = _part(study, f"7-gacnn-lite2-s0-{AGREEING}-bare", f"7-gacnn-lite2-s0-{LARGER}-bare")
    if not (is_run(usual) and is_run(part) and bare):
        return ""
    second = usual["second"]
    covered = (
        f"; a white mask over the one worn, placed by the bare face’s points, gives {percent(second['accuracy_unseen'])}{PERCENT} without training"
        if is_run(second)
        else ""
    )
    return (f"Behind kinds never worn in training our largest network recognises {percent(usual['accuracy_unseen'])}{PERCENT}, {with_span(usual['drop'])} "
            f"points fewer than behind seen ones{covered}. Another of its size, trained with invented kinds too and penalised where its answers to two "
            f"looks at a face differ, recognises {percent(part['accuracy_unseen'])}{PERCENT} there, {with_span(part['drop'])} points fewer than behind "
            f"seen kinds, at a change of {with_span(bare['gain'])} points on bare faces, to {percent(bare['accuracy'])}{PERCENT}. Both remedies were chosen on Valid behind these same kinds, and the "
            "invented ones drawn when it was known behind which of these recognition falls most on Test, so that these kinds are new to neither remedy.")  # fmt: skip


def _changes(study: dict, network: str) -> list[str]:
    """`1.2 (0.3–2.0) points on bare faces`, `2.8 (1.5–4.0) behind seen masks`: a network beside its like in each test."""
    found = ((_part(study, f"{network}-{test}"), where) for test, where in WHERE.items())
    said = [(with_span(part["gain"]), where) for part, where in found if part]
    return [f"{gain}{'' if index else ' points'} {where}" for index, (gain, where) in enumerate(said)]


def _part(study: dict, cell: str, beside: str | None = None) -> dict | None:
    """The comparison of a cell with its like, or with another one; None where either was not run."""
    return next(
        (part for part in study["variations"] if part["cell"] == cell and beside in (None, part["beside"])), None
    )


def _of(*parts: dict | None) -> str:
    """`seed 0` or `means over 3 seeds`: of what those networks are that others are set beside."""
    numbers = sorted({len(part["seeds"]) for part in parts if part})
    return "seed 0" if numbers == [1] else f"means over {listing([str(number) for number in numbers])} seeds"


def _beside(study: dict, cell: str, where: str) -> str | None:
    """`87.7 against 86.6 % on bare faces (1.2 points, 0.3–2.0)`: a cell and its like; None where either was not run."""
    part = _part(study, cell)
    if part is None:
        return None
    figures = f"{percent(part['accuracy'])} against {percent(part['accuracy_beside'])}{PERCENT}"
    return f"{figures} {where} ({percent(part['gain']['value'])} points, {span(part['gain']['ci95'])})"


def control(study: dict) -> str:
    """Whether attention helps: the plain network and patches alone, beside gACNN."""
    said, plain, beside = [], False, []
    for model, name in (("cnn", "the plain CNN"), ("pacnn", "pACNN")):
        ids = {f"7-{model}-lite0-s0-unmasked-bare": WHERE["bare"], f"7-{model}-lite0-s0-masked-seen": WHERE["seen"]}
        parts = [_beside(study, cell, where) for cell, where in ids.items()]
        beside += [_part(study, cell) for cell in ids]
        if any(parts):
            each = ", trained for each," if all(parts) else ""
            said.append(f"{name}{each} recognises {listing([part for part in parts if part])}")
            plain = plain or (model == "cnn" and all(parts))
    text = f"Beside gACNN, with the same trunk and recipe ({_of(*beside)}), {'; '.join(said)}. " if said else ""
    if plain:
        return text + CONTROL
    tried = next((row for row in study["ablations"].get("rows", []) if row["name"] == "plain" and is_run(row)), None)
    if tried is None:
        return text + (
            CONTROL
            if "the plain CNN" in text
            else "The plain CNN was not run, so that nothing here shows what attention is worth."
        )
    sides = [
        f"{percent(tried[test]['difference']['value'])} points ({span(tried[test]['difference']['ci95'])}) {where}"
        for test, where in (("bare", "on bare faces"), ("seen", "behind masks"))
    ]
    return (f"{text}In an ablation ({study['ablations']['epochs']} epochs on a part of Train, one network for both, measured on Valid) the plain CNN "
            f"differs from gACNN by {listing(sides)}. {CONTROL}")  # fmt: skip


def duplicates(study: dict) -> str:
    """What near-duplicates of test faces are worth in training."""
    for part in study["variations"]:
        if part["cell"] == "7-gacnn-lite0-s0-unmasked+duplicates-bare":
            kept, out = (f"{percent(part[which])}{PERCENT}" for which in ("accuracy", "accuracy_beside"))
            text = (f"With near-duplicates left in, as in published work, the network for bare faces (no other was trained so) recognises {kept} of "
                    f"the test faces, and without them {out} ({_of(part)}): a difference of {with_span(part['gain'])} points.")  # fmt: skip
            return f"{text} {_twins(part['twins'])}".strip()
    return "What near-duplicates are worth was not measured yet."


def _twins(part: dict) -> str:
    if not is_run(part) or not {"same_label", "none"} <= part.keys():
        return ""
    label, none = part["same_label"], part["none"]

    def told(group: dict) -> str:
        return f"{percent(group['accuracy'])} against {percent(group['accuracy_beside'])}{PERCENT}, a difference of {with_span(group['gain'])}"

    return (f"On the {count(label['n'])} faces whose twins in Train bear their label it is {told(label)}; on the {count(none['n'])} without a "
            f"twin {told(none)}.")  # fmt: skip


def ablations(study: dict) -> str:
    """What the changes were measured on, and which of them made a difference that its interval tells from none."""
    part = study["ablations"]
    rows = [
        row for row in part.get("rows", []) if is_run(row) and row["bare"]["difference"] and row["name"] not in APART
    ]
    if not rows:
        return "Ablations were not run yet."
    said = []
    for word, most in (("won", max), ("lost", min)):
        parts: dict[str, list[str]] = {}
        for test, where in WHERE.items():
            values = {
                row["what"]: row[test]["difference"]["value"]
                for row in rows
                if leaves_zero_out(row[test]["difference"])
            }
            name = most(values, key=values.__getitem__, default=None)
            if name and values[name] == most(0, values[name]):
                parts.setdefault(f"by “{name}”", []).append(f"{where} ({percent(abs(values[name]))})")
        said += [f"{word} {listing([f'{by} {listing(places)}' for by, places in parts.items()])}"] if parts else []
    apart = any(row["name"] in APART and is_run(row) for row in part.get("rows", []))
    begin = "Apart from training on bare or on masked faces only, most" if apart else "Most"
    found = (
        f"{begin} points are {'; '.join(said)}" if said else "None of them differs from the base beyond its interval"
    )
    idle = [f"“{row['what']}”" for row in rows if not any(leaves_zero_out(row[test]["difference"]) for test in WHERE)]
    if said and idle:
        found += f"; no interval leaves zero out for {listing(idle)}"
    return (f"Networks were trained for {part['epochs']} epochs on the same {'quarter' if part['every'] == 4 else 'part'} of Train, with one "
            f"seed, and measured on Valid, on which the epoch was chosen as well; rows that only test in another way use the first row’s network. "
            f"{found}.")  # fmt: skip


def leaves_zero_out(difference: dict | None) -> bool:
    """Whether the interval of a difference lies on one side of zero."""
    return bool(difference) and (min(difference["ci95"]) > 0 or max(difference["ci95"]) < 0)


def ablation_table(study: dict) -> dict[str, Any]:
    """{"n", "left", "rows"}: what was changed, then for bare faces, seen and unseen masks the accuracy, and its
    difference from the base as (figure with its interval, whether that leaves zero out).

    Rows of what was not run are left out; none at all where nothing was run.
    """
    part = study["ablations"]
    done = [row for row in part.get("rows", []) if is_run(row)]
    rows = []
    for row in done:
        sides = [row[test] for test in ("bare", "seen", "unseen")]
        figures = [
            (percent(side["accuracy"]), [_changed(side["difference"]), leaves_zero_out(side["difference"])])
            for side in sides
        ]
        rows.append([row["what"], *itertools.chain(*figures)])
    n = count(done[0]["bare"]["n"]) if done else None
    return {"n": n, "left": len(part.get("rows", [])) - len(done), "rows": rows}


def _changed(difference: dict | None) -> str:
    """A difference with its interval; none where the test is the first row’s own."""
    same = difference is None or difference["value"] == 0 == max(map(abs, difference["ci95"]))
    return NO_CELL if same else with_span(difference)
