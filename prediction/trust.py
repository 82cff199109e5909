"""How far an answer is to be trusted: how often the network was right on test faces when it was as sure.

From Results/study.json (calibration of the network's own tests), else from the precision in the metrics.json of its tests.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from torch import nn

from pre_processing.artefacts import read_object
from pre_processing.mask_kinds import SECOND
from training import card

RESULTS = Path(__file__).resolve().parents[1] / "Results"
TESTS = {False: "bare", True: "seen"}  # what study.json calls bare test faces, and those behind masks of trained kinds


class Trust:
    """What the tests of a network say about its answers; says so where there are none."""

    def __init__(self, net: nn.Module, results: Path = RESULTS) -> None:
        self.bins = {masked: calibration(net, results, test) for masked, test in TESTS.items()}
        self.precision = {masked: precision(net, results, masked) for masked in TESTS}

    def sentence(self, emotion: str, chance: float, masked: bool) -> str:
        """A sentence on an answer given with probability `chance`, for a masked face or a bare one."""
        faces = "masked test faces" if masked else "bare test faces"
        for each in self.bins[masked]:
            if each["low"] < chance <= each["high"] and each["n"]:
                return f"When it was this sure, it was right on {each['accuracy']:.0%} of {each['n']:,} {faces}."
        share, count = self.precision[masked].get(emotion, (None, 0))
        if share is not None:
            return f"When it said {emotion}, it was right on {share:.0%} of {count:,} {faces}."
        return f"How often it is right on {faces} was not measured for these weights."


def calibration(net: nn.Module, results: Path, test: str) -> list[dict[str, Any]]:
    """Bins of probability (low, high, n, accuracy) of the network's own test; empty where study.json has none."""
    file = results / "study.json"
    if not file.is_file() or net.kind != "trained":
        return []
    study = read_object(
        file, "not what python -m training.analysis writes ({error}); restore it, or remove it and run that again"
    )
    mine = {**net.provenance, **net.config}
    for cell in study.get("cells", []):
        if (
            cell.get("status") == "run"
            and cell["test"] == test
            and all(same(cell[key], mine[key]) for key in card.SAME)
        ):
            twice = study.get("two_looks", {}).get("cells", {}).get(cell["id"])  # as search.view looks at masked faces
            told = twice["calibration"] if twice else study.get("calibration", {}).get(cell["id"], {})
            return told.get("bins", [])
    return []


def same(one: Any, other: Any) -> bool:
    """Equal, or equal numbers: study.json keeps six digits."""
    return one == other or (isinstance(one, float) and math.isclose(one, other, rel_tol=1e-5))


def precision(net: nn.Module, results: Path, masked: bool) -> dict[str, tuple[float | None, int]]:
    """{emotion: (share of right answers, answers)} in the network's own test on bare faces or on masks of trained kinds."""
    tests = {(figures.get("test_masks") or {}).get("kinds"): (folder, figures)
             for folder, figures in card.tests_of(net.provenance, net.config, results)
             if (figures["test_condition"] == "masked") == masked}  # fmt: skip
    kinds = net.provenance.get("mask_kinds") if masked else None
    kinds = kinds if kinds in tests or not masked else TESTS[True]  # trained on others as well
    if kinds not in tests:
        return {}
    folder, shown = tests[kinds]
    if len(net.emotions) != shown["num_classes"]:
        second, _ = tests.get(f"{kinds} under {SECOND}", (None, None))  # as search.view looks at masked faces
        shown = card.renormalised(folder, net.emotions, second)
    given = [sum(column) for column in zip(*shown["confusion"], strict=True)]
    return {name: (shown["precision"][name], n) for name, n in zip(net.emotions, given, strict=True)}
