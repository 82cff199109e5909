"""Every line of Scripts.txt runs, shrunk to a handful of real faces."""

import json
import os
import shlex
from pathlib import Path

import pytest
from small_job import mask_root, write_artefacts

import main_trainer
from training import options

TEXT = (Path(main_trainer.__file__).parent / "Scripts.txt").read_text(encoding="utf-8")
LINES = TEXT.splitlines()
COMMANDS = [shlex.split(line)[2:] for line in LINES if line.startswith("python main_trainer.py ")]
SHRINK = ["--limit_batches", "1", "--epochs", "1", "-b", "4", "-b_t", "8", "--imagesize", "64", "--scratch", "-j", "0"]


@pytest.fixture
def job(small_ferplus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.makedirs("data")
    small_ferplus.rename("data/ferplus")
    mask_root(Path("data/ferplus"), Path("data/ferplus-masked"))
    write_artefacts(Path("data/ferplus"), Path("Results"))


def test_there_is_nothing_but_commands_and_comments():
    assert COMMANDS
    for before, line in zip(["", *LINES], LINES, strict=False):
        assert not line or line.startswith(("#", "python main_trainer.py "))
        if line.startswith("python"):
            assert before.startswith("# "), f"what and how long is this: {line}"


def test_every_combination_is_there():
    chosen = [options.build_parser().parse_args(command) for command in COMMANDS]
    found = {(c.model, c.backbone, c.num_classes, c.condition) for c in chosen if not c.evaluate}
    for condition in ("masked", "unmasked"):
        for wanted in (("gacnn", "lite0", 7), ("gacnn", "lite0", 4), ("pacnn", "lite0", 7), ("cnn", "lite0", 7),
                       ("gacnn", "vgg16", 7), ("pacnn", "vgg16", 7)):  # fmt: skip
            assert (*wanted, condition) in found


def run(command):
    chosen = options.parse(command)
    assert main_trainer.main([*command, *SHRINK]) == 0
    name = {7: "Seven", 4: "Four"}[chosen.num_classes]
    base = Path("Results", f"{chosen.condition.capitalize()}Datasets", "FERPlus", f"{name}Emotions")
    found = [json.loads(path.read_text()) for path in base.glob("runs/*/metrics.json")]
    assert any(shlex.join(command) in figures["command"] for figures in found)
    assert (base / "metrics.json").is_file() >= chosen.publish


def test_lines_for_a_cpu_run_in_their_order(job):
    for command in COMMANDS:
        if "vgg16" not in command:
            run(command)


@pytest.mark.slow
def test_lines_for_a_gpu_run(job):
    for command in COMMANDS:
        if "vgg16" in command:
            run(command)
