"""Every line of Scripts.txt runs, shrunk to a handful of faces: FER+'s own, and small copies of the licensed databases."""

import json
import os
import shlex
import shutil
from pathlib import Path

import official_trees as trees
import pytest
from processes import TORCHRUN, finish, start
from processes import TRAINER as TRAINER_PATH
from small_job import write_artefacts

import main_trainer
from pre_processing import emotions, prepare
from report import facts
from training import folds, options, results
from training.cells import SCRIPTS, TRAINER, commands

TEXT = SCRIPTS.read_text(encoding="utf-8")
LINES = TEXT.splitlines()
FOLDS, TOGETHER = "python -m training.folds ", "torchrun --standalone "
COMMANDS, FOLD_COMMANDS = commands(TEXT), commands(TEXT, FOLDS)
TOGETHER_COMMANDS = [["--standalone", *command] for command in commands(TEXT, TOGETHER)]
PREPARE = [line.partition("python -m pre_processing.prepare ")[2] for line in LINES if "pre_processing.prepare" in line]
SHRINK = ["--limit_batches", "1", "--epochs", "1", "-b", "4", "-b_t", "8", "--imagesize", "64", "--scratch", "-j", "0"]
LIGHT = ["--backbone", "lite0", "--device", "cpu"]
LICENSED = {"A": ("affectnet", trees.affectnet_full), "R": ("rafdb", trees.rafdb), "C": ("ckplus", trees.ckplus)}


def of_database(letters, commands=COMMANDS):
    return [command for command in commands if options.build_parser().parse_args(command).DB in letters]


@pytest.fixture
def job(small_ferplus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.makedirs("data")
    small_ferplus.rename("data/ferplus")
    for lists in ("Results", "data/ferplus-duplicates"):
        write_artefacts(Path("data/ferplus"), Path(lists))


def prepared(db, folder):
    """The database as Scripts.txt says where it lies, prepared by the command that stands there."""
    name, build = LICENSED[db]
    tree = build(folder)
    os.makedirs("data", exist_ok=True)
    tree.root.rename(Path("data", name))
    (line,) = (line for line in PREPARE if f"--DB {db} " in line)
    assert prepare.main([*shlex.split(line), "-j", "1"]) == 0


def test_there_is_nothing_but_commands_and_comments():
    assert COMMANDS
    assert FOLD_COMMANDS
    assert TOGETHER_COMMANDS
    for before, line in zip(["", *LINES], LINES, strict=False):
        assert not line or line.startswith(("#", TRAINER, FOLDS, TOGETHER))
        if line.startswith(("python", "torchrun")):
            assert before.startswith("# "), f"what and how long is this: {line}"


def combinations(letter):
    chosen = [options.build_parser().parse_args(command) for command in of_database(letter)]
    return {(c.model, c.backbone, c.num_classes, c.condition) for c in chosen if not c.evaluate}


def test_every_combination_is_there():
    for condition in ("masked", "unmasked"):
        for wanted in (("gacnn", "lite0", 7), ("gacnn", "lite0", 4), ("pacnn", "lite0", 7), ("cnn", "lite0", 7),
                       ("gacnn", "vgg16", 7), ("pacnn", "vgg16", 7), ("gacnn", "vgg16", 4), ("pacnn", "vgg16", 4)):  # fmt: skip
            assert (*wanted, condition) in combinations("F")
        for letter in LICENSED:
            for classes in (4, 7):
                assert ("gacnn", "vgg16", classes, condition) in combinations(letter)
                assert ("pacnn", "vgg16", classes, "masked") in combinations(letter)


def test_every_line_names_what_its_prepare_command_makes():
    """Roots of the lines are those of the prepare command, masked where the faces are."""
    made = {}
    for line in PREPARE:
        chosen = prepare.build_parser().parse_args(shlex.split(line))
        made[chosen.DB, chosen.out] = {"unmasked": chosen.root_path, "masked": chosen.masked_root}
    together = [command[command.index("main_trainer.py") + 1 :] for command in TOGETHER_COMMANDS]
    for command in COMMANDS + FOLD_COMMANDS + together:
        chosen = options.build_parser().parse_args(command)
        bare = chosen.mask_kinds or chosen.test_mask_kinds
        assert chosen.root_path == made[chosen.DB, chosen.main_folder]["unmasked" if bare else chosen.condition]


def run(command):
    chosen = options.parse(command)
    shrink = [word for word in SHRINK if word != "--scratch" or not chosen.init_from]
    assert main_trainer.main([*command, *shrink]) == 0
    name = {7: "Seven", 4: "Four"}[chosen.num_classes]
    database = emotions.DATABASES[chosen.DB]
    base = Path("Results", f"{chosen.condition.capitalize()}Datasets", database, f"{name}Emotions")
    found = [json.loads(path.read_text()) for path in base.glob("runs/*/metrics.json")]
    assert any(shlex.join(command) in figures["command"] for figures in found)
    assert (base / "metrics.json").is_file() >= chosen.publish
    if chosen.backbone == "vgg16":  # half a gigabyte and more
        weights = results.checkpoint_dir(chosen)
        assert (weights / "best.pt").is_file()
        if any((weights / "best.pt").as_posix() in other for other in COMMANDS):  # a later line tests it
            (weights / "last.pt").unlink(missing_ok=True)
        else:
            shutil.rmtree(weights)


def test_lines_for_a_cpu_run_in_their_order(job):
    for command in of_database("FD"):
        if "vgg16" not in shlex.join(command):
            run(command)


@pytest.mark.slow
def test_lines_for_a_gpu_run(job):
    for command in of_database("F"):
        if "vgg16" in shlex.join(command):
            run(command)


@pytest.mark.slow
def test_lines_for_several_gpus_run(job):
    for command in TOGETHER_COMMANDS:
        at = command.index("main_trainer.py")
        done = finish(start(*TORCHRUN, *command[:at], *TRAINER_PATH, *command[at + 1 :], *SHRINK, *LIGHT))
        assert done.returncode == 0, done.stderr
        (file,) = Path("Results").glob("*/*/*/runs/*/metrics.json")
        figures = json.loads(file.read_text())
        assert figures["command"].startswith(f"torchrun --nproc_per_node 2 {shlex.join(command[at:])}")
        shutil.rmtree("checkpoint_ferplus")


@pytest.mark.slow
@pytest.mark.parametrize("db", LICENSED)
def test_lines_for_licensed_databases_run(db, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepared(db, tmp_path)
    for command in of_database(db):
        run(command)


@pytest.mark.slow
def test_the_line_for_ferplus_trains_on_licensed_faces_as_the_readme_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepared("R", tmp_path)
    line = facts.main_command(SCRIPTS)
    for before, after in (("data/ferplus --DB F", "data/rafdb --DB R"), (" --targets votes", ""), (" --publish", "")):
        assert before in line
        line = line.replace(before, after)
    small = ["--limit_batches", "1", "--epochs", "1", "-b", "4", "-j", "0", "--device", "cpu"]
    assert main_trainer.main([*line.split()[2:], "--init_from", "gacnn-lite0-7", *small]) == 0


@pytest.mark.slow
def test_lines_for_folds_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepared("C", tmp_path)
    for command in FOLD_COMMANDS:
        assert folds.main([*command, *SHRINK, "--backbone", "lite0"]) == 0
        chosen = options.parse(command)
        base = Path("Results", f"{chosen.condition.capitalize()}Datasets", "CKplus", "SevenEmotions", "runs")
        (found,) = (json.loads(path.read_text()) for path in base.glob("*-10folds/metrics.json"))
        assert len(found["folds"]) == 10
