"""What is there already is not replaced unasked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from small_job import TINY

import main_trainer
from training import checkpoint

BASE = Path("Results/UnmaskedDatasets/FERPlus/SevenEmotions")
RUN = BASE / "runs" / "cnn-lite0-s0"
WEIGHTS = Path("checkpoint_ferplus/7U-cnn-lite0-s0")
ONE = [*TINY, "--root_path", "data/faces", "--epochs", "1"]
pytestmark = pytest.mark.usefixtures("job")


def test_a_finished_run_is_not_replaced_unasked(capsys):
    assert main_trainer.main(ONE) == 0
    before = (RUN / "predictions.csv.gz").stat().st_mtime_ns
    assert main_trainer.main(ONE) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (RUN / "predictions.csv.gz").stat().st_mtime_ns == before
    assert main_trainer.main([*ONE, "--overwrite"]) == 0
    assert (RUN / "predictions.csv.gz").stat().st_mtime_ns != before


def test_no_run_begins_at_another_epoch_than_it_has_reached(capsys):
    assert main_trainer.main([*ONE, "--start-epoch", "3"]) == 2
    assert "goes on after epoch 0; leave --start-epoch out" in capsys.readouterr().err
    assert main_trainer.main([*ONE, "--start-epoch", "0"]) == 0
    more = [*ONE, "--epochs", "2", "--resume", "auto"]
    assert main_trainer.main([*more, "--start-epoch", "0"]) == 2
    assert "goes on after epoch 1" in capsys.readouterr().err
    assert main_trainer.main([*more, "--start-epoch", "1"]) == 0


def test_auto_does_not_take_the_run_of_other_results_for_its_own(capsys):
    assert main_trainer.main([*ONE, "--results", "mine"]) == 0
    assert main_trainer.main([*ONE, "--results", "mine", "--resume", "auto"]) == 0
    assert main_trainer.main([*ONE, "--results", "other", "--resume", "auto"]) == 2
    assert "last.pt: is of a run with other results, 'mine'; give --tag" in capsys.readouterr().err
    last = WEIGHTS / "last.pt"
    assert main_trainer.main([*ONE, "--results", "other", "--resume", str(last)]) == 0


def test_a_run_that_would_be_refused_reads_no_face(capsys):
    assert main_trainer.main(ONE) == 0
    Path("data/faces/FER2013Test/fer0000003.png").write_bytes(b"broken")
    assert main_trainer.main([*ONE, "--cache", "elsewhere"]) == 2
    assert "holds a run already" in capsys.readouterr().err


def test_a_test_does_not_replace_another_one(capsys):
    assert main_trainer.main(ONE) == 0
    test = [
        "-j",
        "0",
        "-b_t",
        "5",
        "--device",
        "cpu",
        "--root_path",
        "data/faces",
        "-e",
        "--resume",
        str(WEIGHTS / "best.pt"),
    ]
    assert main_trainer.main(test) == main_trainer.main(test) == 0
    file = BASE / "runs" / "cnn-lite0-s0-trained-on-FERPlus-unmasked" / "metrics.json"
    before = file.read_bytes()
    landmarks = "Results/UnmaskedDatasets/FERPlus/FERPlus_landmarksfile.pkl"
    shutil.copy(landmarks, "other.pkl")
    for more in (
        ["--limit_batches", "1"],
        ["--mirror"],
        ["--precision", "bf16"],
        ["--test_landmarksfile", "other.pkl"],
    ):
        capsys.readouterr()
        assert main_trainer.main([*test, *more]) == 2
        assert f"holds the test with {more[0]}" in capsys.readouterr().err
    Path("other").mkdir()
    Path("other/best.pt").write_bytes((WEIGHTS / "best.pt").read_bytes())
    assert main_trainer.main([*test[:-1], "other/best.pt"]) == 2
    assert "holds the test with --resume checkpoint_ferplus" in capsys.readouterr().err
    names = Path("other.txt")
    names.write_bytes((BASE.parent / "FERPlus_testList.txt").read_bytes())
    assert main_trainer.main([*test, "--test_list", str(names)]) == 2
    assert "holds the test with --test_list" in capsys.readouterr().err
    kinds = [*test, "--test_mask_kinds"]
    assert main_trainer.main([*kinds, "seen"]) == 0
    for more in (["unseen"], ["seen", "--second_mask", "kn95"]):
        assert main_trainer.main([*kinds, *more]) == 2
        assert f"holds the test with {(['--test_mask_kinds', *more])[-2]}" in capsys.readouterr().err
    content = checkpoint.load(WEIGHTS / "best.pt")
    checkpoint.save(WEIGHTS / "best.pt", {**content, "best": content["best"] / 2 + 0.1})
    assert main_trainer.main(test) == 2
    assert "holds the test of another" in capsys.readouterr().err
    checkpoint.save(WEIGHTS / "best.pt", content)
    assert file.read_bytes() == before
    assert main_trainer.main([*test, "--mirror", "--overwrite"]) == 0
    assert json.loads(file.read_text())["config"]["mirror"]


def test_results_of_ones_own_touch_none_that_are_there_and_later_lines_find_their_weights():
    assert main_trainer.main([*ONE, "--publish"]) == 0
    shutil.rmtree("checkpoint_ferplus")  # results ship, weights do not
    noted = BASE.parents[2] / "MaskedDatasets/FERPlus/test_masks.json"
    noted.write_text('{"seen, 14 faces": "of another machine"}')
    before = {
        path: path.read_bytes() for path in Path("Results").rglob("*.*") if path.is_file() and "cache" not in path.parts
    }
    mine = ["--results", "mine"]
    assert main_trainer.main([*ONE, "--publish", *mine]) == 0
    assert main_trainer.main([*ONE, "--publish", *mine, "--epochs", "2", "--resume", "auto"]) == 0
    test = [*TINY, "--root_path", "data/faces", "-e", "--resume", str(WEIGHTS / "best.pt"), "--test_mask_kinds", "seen"]
    assert main_trainer.main([*test, *mine]) == 0
    assert all(path.read_bytes() == content for path, content in before.items())
    assert (Path("mine", *BASE.parts[1:]) / "metrics.json").is_file()
    assert Path("mine", *noted.parts[1:]).is_file()


def test_figures_that_are_shown_are_not_replaced_unasked(capsys):
    assert main_trainer.main([*ONE, "--publish"]) == 0
    shown = BASE / "metrics.json"
    before = shown.read_bytes()
    capsys.readouterr()
    assert main_trainer.main([*ONE, "--publish", "--tag", "mine"]) == 2
    assert "shows another run" in capsys.readouterr().err
    assert shown.read_bytes() == before
    assert not (BASE / "runs" / "cnn-lite0-s0-mine").exists()
    assert main_trainer.main([*ONE, "--publish", "--epochs", "2", "--resume", "auto"]) == 0, "the same run, longer"
    assert main_trainer.main([*ONE, "--publish", "--tag", "mine", "--overwrite"]) == 0
    assert json.loads(shown.read_text())["config"]["tag"] == "mine"
