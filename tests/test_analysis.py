"""study.json says what the runs say, and `not run` of everything else."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import study_job
from sklearn.metrics import roc_auc_score

from pre_processing import artefacts
from pre_processing.emotions import EMOTIONS
from training import analysis, cells, door, hypothesis, predictions, statistics

FACES = [60, 50, 30, 30, 30, 20, 10]
GOOD, POOR = [0.9] * 7, [0.9, 0.8, 0.8, 0.8, 0.2, 0.2, 0.2]
BARE, SHIFT, MASKED, BOTH = (
    f"7-gacnn-lite0-s0-{name}" for name in ("unmasked-bare", "unmasked-seen", "masked-seen", "both-bare")
)
DUPLICATES = "7-gacnn-lite0-s0-unmasked+duplicates-bare"


def written(folder: Path) -> dict:
    assert analysis.main([str(folder)]) == 0
    return json.loads((folder / "study.json").read_text())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 1000)
    (tmp_path / "Results").mkdir()
    return tmp_path / "Results"


def test_nothing_is_said_of_what_was_not_run(folder):
    found = written(folder)
    assert [cell["id"] for cell in found["cells"]] == [cell.id for cell in cells.read()]
    assert all(cell["status"] == "not run" and cell["reason"] and "accuracy" not in cell for cell in found["cells"])
    assert {cell["reason"] for cell in found["cells"] if cell["backbone"] == "vgg16"} == {"wants a GPU"}
    parts = [
        *found["costs"].values(),
        *found["seeds"],
        found["unseen"]["7-gacnn-lite0-masked"],
        found["unseen"]["7-gacnn-lite0-both"],
    ]
    parts += [found["verdict"][name] for name in found["costs"]] + [found["gates"], *found["apart"].values()]
    parts.append(found["largest"])
    assert all(part["status"] == "not run" and part["reason"] for part in parts)
    assert found["four_from_seven"] == found["other_runs"] == found["variations"] == []
    assert found["calibration"] == {}


def test_a_cell_has_the_figures_of_its_run(folder):
    study = study_job.study(folder, {BARE: POOR}, FACES)
    cell = next(cell for cell in written(folder)["cells"] if cell["id"] == BARE)
    figures = study[BARE].figures
    assert (cell["status"], cell["n"], cell["accuracy"]) == ("run", sum(FACES), pytest.approx(figures["accuracy"]))
    for name, count in zip(EMOTIONS, FACES, strict=True):
        assert cell["faces"][name] == count
        assert cell["recall"][name]["value"] == pytest.approx(figures["recall"][name], abs=1e-5)
        low, high = cell["recall"][name]["ci95"]
        assert low < cell["recall"][name]["value"] < high
    assert cell["certain"]["n"] == figures["n_certain"]


def test_what_a_mask_costs(folder):
    study = study_job.study(folder, {BARE: GOOD, SHIFT: POOR}, FACES)
    found = written(folder)
    cost, (bare, masked) = found["costs"]["shift"], (study[name].figures for name in (BARE, SHIFT))
    assert cost["accuracy"]["drop"]["value"] == pytest.approx(bare["accuracy"] - masked["accuracy"], abs=1e-5)
    assert (cost["bare"], cost["masked"], cost["seeds"]) == ([BARE], [SHIFT], [0])
    for name, faces in zip(EMOTIONS, FACES, strict=True):
        drop = cost["recall"][name]["drop"]
        assert drop["value"] == pytest.approx(bare["recall"][name] - masked["recall"][name], abs=1e-5)
        test = cost["mcnemar"][name]
        assert (test["b"] - test["c"]) / faces == pytest.approx(drop["value"], abs=1e-5)
        assert test["p"] <= test["p_holm"] <= 1
        assert cost["lost"][name]["n"] == test["b"]
    assert cost["lost"]["Sad"]["to"]["Neutral"] == 1
    for side, figures in (("bare", bare), ("masked", masked)):
        recall = [figures["recall"][name] for name in EMOTIONS]
        assert np.diagonal(cost["confusion"][side]) == pytest.approx(recall, abs=1e-5)
        run = study[BARE if side == "bare" else SHIFT]
        answers = predictions.read(run.folder, run.figures)
        happy = roc_auc_score(answers.labels == 1, answers.probabilities[:, 1])
        assert cost["auc"]["Happy"][side]["value"] == pytest.approx(happy, abs=1e-5)
    assert cost["groups_certain"]["n"] == bare["n_certain"]
    assert cost["kept"]["all"]["better"]["value"] == pytest.approx(
        sum(masked["recall"][name] for name in EMOTIONS[:4]) / sum(bare["recall"][name] for name in EMOTIONS[:4]),
        abs=1e-4,
    )
    assert found["verdict"]["shift"]["drop"] == dict.fromkeys(("all", "without_disgust", "sad"), "supported")
    assert found["verdict"]["both"]["status"] == found["costs"]["information"]["status"] == "not run"


@pytest.mark.parametrize(
    ("masked", "expected"),
    [
        (POOR, ("supported", "supported")),
        (POOR[:1] * 4 + [0.9] * 3, ("undecided", "undecided")),
        ([0.2] * 4 + [0.9] * 3, ("contradicted", "contradicted")),
    ],
)
def test_the_verdict_follows_the_intervals(folder, masked, expected):
    study_job.study(folder, {BARE: GOOD, MASKED: masked}, FACES)
    verdict = written(folder)["verdict"]["information"]
    assert (verdict["absolute"]["all"], verdict["drop"]["all"]) == expected


def test_a_difference_that_bare_faces_show_as_well_is_no_drop(folder):
    study_job.study(folder, {BARE: POOR, SHIFT: POOR}, FACES)
    verdict = written(folder)["verdict"]["shift"]
    assert verdict["absolute"]["all"] == "supported"
    assert verdict["drop"]["all"] == "undecided"


def test_an_interval_that_touches_zero_decides_nothing():
    assert hypothesis.judge({"value": 0.1, "ci95": [0.0, 0.2]}) == "undecided"
    assert hypothesis.judge({"value": None, "ci95": None}) == "not defined"


def test_seeds_are_put_together(folder):
    names = [BARE.replace("s0", f"s{seed}") for seed in (0, 2)]
    study = study_job.study(folder, {name: [0.7] * 7 for name in names}, FACES)
    found = next(part for part in written(folder)["seeds"] if part["id"] == "7-gacnn-lite0-unmasked-bare")
    accuracies = [study[name].figures["accuracy"] for name in names]
    assert (found["seeds"], found["wanted"]) == ([0, 2], [0, 1, 2])
    assert found["accuracies"] == pytest.approx(accuracies, abs=1e-5)
    assert found["mean"]["value"] == pytest.approx(np.mean(accuracies), abs=1e-5)
    assert found["sd"] == pytest.approx(np.std(accuracies, ddof=1), abs=1e-5)


def test_near_duplicates_are_told_by_whether_a_face_has_a_twin(folder):
    study_job.study(folder, {BARE: POOR, DUPLICATES: GOOD}, FACES)
    assert written(folder)["variations"][0]["twins"]["status"] == "not run"
    # Faces 0..59 are Neutral, which both recognise alike; 170..199 Sad, where they differ.
    rows = [(f"FER2013Test/fer{number:07d}.png", 1, int(number > 2)) for number in (0, 1, 2, *range(170, 200))]
    file = artefacts.ListPaths(folder, "unmasked", "FERPlus").twins
    artefacts.write_table(file, pd.DataFrame(rows, columns=list(artefacts.TWINS_COLUMNS)))
    (part,) = written(folder)["variations"]
    found = part["twins"]
    assert {name: found[name]["n"] for name in ("twin", "same_label", "other_label", "none")} == {
        "twin": 33, "same_label": 30, "other_label": 3, "none": sum(FACES) - 33
    }  # fmt: skip
    assert found["same_label"]["gain"]["value"] > 0.5 > part["gain"]["value"] > found["none"]["gain"]["value"] > 0
    for side in ("accuracy", "accuracy_beside"):
        parts = sum(found[name][side] * found[name]["n"] for name in ("twin", "none"))
        assert parts / part["n"] == pytest.approx(part[side], abs=1e-5)
    artefacts.write_table(file, pd.DataFrame([("elsewhere.png", 1, 1)], columns=list(artefacts.TWINS_COLUMNS)))
    assert analysis.main([str(folder)]) == 2


def test_four_emotions_from_seven(folder):
    study_job.study(folder, {BARE: GOOD}, FACES)
    (found,) = written(folder)["four_from_seven"]
    assert (found["cell"], found["trained_cell"], found["n"]) == (BARE, BARE.replace("7-", "4-", 1), sum(FACES[:4]))
    assert found["accuracy"] == pytest.approx(np.trace(found["confusion"]) / found["n"], abs=1e-5)


def test_unseen_kinds(folder):
    seen, unseen = "7-gacnn-lite0-s0-both-seen", "7-gacnn-lite0-s0-both-unseen"
    study_job.study(folder, {seen: GOOD, unseen: [0.8] * 7}, FACES)
    found = written(folder)["unseen"]["7-gacnn-lite0-both"]
    assert found["drop"]["value"] == pytest.approx(found["accuracy_seen"] - found["accuracy_unseen"], abs=1e-5)
    assert found["second"]["status"] == "not run"
    assert found["drop"]["value"] > 0.03
    assert (found["target"], found["certain"]) == ("missed", found["drop"]["ci95"][0] > 0.03)
    assert found["mean"]["status"] == found["second_from_worn"]["status"] == "not run"
    assert sum(each["n"] for each in found["lost"].values()) >= round(found["drop"]["value"] * sum(FACES))


def test_a_mask_with_a_window_stands_beside_seen_ones(folder):
    window = MASKED.replace("seen", "window")
    study = study_job.study(folder, {MASKED: POOR, window: GOOD}, FACES)
    found = written(folder)["apart"]
    higher = study[window].figures["accuracy"] - study[MASKED].figures["accuracy"]
    assert found["window"]["gain"]["value"] == pytest.approx(higher, abs=1e-5)
    assert found["low"]["status"] == "not run"


def test_a_network_trained_in_another_way_stands_beside_its_like(folder):
    study_job.study(folder, {BARE: [0.8] * 7, DUPLICATES: GOOD}, FACES)
    told = written(folder)
    (found,) = told["variations"]
    assert (found["cell"], found["beside"], found["n"]) == (DUPLICATES, BARE, sum(FACES))
    assert 0.03 < found["gain"]["value"] == pytest.approx(found["accuracy"] - found["accuracy_beside"], abs=1e-5)
    assert told["costs"]["shift"]["status"] == "not run"
    assert found["seeds"] == [0]
    seeds = study_job.study(folder, {BARE.replace("-s0-", "-s2-"): POOR}, FACES)
    (mean,) = written(folder)["variations"]
    usual = np.mean([cell.figures["accuracy"] for cell in seeds.values() if cell.name == seeds[BARE].name and cell.own])
    assert mean["seeds"] == [0, 2]
    assert mean["accuracy"] - mean["gain"]["value"] == pytest.approx(usual, abs=1e-5) == mean["accuracy_beside"]
    usual, other = ({**vars(cell.chosen)} for cell in cells.read() if cell.id in (BARE, DUPLICATES))
    assert {key for key in usual if usual[key] != other[key]} == {
        "main_folder",
        "publish",
        "tag",
        "cache",
        "train_list",
        "valid_list",
        "test_list",
        "train_landmarksfile",
        "test_landmarksfile",
    } | ({"samples"} if usual["samples"] != other["samples"] else set())


@pytest.mark.parametrize(
    ("other", "usual"),
    [
        ("7-gacnn-lite2-s0-both+160px+teacher-seen", "7-gacnn-lite0-s0-both+160px+teacher-seen"),
        (
            "7-gacnn-lite2-s0-both+160px+teacher+consistency+invented-seen",
            "7-gacnn-lite2-s0-both+160px+teacher-seen",
        ),
        ("7-cnn-lite0-s0-masked-seen", "7-gacnn-lite0-s0-masked-seen"),
        ("7-gacnn-vgg16-s0-masked-seen", "7-gacnn-lite0-s0-masked-seen"),
    ],
)
def test_another_network_stands_beside_its_like(folder, other, usual):
    rates = {BARE: [0.7] * 7, usual: [0.8] * 7, other: GOOD}  # the first one is a teacher
    study_job.study(folder, rates, FACES)
    found = written(folder)["variations"]
    assert [(part["cell"], part["beside"]) for part in found] == [(other, usual)]
    for part in found:
        assert 0.03 < part["gain"]["value"] == pytest.approx(part["accuracy"] - part["accuracy_beside"], abs=1e-5)


def test_a_second_mask_has_its_own_drop_and_a_mean_with_the_first(folder):
    names = [
        f"7-gacnn-lite0-s0-masked-{kinds}{under}"
        for under in ("", "-under-surgical_white")
        for kinds in ("seen", "unseen")
    ]
    right = ([0.9] * 7, [0.6] * 7, [0.9] * 7, [0.89] * 7)
    study = study_job.study(folder, dict(zip(names, right, strict=True)), FACES)
    found = written(folder)
    second = found["unseen"]["7-gacnn-lite0-masked"]["second"]
    assert (second["seen"], second["unseen"], second["target"]) == (*names[2:], "reached")
    fall = study[names[0]].figures["accuracy"] - study[names[3]].figures["accuracy"]
    assert found["unseen"]["7-gacnn-lite0-masked"]["second_from_worn"]["drop"]["value"] == pytest.approx(fall, abs=1e-5)
    assert second["certain"] is (second["drop"]["ci95"][1] <= 0.03)
    assert found["unseen"]["7-gacnn-lite0-masked"]["target"] == "missed"
    mean, looks = found["unseen"]["7-gacnn-lite0-masked"]["mean"], found["two_looks"]["cells"]
    assert (mean["accuracy_seen"], mean["accuracy_unseen"]) == tuple(looks[name]["accuracy"] for name in names[:2])
    assert list(found["two_looks"]["cells"]) == sorted(names[:2])
    told = found["two_looks"]["cells"][names[1]]
    runs = [predictions.read(study[name].folder, study[name].figures) for name in (names[1], names[3])]
    answers = (runs[0].probabilities + runs[1].probabilities).argmax(1)
    assert told["accuracy"] == pytest.approx((answers == runs[0].labels).mean(), abs=1e-5)
    assert told["accuracy"] != pytest.approx((runs[0].answers == runs[0].labels).mean(), abs=1e-5)
    assert sum(part["n"] for part in told["calibration"]["bins"]) == told["n"] == sum(FACES)


def test_averaged_answers_are_those_of_the_mean_probabilities(folder):
    four = [f"4-gacnn-lite0-s{seed}-masked-seen" for seed in (0, 2)]
    rates = dict(zip((BARE, BARE.replace("-s0-", "-s1-"), SHIFT), ([0.7] * 7, [0.6] * 7, POOR), strict=True))
    study = study_job.study(folder, rates | {name: [0.7] * 4 for name in four}, FACES)
    found = written(folder)["ensembles"]
    # Of nothing else there are two networks.
    assert list(found) == ["7-gacnn-lite0-unmasked-bare", "4-gacnn-lite0-masked-seen"]
    (told, other), names = found.values(), [*rates][:2]
    assert (other["cells"], other["n"], other["four"]["n"]) == (four, sum(FACES[:4]), sum(FACES[:4]))
    runs = [predictions.read(study[name].folder, study[name].figures) for name in names]
    hits = (runs[0].probabilities + runs[1].probabilities).argmax(1) == runs[0].labels
    alone = np.mean([study[name].figures["accuracy"] for name in names])
    assert (told["cells"], told["n"]) == (names, sum(FACES))
    assert told["accuracy"] == pytest.approx(hits.mean(), abs=1e-5) != pytest.approx(alone, abs=1e-5)
    assert told["accuracy_alone"] == pytest.approx(alone, abs=1e-5)
    assert told["best"] == pytest.approx(max(study[name].figures["accuracy"] for name in names), abs=1e-5)
    assert told["gain"]["value"] == pytest.approx(hits.mean() - alone, abs=1e-5)
    low, high = told["gain"]["ci95"]
    assert low < told["gain"]["value"] < high
    assert told["four"]["n"] == sum(FACES[:4])


def test_the_largest_network_loses_what_its_two_tests_differ_by(folder):
    names = [f"7-gacnn-lite2-s0-{analysis.LARGER}-{test}" for test in ("bare", "seen")]
    study = study_job.study(folder, {BARE: GOOD, **dict(zip(names, (GOOD, POOR), strict=True))}, FACES)
    found = written(folder)["largest"]
    bare, masked = (study[name].figures["accuracy"] for name in names)
    assert (found["accuracy_bare"], found["accuracy_masked"]) == (
        pytest.approx(bare, abs=1e-5),
        pytest.approx(masked, abs=1e-5),
    )
    low, high = found["drop"]["ci95"]
    assert found["drop"]["value"] == pytest.approx(bare - masked, abs=1e-5)
    assert low < bare - masked < high


def change(cell: cells.Cell, **entries: object) -> None:
    file = cell.folder / "metrics.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))


def test_a_run_of_another_command_is_no_cell(folder):
    study = study_job.study(folder, {BARE: GOOD, SHIFT: POOR}, FACES)
    change(study[BARE], config={**study[BARE].figures["config"], "epochs": 6})
    found = written(folder)
    reasons = {cell["id"]: cell["reason"] for cell in found["cells"]}
    assert reasons[BARE] == reasons[SHIFT] == "its folder holds a run of another command"
    assert {run["folder"] for run in found["other_runs"]} == {study[name].folder.as_posix() for name in (BARE, SHIFT)}
    assert found["costs"]["shift"]["status"] == "not run"


def test_a_test_of_weights_that_were_replaced_is_no_cell(folder):
    study = study_job.study(folder, {BARE: GOOD, SHIFT: POOR}, FACES)
    change(study[SHIFT], best_epoch=3)
    assert {cell["id"]: cell["status"] for cell in written(folder)["cells"]}[SHIFT] == "not run"


def test_broken_files_are_named(folder, capsys):
    study = study_job.study(folder, {BARE: GOOD, SHIFT: POOR, MASKED: POOR}, FACES)
    table = study[SHIFT].folder / predictions.FILE
    kept = gzip.decompress(table.read_bytes()).decode()
    for text, word in (
        (kept.replace("fer0000001.png", "fer9999999.png"), "other faces"),
        (kept.replace("Sad,Neutral", "Sad,Sad"), "does not belong"),
        (kept.replace("Sad", "Gloomy"), "not the predictions"),
        ("path\n", "not the predictions"),
        (None, "not the predictions"),
    ):
        table.write_bytes(gzip.compress(text.encode()) if text else table.read_bytes()[:-9])
        assert analysis.main([str(folder)]) == door.BAD_INPUT
        said = capsys.readouterr().err
        assert word in said
        assert "Results" in said
        assert said.count("\n") == 1
    table.write_bytes(gzip.compress(kept.encode()))
    change(study[MASKED], test_masks={"kinds": "seen", "sha256": "another"})
    assert analysis.main([str(folder)]) == door.BAD_INPUT
    (study[BARE].folder / "metrics.json").write_text("[]")
    assert analysis.main([str(folder)]) == door.BAD_INPUT
    assert analysis.main([str(folder / "none")]) == door.BAD_INPUT
    assert not (folder / "study.json").exists()
