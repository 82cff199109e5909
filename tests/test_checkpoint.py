"""Checkpoints hold plain values, appear whole, and go on bit for bit."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from small_job import TINY, make_job

import main_trainer
from pre_processing.artefacts import InputError
from training import checkpoint, engine

RUN = Path("Results/UnmaskedDatasets/FERPlus/SevenEmotions/runs/cnn-lite0-s0")
WEIGHTS = "checkpoint_ferplus/7U-cnn-lite0-s0"
TWO = [*TINY, "--root_path", "data/faces", "--epochs", "2", "--schedule", "cosine", "--ema", "0.9", "--overwrite"]


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.chdir(make_job(tmp_path))
    return tmp_path / WEIGHTS


def stop_in_epoch(monkeypatch, number):
    real = engine.train_epoch

    def interrupted(state, loader, options, epoch):
        if epoch == number:
            real(state, loader, options, epoch)  # the work of this epoch is done, and lost
            raise KeyboardInterrupt
        return real(state, loader, options, epoch)

    monkeypatch.setattr(engine, "train_epoch", interrupted)


def assert_equal(one, other, where=""):
    """Nested dicts, lists and tensors are equal bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for number, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f"{where}/{number}")
    else:
        assert one == other, where


@pytest.mark.parametrize(("optimizer", "workers"), [("sgd", "0"), ("adamw", "0"), ("adamw", "1")])
def test_two_epochs_are_one_a_kill_and_another(job, monkeypatch, optimizer, workers, capsys):
    command = [*TWO, "--optimizer", optimizer, "-j", workers]
    assert main_trainer.main(command) == 0
    whole, best = checkpoint.load(job / "last.pt"), checkpoint.load(job / "best.pt")
    predictions = (RUN / "predictions.csv").read_bytes()
    with monkeypatch.context() as patch:
        stop_in_epoch(patch, 2)
        assert main_trainer.main(command) == 130
    assert f"go on with --resume {WEIGHTS}/last.pt" in capsys.readouterr().out
    assert checkpoint.load(job / "last.pt")["epoch"] == 1
    random.seed(99), np.random.seed(99), torch.manual_seed(99)
    assert main_trainer.main([*command, "--resume", f"{WEIGHTS}/last.pt"]) == 0
    for before, after in ((whole, checkpoint.load(job / "last.pt")), (best, checkpoint.load(job / "best.pt"))):
        before.pop("config"), after.pop("config")
        assert_equal(before, after)
    assert (RUN / "predictions.csv").read_bytes() == predictions
    assert len((RUN / "log.jsonl").read_text().splitlines()) == 2


def test_random_states_go_back_exactly():
    def draw():
        return random.random(), np.random.normal(), torch.rand(3).tolist()

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    draw()
    states = checkpoint.random_states()
    wanted = draw()
    draw()
    checkpoint.restore_random_states(states)
    assert draw() == wanted


def test_checkpoints_need_no_unpickling_of_classes(job):
    assert main_trainer.main([*TWO, "--limit_batches", "1"]) == 0
    for name in ("last.pt", "best.pt"):
        content = torch.load(job / name, weights_only=True)
        assert content["class_names"][0] == "Neutral"
        assert content["model_config"]["model"] == "cnn"


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"model": {}, "model_config": {}, "config": {}, "epoch": 1})

    def broken(content, target):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.save(path, {"epoch": 2})
    assert checkpoint.load(path)["epoch"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


class Trap:
    """What a malicious file would hold."""

    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("content", [b"", b"no checkpoint", {"model": {}}, [1], {"model": Trap()}])
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, content, capsys):
    path = tmp_path / "odd.pt"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(InputError, match=r"odd\.pt") as caught:
        checkpoint.load(path)
    assert "\n" not in str(caught.value)
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (["--model", "gacnn"], "another model"),
        (["--num_classes", "4"], "another model"),
        (["--imagesize", "80"], "another model"),
        (["--seed", "1"], "--seed 0"),
        (["--optimizer", "adamw"], "--optimizer sgd"),
    ],
)
def test_a_run_is_not_gone_on_with_as_another(job, trained, changed, expected, capsys):
    assert main_trainer.main([*TWO, "--resume", str(trained), *changed]) == 2
    error = capsys.readouterr().err.strip()
    assert expected in error
    assert "\n" not in error


@pytest.fixture
def trained(job):
    assert main_trainer.main([*TWO, "--limit_batches", "1"]) == 0
    return job / "last.pt"


def test_a_moved_run_brings_its_best_weights_along(job, trained, tmp_path):
    before = checkpoint.load(job / "best.pt")
    moved = tmp_path / "moved"
    job.rename(moved)
    assert main_trainer.main([*TWO, "--limit_batches", "1", "--resume", str(moved / "last.pt")]) == 0
    assert_equal(checkpoint.load(job / "best.pt"), before)
    (moved / "best.pt").unlink()
    (job / "best.pt").unlink()
    assert main_trainer.main([*TWO, "--limit_batches", "1", "--resume", str(moved / "last.pt")]) == 2
