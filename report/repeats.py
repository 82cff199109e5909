"""Prose on networks that were trained with several seeds, and on averaged answers."""

from __future__ import annotations

from report.numbers import PERCENT, listing, percent, plural, span
from report.tables import TRAINED, is_run
from report.variants import WHERE
from training.analysis import FOUR_ONLY, MAIN


def several(study: dict, network: str = MAIN) -> list[dict]:
    """Tests of gACNN-Lite0 for seven emotions, or another network, that were run with several seeds."""
    return [
        part
        for part in study["seeds"]
        if is_run(part) and len(part["seeds"]) > 1 and part["id"].startswith(f"{network}-")
    ]


def trained_with(study: dict, network: str = MAIN) -> dict[str, int]:
    """By what the network was trained on, in the order of TRAINED: the seeds that all its tests were run with, where several."""
    parts = [part for part in study["seeds"] if is_run(part) and part["id"].startswith(f"{network}-")]
    numbers = {
        name: min((len(part["seeds"]) for part in parts if part["id"].split("-", 4)[3] == name), default=1)
        for name in TRAINED
    }
    return {name: number for name, number in numbers.items() if number > 1}


def by_number(study: dict, network: str = MAIN) -> dict[int, list[str]]:
    """The same by number of seeds, most first."""
    found = trained_with(study, network)
    return {n: [name for name in found if found[name] == n] for n in sorted({*found.values()}, reverse=True)}


def means(study: dict, *trained: str) -> str:
    """` (means over 3 seeds)` of figures of networks that were trained on these; of another number each, ` (means over 3 and 2 seeds)`."""
    found = trained_with(study)
    numbers = [str(found.get(name, 1)) for name in trained]
    if {*numbers} <= {"1"}:
        return ""
    return f" (means over {listing(numbers) if len({*numbers}) > 1 else numbers[0]} seeds)"


def seeds(study: dict) -> str:
    """What was run with several seeds, and which figures are means over them."""
    said = []
    for network, emotions in ((MAIN, "seven"), (FOUR_ONLY, "four")):
        found = by_number(study, network).items()
        each = [f"with {n} seeds on {' and on '.join(TRAINED[name] for name in names)}" for n, names in found]
        said += [f"for {emotions} emotions {listing(each)}"] if each else []
    if not said:
        return spread(study)
    return (f"gACNN-Lite0 was trained {'; '.join(said)}. Figures by emotion and by pair, and what is called a mean over seeds, "
            "are means over the seeds there are, with intervals over faces and seeds; all else is of seed 0: the matrix, "
            "McNemar’s tests, lost faces, unseen kinds, the table of four emotions, calibration and gates. Networks of one seed are compared with these means; those differences, and averaged answers, have intervals over faces alone."
            f"{_mixed([*several(study), *several(study, FOUR_ONLY)])}")  # fmt: skip


def _mixed(parts: list[dict]) -> str:
    """A warning where seeds of one network were not computed alike."""
    mixed = sorted({name for part in parts if len(part["precisions"]) > 1 for name in part["precisions"]})
    return f" Seeds of one network were computed partly in {listing(mixed)}." if mixed else ""


def spread(study: dict) -> str:
    """How little the seeds say of the spread over seeds."""
    if not any(map(is_run, study["cells"])):
        return ""
    numbers = [*trained_with(study).values(), *trained_with(study, FOUR_ONLY).values()]
    if not numbers:
        return (
            "One seed was run of each network, so the spread over seeds is unknown and intervals are over faces alone."
        )
    most, *fewer = sorted({*numbers}, reverse=True)
    said = [
        f"{plural(numbers.count(most), 'network was', 'networks were')} trained with {most} seeds",
        *(f"{numbers.count(n)} with {n}" for n in fewer),
    ]
    return f"{', '.join(said)}, the others with one; even of {most}, intervals understate how much trainings differ."


def averaged(study: dict) -> str:
    """What the mean answer of several networks recognises, and how much more that is than one alone."""
    parts = study["ensembles"]
    said = []
    for whose, names in (
        ("seeds of the networks trained for each", (f"{MAIN}-unmasked-bare", f"{MAIN}-masked-seen")),
        ("seeds of the network for both", [f"{MAIN}-both-{test}" for test in WHERE]),
        (
            "seeds of the networks trained on four emotions",
            (f"{FOUR_ONLY}-unmasked-bare", f"{FOUR_ONLY}-masked-seen"),
        ),
        ("networks for both with inputs of 160 pixels", [f"160px-{test}" for test in WHERE]),
    ):
        found = [(WHERE[name.rsplit("-", 1)[1]], parts[name]) for name in names if name in parts]
        each = [
            f"{percent(part['accuracy'])}{PERCENT} {where} ({percent(part['gain']['value'])}, {span(part['gain']['ci95'])})"
            for where, part in found
        ]
        number = " or ".join(str(n) for n in sorted({len(part["cells"]) for _, part in found}))
        said += [f"for the {number} {whose} {listing(each)}"] if each else []
    if not said:
        return ""
    four = parts.get("160px-seen")
    more = (
        f" Behind seen masks the last recognise {percent(four['four']['accuracy'])}{PERCENT} of four emotions."
        if four
        else ""
    )
    worse = [where for where, part in found if part["best"] > part["accuracy"]]
    more += f" {listing(worse).capitalize()} the best of these alone recognises more." if worse else ""
    return (f"Averaging the answers of several networks gives, with what that adds in points to their mean accuracy, {'; '.join(said)}.{more} "
            "What to average was decided when the figures of most were known.")  # fmt: skip
