"""Prose on networks that were trained with several seeds."""

from __future__ import annotations

from report.numbers import listing, plural
from report.tables import TRAINED, is_run


def several(study: dict) -> list[dict]:
    """Tests of gACNN-Lite0 for seven emotions that were run with several seeds."""
    return [
        part
        for part in study["seeds"]
        if is_run(part) and len(part["seeds"]) > 1 and part["id"].startswith("7-gacnn-lite0-")
    ]


def trained_with(study: dict) -> dict[str, int]:
    """By what gACNN-Lite0 was trained on, in the order of TRAINED: the seeds that all its tests have, where those are several."""
    numbers = {
        name: min((len(part["seeds"]) for part in several(study) if part["id"].split("-", 4)[3] == name), default=1)
        for name in TRAINED
    }
    return {name: number for name, number in numbers.items() if number > 1}


def by_number(study: dict) -> dict[int, list[str]]:
    """The same by number of seeds, most first."""
    found = trained_with(study)
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
    if not several(study):
        return spread(study)
    said = [
        f"with {n} seeds on {' and on '.join(TRAINED[name] for name in names)}" for n, names in by_number(study).items()
    ]
    return (f"gACNN-Lite0 for seven emotions was trained {listing(said)}. "
            "Figures by emotion and by pair are means over the seeds there are, with intervals over faces and seeds; all else is of seed 0: the matrix, "
            "McNemar’s tests, lost faces, comparisons of networks, unseen kinds, four emotions, calibration and gates. Averaged answers have intervals over faces alone."
            f"{_mixed(several(study))}")  # fmt: skip


def _mixed(parts: list[dict]) -> str:
    """A warning where seeds of one network were not computed alike."""
    mixed = sorted({name for part in parts if len(part["precisions"]) > 1 for name in part["precisions"]})
    return f" Seeds of one network were computed partly in {listing(mixed)}." if mixed else ""


def spread(study: dict) -> str:
    """How little the seeds say of the spread over seeds."""
    if not any(map(is_run, study["cells"])):
        return ""
    if not several(study):
        return (
            "One seed was run of each network, so the spread over seeds is unknown and intervals are over faces alone."
        )
    (most, names), *fewer = by_number(study).items()
    said = [
        f"{plural(len(names), 'network was', 'networks were')} trained with {most} seeds",
        *(f"{len(names)} with {n}" for n, names in fewer),
    ]
    return f"{', '.join(said)}, the others with one; even of {most}, intervals understate how much trainings differ."
