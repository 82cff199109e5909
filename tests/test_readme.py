"""The README promises only what is there: its commands parse, its table is made from the committed figures."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import study_job
from small_job import make_job
from small_weights import ship

import main_trainer
import models
from models import pretrained
from pre_processing import emotions, masks, prepare
from pre_processing.crop import FACTOR
from pre_processing.mask_files import load_kind
from prediction import command
from report import facts, table
from training import options, results

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "pre_processing/README.md", ROOT / "training/README.md"]
README = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SCRIPTS = (ROOT / "Scripts.txt").read_text(encoding="utf-8")
# FER+'s is written by training.weights, and tested with it.
CARDS = sorted(card for card in ROOT.glob("checkpoint_*/README.md") if card.parent.name != "checkpoint_ferplus")


def commands(text: str) -> list[str]:
    """Lines of all code blocks; what a command prints or a file holds is marked as text."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [line for language, block in blocks if not language for line in block.splitlines()]


COMMANDS = commands(README)


def test_every_command_is_one_that_is_checked_here() -> None:
    known = (
        "make ",
        "conda ",
        "pip install -r requirements.txt",
        "python -m pre_processing.",
        "torchrun ",
        "python main_trainer.py ",
        "python predict.py ",
        "python app.py",
    )
    assert COMMANDS
    assert all(line.startswith(known) for line in COMMANDS)


@pytest.mark.parametrize("target", ["see", "demo"])
def test_its_first_commands_print_what_is_shown(target: str) -> None:
    recipe = MAKEFILE.partition(f"\n{target}:")[2].partition("\n\n")[0].replace("$(DEMO)", "data/demo-results")
    said = "\n".join(re.findall(r'^\t@echo "(.*)"$', recipe, re.MULTILINE))
    if target == "see":  # predict.py gives another name where a file has this one
        assert re.search(rf"^\t@?rm -f {said.split()[-1]}\b[^|]*predict.py", recipe, re.MULTILINE)
    assert re.search(rf"```\nmake {target}\n```\n[^`]*(`[^`]+`[^`]*)*```text\n{re.escape(said)}\n```", README)


def test_what_preparing_and_training_end_with() -> None:
    ends = re.findall(r"```text\n(masked copies: .*)\n```", README)
    assert ends == [f"masked copies: {line.split('--masked_root ')[1].split()[0]}" for line in COMMANDS
                    if "--DB F --root_path data/ferplus --masked_root" in line or "prepare --DB A" in line]  # fmt: skip
    log = (ROOT / "Results/MaskedDatasets/FERPlus/SevenEmotions/7Moutput.txt").read_text(encoding="utf-8")
    assert re.sub(r"\d+\.\d", "…", log.splitlines()[-1]) == re.findall(r"^(accuracy ….*)$", README, re.M)[0]


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_make_targets_exist(line: str) -> None:
    assert re.search(rf"^{line.split()[1]}:", MAKEFILE, flags=re.MULTILINE)


def test_whatever_is_made_from_results_is_renewed_with_the_report() -> None:
    recipe = MAKEFILE.partition("\nreport:")[2].partition("\n\n")[0]
    assert re.findall(r"python -m (.*)", recipe) == [
        "training.analysis",
        "training.study_pictures",
        "report.table README.md",
        "training.weights --card",
        "report.build",
    ]


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_setup_refuses_other_pythons_and_clears_what_a_failed_try_left(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for minor in (10, 11, 13, 14):  # they check their version, and make an environment whose python does nothing
        (tmp_path / f"python3.{minor}").write_text(
            f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} -c "import sys; sys.version_info = (3, {minor}, 1); $2"\n'
            f'echo "3.{minor} $*" >> asked\nmkdir -p .venv/bin\necho "#!/bin/sh" > .venv/bin/python\nchmod +x .venv/bin/python\n'
        )
        (tmp_path / f"python3.{minor}").chmod(0o755)

    def setup(name: str) -> subprocess.CompletedProcess:
        return subprocess.run(["make", "setup", f"PYTHON=./{name}"], cwd=tmp_path, capture_output=True, text=True)

    for name in ("python3.10", "python3.14", "python"):
        done = setup(name)
        assert done.returncode != 0
        said = f"./{name}: not Python 3.11 to 3.13; name one: make setup PYTHON=python3.11"
        assert done.stderr.splitlines()[0] == said
        assert not (tmp_path / ".venv").exists()
    (tmp_path / ".venv").mkdir()
    for minor, asked in ((13, "-m venv --clear .venv"), (11, "-m venv .venv")):  # a requirement changed: the rest stays
        assert setup(f"python3.{minor}").returncode == 0
        assert (tmp_path / "asked").read_text().splitlines()[-1] == f"3.{minor} {asked}"
        os.utime(tmp_path / ".venv" / "ready", (0, 0))


def test_versions_for_those_without_a_gpu_are_those_that_are_required() -> None:
    (line,) = re.findall(r"`pip install (torch.*) --index-url https://download\.pytorch\.org/whl/cpu`", README)
    assert set(line.split()) <= set((ROOT / "requirements.txt").read_text().splitlines())


@pytest.mark.parametrize("line", [line for line in COMMANDS if "pre_processing.prepare" in line])
def test_prepare_commands_are_those_of_the_scripts(line: str) -> None:
    assert prepare.build_parser().parse_args(line.split()[3:]).root_path.parent.name == "data"
    assert f"Prepare first: {line}\n" in SCRIPTS


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.parent.name)
def test_model_cards_give_commands_of_the_scripts(card: Path) -> None:
    """Folders that runs write their weights to, with what fills them."""
    lines = commands(card.read_text(encoding="utf-8"))
    assert sum("main_trainer.py" in line for line in lines) >= 2
    assert all(re.search(rf"^(# .*Prepare first: )?{re.escape(line)}$", SCRIPTS, re.MULTILINE) for line in lines)
    chosen = options.parse(next(line for line in lines if "main_trainer.py" in line).split()[2:])
    folder = results.checkpoint_dir(chosen)
    assert folder.parent == Path(card.parent.name)
    assert folder.name.replace("7U", "7M") in card.read_text(encoding="utf-8")


def test_every_licensed_database_has_a_model_card() -> None:
    assert {"checkpoint_affectnet", "checkpoint_rafdb", "checkpoint_ckplus"} <= {card.parent.name for card in CARDS}


@pytest.mark.parametrize("line", [line for line in COMMANDS if "pre_processing.masks" in line])
def test_mask_commands_parse(line: str) -> None:
    assert masks.build_parser().parse_args(line.split()[3:]).kind in masks.KINDS


@pytest.mark.parametrize("line", [line for line in COMMANDS if "predict.py" in line])
def test_predict_commands_parse(line: str) -> None:
    chosen = command.build_parser().parse_args(line.split()[2:])
    assert chosen.source or chosen.webcam == 0


@pytest.mark.skipif(not pretrained.shipped(), reason="no weights are shipped")
@pytest.mark.parametrize("instead", ["--condition unmasked", "--test_mask_kinds seen"])
def test_its_line_tests_the_weights_that_ship(
    instead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    (line,) = (line for line in COMMANDS if line.startswith("python main_trainer.py") and " -e " in line)
    assert f"`{instead}`" in README
    monkeypatch.chdir(make_job(tmp_path))
    Path("data/faces").rename("data/ferplus")
    argv = line.replace("--condition unmasked", instead).split()[2:]
    assert main_trainer.main([*argv, "-j", "0", "--device", "cpu"]) == 0
    assert re.search(r"^accuracy .* % \(95 % interval .* n = 14\)$", capsys.readouterr().out, re.M)


def test_its_training_is_the_main_job_of_the_scripts() -> None:
    (line,) = (line for line in COMMANDS if line.startswith("python main_trainer.py") and " -e " not in line)
    assert line.removesuffix(" --results mine") == facts.main_command(ROOT / "Scripts.txt").removesuffix(" --publish")
    chosen = options.parse(line.split()[2:])
    for folder in (results.run_dir(chosen), results.checkpoint_dir(chosen)):
        assert f"`{folder}`" in README


def test_its_lines_of_python_load_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """As they stand; where no weights are shipped, with random ones of the same name."""
    (lines,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    if not pretrained.shipped():
        monkeypatch.setattr(models.load_pretrained, "__defaults__", (ship(tmp_path),))
    exec(lines, {})
    said = capsys.readouterr().out
    assert re.match(r"\(\d+, \d+, \d+, \d+\) \{", said)
    assert re.findall(r"'(\w+)': ", said) == list(emotions.EMOTIONS)
    for name in ("training.trained.network", "pre_processing.crop.crop_face", "pre_processing.meanface.hide_points"):
        module, _, function = name.rpartition(".")
        assert f"`{name}" in README
        assert callable(getattr(importlib.import_module(module), function))


def test_its_text_file_makes_a_kind_of_a_picture(tmp_path: Path) -> None:
    (anchors,) = re.findall(r"```text\n(nose.*?)```", README, re.DOTALL)
    (tmp_path / "mask.txt").write_text(anchors)
    cv2.imwrite(str(tmp_path / "mask.png"), np.full((60, 80, 4), 200, np.uint8))
    assert {place for place, _, _ in load_kind(tmp_path / "mask.png").anchors} == set(anchors.split()[::3])


def test_options_it_names_exist() -> None:
    help_text = prepare.build_parser().format_help() + options.build_parser().format_help()
    help_text += masks.build_parser().format_help() + command.build_parser().format_help()
    for option in set(re.findall(r"`(--\w+)", README)):
        assert option in help_text, f"README names {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8"))
    assert links
    for name, place in links:
        goal = page.parent / name if name else page
        assert goal.is_file(), f"{page} leads to {name}"
        titles = re.findall(r"^#+ (.*)$", goal.read_text(encoding="utf-8"), re.MULTILINE) if place else []
        assert place in ["", *(re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles)]


def test_files_it_names_exist() -> None:
    for name in re.findall(r"`([\w/.-]+\.(?:ipynb|txt|pdf|py))`", README):
        if name == "mask.txt":  # the reader's own
            continue
        places = (ROOT, ROOT / "pre_processing", *ROOT.glob("Results/*Datasets/*/*Emotions"))
        assert any((place / name).exists() for place in places), f"README names {name}"


def test_results_table_is_what_the_committed_figures_say() -> None:
    shown = README.partition(table.BEGIN)[2].partition(table.END)[0].strip()
    assert shown == table.render(ROOT / "Results")


def test_what_bf16_changes_is_what_was_measured() -> None:
    rows = {row["name"]: row for row in json.loads((ROOT / "Results/ablations.json").read_text())["rows"]}
    base, half = rows["base"]["bare"], rows["bf16"]["bare"]
    change = half["difference"]
    figures = [base["accuracy"], half["accuracy"], change["value"], *change["ci95"]]
    accuracies, points = (
        [f"{100 * figure:.1f}".replace("-", "−") for figure in part] for part in (figures[:2], figures[2:])
    )
    said = f"{accuracies[0]} % in fp32 and {accuracies[1]} % in bf16 (difference {points[0]} points, 95 % interval {points[1]} to {points[2]})"
    assert said in re.sub(r"\s+", " ", README)


def test_what_ships_is_the_best_on_valid_that_fits() -> None:
    cells = json.loads((ROOT / "Results/study.json").read_text())["cells"]
    fitting = {
        cell["id"]: cell["valid_accuracy"]
        for cell in cells
        if cell["status"] == "run" and cell["train"].startswith("both") and cell["test"] == "bare"
        if 2 * cell["parameters"] <= 25e6  # half precision
    }
    assert max(fitting, key=fitting.__getitem__) == "7-gacnn-lite0-s0-both-bare"
    assert "of the networks for both that fit into 25 MB the best on Valid" in README


def test_the_table_tells_what_a_network_was_trained_and_tested_on(tmp_path: Path) -> None:
    rates = {
        f"7-gacnn-lite0-s{name}": [0.8] * 7
        for name in (
            "0-both-bare",
            "0-both-seen",
            "0-unmasked-bare",
            "0-both+160px+teacher-seen",
            "0-masked-low",
            "1-unmasked-bare",
        )
    }
    rates["7-gacnn-lite2-s0-both+160px+teacher-bare"] = rates["7-gacnn-lite2-s0-both+160px+teacher-seen"] = [0.8] * 7
    rates["7-gacnn-lite2-s0-both+160px+teacher+consistency+invented-seen"] = [0.8] * 7
    rates["7-pacnn-lite0-s0-unmasked-bare"] = rates["7-cnn-lite0-s0-unmasked-bare"] = [0.8] * 7
    study_job.study(tmp_path, rates, [5] * 7)
    rows = [
        [*line.split(" | ")[2:4], line.split(" | ")[0][2:]]
        for line in table.render(tmp_path).splitlines()
        if re.match(r"\| \w+-Lite", line)
    ]
    assert rows == [
        ["bare faces", "bare faces", "gACNN-Lite0"],
        ["both", "bare faces", "gACNN-Lite0"],
        ["both", "seen masks", "gACNN-Lite0"],
        ["both †", "bare faces", "gACNN-Lite2"],
        ["both †", "seen masks", "gACNN-Lite2"],
        ["both ‡", "seen masks", "gACNN-Lite2"],
        ["bare faces", "bare faces", "pACNN-Lite0"],
    ]
    assert table.render(tmp_path).endswith(f"{table.NOTE}\n{table.LARGER_NOTE}")
    assert "FERPlus, 35 test faces of 7 emotions:\n" in table.render(tmp_path)


def test_what_is_said_of_a_gpu_is_what_was_measured_there() -> None:
    rows = facts.benchmark_tables(ROOT / "benchmarks" / "README.md")["acnn_speed gpu"]
    fp32, bf16 = (float(row["training (images/s)"]) for row in rows if row["network"] == "ours")
    assert f"an H200 trains it {bf16 / fp32:.1f} times as fast as in fp32 with TF32" in README
    logs = list((ROOT / "Results").glob("*Datasets/FERPlus/FourEmotions/runs/pacnn-vgg16-s0/log.jsonl"))
    for log in logs:
        assert round(sum(json.loads(line)["seconds"] for line in log.read_text().splitlines()) / 60) == 8
    told = "Eight minutes, with seven others at once, on an H200."
    assert (ROOT / "Scripts.txt").read_text().count(told) == len(logs) == 2


def test_the_crop_is_described_as_it_is() -> None:
    assert f"side {FACTOR} x" in README
