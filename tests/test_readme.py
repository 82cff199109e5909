"""The README promises only what is there: its commands parse, its table is made from the committed figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pre_processing import prepare
from pre_processing.crop import FACTOR
from training import table

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]


def test_every_command_is_one_that_is_checked_here() -> None:
    known = ("make ", "conda ", "pip install -r requirements.txt", "python -m pre_processing.prepare ")
    assert COMMANDS
    assert all(line.startswith(known) for line in COMMANDS)


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_make_targets_exist(line: str) -> None:
    assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("line", [line for line in COMMANDS if "pre_processing.prepare" in line])
def test_prepare_commands_parse(line: str) -> None:
    assert prepare.build_parser().parse_args(line.split()[3:]).DB == "F"


def test_options_it_names_exist() -> None:
    help_text = prepare.build_parser().format_help()
    for option in set(re.findall(r"`(--\w+)", README)):
        assert option in help_text, f"README names {option}"


def test_files_it_names_exist() -> None:
    for name in re.findall(r"\]\((Results[^)]*)\)", README):
        assert (ROOT / name).is_file(), f"README shows {name}"
    for name in re.findall(r"`([\w/.-]+\.(?:ipynb|txt|pdf|py))`", README):
        places = (ROOT, ROOT / "pre_processing", *ROOT.glob("Results/*Datasets/*/*Emotions"))
        assert any((place / name).exists() for place in places), f"README names {name}"


def test_results_table_is_what_the_committed_figures_say() -> None:
    shown = README.partition(table.BEGIN)[2].partition(table.END)[0].strip()
    assert shown == table.render(ROOT / "Results")


def test_the_crop_is_described_as_it_is() -> None:
    assert f"side {FACTOR} x" in README
