"""Cross-validation: every fold runs once, the command goes on where it stopped, and its figures are those of the folds."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from small_job import TINY, make_job

from report import table
from training import folds, run

BASE = "UnmaskedDatasets/FERPlus/SevenEmotions"
RUN = "runs/cnn-lite0-s0"


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.chdir(make_job(tmp_path))
    for fold in ("1", "2"):
        shutil.copytree("Results/UnmaskedDatasets", f"Results/folds/{fold}/UnmaskedDatasets")
    # The second fold tests other faces: valid and test change places.
    lists = tmp_path / "Results/folds/2/UnmaskedDatasets/FERPlus"
    for one, other in (("valid", "kept"), ("test", "valid"), ("kept", "test")):
        (lists / f"FERPlus_{one}List.txt").rename(lists / f"FERPlus_{other}List.txt")
    return tmp_path / "Results"


def command(*more):
    return ["--root_path", "data/faces", "--DB", "F", "--condition", "unmasked", "--epochs", "1", *TINY, *more]


def test_all_folds_and_their_mean(job, capsys):
    assert folds.main(command("--publish")) == 0
    said = capsys.readouterr().out
    single = [json.loads((job / f"folds/{fold}" / BASE / RUN / "metrics.json").read_text()) for fold in (1, 2)]
    pooled = json.loads((job / BASE / f"{RUN}-2folds" / "metrics.json").read_text())
    accuracies = [found["accuracy"] for found in single]
    assert pooled["accuracy_mean"] == pytest.approx(sum(accuracies) / 2)
    assert pooled["accuracy_sd"] == pytest.approx(abs(accuracies[0] - accuracies[1]) / 2**0.5)
    assert pooled["n"] == 28
    assert "git" not in pooled
    assert [pooled["folds"][fold]["git"] for fold in ("1", "2")] == [found["git"] for found in single]
    assert np.array_equal(pooled["confusion"], np.add(*(found["confusion"] for found in single)))
    assert f"mean accuracy of 2 folds {100 * pooled['accuracy_mean']:.1f} %" in said
    assert pooled["command"].startswith("python -m training.folds --root_path")
    assert "--main_folder Results/folds/2" in single[1]["command"]
    predictions = pd.read_csv(job / BASE / f"{RUN}-2folds" / "predictions.csv.gz")
    assert predictions["path"].nunique() == 28
    assert (predictions["emotion"] == predictions["predicted"]).mean() == pytest.approx(pooled["accuracy"])
    assert (job / BASE / f"{RUN}-2folds" / "7U.png").is_file()
    # What is published is the mean over the folds, and the README's table can show it.
    assert json.loads((job / BASE / "metrics.json").read_text()) == pooled
    assert "| CNN-Lite0 | 7 | bare faces | bare faces |" in table.render(job)


def test_finished_folds_are_not_run_again(job, monkeypatch):
    train, done = run.train, []

    def fail_in_the_second(options, line):
        done.append(str(options.main_folder))
        if len(done) == 2:
            raise KeyboardInterrupt
        return train(options, line)

    monkeypatch.setattr(run, "train", fail_in_the_second)
    assert folds.main(command("--overwrite")) == 130
    assert not (job / BASE / f"{RUN}-2folds").exists()
    assert folds.main(command("--resume", "auto")) == 0  # as a run that was stopped says
    assert folds.main(command()) == 0
    assert done == ["Results/folds/1", "Results/folds/2", "Results/folds/2"]
    assert folds.main(command("--lr", "0.1")) == 2


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("--resume last.pt", "resume"),
        ("-e", "evaluate"),
        ("--test_list a.txt", "test_list"),
        ("--model_dir x", "model_dir"),
    ],
)
def test_what_each_fold_has_of_its_own_is_refused(more, named, job, capsys):
    assert folds.main(command(*more.split())) == 2
    assert capsys.readouterr().err.startswith(f"error: --{named} ")


def test_no_folds_is_one_line(job, capsys):
    shutil.rmtree(job / "folds")
    assert folds.main(command()) == 2
    assert capsys.readouterr().err.startswith("error: Results/folds: 0 folds of FERPlus, unmasked")


def test_no_fold_starts_from_what_has_seen_its_faces(job, capsys):
    argv = ["--root_path", "data/faces", "--DB", "F", "--condition", "unmasked", "--init_from", "gacnn-lite0-7"]
    assert folds.main(argv) == 2
    assert "gacnn-lite0-7: learnt from people of the folds" in capsys.readouterr().err


def test_finished_folds_of_other_faces_are_not_pooled(job, capsys):
    assert folds.main(command()) == 0
    folder = job / "folds/1" / BASE / RUN
    before = (folder / "predictions.csv.gz").read_bytes()
    (folder / "predictions.csv.gz").write_bytes(before[:100])
    assert folds.main(command()) == 2
    assert "predictions.csv.gz: not the predictions of a run" in capsys.readouterr().err
    (folder / "predictions.csv.gz").write_bytes(before)
    lists = job / "folds/1/UnmaskedDatasets/FERPlus"
    for one, other in (("valid", "kept"), ("test", "valid"), ("kept", "test")):  # prepared anew
        (lists / f"FERPlus_{one}List.txt").rename(lists / f"FERPlus_{other}List.txt")
    assert folds.main(command()) == 2
    assert "tested faces that" in capsys.readouterr().err
