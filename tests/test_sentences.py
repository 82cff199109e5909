"""What the report says follows from the figures: nothing of what was not run, and no more than they carry."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from report_job import invent, invented_ablations, invented_gates

from pre_processing.emotions import EMOTIONS
from pre_processing.errors import InputError
from report import facts, sentences, speeds, tables, variants, verdict
from training import hypothesis, statistics


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 200)


def test_nothing_is_claimed_where_nothing_was_run(tmp_path: Path) -> None:
    said = facts.gather(tmp_path)["text"] if invent(tmp_path, "none") else {}
    for name in (
        "seeds",
        "spread",
        "headline",
        "costs_by_pair",
        "verdict",
        "unseen",
        "calibration",
        "exceptions",
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


def test_figures_by_emotion_are_means_where_several_seeds_were_run(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    several = next(part for part in study["seeds"] if part["id"] == "7-gacnn-lite0-masked-seen")
    several["recall"]["Happy"] = {"value": 0.9911, "ci95": [0.99, 0.993]}
    happy = next(row for row in tables.by_emotion(study, "recall")["rows"] if row[0] == "Happy")
    assert happy[3] == "99.1 (99.0\u201399.3)"
    assert "Happy is recognised best" in sentences.emotions(study)
    assert "99.1" in sentences.emotions(study)
    said = sentences.seeds(study)
    assert "was trained with up to 3 seeds on bare faces and on masked faces." in said
    assert sentences.spread(study).startswith("2 networks were trained with up to 3 seeds, the others with one")
    several["seeds"] = [0]
    assert "99.1" not in sentences.emotions(study)
    for part in study["seeds"]:
        part["seeds"] = [0]
    assert sentences.seeds(study) == sentences.spread(study)
    assert sentences.spread(study).startswith("One seed was run of each")


def test_an_emotion_that_is_never_answered_has_an_area(tmp_path: Path) -> None:
    study = invent(tmp_path, "some")
    masked = tables.find(study, "unmasked", "seen")
    for row in masked["confusion"]:
        row[EMOTIONS.index("Disgust")] = 0
    assert verdict.answered(study).endswith(("and never Disgust.", "and never Fear and Disgust."))
    rows = {row[0]: row[1:4] for row in tables.areas(study)["rows"]}
    sides = study["costs"]["shift"]["auc"]["Disgust"]
    assert rows["Disgust"] == [
        f"{100 * sides[side]['value']:.1f}".replace("-", "\u2212") for side in ("bare", "masked", "drop")
    ]


@pytest.mark.parametrize(
    ("lead", "drop", "said"),
    [
        ((0.01, 0.05), (0.02, 0.04), "both hold: the lead behind masks is 3.0 points (1.0–5.0), and a mask takes 3.0 points (2.0–4.0) less"),
        ((-0.01, 0.05), (-0.05, -0.01), "neither is found: the lead behind masks is 2.0 points (−1.0 to 5.0), and a mask takes 3.0 points (1.0–5.0) more"),
        ((0.01, 0.05), (-0.05, 0.03), "only the lead holds: the lead behind masks is 3.0 points (1.0–5.0), and a mask takes 1.0 points (−3.0 to 5.0) more"),
    ],
)  # fmt: skip
def test_the_area_says_what_its_intervals_say(tmp_path: Path, lead: tuple, drop: tuple, said: str) -> None:
    study = invent(tmp_path, "all")
    groups = study["costs"]["information"]["groups_auc"]["all"]
    for reading, ends in (("absolute", lead), ("drop", drop)):
        groups[reading] = {"value": sum(ends) / 2, "ci95": list(ends)}
    assert f"{said} from them" in verdict.short(study)
    assert said in verdict.brief_area(study)
    for pair in tables.PAIRS:
        study["verdict"][pair]["auc"] = {reading: dict.fromkeys(hypothesis.GROUPS, "undecided") for reading in groups}
    study["verdict"]["shift"]["auc"]["absolute"]["all"] = "contradicted"
    assert "behind masks is contradicted (shift) and undecided (information, one network), and that" in verdict.area(
        study
    )
    assert "less from them is undecided in all pairs. Without" in verdict.area(study)


def test_shares_are_not_given_of_a_few_faces() -> None:
    assert tables._where({"n": 6, "to": {"Neutral": 0.5, "Sad": 1 / 3, "Fear": 1 / 6}}) == ["6", "Neutral 3, Sad 2"]
    assert tables._where({"n": 40, "to": {"Neutral": 0.75, "Sad": 0.25}}) == ["40", "Neutral 75\u202f%, Sad 25\u202f%"]


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
    assert variants.ablations(study).endswith("Most points are won behind seen masks by “more of it” (2.3).")
    row = study["ablations"]["rows"][1]
    row["bare"]["difference"] = {"value": -0.02, "ci95": [-0.03, -0.01]}
    assert variants.ablations(study).endswith("(2.3). Most points are lost on bare faces by “more of it” (2.0).")


def test_gates_are_told_by_what_a_mask_hides() -> None:
    study = {"gates": invented_gates()}
    assert tables.gates(study, 24)["rows"][-1] == ["All", "0.40", "0.40", "0.50", "0.60", "0.20", "0.50"]
    said = sentences.gates(study)
    assert (
        "hides goes from 0.40 on bare faces to 0.20 below a mask, by 50\u202f%; that of the others from 0.40 to 0.60"
        in said
    )
    with pytest.raises(InputError, match="20 regions"):
        tables.gates({"gates": invented_gates(20)}, 24)


def test_verdicts_with_one_word_stand_together(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for pair, word in (("shift", "contradicted"), ("information", "supported"), ("both", "supported")):
        study["verdict"][pair]["drop"]["all"] = word
        study["verdict"][pair]["drop"]["without_disgust"] = "undecided"
    said = "is contradicted (shift) and supported (information, one network); without Disgust undecided in all pairs."
    assert verdict.verdict(study).endswith(said)


def test_the_plain_verdict_follows_the_words_of_all_pairs(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")

    def said(absolute: str, drop: str) -> str:
        for pair in tables.PAIRS:
            study["verdict"][pair] |= {"absolute": {"all": absolute}, "drop": {"all": drop}}
        return verdict.plain(study)

    assert "takes less from them is not supported" in said("supported", "contradicted")
    for value, words in ((0.1, "with masks as without them"), (-0.1, "by recall, behind masks;")):
        study["costs"]["both"]["groups"]["all"]["bare"]["ci95"][0] = value
        assert words in said("supported", "undecided")
    assert "The hypothesis holds: behind masks" in said("supported", "supported")
    assert said("undecided", "contradicted") == "The hypothesis is not supported."
    assert said("undecided", "supported") == "The hypothesis is supported in part."


def test_other_ways_of_training_are_told_by_what_they_are_worth(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for cell, text in (
        ("unmasked+duplicates-bare", variants.duplicates),
        ("masked+init_from-seen", variants.after_bare),
    ):
        part = next(part for part in study["variations"] if part["cell"] == f"7-gacnn-lite0-s0-{cell}")
        part |= {"accuracy": 0.8111, "accuracy_beside": 0.8, "gain": {"value": 0.0111, "ci95": [0.001, 0.02]}}
        said = text(study)
        assert all(figure in said for figure in ("81.1\u202f%", "80.0\u202f%", "1.1 (0.1\u20132.0) points"))
    group = {"n": 1312, "accuracy": 0.98, "accuracy_beside": 0.93, "gain": {"value": 0.05, "ci95": [0.04, 0.06]}}
    part = next(part for part in study["variations"] if "twins" in part)
    assert "twin" not in variants.duplicates(study).partition("points.")[2]
    part["twins"] = {"status": "run", "same_label": group, "none": {**group, "n": 2781}}
    said = variants.duplicates(study).partition("points. ")[2]
    assert said.startswith(
        "On the 1,312 faces whose twins in Train bear their label it is 98.0 against 93.0\u202f%, a difference"
    )
    assert "on the 2,781 without a twin 98.0" in said
    assert tables.trained("masked+init_from") == "masked faces, after bare ones"
    assert tables.trained(tables.LARGER) == "both, at 160 px, with a teacher"
    for part in study["variations"]:
        if tables.LARGER in part["cell"]:
            part |= {"accuracy": 0.8222, "accuracy_beside": 0.8, "gain": {"value": 0.0222, "ci95": [0.001, 0.03]}}
    assert tables.trained_network(f"7-gacnn-lite0-{tables.LARGER}") == tables.trained(tables.LARGER)
    assert tables.trained_network(tables.LARGEST) == "both, at 160 px, with a teacher, Lite2"
    said = variants.larger(study)
    assert said.count("82.2 against 80.0\u202f% ") == 7
    assert said.count("behind seen masks (2.2 points, 0.1\u20133.0) and 82.2") == 1
    assert said.count("behind unseen masks under a second one (2.2 points, 0.1\u20133.0). Its") == 1
    assert "(24 epochs, batches of 128, a learning rate of 0.001, bf16). Beside the one before it recognises" in said
    assert said.endswith("on Valid; its best epoch was 11 of 24, the other’s 11 of 12.")
    assert ", our largest " in sentences.headline(study)
    study["cells"] = [cell for cell in study["cells"] if cell["backbone"] != "lite2"]
    assert "our largest" not in sentences.headline(study)
    assert variants.larger(study).count("82.2 against 80.0\u202f% ") == 3
    assert "Lite2" not in variants.larger(study)
    assert not variants.larger({"variations": []})
    assert not variants.after_bare({"variations": []})
    assert not re.search(r"\d", variants.duplicates({"variations": []}))


def test_seeds_that_were_not_computed_alike_are_told(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    assert "partly" not in sentences.seeds(study)
    study["seeds"][0]["precisions"] = ["bf16", "fp32"]
    assert sentences.seeds(study).endswith("Seeds of one network were computed partly in bf16 and fp32.")


def test_what_was_computed_with_other_versions_is_told() -> None:
    cell = {"model": "gacnn", "backbone": "lite2", "software": {"python": "3.12.3", "torch": "2.11.0+cu130"}}
    told = "gACNN-Lite2 was computed with Python 3.12.3 and torch 2.11.0+cu130"
    assert facts.other_versions({"cells": [cell, cell, {}]}, {"torch": "2.14.1"}) == told
    assert facts.other_versions({"cells": [cell]}, {"torch": "2.11.0"}) == ""


def test_speed_on_a_gpu_is_told_with_the_gpu(tmp_path: Path) -> None:
    rows = [
        {"network": "ours", "numbers": name, "times the original": times}
        for name, times in (("fp32", "2"), ("bf16", "5"))
    ]
    tables_found = {"acnn_speed cpu": rows, "acnn_speed gpu": rows}
    assert speeds.networks(tables_found, "NVIDIA H200").endswith(
        "; on an NVIDIA H200 2 (convolutions in TF32) and 5 times."
    )
    assert speeds.networks(tables_found).endswith("5 times with bfloat16.")
    page = tmp_path / "README.md"
    page.write_text("<!-- a gpu -->\n\nNVIDIA H200, Python 3.12.3, torch 2.11.0.\n<!-- end of a gpu -->")
    assert (facts.gpu(page, "a gpu"), facts.gpu(page, "b gpu")) == ("NVIDIA H200", None)


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
        "Beside gACNN, with the same trunk and recipe (seed 0), the plain CNN recognises"
    )
    assert said in variants.control(study)
    study["ablations"] = {}
    assert variants.control(study).endswith(variants.CONTROL)


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


def test_losses_are_compared_with_those_of_people(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    recall = study["costs"]["information"]["recall"]
    for name, rank in verdict.PEOPLE_LOSE.items():
        recall[name]["drop"]["value"] = rank / 100
    assert "the networks’ order of loss is Disgust (7.0 points), Fear (6.0 points), Surprise" in verdict.order(study)
    assert "with people’s is 1.00 (Spearman, 7 emotions), and 1.00 without Disgust." in verdict.order(study)
    recall["Disgust"]["drop"]["value"] = 0
    assert re.search(r"is 0\.\d\d \(Spearman, 7 emotions\), and 1\.00 without", verdict.order(study))
    part = study["costs"]["information"]["groups_certain"]
    part |= {"n": 1234, "all": {reading: {"value": 0.1, "ci95": [0.05, 0.15]} for reading in ("absolute", "drop")}}
    assert (
        "on the 1,234 faces with certain ones the lead behind masks is 10.0 points (5.0\u201315.0)"
        in verdict.certain_fits(study)
    )


def test_attention_in_a_sentence_does_not_hide_what_else_the_plain_network_lacks(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    assert variants.attention(study).endswith(variants.CONTROL)
    assert "; without regions and gates (plain CNN) accuracy changes by" in variants.attention(study)
    study["variations"] = [part for part in study["variations"] if "-cnn-" not in part["cell"]]
    assert variants.attention(study).endswith("same trunk and recipe.")
    study["variations"] = [part for part in study["variations"] if part["cell"] != "7-pacnn-lite0-s0-masked-seen"]
    assert "trained for each" not in variants.control(study)


def test_what_was_not_run_is_told_by_its_reason(tmp_path: Path) -> None:
    study = invent(tmp_path, "some")
    assert re.search(
        r"Of these, \d+ were not run yet, \d+ wait for another one and 4 are of VGG16", sentences.reasons(study)
    )


def test_a_package_stands_beside_our_network_for_bare_faces(tmp_path: Path) -> None:
    def row(trained: str, bare: float, masked: float) -> dict:
        return {"trained": trained, "bare": {"accuracy": bare}, "masked": {"accuracy": masked}}

    rows = {
        "fer 1.2, own crop": row("FER2013, bare faces", 0.5, 0.3),
        "fer 1.2, tight crop": row("FER2013, bare faces", 0.6, 0.25),
        "ours, both": row("FER+, bare and masked faces", 0.9, 0.8),
        "ours, bare": row("FER+, bare faces", 0.85, 0.45),
    }
    file = tmp_path / variants.PEERS
    assert variants.peers(file) == ""
    for wanted in ("of two crops), our network for bare faces from 85.0 to 45.0\u202f%.", "of two crops)."):
        file.write_text(json.dumps({"rows": rows}))
        said = variants.peers(file)
        assert "the package fer 1.2, which" in said
        assert "falls from 60.0 to 25.0\u202f% (" in said
        assert said.endswith(wanted)
        rows.pop("ours, bare", None)


def test_means_do_not_hide_an_emotion_that_falls_below(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    recall = study["costs"]["shift"]["recall"]
    for emotion, value in zip(EMOTIONS, (0.6, 0.5, 0.2, 0.7, 0.3, 0.1, 0.0), strict=True):
        recall[emotion]["masked"]["value"] = value
        recall[emotion]["bare"]["value"] = 0.8
    assert "in the pair “shift” Angry (20.0\u202f%) lies below Sad (30.0\u202f%)" in verdict.exceptions(study)
    study["costs"]["shift"]["kept"]["all"] = {
        name: {"value": value, "ci95": [value - 0.05, value + 0.05]}
        for name, value in (("better", 0.62), ("worse", 0.17), ("difference", 0.45))
    }
    assert "62 against 17\u202f% (shift; difference 45 points, 40\u201350)" in verdict.kept(study)


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
    said = variants.unseen(study)
    assert "As worn, none of 4 networks reaches it. Under a second mask, 4 of 4 networks reach it (4 of the" in said
    assert "With the mean of both answers, 1 of 4 networks reaches it (4 of the intervals include 3)." in said
    assert re.search(
        r"second mask are [\d.\u2212]+, 4\.4, [\d.\u2212]+ and [\d.\u2212]+ points, so that 3 of 4 reach it\.", said
    )
    assert "masks recognises 10.0 (8.0\u201312.0) points less: of the 40 faces" in said
    assert said.endswith("75\u202f% show Sad, and 80\u202f% of these are called Neutral.")
    rows = variants.unseen_table(study)
    assert [row[-1] for row in rows[3:6]] == ["missed", "reached ?", "reached ?"]
