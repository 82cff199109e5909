"""Gates are measured on bare and masked faces, told by region and emotion; what they are is not tested."""

from __future__ import annotations

import json

import numpy as np
import pytest
import small_job
import torch
from small_weights import LATER, content_of, ship

import models
from models.regions import hidden_regions
from pre_processing.emotions import EMOTIONS
from training import checkpoint, door, gates, options
from training.checkpoint import plain


def leave(model: str, regions: int = 20, **more) -> list[str]:
    """A checkpoint of a small network whose gates differ by region, as options of training.gates; `more` goes into it."""
    torch.manual_seed(0)
    net = models.build(model, "lite0", num_regions=regions, imagesize=64, pretrained=False)
    if model != "cnn":
        net.patch_units.gate.out.bias.data = torch.linspace(-2, 2, regions).view(-1, 1, 1)
    chosen = options.parse(["--root_path", "data/faces", "--condition", "unmasked", "--model", model])
    checkpoint.save("best.pt", content_of(net, config=plain(vars(chosen)), **more))
    return ["best.pt", "-j", "0", "--device", "cpu"]


def test_gates_of_bare_and_masked_faces(job):
    assert gates.main(leave("gacnn")) == 0
    found = json.loads((job / "Results" / gates.FILE).read_text())
    assert (found["status"], found["train"], found["checkpoint"]) == ("run", "unmasked", "best.pt")
    for test in ("bare", "seen"):
        figures = found[test]
        assert figures["n"] == small_job.COUNTS["test"]
        assert figures["gates"] == pytest.approx(torch.linspace(-2, 2, 20).sigmoid().tolist(), abs=0.05)
        assert 0 < figures["global"] < 1
        parts = [figures["emotions"][name] for name in EMOTIONS]
        weighed = sum(part["n"] * np.array(part["gates"]) for part in parts) / figures["n"]
        assert weighed == pytest.approx(figures["gates"], abs=1e-3)
    assert found["bare"]["gates"] != found["seen"]["gates"]


def test_a_network_of_patches_has_no_gate_of_the_whole_face(job):
    assert gates.main(leave("pacnn", 24)) == 0
    figures = json.loads((job / "Results" / gates.FILE).read_text())["seen"]
    assert figures["global"] is None
    assert len(figures["gates"]) == 24


def test_shipped_weights_are_measured_where_the_faces_are(job):
    ship(job)
    argv = ["gacnn-lite0-7.safetensors", "--root_path", "data/faces", "-j", "0", "--device", "cpu"]
    assert gates.main(argv) == 0
    assert json.loads((job / "Results" / gates.FILE).read_text())["train"] == "both"


def test_regions_that_a_mask_hides():
    assert not any(hidden_regions(20))  # they were chosen so
    assert sum(hidden_regions(24)) == 10
    assert gates.parts([0.2, 0.4, 0.9], [False, False, True]) == {"visible": 0.3, "hidden": 0.9}
    assert gates.parts([0.2], [False])["hidden"] is None


def test_what_cannot_be_measured_is_said_in_a_line(job, capsys):
    for argv, word in ((leave("cnn"), "no gates"), ([], "CHECKPOINT"), (["none.pt"], "no such checkpoint")):
        assert gates.main(argv) == door.BAD_INPUT
        said = capsys.readouterr().err
        assert word in said
        assert said.count("\n") == 1


def test_another_epoch_than_the_best_is_not_measured(job, capsys):
    assert gates.main(leave("gacnn", **LATER)) == door.BAD_INPUT
    assert "give the best.pt beside it" in capsys.readouterr().err
    assert not (job / "Results" / gates.FILE).exists()


def test_gates_of_another_network_are_not_replaced_unasked(job, capsys):
    argv = leave("pacnn")
    for more in ([], []):  # the same network again
        assert gates.main([*argv, *more]) == 0
    before = (job / "Results" / gates.FILE).read_bytes()
    (job / "best.pt").rename("other.pt")
    assert gates.main(["other.pt", *argv[1:]]) == 2
    assert "holds the gates of best.pt; give --results FOLDER, or --overwrite" in capsys.readouterr().err
    assert (job / "Results" / gates.FILE).read_bytes() == before
    assert gates.main(["other.pt", *argv[1:], "--overwrite"]) == 0
    assert json.loads((job / "Results" / gates.FILE).read_text())["checkpoint"] == "other.pt"
