"""What the report says follows from the figures: nothing of what was not run, and no more than they carry."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report_job import invent, invented_gates

from pre_processing.errors import InputError
from report import facts, measured, sentences, tables

pytestmark = pytest.mark.usefixtures("few_resamples")


def test_nothing_is_claimed_where_nothing_was_run(tmp_path: Path) -> None:
    said = facts.gather(tmp_path)["text"] if invent(tmp_path, "none") else {}
    for name in (
        "seeds",
        "spread",
        "abstract",
        "costs_by_pair",
        "verdict",
        "unseen",
        "calibration",
        "over_sad",
        "alike",
        "kept",
        "order",
        "window",
        "emotions",
        "lost",
        "ablations",
    ):
        assert not re.search(r"\d", said[name]), said[name]


def test_a_precision_that_is_not_defined_is_not_called_not_run(tmp_path: Path) -> None:
    study = invent(tmp_path, "some")
    tables.find(study, "unmasked", "seen")["precision"]["Fear"] = {"value": None, "ci95": None}
    rows = {row[0]: row[1:] for row in tables.by_emotion(study, "precision")["rows"]}
    assert rows["Fear"][1] == tables.NO_CELL
    assert rows["Fear"][2] is None
    assert re.match(r"\d", rows["Fear"][0])


def test_what_remains_is_told_of_the_largest_network_too(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    study["largest"]["drop"] = {"value": 0.1123, "ci95": [0.09, 0.14]}
    assert sentences.remains(study).endswith(
        "remain after training for masks; our largest network, for both, loses 11.2 (9.0\u201314.0, one seed)."
    )
    study["largest"] = {"status": "not run", "reason": "not run yet"}
    assert sentences.remains(study).endswith("remain after training for masks.")


def test_shares_are_not_given_of_a_few_faces() -> None:
    assert tables._where({"n": 6, "to": {"Neutral": 0.5, "Sad": 1 / 3, "Fear": 1 / 6}}) == ["6", "Neutral 3, Sad 2"]
    assert tables._where({"n": 40, "to": {"Neutral": 0.75, "Sad": 0.25}}) == ["40", "Neutral 75\u202f%, Sad 25\u202f%"]


def test_gates_are_told_by_what_a_mask_hides() -> None:
    study = {"gates": invented_gates()}
    found = tables.gates(study, 24)["emotions"][0]
    assert (found["emotion"], found["bare"]["means"]) == ("All", ["0.40", "0.40", "0.50"])
    assert found["masked"]["means"] == ["0.60", "0.20", "0.50"]
    study["gates"]["bare"]["emotions"]["Fear"]["gates"] = None
    assert "Fear" not in [part["emotion"] for part in tables.gates(study, 24)["emotions"]]
    said = sentences.gates(study)
    assert (
        "hides goes from 0.40 on bare faces to 0.20 below a mask, by 50\u202f%; that of the others from 0.40 to 0.60"
        in said
    )
    with pytest.raises(InputError, match="20 regions"):
        tables.gates({"gates": invented_gates(20)}, 24)


def test_what_was_computed_with_other_versions_is_told() -> None:
    cell = {"model": "gacnn", "backbone": "lite2", "software": {"python": "3.12.3", "torch": "2.11.0+cu130"}}
    told = "computed with Python 3.12.3 and torch 2.11.0+cu130"
    assert facts.other_versions({"cells": [cell, cell, {}]}, {"torch": "2.14.1"}) == f"gACNN-Lite2 was {told}"
    both = [cell, {**cell, "model": "pacnn", "backbone": "vgg16"}]
    assert facts.other_versions({"cells": both}, {"torch": "2.14.1"}) == f"gACNN-Lite2 and pACNN-VGG16 were {told}"
    assert facts.other_versions({"cells": [cell]}, {"torch": "2.11.0"}) == ""


def test_speed_on_a_gpu_is_told_with_the_gpu(tmp_path: Path) -> None:
    rows = [
        {"network": "ours", "numbers": name, "times the original": times}
        for name, times in (("fp32", "2"), ("bf16", "5"))
    ]
    tables_found = {"acnn_speed cpu": rows, "acnn_speed gpu": rows}
    assert measured.networks(tables_found, "NVIDIA H200").endswith(
        "; on an NVIDIA H200 2 (convolutions in TF32) and 5 times."
    )
    assert measured.networks(tables_found).endswith("5 times with bfloat16.")
    page = tmp_path / "README.md"
    page.write_text("<!-- a gpu -->\n\nNVIDIA H200, Python 3.12.3, torch 2.11.0.\n<!-- end of a gpu -->")
    assert (facts.gpu(page, "a gpu"), facts.gpu(page, "b gpu")) == ("NVIDIA H200", None)


def test_points_found_behind_a_mask_stand_beside_those_of_the_bare_face() -> None:
    figures = {
        "study: as worn": "67.1",
        "study: second over it": "72.7",
        "predict.py: as worn": "64.8",
        "predict.py: second over it": "67.6",
    }
    said = measured.found_points({"second_mask cpu": [{"masks": "seen"}, {"masks": "unseen", "n": "1,036", **figures}]})
    assert "recognises 64.8, not 67.1\u202f% of 1,036 faces" in said
    assert said.endswith("a second mask adds 2.8, not 5.6 points.")
    assert not measured.found_points({})
    own = facts.benchmark_tables(facts.Path(__file__).resolve().parents[1] / "benchmarks" / "README.md")
    assert measured.found_points(own)


def test_masks_that_leave_a_mouth_in_sight_stand_beside_seen_ones(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for test, value in (("window", 0.0123), ("low", -0.0321)):
        study["apart"][test] |= {"accuracy": 0.7, "gain": {"value": value, "ci95": [value - 0.01, value + 0.01]}}
    found = {test: tables.find(study, "masked", test) for test in ("bare", "seen")}
    found["bare"]["accuracy"], found["seen"]["accuracy"] = 0.6, 0.7
    said = sentences.window(study)
    assert "window (1.2 points more than behind seen masks; difference 0.2\u20132.2)" in said
    assert "low (3.2 points fewer than behind seen masks; difference \u22124.2 to \u22122.2)" in said
    assert "Of bare faces it recognises 60.0\u202f%, fewer than behind masks (70.0)" in said
    found["bare"]["accuracy"] = 0.8
    assert "Of bare faces" not in sentences.window(study)


def test_what_was_not_run_is_told_by_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = invent(tmp_path, "some")
    assert re.search(
        r"Of those not run, \d+ are still to be run, \d+ wait for another one and 10 are of VGG16",
        sentences.reasons(study),
    )
    study["cells"] = [{"status": "not run", "reason": reason} for reason in ("not run yet", "waits for 7-cell")]
    assert sentences.reasons(study) == "Of those not run, 1 is still to be run and 1 waits for another one."
    assert sentences.missing(study).startswith(
        "Of the 2 trainings and tests of the study 0 were run. Of those not run, 1"
    )
    study["cells"] = [{"status": "run"}] * 3
    monkeypatch.setattr(sentences.repeats, "spread", lambda study: "Seeds.")
    assert sentences.missing(study) == "All 3 trainings and tests of the study were run. Seeds."
