"""Training that starts with the weights of another network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from small_job import MASKED, ONE

import main_trainer
import models
from training import checkpoint

FIRST = "checkpoint_ferplus/7U-cnn-lite0-s0/best.pt"


def test_it_starts_where_the_other_ended(job, capsys):
    assert main_trainer.main([*ONE, "--condition", "unmasked"]) == 0
    from_there = [arg for arg in MASKED if arg != "--scratch"] + ["--init_from", FIRST, "--seed", "1", "--lr", "0"]
    assert main_trainer.main(from_there) == 0
    first, second = (
        checkpoint.load(Path(path)) for path in (FIRST, FIRST.replace("7U-cnn-lite0-s0", "7M-cnn-lite0-s1"))
    )
    learned = [
        name for name in first["model"] if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    ]
    assert len(learned) > 100
    assert all(torch.equal(first["model"][name], second["model"][name]) for name in learned)
    run = Path("Results/MaskedDatasets/FERPlus/SevenEmotions/runs/cnn-lite0-s1/metrics.json")
    told = json.loads(run.read_text())
    assert told["init_from_sha256"] == second["init_from_sha256"]
    assert "pretrained" not in told

    capsys.readouterr()
    Path(FIRST).unlink()
    plainly = [*MASKED, "--seed", "1", "--lr", "0", "--epochs", "2", "--resume", "auto"]
    assert main_trainer.main(plainly) == 2
    assert f"--init_from {FIRST}" in capsys.readouterr().err
    assert main_trainer.main([*from_there, "--epochs", "2", "--resume", "auto"]) == 0, (
        "it needs its first weights no more"
    )
    assert main_trainer.main([*from_there, "--overwrite"]) == 2
    assert "no such checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize("size", [112, 160])
def test_it_starts_with_shipped_weights_at_any_size_of_faces(size, job):
    shipped = [
        "--root_path",
        "data/faces",
        "--condition",
        "unmasked",
        "--epochs",
        "1",
        "--limit_batches",
        "1",
        "-b",
        "7",
        "-j",
        "0",
        "--imagesize",
        str(size),
    ]
    assert main_trainer.main([*shipped, "--init_from", "gacnn-lite0-7", "--lr", "0", "--device", "cpu"]) == 0
    learned, weights = (
        checkpoint.load(Path("checkpoint_ferplus/7U-gacnn-lite0-s0/best.pt"))["model"],
        models.resized(models.load_pretrained("gacnn-lite0-7"), size),
    )
    assert all(torch.equal(learned[name], tensor) for name, tensor in weights.named_parameters())


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--init_from", FIRST], "one of the two"),
        (["--init_from", FIRST, "-e", "--resume", FIRST], "trains nothing"),
        (["--init_from", FIRST, "--no-scratch"], "7U-cnn-lite0-s0/best.pt: no such checkpoint"),
        (["--init_from", "gacnn-lite0-7", "--no-scratch"], "--model gacnn"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(job, more, named, capsys):
    argv = [*MASKED, *more]
    if "--no-scratch" in argv:
        argv = [arg for arg in argv if "scratch" not in arg]
    assert main_trainer.main(argv) == 2
    error = capsys.readouterr().err.strip()
    assert named in error
    assert "\n" not in error
