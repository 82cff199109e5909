"""Two processes do what one does: same batches, same losses, each face tested once, one writer, one message."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from processes import ROOT, TORCHRUN, TRAINER, alone, complaints, finish, free_port, start, together
from small_job import TINY, make_job

from pre_processing.artefacts import InputError
from training import batches, checkpoint, distributed, folds

BASE = Path("Results/UnmaskedDatasets/FERPlus/SevenEmotions/runs")
# Statistics of a frozen backbone do not change, so nothing depends on how a batch is cut.
EXACT = [*TINY, "--root_path", "data/faces", "-b", "8", "--end2end", "False", "--epochs", "2", "--ema", "0.9"]
WORKER = [str(Path(__file__).with_name("distributed_worker.py"))]
NOISY = [*TINY, "--root_path", "data/faces", "-b", "8", "--model", "gacnn", "--num_regions", "20", "--ema", "0.9"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One job trained by one process and by two."""
    folder = make_job(tmp_path_factory.mktemp("trained"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = {"one": alone(*EXACT, "--tag", "one"), "two": together(*EXACT, "--tag", "two", "-j", "1")}
    for run in done.values():
        assert run.returncode == 0, run.stderr
    return folder, done


def folder_of(tag, model="cnn"):
    return BASE / f"{model}-lite0-s0-{tag}"


def weights(tag, name="last.pt", model="cnn"):
    return checkpoint.load(Path(f"checkpoint_ferplus/7U-{model}-lite0-s0-{tag}", name))


def log(tag, model="cnn"):
    return [json.loads(line) for line in (folder_of(tag, model) / "log.jsonl").read_text().splitlines()]


def assert_close(one, other, tolerance):
    assert one.keys() == other.keys()
    for key in one:
        assert torch.allclose(one[key].double(), other[key].double(), rtol=tolerance, atol=tolerance), key


@pytest.mark.slow
def test_losses_and_weights_are_those_of_one_process(trained, monkeypatch):
    monkeypatch.chdir(trained[0])
    for one, two in zip(log("one"), log("two"), strict=True):
        for key in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "lr"):
            assert one[key] == pytest.approx(two[key], rel=1e-5), key
    for part in ("model", "average"):
        assert_close(weights("one")[part], weights("two")[part], 1e-5)


@pytest.mark.slow
def test_each_face_is_tested_once_in_the_lists_order(trained, monkeypatch):
    monkeypatch.chdir(trained[0])
    one, two = (pd.read_csv(folder_of(tag) / "predictions.csv.gz") for tag in ("one", "two"))
    assert one["path"].is_monotonic_increasing
    assert one.drop(columns=[name for name in one if name.startswith("p_")]).equals(two[[*list(one)[:3], "certain"]])
    shares = [name for name in one if name.startswith("p_")]
    assert np.abs(one[shares] - two[shares]).max().max() < 2e-4
    figures = [json.loads((folder_of(tag) / "metrics.json").read_text()) for tag in ("one", "two")]
    assert figures[0]["confusion"] == figures[1]["confusion"]
    assert figures[1]["n"] == 14


@pytest.mark.slow
def test_only_the_first_process_speaks_and_writes(trained, monkeypatch):
    monkeypatch.chdir(trained[0])
    said = trained[1]["two"].stdout
    assert said == (folder_of("two") / "7Uoutput.txt").read_text()
    assert "2 processes with 4 faces each" in said
    assert "Warning" not in trained[1]["two"].stderr
    assert re.findall(r"^epoch +(\d)", said, re.MULTILINE) == ["1", "2"]
    assert len(list((folder_of("two") / "tensorboard").iterdir())) == 1
    names = {path.name for path in folder_of("two").iterdir()}
    assert names == {path.name for path in folder_of("one").iterdir()}


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(make_job(tmp_path_factory.mktemp("looked")))
        done = together("look", script=WORKER)
        assert done.returncode == 0, done.stderr
        return [json.loads(Path(f"rank{rank}.json").read_text()) for rank in (0, 1)]


def test_slices_of_all_processes_are_the_batches_of_one(looked, job):
    from test_data import faces

    whole = batches.Batches(faces(Path.cwd()), 8, 0.5, torch.Generator().manual_seed(7))
    pieces = [left + right for left, right in zip(*(one["batches"] for one in looked), strict=True)]
    assert [[tuple(key) for key in batch] for batch in pieces] == list(whole)
    assert all(len(one["batches"][0]) == 4 for one in looked)


def test_network_average_and_batch_statistics_are_the_same_in_all_processes(looked):
    assert looked[0]["sums"] == looked[1]["sums"]
    assert looked[0]["loss"] == looked[1]["loss"]
    assert looked[0]["noise"] != looked[1]["noise"]


def test_test_masks_are_noted_by_one_process(looked):
    assert [one["noted"] for one in looked] == [1, 0]


def test_merged_rows_are_exact_and_a_doubled_face_is_noticed(looked):
    everyone = np.arange(9)
    for one in looked:
        assert one["merged"]["index"] == everyone.tolist()
        assert one["merged"]["certain"] == (everyone % 3 == 0).tolist()
        assert one["merged"]["probabilities"] == (everyone[:, None] / np.float32([[7, 9]])).tolist()
        assert one["doubled"] == "2 of 4 faces not evaluated, 2 repeatedly"


@pytest.mark.slow
def test_masks_put_on_in_training_are_those_of_one_process(job):
    masks = ["--mask_kinds", "seen", "--mask_share", "0.7", "-j", "1"]
    assert alone(*EXACT, *masks, "--tag", "one").returncode == together(*EXACT, *masks, "--tag", "two").returncode == 0
    folders = [Path(str(folder_of(tag)).replace("Unmasked", "Masked")) for tag in ("one", "two")]
    logs = [[json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()] for folder in folders]
    for one, two in zip(*logs, strict=True):
        for key in ("train_loss", "valid_loss"):
            assert one[key] == pytest.approx(two[key], rel=1e-5)
    one, two = (json.loads((folder / "metrics.json").read_text())["test_masks"] for folder in folders)
    assert one == two


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(alone, together), (together, alone)])
def test_a_run_goes_on_under_another_number_of_processes(trained, monkeypatch, before, after):
    monkeypatch.chdir(trained[0])
    tag = f"{before.__name__}-{after.__name__}"
    assert before(*EXACT, "--epochs", "1", "--tag", tag).returncode == 0
    done = after(*EXACT, "--tag", tag, "--resume", "auto")
    assert done.returncode == 0, done.stderr
    assert "going on after epoch 1" in done.stdout
    assert_close(weights(tag)["model"], weights("one")["model"], 1e-5)
    assert len(log(tag)) == 2


@pytest.mark.slow
def test_two_processes_go_on_where_one_was_stopped_within_an_epoch(trained, monkeypatch):
    monkeypatch.chdir(trained[0])
    worker = str(Path(__file__).with_name("survival_worker.py"))
    assert finish(start(sys.executable, worker, "SIGINT", "step:5", *EXACT, "--tag", "within")).returncode == 130
    done = together(*EXACT, "--tag", "within", "--resume", "auto")
    assert done.returncode == 0, done.stderr
    assert "going on after step 2 of epoch 2" in done.stdout
    for one, two in zip(log("one"), log("within"), strict=True):
        for key in ("train_loss", "train_accuracy", "valid_loss", "lr"):
            assert one[key] == pytest.approx(two[key], rel=1e-5), key
    for part in ("model", "average"):
        assert_close(weights("one")[part], weights("within")[part], 1e-5)


@pytest.mark.slow
def test_two_processes_go_on_bit_for_bit(job):
    assert together(*NOISY, "--epochs", "2", "--tag", "whole").returncode == 0
    assert together(*NOISY, "--epochs", "1", "--tag", "cut").returncode == 0
    assert together(*NOISY, "--epochs", "2", "--tag", "cut", "--resume", "auto").returncode == 0
    whole, cut = weights("whole", model="gacnn"), weights("cut", model="gacnn")
    for part in ("model", "average"):
        assert all(torch.equal(whole[part][key], cut[part][key]) for key in whole[part])


@pytest.mark.slow
def test_gradients_of_a_whole_network_are_those_of_one_process(job):
    """VGG16 has no batch normalisation, and the control no dropout."""
    command = [*EXACT, "--end2end", "True", "--backbone", "vgg16", "--precision", "fp32", "--epochs", "1",
               "--limit_batches", "2"]  # fmt: skip
    assert alone(*command, "--tag", "one").returncode == together(*command, "--tag", "two").returncode == 0
    one, two = (checkpoint.load(Path(f"checkpoint_ferplus/7U-cnn-vgg16-s0-{tag}/last.pt")) for tag in ("one", "two"))
    assert_close(one["model"], two["model"], 1e-5)
    shutil.rmtree("checkpoint_ferplus")


@pytest.mark.slow
def test_what_is_bad_for_all_is_said_once(job):
    done = together(*EXACT, "--root_path", "data/none")
    assert done.returncode != 0
    assert complaints(done) == ["data/none: no such folder; give --root_path the folder that holds the faces"]
    assert done.stdout == ""


@pytest.mark.parametrize("batch_size", [1, 4, 7])
def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch, batch_size):
    monkeypatch.setattr(distributed, "size", lambda: 3)
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    assert distributed.share(9) == slice(3, 6)
    with pytest.raises(InputError, match="give a multiple of 3, 6 at least"):
        distributed.share(batch_size)


def test_folds_are_one_process(monkeypatch):
    monkeypatch.setattr(distributed, "size", lambda: 2)
    with pytest.raises(InputError, match=r"training\.folds is one process"):
        folds.train([])


@pytest.mark.slow
def test_an_error_of_one_process_ends_all_with_one_line(job):
    done = together("fail_alone", script=WORKER)
    assert done.returncode != 0
    assert complaints(done) == ["face.png: not a readable image"]


@pytest.mark.slow
def test_a_process_that_is_killed_ends_all_and_the_last_epoch_stays(job):
    done = together("lose", script=WORKER)
    assert done.returncode != 0
    assert len(complaints(done)) <= 1  # torchrun may be quicker to end the other process than that is to notice
    assert "SIGKILL" in done.stderr
    (last,) = Path("checkpoint_ferplus").rglob("last.pt")
    assert checkpoint.load(last)["epoch"] == 1


def of_readme(beginning: str, instead: dict[str, str], *launcher: str) -> list[list[str]]:
    """Lines of training/README.md that begin so, as commands: words replaced, options of torchrun and of EXACT added."""
    commands = []
    for line in (ROOT / "training/README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith(beginning):
            torchrun, argv = line.removeprefix("torchrun ").split("main_trainer.py")
            torchrun = [instead.get(word, word) for word in torchrun.split()]
            commands.append([*TORCHRUN, *torchrun, *launcher, *TRAINER, *argv.split(), *EXACT])
    return commands


@pytest.mark.slow
def test_the_readmes_line_for_one_machine_runs(trained, monkeypatch):
    monkeypatch.chdir(trained[0])
    (command,) = of_readme("torchrun --standalone", {})
    done = finish(start(*command, "--tag", "readme"))
    assert done.returncode == 0, done.stderr
    assert_close(weights("readme")["model"], weights("one")["model"], 1e-5)


@pytest.mark.slow
def test_the_readmes_two_nodes_train_together(trained, monkeypatch):
    """Both nodes are this machine, with one process each: two agents of torchrun."""
    monkeypatch.chdir(trained[0])
    here = {"node0": "127.0.0.1", "29500": str(free_port())}
    commands = of_readme("torchrun --nnodes", here, "--nproc_per_node", "1")
    assert len(commands) == 2
    agents = [start(*command, "--tag", "nodes") for command in commands]
    ended = [finish(agent) for agent in agents]
    assert [done.returncode for done in ended] == [0, 0], [done.stderr for done in ended]
    assert_close(weights("nodes")["model"], weights("one")["model"], 1e-5)
