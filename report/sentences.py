"""Prose that states results: made from whatever cells were run, so that it holds for any of them."""

from __future__ import annotations

from pre_processing.emotions import EMOTIONS
from report.numbers import PERCENT, count, decimal, kind_name, listing, percent, plural, span, with_span
from report.tables import PAIRS, find, is_run


def all_of(study: dict) -> dict[str, str]:
    """Every sentence by name; empty where there is nothing to say."""
    return {
        "progress": progress(study), "headline": headline(study), "abstract_cost": abstract_cost(study),
        "unseen": unseen(study), "duplicates": duplicates(study), "two_looks": two_looks(study), "seeds": seeds(study), "cost": cost(study),
        "emotions": emotions(study), "reasons": reasons(study), "certain": certain(study), "other": other(study),
        "calibration": calibration(study), "lost": lost(study), "gates": gates(study),
        "ablations": ablations(study),
    }  # fmt: skip


def progress(study: dict) -> str:
    """How much of the matrix was run."""
    cells = study["cells"]
    done = sum(is_run(cell) for cell in cells)
    if done == len(cells):
        return f"All {len(cells)} cells of the matrix were run."
    return f"Of the {plural(len(cells), 'cell', 'cells')} of the matrix {done} {'was' if done == 1 else 'were'} run; the others say “not run”."


def reasons(study: dict) -> str:
    """Why cells were not run, with how many each."""
    why: dict[str, int] = {}
    for cell in study["cells"]:
        if not is_run(cell):
            # Reasons that name a cell are alike for whoever reads numbers of cells.
            reason = "waits for another cell" if cell["reason"].startswith("waits for") else cell["reason"]
            why[reason] = why.get(reason, 0) + 1
    return f"Why, with numbers of cells: {'; '.join(f'{reason} ({n})' for reason, n in why.items())}." if why else ""


def _accuracy(cell: dict) -> str:
    return f"{percent(cell['accuracy'])}{PERCENT} ({span(cell['ci95'])})"


def headline(study: dict) -> str:
    """Accuracy of the networks for bare faces, for masked faces and for both."""
    bare, worn = find(study, "unmasked", "bare"), find(study, "masked", "seen")
    both = [find(study, "both", test) for test in ("bare", "seen")]
    said = []
    if bare:
        said.append(f"trained on bare faces recognises {_accuracy(bare)} of the bare test faces")
    if worn:
        said.append(f"{'one ' if said else ''}trained behind masks {_accuracy(worn)} of the masked ones")
    if not said and not all(both):
        return f"No network of the matrix for seven emotions has been tested yet{_trials(study)}."
    text = f"A network {listing(said)}. " if said else ""
    if all(both):
        text += f"One network for both reaches {_accuracy(both[0])} on bare faces and {_accuracy(both[1])} on the same faces behind masks."
    return text.strip()


def _trials(study: dict) -> str:
    """Accuracies of runs that are no cell, in their own words, for when there is nothing else."""
    runs = [run for run in study["other_runs"] if run["num_classes"] == 7]
    figures = [
        f"{percent(run['accuracy'])}{PERCENT} on {'bare' if run['condition'] == 'unmasked' else 'masked'} faces"
        for run in runs
    ]
    return f"; trials of other commands reached {listing(sorted(figures, reverse=True))}" if figures else ""


def abstract_cost(study: dict) -> str:
    """What a mask costs, in both pairs."""
    said = []
    for pair, words in (
        ("shift", "costs a network that never saw one"),
        ("information", "still costs a network that was trained behind masks"),
        ("both", "costs a network that was trained on both"),
    ):
        part = study["costs"][pair]
        if is_run(part):
            drop = part["accuracy"]["drop"]
            said.append(f"{words} {percent(drop['value'])} points of accuracy ({span(drop['ci95'])})")
    return f"A mask {listing(said)}." if said else "What a mask costs has not been measured yet."


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
        said.append(
            f"In the pair “{name}” {most} loses most ({percent(drops[most]['value'])} points of recall) and {least} least "
            f"({percent(drops[least]['value'])}); McNemar’s test, corrected for seven emotions, finds a difference for "
            f"{listing(sure) if sure else 'no emotion'}."
        )
    return " ".join(said)


def emotions(study: dict) -> str:
    """Easiest and hardest emotion, bare and behind masks."""
    said = []
    for train, test, where in (
        ("unmasked", "bare", "On bare faces"),
        ("masked", "seen", "Behind masks, trained on them,"),
        ("both", "bare", "Trained on both, on bare faces"),
        ("both", "seen", "Trained on both, behind masks"),
    ):
        cell = find(study, train, test)
        if cell:
            recall = {e: v["value"] for e, v in cell["recall"].items() if v["value"] is not None}
            best, worst = max(recall, key=recall.get), min(recall, key=recall.get)
            said.append(
                f"{where} {best} is recognised best ({percent(recall[best])}{PERCENT}) and {worst} worst ({percent(recall[worst])}{PERCENT})."
            )
    return " ".join(said)


def unseen(study: dict) -> str:
    """The drop from seen to unseen kinds, with and without a second mask, beside its target."""

    def fall(part: dict) -> str:
        seen, other = (f"{percent(part[f'accuracy_{kinds}'])}{PERCENT}" for kinds in ("seen", "unseen"))
        found = f"{percent(part['drop']['value'])} points ({span(part['drop']['ci95'])}; {'reached' if part['reached'] else 'missed'})"
        return f"from {seen} on seen kinds to {other} on unseen ones, by {found}"

    said = []
    for train, name in (("masked", "the network trained behind masks"), ("both", "the network for both")):
        part = study["unseen"][train]
        second = part["second"]
        parts = [fall(part)] if is_run(part) else []
        parts += (
            [f"with a second mask ({kind_name(second['kind'])}) over the one worn {fall(second)}"]
            if is_run(second)
            else []
        )
        said += [f"{name} falls {listing(parts)}"] if parts else []
    if not said:
        return "Unseen kinds were not tested yet."
    return f"The target for unseen kinds is a fall of at most {percent(study['unseen']['target'], 0)} points: {'; '.join(said)}."


def duplicates(study: dict) -> str:
    """What near-duplicates of test faces are worth in training."""
    for part in study["variations"]:
        if part["cell"] == "7-gacnn-lite0-s0-unmasked+duplicates-bare":
            kept, out = (f"{percent(part[which])}{PERCENT}" for which in ("accuracy", "accuracy_beside"))
            return (f"With them left in, for comparison with published figures, the network for bare faces recognises {kept} of "
                    f"the test faces, and without them {out}: a difference of {with_span(part['gain'])} points.")  # fmt: skip
    return "What they are worth was not measured yet."


def two_looks(study: dict) -> str:
    """Accuracy of mean answers for faces as they are masked and with a second mask over that."""
    found, said = study["two_looks"]["cells"], []
    for train, name in (("masked", "the network trained behind masks"), ("both", "the network for both")):
        parts = [(kinds, found.get(f"7-gacnn-lite0-s0-{train}-{kinds}")) for kinds in ("seen", "unseen")]
        shown = [f"{_accuracy(part)} of faces behind {kinds} ones" for kinds, part in parts if part]
        if shown:
            said.append(f"{name} recognises {listing(shown)}")
    return f"With the mean of both answers, as worn and under the second mask, {listing(said)}." if said else ""


def seeds(study: dict) -> str:
    """How many seeds there are."""
    done = [part for part in study["seeds"] if is_run(part) and len(part["seeds"]) > 1]
    if not any(map(is_run, study["cells"])):
        return ""
    if not done:
        return (
            "One seed was run of each network, so the spread over seeds is unknown and intervals are over faces alone."
        )
    return "Where several seeds were run, intervals are over faces and seeds."


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
    return f"Fits of {known} test faces are certain; the networks trained for them recognise {listing(said)}."


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
    """Expected calibration errors."""
    said = []
    for train, test, name in (
        ("unmasked", "bare", "bare faces"),
        ("unmasked", "seen", "masks that it never saw"),
        ("masked", "seen", "masks that it was trained on"),
        ("both", "bare", "bare faces for the network trained on both"),
        ("both", "seen", "masked ones for the network trained on both"),
    ):
        cell = find(study, train, test)
        if cell and cell["id"] in study["calibration"]:
            said.append(f"{percent(study['calibration'][cell['id']]['ece'])} points on {name}")
    return f"The expected calibration error is {listing(said)}." if said else "Calibration was not measured yet."


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
            said.append(f"In the pair “{title}” {count(round(total))} faces are lost, {percent(taken[most[0]] / total, 0)}{PERCENT} of them to {most[0]} "
                        f"and {percent(taken[most[1]] / total, 0)}{PERCENT} to {most[1]}.")  # fmt: skip
    return " ".join(said)


def gates(study: dict) -> str:
    """Mean gate of visible and hidden regions, behind masks and on bare faces."""
    part = study["gates"]
    if not is_run(part):
        return "Gates were not measured yet."
    masked, bare = (part[test]["mean"] for test in ("seen", "bare"))
    return (f"Behind a mask the mean gate of a region is {decimal(masked['visible'])} where the mask leaves it visible and "
            f"{decimal(masked['hidden'])} below the mask; on bare faces the same regions have {decimal(bare['visible'])} and "
            f"{decimal(bare['hidden'])}.")  # fmt: skip


def ablations(study: dict) -> str:
    """What the changes were measured on, and which of them made a difference that its interval tells from none."""
    part = study["ablations"]
    rows = [row for row in part.get("rows", []) if is_run(row) and row["bare"]["difference"]]
    if not rows:
        return "Ablations were not run yet."
    said = []
    for test, where in (("bare", "on bare faces"), ("seen", "behind seen masks"), ("unseen", "behind unseen masks")):
        for sign, word in ((1, "better"), (-1, "worse")):
            # Beyond zero on that side as a whole: both ends of the interval, times the sign, are positive.
            names = [row["what"] for row in rows if min(sign * end for end in row[test]["difference"]["ci95"]) > 0]
            if names:
                said.append(f"{where} {word}: {'; '.join(names)}")
    found = (
        ". ".join(text[0].upper() + text[1:] for text in said)
        or "None of them differs from the base beyond its interval"
    )
    return (f"Each change was trained for {part['epochs']} epochs on the same {'quarter' if part['every'] == 4 else 'part'} of Train, with one "
            f"seed, and measured on Valid, on which the epoch was chosen as well. {found}.")  # fmt: skip


def speeds(benchmarks: dict[str, list[dict[str, str]]]) -> str:
    """What benchmarks/README.md says of training beside the original's structure, and of answers for one face."""
    rows = {(row["network"], row["numbers"]): row for row in benchmarks.get("acnn_speed cpu", [])}
    fast, half = rows.get(("ours", "fp32")), rows.get(("ours", "bf16"))
    text = ""
    if fast and half:
        text = (f"On a CPU gACNN-VGG16 trains {fast['times the original']} times as fast as in the original’s structure in single precision, and "
                f"{half['times the original']} times with bfloat16.")  # fmt: skip
    engines = {row["engine"]: row for row in benchmarks.get("onnx_speed cpu", [])}
    if "ONNX Runtime fp32" in engines:
        text += f" In ONNX Runtime gACNN-Lite0 answers for one face in {engines['ONNX Runtime fp32']['one face, median (ms)']} ms."
    return text


def mask_cost(benchmarks: dict[str, list[dict[str, str]]]) -> str:
    """Time of a training step with a new mask on each face, beside one without."""
    steps = {row["faces"]: row["step (ms)"] for row in benchmarks.get("mask_training cpu", [])}
    if not steps:
        return ""
    return f"Drawing a new mask on each face of a batch takes a training step from {steps['bare']} to {steps['masks (seen)']} ms on a CPU."
