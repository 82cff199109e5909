"""Checkpoints hold plain values, appear whole, and go on bit for bit."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_job import TINY, make_job
from small_weights import content_of, make_checkpoint

import main_trainer
import models
from pre_processing.artefacts import InputError
from training import checkpoint, contents, data, engine, options, run

RUN = Path("Results/UnmaskedDatasets/FERPlus/SevenEmotions/runs/cnn-lite0-s0")
WEIGHTS = "checkpoint_ferplus/7U-cnn-lite0-s0"
TWO = [*TINY, "--root_path", "data/faces", "--epochs", "2", "--schedule", "cosine", "--ema", "0.9", "--overwrite"]
TAUGHT = ["--mask_kinds", "seen", "--condition", "unmasked"]  # masks in training, none in the test


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.chdir(make_job(tmp_path))
    return tmp_path / WEIGHTS


def stop_after(monkeypatch, steps):
    """Ctrl-C while the run waits for its next batch."""
    real, done = engine.Clock.watch, []

    def watch(self, batches):
        for batch in real(self, batches):
            if len(done) == steps:
                raise KeyboardInterrupt
            yield batch
            done.append(1)
        if len(done) == steps:
            raise KeyboardInterrupt

    monkeypatch.setattr(engine.Clock, "watch", watch)


def log():
    """log.jsonl without times."""
    lines = [json.loads(line) for line in (RUN / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "images_per_second", "waiting")} for line in lines]


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


@pytest.mark.parametrize(
    ("more", "steps", "kept"),
    [
        (["--optimizer", "sgd", "-j", "0"], 6, "step 2 of epoch 2"),
        (["--optimizer", "adamw", "-j", "0"], 8, "step 4 of epoch 2"),  # validation is what is left of it
        (["--optimizer", "adamw", "-j", "1"], 3, "step 3 of epoch 1"),
        ([*TAUGHT, "--teacher", "teacher/best.pt", "-j", "0"], 6, "step 2 of epoch 2"),
        ([*TAUGHT, "--consistency", "1", "-j", "1"], 3, "step 3 of epoch 1"),
    ],
)
def test_two_epochs_are_some_steps_a_stop_and_the_rest(job, monkeypatch, more, steps, kept, capsys):
    command = [*TWO, *more]
    make_checkpoint(Path("teacher/best.pt"), model="cnn")
    assert main_trainer.main(command) == 0
    whole, best = checkpoint.load(job / "last.pt"), checkpoint.load(job / "best.pt")
    predictions, wanted = (RUN / "predictions.csv.gz").read_bytes(), log()
    with monkeypatch.context() as patch:
        stop_after(patch, steps)
        assert main_trainer.main(command) == 130
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == f"stopped, all up to {kept} is kept: go on with --resume auto"
    assert checkpoint.load(job / "last.pt")["epoch"] == (steps >= 4)
    random.seed(99), np.random.seed(99), torch.manual_seed(99)
    real, seen = engine.train_step, []
    monkeypatch.setattr(engine, "train_step", lambda *all: (seen.append(1), real(*all))[1])
    assert main_trainer.main([*command, "--resume", "auto"]) == 0
    assert f"going on after {kept} of" in capsys.readouterr().out
    assert len(seen) == 8 - steps
    for before, after in ((whole, checkpoint.load(job / "last.pt")), (best, checkpoint.load(job / "best.pt"))):
        before.pop("config"), after.pop("config")
        assert_equal(before, after)
    assert (RUN / "predictions.csv.gz").read_bytes() == predictions
    assert log() == wanted


def test_dropout_goes_on_within_an_epoch(job, monkeypatch):
    command = [*TWO, "--model", "gacnn", "--num_regions", "20", "--epochs", "1"]
    last = Path(WEIGHTS.replace("cnn", "gacnn"), "last.pt")
    assert main_trainer.main(command) == 0
    whole = checkpoint.load(last)
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        assert main_trainer.main(command) == 130
    assert main_trainer.main([*command, "--resume", "auto"]) == 0
    assert_equal({**checkpoint.load(last), "config": None}, {**whole, "config": None})


def test_batches_already_seen_are_not_loaded_again(job, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 6)
        assert main_trainer.main(TWO) == 130
    looked, real = [], data.Faces.item
    monkeypatch.setattr(data.Faces, "item", lambda self, index: (looked.append(self.changing), real(self, index))[1])
    assert main_trainer.main([*TWO, "--resume", "auto"]) == 0
    assert sum(looked) == 2 * 7


@pytest.mark.parametrize(("changed", "named"), [(["-b", "5"], "--batch-size 7"), (["--balance", "1"], "--balance 0.5")])
def test_other_batches_do_not_go_on_within_an_epoch(job, monkeypatch, changed, named, capsys):
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        assert main_trainer.main(TWO) == 130
    assert main_trainer.main([*TWO, "--resume", "auto", *changed]) == 2
    assert f"was trained with {named}" in capsys.readouterr().err


def test_a_loss_that_is_no_number_is_not_saved_by_ctrl_c(job, monkeypatch, capsys):
    real = engine.train_step
    monkeypatch.setattr(engine, "train_step", lambda *all: (real(*all)[0] * np.nan, real(*all)[1]))
    stop_after(monkeypatch, 2)
    assert main_trainer.main(TWO) == 130
    assert capsys.readouterr().out.splitlines()[-1] == "stopped before anything was saved: start again"
    assert not list(job.iterdir())


def falling(monkeypatch, accuracies):
    """Validation finds these accuracies, by epoch."""
    real = run.Run.one_epoch

    def one_epoch(self):
        record = real(self)
        return {**record, "valid_accuracy": accuracies[record["epoch"] - 1]}

    monkeypatch.setattr(run.Run, "one_epoch", one_epoch)


def kill_before(monkeypatch, name, number):
    """The run ends when it is to write a file of this name for the `number`-th time."""
    real, calls = checkpoint.save, []

    def save(path, content):
        calls.append(path.name)
        if path.name == name and calls.count(name) == number:
            raise OSError("killed")
        real(path, content)

    monkeypatch.setattr(checkpoint, "save", save)


def assert_tested(job, epoch, weights):
    assert json.loads((RUN / "metrics.json").read_text())["best_epoch"] == epoch
    best = checkpoint.load(job / "best.pt")
    assert (best["epoch"], best["best_epoch"]) == (epoch, epoch)
    assert_equal(best["model"], weights)


@pytest.mark.parametrize("number", [1, 2])
def test_a_kill_before_best_pt_costs_no_best_weights(job, monkeypatch, number):
    """What goes on then may find other accuracies, as other numbers of processes do: here, worse ones."""
    falling(monkeypatch, [0.3, 0.4, 0.1])
    with monkeypatch.context() as patch:
        kill_before(patch, "best.pt", number)
        assert main_trainer.main([*TWO, "--epochs", "3"]) == 1
    last = checkpoint.load(job / "last.pt")
    assert last["best_epoch"] == last["epoch"] == number
    falling(monkeypatch, [0.3, 0.2, 0.1])
    assert main_trainer.main([*TWO, "--epochs", "3", "--resume", "auto"]) == 0
    assert_tested(job, number, last["average"])
    assert checkpoint.load(job / "best.pt").keys() >= {*contents.ORIGINS}


def test_a_best_pt_of_an_epoch_that_last_pt_does_not_know_is_not_tested(job, monkeypatch):
    """So a kill left them when best.pt was written first; the weights of epoch 1 are lost."""
    command = [*TWO, "--schedule", "exponential"]  # more epochs change no rate
    falling(monkeypatch, [0.5, 0.4, 0.6])
    assert main_trainer.main([*command, "--epochs", "3"]) == 0
    newer = (job / "best.pt").read_bytes()
    assert main_trainer.main(command) == 0
    (job / "best.pt").write_bytes(newer)
    falling(monkeypatch, [0.5, 0.4, 0.3])
    assert main_trainer.main([*command, "--epochs", "3", "--resume", "auto"]) == 0
    assert_tested(job, 3, checkpoint.load(job / "last.pt")["average"])
    assert json.loads((RUN / "metrics.json").read_text())["valid_accuracy"] == 0.3


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
    checkpoint.save(path, content_of(epoch=1))

    def broken(content, target):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.save(path, {"epoch": 2})
    assert checkpoint.load(path)["epoch"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


def test_what_is_tested_is_the_average_where_there_is_one():
    network = models.build("cnn", "lite0", imagesize=64, pretrained=False)
    content = {"model": network.state_dict(), "model_config": network.config, "average": None}
    assert_equal(checkpoint.tested_network(Path("a.pt"), content).state_dict(), content["model"])
    content["average"] = {name: value + 1 for name, value in content["model"].items()}
    tested = checkpoint.tested_network(Path("a.pt"), content)
    assert_equal(tested.state_dict(), content["average"])
    assert not tested.training


@pytest.mark.parametrize("odd", [{"model": "acnn"}, {"depth": 3}, {"num_classes": -7}, {"backbone": "vgg16"}])
def test_a_network_that_is_none_of_ours_is_refused_in_one_line(odd):
    network = models.build("cnn", "lite0", imagesize=64, pretrained=False)
    content = {"model": network.state_dict(), "model_config": {**network.config, **odd}}
    with pytest.raises(InputError, match=r"^a\.pt: [^\n]*$"):
        checkpoint.tested_network(Path("a.pt"), content)


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
        (["--lr", "0.5"], "--lr 0.0"),
        (["--epochs", "3"], "was trained with --epochs 2, not 3; give --epochs 2, or start without --resume"),
        (["--weight-decay", "0.5"], "give --weight-decay 0.0"),
        (["--targets", "votes"], "--targets hard"),
        (["--mirror"], "leave --mirror out"),
    ],
)
def test_a_run_is_not_gone_on_with_as_another(job, trained, changed, expected, capsys):
    assert main_trainer.main([*TWO, "--resume", str(trained), *changed]) == 2
    error = capsys.readouterr().err.strip()
    assert expected in error
    assert "\n" not in error


def test_the_remedy_for_a_switch_is_one_that_exists(job):
    kept, changing = (options.parse([*TWO, "--mask_kinds", "seen", *more]) for more in (["--same_masks"], []))
    for asked, before, remedy in (
        (kept, changing, "leave --same_masks out, or"),
        (changing, kept, "give --same_masks, or"),
    ):
        asked.resume = Path("last.pt")
        with pytest.raises(InputError, match=remedy):
            checkpoint.check_same_run(asked, {"config": checkpoint.plain(vars(before))})


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A folder with a run of one batch an epoch, trained once for all tests that only read it."""
    folder = tmp_path_factory.mktemp("once")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(make_job(folder))
        assert main_trainer.main([*TWO, "--limit_batches", "1"]) == 0
    return folder


@pytest.fixture
def trained(job, once):
    shutil.copytree(once, Path(), dirs_exist_ok=True)
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


@pytest.mark.parametrize(
    "names", [["Happy", "Neutral"], ["Neutral", "Happy", "Angry", "Surprise", "Sad", "Fear", "Disgust", "Bored"]]
)
def test_emotions_in_another_order_are_refused(trained, names):
    checkpoint.save(trained, {**checkpoint.load(trained), "class_names": names})
    with pytest.raises(InputError, match=r"tells .* apart, not Neutral, Happy, Angry"):
        checkpoint.load(trained)


def test_a_run_that_goes_on_elsewhere_is_tested_as_it_was_trained(job, trained, monkeypatch):
    """On a processor where a new run would be in bf16."""
    monkeypatch.setattr(engine, "GAINS", {"lite0"})
    monkeypatch.setattr(engine, "processor_has_bf16", lambda: True)
    assert main_trainer.main([*TWO, "--limit_batches", "1", "--resume", str(trained)]) == 0
    found = json.loads((RUN / "metrics.json").read_text())
    assert (found["precision_trained"], found["precision_used"]) == ("fp32", "fp32")
