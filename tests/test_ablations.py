"""Ablations train on a quarter of Train, are measured on Valid alone, and are not repeated."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
import small_job

import main_trainer
from pre_processing import artefacts
from training import ablations, analysis, cells, door, statistics

CHOSEN = (ablations.BASE, "hard", "one_view", "white_over")


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A short Scripts.txt with faces of noise, and some variations of one epoch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cells, "SCRIPTS", tmp_path / "Scripts.txt")
    monkeypatch.setattr(ablations, "EPOCHS", 1)
    monkeypatch.setattr(ablations, "VARIATIONS", {name: ablations.VARIATIONS[name] for name in CHOSEN})
    monkeypatch.setattr(statistics, "RESAMPLES", 200)
    small_job.make_job(tmp_path)
    tiny = " ".join(small_job.TINY)
    Path("Scripts.txt").write_text(
        f"python main_trainer.py --root_path data/faces --condition unmasked {tiny}\n"
        "python main_trainer.py --root_path data/faces --condition masked --mask_kinds seen --mask_share 0.5 "
        f"--targets votes --epochs 9 --mirror --tag both {tiny}\n"
    )
    return tmp_path


def noted() -> dict[str, dict]:
    return {row["name"]: row for row in json.loads(Path("Results/ablations.json").read_text())["rows"]}


def test_each_is_measured_on_valid_and_against_the_base(job, monkeypatch, capsys):
    commands, real = [], main_trainer.main
    monkeypatch.setattr(main_trainer, "main", lambda argv: commands.append(argv) or real(argv))
    assert ablations.main([]) == 0
    rows = noted()
    assert list(rows) == list(CHOSEN)
    assert [row["status"] for row in rows.values()] == ["run"] * len(CHOSEN)
    lists = artefacts.ListPaths("Results", "unmasked", "FERPlus")
    tested = set()
    for name, row in rows.items():
        for test in ablations.TESTS:
            assert row[test]["n"] == small_job.COUNTS["valid"]
            difference = row[test]["difference"]
            if name == ablations.BASE:
                assert difference is None
            else:
                base = rows[ablations.BASE][test]["accuracy"]
                assert difference["value"] == pytest.approx(row[test]["accuracy"] - base, abs=2e-6)
    for file in Path(ablations.FOLDER).rglob("predictions.csv.gz"):
        tested |= {line.split(",")[0] for line in gzip.decompress(file.read_bytes()).decode().splitlines()[1:]}
    assert tested == set(artefacts.read_list(lists.valid))
    over = ["--second_mask surgical_white" in line for line in rows["white_over"]["lines"]]
    assert over == [False, True, True], "bare faces wear nothing to put it over"
    quarter = artefacts.read_list(ablations.FOLDER / "quarter_trainList.txt")
    assert quarter == artefacts.read_list(lists.train)[::4]
    assert len(commands) == 4 * len(CHOSEN) - 2  # the network of two of them is the base's
    assert ablations.main([]) == 0
    assert len(commands) == 4 * len(CHOSEN) - 2
    # What others are compared with outlives the weights.
    shutil.rmtree(ablations.FOLDER)
    content = json.loads(Path("Results/ablations.json").read_text())
    for name, more in (("hard", 4), ("one_view", 4 + 3)):  # the network of the latter has to be trained again
        before = len(commands)
        content["rows"] = [row for row in rows.values() if row["name"] != name]
        Path("Results/ablations.json").write_text(json.dumps(content))
        assert ablations.main(["--only", name]) == 0
        assert len(commands) == before + more
        for one in CHOSEN:
            assert {key: noted()[one][key] for key in ablations.TESTS} == {
                key: rows[one][key] for key in ablations.TESTS
            }
    assert "hard: run" in capsys.readouterr().out
    assert analysis.main(["Results"]) == 0
    assert json.loads(Path("Results/study.json").read_text())["ablations"]["rows"] == list(rows.values())


def test_one_that_fails_leaves_the_others(job, monkeypatch, capsys):
    real = main_trainer.main
    monkeypatch.setattr(main_trainer, "main", lambda argv: door.FAILED if "hard" in argv else real(argv))
    assert ablations.main(["--only", "hard", "--only", "one_view"]) == door.FAILED
    rows = noted()
    assert [rows[name]["status"] for name in CHOSEN] == ["run", "not run", "run", "not run"]
    assert "hard: failed" in capsys.readouterr().out


def test_one_that_was_cut_off_goes_on(job, monkeypatch):
    def stopped(argv):
        commands.append(argv)
        folder = ablations.FOLDER / ablations.BASE / "weights"
        folder.mkdir(parents=True)
        (folder / "last.pt").touch()
        return door.STOPPED

    commands: list[list[str]] = []
    monkeypatch.setattr(main_trainer, "main", stopped)
    assert ablations.main([]) == door.STOPPED
    monkeypatch.setattr(main_trainer, "main", lambda argv: commands.append(argv) or door.FAILED)
    assert ablations.main([]) == door.FAILED
    assert commands[1] == [*commands[0][:-1], "--resume", "auto"]
    assert ablations.main(["--list"]) == 0
    assert len(commands) == 2


def test_weights_of_another_command_are_trained_anew(job, monkeypatch):
    only = ["--only", ablations.BASE]
    assert ablations.main(only) == 0
    commands, real = [], main_trainer.main
    monkeypatch.setattr(main_trainer, "main", lambda argv: commands.append(argv) or real(argv))
    monkeypatch.setattr(ablations, "EPOCHS", 2)
    assert ablations.main(only) == 0
    assert commands[0][-1] == "--overwrite"
    assert commands[0][commands[0].index("--epochs") + 1 :].count("2") == 1
    assert len(commands) == 4
    assert noted()[ablations.BASE]["status"] == "run"


def test_rows_compared_with_another_base_are_dropped(job):
    assert ablations.main(["--only", "hard"]) == 0
    content = json.loads(Path("Results/ablations.json").read_text())
    content["rows"][0]["bare"]["accuracy"] += 0.25
    Path("Results/ablations.json").write_text(json.dumps(content))  # its answers are no longer those that were kept
    assert ablations.main(["--only", "one_view"]) == 0
    assert [noted()[name]["status"] for name in CHOSEN] == ["run", "not run", "run", "not run"]


def test_two_do_not_run_at_once(job, monkeypatch, capsys):
    def second(argv):
        assert ablations.main([]) == door.BAD_INPUT
        return door.FAILED

    monkeypatch.setattr(main_trainer, "main", second)
    assert ablations.main([]) == door.FAILED
    assert ablations.HELD in capsys.readouterr().err


def test_a_broken_file_is_named(job, capsys):
    for text in ("{", "[]"):
        Path("Results/ablations.json").write_text(text)
        for command in (ablations.main, lambda _: analysis.main(["Results"])):
            assert command(["--list"]) == door.BAD_INPUT
            assert "ablations.json: not what its command writes" in capsys.readouterr().err


def test_the_base_is_the_line_for_both_and_every_variation_is_understood():
    base = ablations.base_line()
    everything = {name: ablations.Ablation(name, base, Path("quarter.txt")) for name in ablations.VARIATIONS}
    lines = [line for one in everything.values() for line in one.lines]
    trained = sum(one.varied.trained for one in everything.values())
    assert len(lines) == len(set(lines)) == len(ablations.TESTS) * len(everything) + trained
    assert all("_testList" not in line for line in lines)
    assert "--mirror" not in " ".join(everything["one_view"].lines)
