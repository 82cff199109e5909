"""Prose on networks that were trained in other ways: what changed, beside the network that was not."""

from __future__ import annotations

from report.numbers import PERCENT, cell_accuracy, count, listing, percent, span, with_span
from report.tables import LARGER, find, is_run, leaves_zero_out

WHERE = {"bare": "on bare faces", "seen": "behind seen masks", "unseen": "behind unseen masks"}


def all_of(study: dict) -> dict[str, str]:
    """Every sentence by name; empty where there is nothing to say."""
    parts = (after_bare, larger, control, duplicates, ablations)
    return {part.__name__: part(study) for part in parts}


def after_bare(study: dict) -> str:
    """What it is worth to start with the weights of the network for bare faces."""
    for part in study["variations"]:
        if part["cell"] == "7-gacnn-lite0-s0-masked+init_from-seen":
            return (f"Started from the weights of the network for bare faces, and so with twice the epochs, the network for masked faces "
                    f"recognises {percent(part['accuracy'])}{PERCENT} behind seen masks, a difference of {with_span(part['gain'])} points from the "
                    f"{percent(part['accuracy_beside'])}{PERCENT} of the one that starts from ImageNet.")  # fmt: skip
    return ""


def larger(study: dict) -> str:
    """What larger faces and a teacher are worth together, to the network for both."""
    said = []
    for test, where in WHERE.items():
        for part in study["variations"]:
            if part["cell"] == f"7-gacnn-lite0-s0-{LARGER}-{test}":
                figures = f"{percent(part['accuracy'])} against {percent(part['accuracy_beside'])}{PERCENT}"
                gain = part["gain"]
                said.append(f"{figures} {where} ({percent(gain['value'])} points, {span(gain['ci95'])})")
    if not said:
        return ""
    return (f"With faces of 160 pixels and a teacher, which were chosen on Valid among the ablations, the network for both recognises "
            f"{listing(said)}; which of the two does how much was not trained apart.")  # fmt: skip


def control(study: dict) -> str:
    """Whether attention helps: gACNN beside the plain network and beside patches alone."""
    said, plain = [], False
    for model, name in (("cnn", "the plain CNN"), ("pacnn", "pACNN")):
        parts = []
        for train, test, where in (("unmasked", "bare", "on bare faces"), ("masked", "seen", "behind masks")):
            own, other = find(study, train, test), find(study, train, test, model=model)
            if own and other:
                parts.append(
                    f"{cell_accuracy(other)} {where} where gACNN recognises {percent(own['accuracy'])}{PERCENT}"
                )
                plain = plain or model == "cnn"
        said += [f"{name} recognises {listing(parts)}"] if parts else []
    text = f"With the same trunk and recipe {'; '.join(said)}. " if said else ""
    if plain:
        return text.strip()
    tried = next((row for row in study["ablations"].get("rows", []) if row["name"] == "plain" and is_run(row)), None)
    if tried is None:
        return f"{text}The plain CNN was not run, so that nothing here shows what attention is worth."
    sides = [
        f"{with_span(tried[test]['difference'])} {where}"
        for test, where in (("bare", "on bare faces"), ("seen", "behind masks"))
    ]
    return (f"{text}The plain CNN was run as an ablation only, beside gACNN, both trained with one seed on bare and masked faces for "
            f"{study['ablations']['epochs']} epochs on a part of Train: on Valid its difference in points is {listing(sides)}.")  # fmt: skip


def duplicates(study: dict) -> str:
    """What near-duplicates of test faces are worth in training."""
    for part in study["variations"]:
        if part["cell"] == "7-gacnn-lite0-s0-unmasked+duplicates-bare":
            kept, out = (f"{percent(part[which])}{PERCENT}" for which in ("accuracy", "accuracy_beside"))
            text = (f"With near-duplicates left in, for comparison with published figures, the network for bare faces recognises {kept} of "
                    f"the test faces, and without them {out}: a difference of {with_span(part['gain'])} points.")  # fmt: skip
            return f"{text} {_twins(part['twins'])}".strip()
    return "What near-duplicates are worth was not measured yet."


def _twins(part: dict) -> str:
    if not is_run(part) or not {"same_label", "none"} <= part.keys():
        return ""
    label, none = part["same_label"], part["none"]

    def told(group: dict) -> str:
        return f"{percent(group['accuracy'])} against {percent(group['accuracy_beside'])}{PERCENT}, a difference of {with_span(group['gain'])}"

    other = part.get("other_label")
    more = f", and on the {count(other['n'])} with a twin of another label {told(other)}" if other else ""
    return (f"On the {count(label['n'])} faces whose twins in Train bear their label it is {told(label)}; on the {count(none['n'])} without a "
            f"twin {told(none)}{more}.")  # fmt: skip


def ablations(study: dict) -> str:
    """What the changes were measured on, and which of them made a difference that its interval tells from none."""
    part = study["ablations"]
    rows = [row for row in part.get("rows", []) if is_run(row) and row["bare"]["difference"]]
    if not rows:
        return "Ablations were not run yet."
    said = []
    for word, most in (("won", max), ("lost", min)):
        parts = []
        for test, where in WHERE.items():
            values = {
                row["what"]: row[test]["difference"]["value"]
                for row in rows
                if leaves_zero_out(row[test]["difference"])
            }
            name = most(values, key=values.__getitem__, default=None)
            if name and values[name] == most(0, values[name]):
                parts.append(f"{where} by “{name}” ({percent(values[name])})")
        said += [f"Most points are {word} {listing(parts)}"] if parts else []
    found = ". ".join(said) or "None of them differs from the base beyond its interval"
    return (f"Networks were trained for {part['epochs']} epochs on the same {'quarter' if part['every'] == 4 else 'part'} of Train, with one "
            f"seed, and measured on Valid, on which the epoch was chosen as well; what is only tested in another way is the first row’s network. "
            f"Intervals are not corrected for their number; differences whose interval leaves zero out are bold. {found}.")  # fmt: skip
