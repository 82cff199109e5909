"""What the report says of networks that were trained or tested in other ways follows from the figures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from report_job import invent, invented_ablations

from report import peers, sentences, tables, unseen, variants
from report.numbers import percent
from training import analysis

pytestmark = pytest.mark.usefixtures("few_resamples")


def test_ablations_tell_what_was_run_and_what_made_a_difference() -> None:
    study = {"ablations": invented_ablations()}
    found = variants.ablation_table(study)
    even = "0.0 (\u22121.1 to 1.1)"
    assert found["rows"][1] == [
        "more of it",
        "81.2",
        [even, False],
        "72.3",
        ["2.3 (1.2\u20133.4)", True],
        "65.0",
        [even, False],
    ]
    assert (found["n"], found["left"]) == ("3,106", 1)
    assert variants.ablations(study).endswith("Most points are won by “more of it” behind seen masks (2.3).")
    row = study["ablations"]["rows"][1]
    row["bare"]["difference"] = {"value": -0.02, "ci95": [-0.03, -0.01]}
    assert variants.ablations(study).endswith("(2.3); lost by “more of it” on bare faces (2.0).")
    none, slight = {"value": 0.0, "ci95": [0.0, 0.0]}, {"value": 0.01, "ci95": [-0.01, 0.02]}
    study["ablations"]["rows"] += [
        {**row, "name": "bare", "seen": {**row["seen"], "difference": {"value": -0.5, "ci95": [-0.6, -0.4]}}},
        {**row, "name": "idle", "what": "idle", "bare": {**row["bare"], "difference": none}}
        | {test: {**row[test], "difference": slight} for test in ("seen", "unseen")},
    ]
    assert "Apart from training on bare or on masked faces only, most points are won" in variants.ablations(study)
    assert variants.ablations(study).endswith("bare faces (2.0); no interval leaves zero out for “idle”.")
    assert variants.ablation_table(study)["rows"][-1][2] == [tables.NO_CELL, False]


def test_other_ways_of_training_are_told_by_what_they_are_worth(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for cell, text, figures in (
        ("unmasked+duplicates-bare", variants.duplicates, ("81.1\u202f%", "80.0\u202f%", "1.1 (0.1\u20132.0) points")),
        ("masked+init_from-seen", variants.after_bare, ("81.1 against 80.0\u202f%", "(1.1 points, 0.1\u20132.0)")),
    ):
        part = next(part for part in study["variations"] if part["cell"] == f"7-gacnn-lite0-s0-{cell}")
        part |= {"accuracy": 0.8111, "accuracy_beside": 0.8, "gain": {"value": 0.0111, "ci95": [0.001, 0.02]}}
        said = text(study)
        assert "(means over 3 seeds)" in said
        assert "(seed 0)" in text({**study, "variations": [{**part, "seeds": [0]}]})
        assert all(figure in said for figure in figures)
    group = {"n": 1312, "accuracy": 0.98, "accuracy_beside": 0.93, "gain": {"value": 0.05, "ci95": [0.04, 0.06]}}
    part = next(part for part in study["variations"] if "twins" in part)
    assert "twin" not in variants.duplicates(study).partition("points.")[2]
    part["twins"] = {"status": "run", "same_label": group, "none": {**group, "n": 2781}}
    said = variants.duplicates(study).partition("points. ")[2]
    assert said.startswith(
        "On the 1,312 faces whose twins in Train bear their label it is 98.0 against 93.0\u202f%, a difference"
    )
    assert "on the 2,781 without a twin 98.0" in said
    assert tables.trained("masked+init_from") == "masked faces, fine-tuned"
    assert tables.trained(tables.LARGER) == "both, 160 px, teacher"
    for part in study["variations"]:
        if tables.LARGER in part["cell"]:
            part |= {"accuracy": 0.8222, "accuracy_beside": 0.8, "gain": {"value": 0.0222, "ci95": [0.001, 0.03]}}
    assert tables.trained_network(f"7-gacnn-lite0-{tables.LARGER}") == tables.trained(tables.LARGER)
    assert tables.trained_network(tables.LARGEST) == "both, 160 px, teacher, Lite2"
    assert tables.trained_network(analysis.ROBUST) == ("both, 160 px, teacher, agreeing looks, invented masks, Lite2")
    said = variants.larger(study)
    gains = "2.2 (0.1\u20133.0) points on bare faces, 2.2 (0.1\u20133.0) behind seen masks and 2.2 (0.1\u20133.0) behind unseen masks"
    assert said.count(gains) == 3
    assert f"(24 epochs, bf16) then changes it by {gains}. Invented" in said
    assert f"{gains}; behind unseen masks it then differs by 2.2 (0.1\u20133.0) points from the largest network" in said
    assert said.endswith("under a second one. Only ablations part the kinds from the looks.")
    assert ", our largest " in sentences.headline(study)
    study["cells"] = [cell for cell in study["cells"] if cell["backbone"] != "lite2"]
    assert "our largest" not in sentences.headline(study)
    assert variants.larger(study).count(gains) == 1
    assert "Lite2" not in variants.larger(study)
    assert not variants.larger({"variations": []})
    assert not variants.after_bare({"variations": []})
    assert not re.search(r"\d", variants.duplicates({"variations": []}))


def test_a_network_that_starts_from_the_one_for_both_is_set_beside_one_that_does_not(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    name = f"7-gacnn-lite0-s0-{analysis.WORN}-seen"
    part = next(part for part in study["variations"] if part["cell"] == name)
    assert part["beside"] == "7-gacnn-lite0-s0-masked-seen"
    part |= {"accuracy": 0.7654, "gain": {"value": 0.0111, "ci95": [0.001, 0.02]}}
    next(part for part in study["four_from_seven"] if part["cell"] == name)["accuracy"] = 0.8321
    said = variants.after_both(study)
    assert (
        f"4 more epochs at 160 pixels, with the network for both as start and teacher, give 76.5 against {percent(part['accuracy_beside'])}"
        in said
    )
    assert said.endswith("and 83.2\u202f% of four emotions.")
    study["variations"].remove(part)
    assert not variants.after_both(study)


def test_vgg16_is_set_beside_lite0(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    name = "4-pacnn-vgg16-s0-masked-seen"
    part = next(part for part in study["variations"] if part["cell"] == name)
    assert part["beside"] == "4-pacnn-lite0-s0-masked-seen"
    part |= {"accuracy": 0.8234, "accuracy_beside": 0.8047, "gain": {"value": 0.0187, "ci95": [0.001, 0.03]}}
    study["variations"] = [kept for kept in study["variations"] if "vgg16" not in kept["cell"] or kept is part]
    said = variants.vgg16(study)
    assert "beside Lite0 (seed 0). It saw 224 pixels, not 112, for 8 epochs in fp32, with a recipe" in said
    assert (
        "recognises in pACNN 82.3 against 80.5\u202f% behind seen masks (1.9 points, 0.1\u20133.0) of four emotions, beside Lite0"
        in said
    )
    study["variations"].remove(part)
    assert not variants.vgg16(study)
    told = "VGG16 (8 epochs, batches of 128, a learning rate of 0.0001) were set, once each, when"
    assert told in variants.recipes(study)
    assert not variants.recipes({"cells": [cell for cell in study["cells"] if cell["backbone"] == "lite0"]})


def test_aims_stand_beside_the_best_single_networks(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for cell in study["cells"]:
        cell["accuracy"] = 0.5
        if cell["train"] == "both" and cell["num_classes"] == 7 and cell["seed"] == 0:
            cell["accuracy"] = {"bare": 0.8111, "seen": 0.7222}.get(cell["test"], 0.99)
        if cell["train"] == "unmasked+duplicates":
            cell["accuracy"] = 0.98
        if cell["train"] == "unmasked" and cell["test"] == "bare" and cell["seed"] == 2:
            cell["accuracy"] = 0.8444
    for part in study["four_from_seven"]:
        part["accuracy"] = 0.6 if part["cell"].endswith("-seen") else 0.97
    assert (
        "88\u202f% on bare faces (missed: 84.4), 76 behind seen masks (missed: 72.2), 87 and 75 by one"
        in variants.aims(study)
    )
    assert "(missed: 81.1 and 72.2), 84 of four emotions behind masks (missed: 60.0) and a fall" in variants.aims(study)
    falls = [part for name, part in study["unseen"].items() if name != "target"]
    for part, fall in zip(falls, (0.0222, 0.03, 0.04, 0.05, 0.06), strict=True):
        part["drop"]["value"] = fall
    said = "and a fall of at most 3 points to unseen masks (reached by 2 of 5 networks: 2.2); in brackets"
    assert said in variants.aims(study)
    for part in falls:
        part["drop"]["value"] = 0.0444
    assert "to unseen masks (missed by 5 of 5 networks: 4.4); in" in variants.aims(study)
    next(c for c in study["cells"] if c["num_classes"] == 4 and c["test"] == "seen" and c["status"] == "run")[
        "accuracy"
    ] = 0.84
    assert "behind masks (reached: 84.0)" in variants.aims(study)
    study["cells"] = [cell for cell in study["cells"] if cell["num_classes"] == 4]
    assert variants.aims(study) == ""


def test_attention_is_set_beside_what_has_none(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    plain = next(part for part in study["variations"] if part["cell"] == "7-cnn-lite0-s0-masked-seen")
    plain |= {"accuracy": 0.7111, "accuracy_beside": 0.7444, "gain": {"value": -0.0333, "ci95": [-0.05, -0.01]}}
    assert "71.1 against 74.4\u202f% behind seen masks (−3.3 points, −5.0 to −1.0); pACNN" in variants.control(study)
    assert "was not run" not in variants.control(study)
    assert variants.control(study).endswith(f". {variants.CONTROL}")
    study["variations"] = [part for part in study["variations"] if "-cnn-" not in part["cell"]]
    assert variants.control(study).endswith("nothing here shows what attention is worth.")
    study["ablations"]["rows"].append({**study["ablations"]["rows"][1], "name": "plain"})
    said = "one network for both, measured on Valid) the plain CNN differs from gACNN by 0.0"
    assert said in variants.control(study)
    study["variations"].append({**plain, "cell": "7-cnn-lite0-s0-unmasked-bare"})  # the other one waits for its turn
    assert variants.control(study).startswith(
        "Beside gACNN, with the same trunk and recipe (means over 3 seeds), the plain CNN recognises"
    )
    assert said in variants.control(study)
    study["ablations"] = {}
    assert variants.control(study).endswith(variants.CONTROL)
    study["variations"] = [part for part in study["variations"] if part["cell"] != "7-pacnn-lite0-s0-masked-seen"]
    assert "trained for each" not in variants.control(study)


def test_a_package_stands_beside_our_network_for_bare_faces(tmp_path: Path) -> None:
    def row(trained: str, bare: float, masked: float) -> dict:
        sides = {
            name: {"accuracy": share, "macro_recall": share / 2} for name, share in (("bare", bare), ("masked", masked))
        }
        return {"trained": trained, **sides}

    rows = {
        "fer 1.2, own crop": row("FER2013, bare faces", 0.5, 0.3),
        "fer 1.2, tight crop": row("FER2013, bare faces", 0.6, 0.25),
        "ours, both": row("FER+, bare and masked faces", 0.9, 0.8),
        "ours, bare": row("FER+, bare faces", 0.85, 0.45),
    }
    file = tmp_path / peers.FILE
    assert peers.falls(file) == ""
    ours = (
        "as face box), our network for bare faces (seed 0) from 85.0 to 45.0\u202f%. The package looks at a face once"
    )
    for wanted, end in ((ours, "behind masks is 12.5 and 22.5\u202f%."), ("as face box).", "as face box).")):
        file.write_text(json.dumps({"rows": rows}))
        said = peers.falls(file)
        assert "the package fer 1.2, which" in said
        assert "falls from 60.0 to 25.0\u202f% (" in said
        assert wanted in said
        assert said.endswith(end)
        rows.pop("ours, bare", None)


def test_the_target_for_unseen_masks_is_told_by_test_and_network(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for train, part in study["unseen"].items():
        if train != "target":
            for way, found in (("worn", part), ("second", part["second"]), ("mean", part["mean"])):
                found |= {"target": "reached" if way == "second" else "missed", "certain": way == "worn"}
    study["unseen"]["7-gacnn-lite0-both"]["mean"]["target"] = "reached"
    for train in (name for name in study["unseen"] if name != "target"):
        study["unseen"][train]["second_from_worn"]["target"] = "reached"
    study["unseen"]["7-gacnn-lite0-both"]["second_from_worn"] |= {"drop": {"value": 0.0444}, "target": "missed"}
    study["unseen"]["7-gacnn-lite0-masked"] |= {
        "drop": {"value": 0.1, "ci95": [0.08, 0.12]},
        "lost": {"Sad": {"n": 30, "to": {"Neutral": 0.8, "Happy": 0.2}}, "Happy": {"n": 10, "to": {"Neutral": 1.0}}},
    }
    said = unseen.summary(study)
    assert (
        "It is reached by none of 5 networks as worn, by 5 of 5 networks under a second mask (5 with intervals that"
        in said
    )
    assert (
        f"by 1 of 5 networks with the mean of both answers ({analysis.FALLS['7-gacnn-lite0-both']}, with an interval that includes 3)"
        in said
    )
    assert "; counted from seen masks as worn, 4 reach it under a second mask. " in said
    assert "masks recognises 10.0 (8.0\u201312.0) points fewer: of the 40 faces" in said
    assert said.endswith("75\u202f% show Sad, and 80\u202f% of these are called Neutral.")
    row = {"name": "bare", "status": "run", "seen": {"accuracy": 0.4713}, "unseen": {"accuracy": 0.433}}
    new = {**study, "ablations": {"rows": [row]}}
    assert unseen.summary(new).endswith("recognises 3.8 points fewer behind unseen kinds than behind seen ones.")
    row["unseen"]["accuracy"] = 0.5
    assert "novelty" not in unseen.summary(new)
    study["unseen"][analysis.ROBUST]["target"] = "reached"
    assert "by 1 of 5 networks as worn (the largest with agreeing looks and invented masks), by" in unseen.summary(
        study
    )
    rows = unseen.table(study)
    assert [row[0] for row in rows] == [tables.trained_network(name) for name in analysis.FALLS]
    falls = rows[1][3::3]
    assert [(figure.endswith(" ?"), reached) for figure, reached in falls] == [
        (False, False),
        (True, True),
        (True, True),
    ]
    study["unseen"]["7-gacnn-lite0-both"]["mean"] = {"status": "not run", "reason": "not run yet"}
    assert unseen.table(study)[1][7:] == [tables.NO_CELL, tables.NO_CELL, [tables.NO_CELL, False]]


def test_what_the_network_for_unknown_masks_wins_and_gives_is_told_in_short(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    study["unseen"][analysis.ROBUST]["drop"] = {"value": 0.0333, "ci95": [0.02, 0.04]}
    study["unseen"][analysis.LARGEST]["drop"] = {"value": 0.0444, "ci95": [0.03, 0.05]}
    study["unseen"][analysis.ROBUST]["accuracy_unseen"], usual = 0.7111, study["unseen"][analysis.LARGEST]
    usual["accuracy_unseen"], usual["second"]["accuracy_unseen"] = 0.6, 0.6543
    part = next(part for part in study["variations"] if part["cell"].endswith("+invented-bare"))
    part["gain"] = {"value": -0.0222, "ci95": [-0.03, -0.01]}
    said = variants.robust_in_short(study)
    assert (
        "recognises 60.0\u202f%, 4.4 (3.0\u20135.0) points fewer than behind seen ones; a white mask over the one worn, placed by "
        "the bare face’s points, gives 65.4" in said
    )
    assert (
        "71.1\u202f% there, 3.3 (2.0\u20134.0) points fewer than behind seen kinds, at a change of −2.2 (−3.0 to −1.0)"
        in said
    )
    assert said.endswith("falls most on Test, so that these kinds are new to neither remedy.")
    study["variations"] = [part for part in study["variations"] if not part["cell"].endswith("+invented-bare")]
    assert not variants.robust_in_short(study)
