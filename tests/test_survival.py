"""Runs that are killed end as if nothing had happened; whatever else goes wrong is one line and costs no checkpoint."""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import random
import re
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from processes import TORCHRUN, TRAINER, alone, finish, start
from small_job import TINY, make_job
from small_weights import content_of
from test_checkpoint import RUN, WEIGHTS, assert_equal

import main_trainer
from training import batches, checkpoint, engine, progress

THREE = [*TINY, "--root_path", "data/faces", "--epochs", "3", "--ema", "0.9", "--schedule", "cosine"]
STEPS = 3 * 4  # of THREE
GO_ON = [*THREE, "--resume", "auto"]
LONGER = [*GO_ON, "--schedule", "exponential"]  # cosine's number of epochs stays
WORKER = str(Path(__file__).with_name("survival_worker.py"))


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.chdir(make_job(tmp_path))
    return tmp_path / WEIGHTS


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """(last.pt, best.pt, predictions.csv.gz) of a run that nothing happened to.

    Like the others it is a process of its own: with another number of threads, sums are rounded otherwise.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(make_job(tmp_path_factory.mktemp("undisturbed")))
        assert alone(*THREE).returncode == 0
        return *(checkpoint.load(Path(WEIGHTS, name)) for name in ("last.pt", "best.pt")), predictions()


def predictions() -> bytes:
    return (RUN / "predictions.csv.gz").read_bytes()


def signalled(what, moments, *argv):
    return finish(start(sys.executable, WORKER, what, moments, *argv))


def assert_undisturbed(job, undisturbed):
    for name, wanted in zip(("last.pt", "best.pt"), undisturbed, strict=False):
        found = checkpoint.load(job / name)
        assert_equal({**found, "config": None}, {**wanted, "config": None})
    assert predictions() == undisturbed[2]
    assert [json.loads(line)["epoch"] for line in (RUN / "log.jsonl").read_text().splitlines()] == [1, 2, 3]
    assert {path.name for path in job.iterdir()} == {"last.pt", "best.pt"}  # nothing half-written is left lying


@pytest.mark.slow
def test_a_run_killed_at_random_steps_ends_with_the_same_weights(job, undisturbed):
    rng, killed = random.Random(5), 0
    for _ in range(3):
        # Each start goes on from an epoch's end; counting from there hits any epoch that is left.
        done = signalled("SIGKILL", f"step:{rng.randint(1, STEPS // 2)}", *GO_ON)
        killed += done.returncode == -signal.SIGKILL
        assert done.returncode in (-signal.SIGKILL, 0)
    assert killed >= 2
    assert alone(*GO_ON).returncode == 0
    assert_undisturbed(job, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 3, 5, 6])
def test_a_run_killed_while_it_writes_ends_with_the_same_weights(job, undisturbed, number):
    assert signalled("SIGKILL", f"write:{number}", *GO_ON).returncode == -signal.SIGKILL
    assert alone(*GO_ON).returncode == 0
    assert_undisturbed(job, undisturbed)


SECOND_EPOCH = random.Random(8).randint(5, 8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "kept"),
    [
        (f"step:{SECOND_EPOCH}", f"step {SECOND_EPOCH - 4} of epoch 2"),
        ("step:2", "step 2 of epoch 1"),
        ("validation:1", "step 4 of epoch 1"),
        ("save:3", "epoch 2"),  # written to its end, with best.pt where that follows
    ],
)
def test_ctrl_c_keeps_every_step_and_says_how_to_go_on(job, undisturbed, moment, kept):
    done = signalled("SIGINT", moment, *THREE)
    assert done.returncode == 130
    assert done.stdout.splitlines()[-1] == f"stopped, all up to {kept} is kept: go on with --resume auto"
    assert "Traceback" not in done.stderr
    assert alone(*GO_ON).returncode == 0
    assert_undisturbed(job, undisturbed)


@pytest.mark.slow
def test_a_second_ctrl_c_while_saving_leaves_what_was_saved(job, undisturbed):
    done = signalled("SIGINT", "step:6,save:3", *THREE)  # after last.pt and best.pt of the first epoch
    assert done.returncode == 130
    said = "stopped, all up to epoch 1 is kept, what was done since is lost: go on with --resume auto"
    assert done.stdout.splitlines()[-1] == said
    assert checkpoint.load(job / "last.pt")["progress"] == {}
    assert {path.name for path in job.iterdir()} == {"last.pt", "best.pt"}
    assert alone(*GO_ON).returncode == 0
    assert_undisturbed(job, undisturbed)


@pytest.mark.slow
def test_ctrl_c_at_a_terminal_reaches_loading_processes_too(job):
    process = start(sys.executable, *TRAINER, *THREE, "-j", "2", "--epochs", "1000", "--patience", "1000",
                    start_new_session=True)  # fmt: skip
    wait_for(job / "last.pt", process)
    os.killpg(process.pid, signal.SIGINT)
    done = finish(process)
    assert done.returncode == 130
    assert done.stderr == ""
    assert re.fullmatch(r"stopped, all up to .* is kept: go on with --resume auto", done.stdout.splitlines()[-1])


def test_a_loading_process_says_nothing_of_a_trainer_that_is_gone(monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    before = signal.getsignal(signal.SIGINT)
    try:
        progress.leave_ctrl_c(0)
    finally:
        signal.signal(signal.SIGINT, before)
    for error in (ConnectionResetError("reset by peer"), BrokenPipeError(), EOFError()):
        sys.excepthook(type(error), error, None)
    assert capsys.readouterr().err == ""
    sys.excepthook(ValueError, ValueError("a face is broken"), None)
    assert "ValueError: a face is broken" in capsys.readouterr().err


def wait_for(path, process):
    """Until the file is there; a run that has ended, or takes minutes, is ended with its children."""
    for _ in range(1200):
        if path.is_file():
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    pytest.fail(f"no {path}: {finish(process).stderr}")


@pytest.mark.slow
def test_ctrl_c_under_torchrun_is_the_same(job):
    """The terminal sends the signal to torchrun and to both processes."""
    command = [*THREE, "-b", "8", "--epochs", "1000", "--patience", "1000"]
    process = start(*TORCHRUN, "--standalone", "--nproc_per_node", "2", *TRAINER, *command, start_new_session=True)
    wait_for(job / "last.pt", process)
    os.killpg(process.pid, signal.SIGINT)
    done = finish(process)
    assert done.returncode != 0
    last = checkpoint.load(job / "last.pt")
    said = done.stdout.splitlines()[-1]
    assert said.startswith(f"stopped, all up to epoch {last['epoch']} is kept")
    assert said.endswith(": go on with --resume auto")
    assert done.stdout.count("go on with") == 1
    assert last["progress"] == {}


def test_resume_auto_starts_goes_on_and_repeats_only_the_test(job, capsys):
    assert main_trainer.main([*LONGER, "--epochs", "1"]) == 0
    assert "going on" not in capsys.readouterr().out
    assert main_trainer.main([*LONGER, "--epochs", "2"]) == 0
    assert f"going on after epoch 1 of {WEIGHTS}/last.pt" in capsys.readouterr().out
    before = predictions()
    assert main_trainer.main([*LONGER, "--epochs", "2"]) == 0
    assert "epoch   1" not in capsys.readouterr().out
    assert predictions() == before


def test_resume_auto_needs_a_name_to_evaluate(job, capsys):
    assert main_trainer.main([*GO_ON, "-e"]) == 2
    assert "--resume auto" in capsys.readouterr().err


@pytest.fixture
def begun(job):
    """A run with one epoch done; its last.pt as bytes."""
    assert main_trainer.main([*LONGER, "--epochs", "1"]) == 0
    return (job / "last.pt").read_bytes()


def assert_one_line(code, expected, capsys, argv=LONGER):
    assert main_trainer.main(argv) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert expected in line


def assert_kept(job, begun):
    assert (job / "last.pt").read_bytes() == begun
    assert {path.name for path in job.iterdir()} == {"last.pt", "best.pt"}


def test_a_full_disk_is_one_line_and_keeps_the_checkpoint(job, begun, capsys):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, limits[1]))
    try:
        assert_one_line(1, "is the disk full", capsys)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_kept(job, begun)
    assert main_trainer.main(LONGER) == 0
    assert [json.loads(line)["epoch"] for line in (RUN / "log.jsonl").read_text().splitlines()] == [1, 2, 3]


@pytest.mark.parametrize("name", ["log.jsonl", "7Uoutput.txt"])
def test_a_full_disk_met_by_a_small_file_is_one_line(job, begun, monkeypatch, name, capsys):
    real = engine.train_epoch

    def fill(*arguments):
        (RUN / name).unlink()
        (RUN / name).symlink_to("/dev/full")
        return real(*arguments)

    monkeypatch.setattr(engine, "train_epoch", fill)
    assert_one_line(1, "No space left", capsys)
    assert checkpoint.load(job / "last.pt")["epoch"] in (1, 2)


def test_a_line_that_the_full_disk_cut_off_is_dropped(job, begun):
    with open(RUN / "log.jsonl", "a") as handle:
        handle.write('{"epoch": 2, "lr')
    assert main_trainer.main(LONGER) == 0
    assert len((RUN / "log.jsonl").read_text().splitlines()) == 3


def test_a_loss_that_is_no_number_is_one_line_and_keeps_the_checkpoint(job, begun, monkeypatch, capsys):
    real = engine.train_step
    monkeypatch.setattr(engine, "train_step", lambda *all: (real(*all)[0] * math.nan, real(*all)[1]))
    assert_one_line(1, "the loss is nan in epoch 2", capsys)
    assert_kept(job, begun)


def test_a_loading_process_that_dies_is_one_line_and_keeps_the_checkpoint(job, begun, monkeypatch, capsys):
    real = engine.train_step

    def killer(*arguments):
        for child in multiprocessing.active_children():
            if "Loky" not in type(child).__name__:  # joblib's, idle since another test
                child.kill()
                child.join()
        return real(*arguments)

    monkeypatch.setattr(engine, "train_step", killer)
    monkeypatch.setitem(batches.READY, "prefetch_factor", 1)  # else all batches may be here before it dies
    assert_one_line(1, "a loading process died", capsys, [*LONGER, "-j", "1"])
    assert_kept(job, begun)


def test_the_state_of_the_loss_scale_is_kept(tmp_path):
    """fp16 on a GPU scales losses; the scale is part of what a run goes on with."""
    content = {
        "scale": 2.0**11,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 2000,
        "_growth_tracker": 7,
    }
    scaler = torch.amp.GradScaler("cpu", enabled=True)
    scaler.load_state_dict(content)
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    make = lambda scaler: engine.State(model, model, optimizer, schedule, scaler, None, torch.device("cpu"), "fp16")  # noqa: E731
    path = tmp_path / "scaled.pt"
    checkpoint.save(path, content_of(**make(scaler).state_dict()))
    fresh = torch.amp.GradScaler("cpu", enabled=True)
    make(fresh).load_state_dict(path, checkpoint.load(path))
    assert fresh.state_dict() == content
    assert np.isclose(fresh.get_scale(), 2.0**11)
    make(fresh).load_state_dict(path, {**checkpoint.load(path), "scaler": {}})  # a run that was not fp16 before
    assert fresh.state_dict() == content
