"""The layout keeps its promises: imports flow one way, requirements are pinned, files stay readable."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pre_processing", "models", "training", "prediction", "report")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
FORBIDDEN = {
    "models": ("pre_processing", "training", "prediction", "report", "main_trainer", "dlib"),
    "training": (
        "prediction",
        "report",
        "pre_processing.databases",
        "pre_processing.landmarks",
        "pre_processing.prepare",
        "dlib",
    ),
    "pre_processing": ("training", "models", "prediction", "main_trainer", "report"),
    "prediction": ("pre_processing.databases", "pre_processing.prepare", "report", "main_trainer", "dlib"),
    "report": ("pre_processing.databases", "prediction", "main_trainer", "dlib"),
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = ".".join(path.relative_to(ROOT).parts[: -node.level]) if node.level else ""
            module = ".".join(part for part in (module, node.module or "") if part)
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_data(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    wrong = [n for n in imported(path) for bad in FORBIDDEN[package] if n == bad or n.startswith(bad + ".")]
    assert not wrong, f"{path.name} imports {wrong} against the direction of the data"


def test_nothing_that_training_needs_loads_a_reader_or_a_detector() -> None:
    todo, reached = ["main_trainer", *(f"training.{file.stem}" for file in (ROOT / "training").glob("*.py"))], set()
    while todo:
        name = todo.pop()
        place = ROOT.joinpath(*name.split("."))
        file = next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)
        if file and name not in reached:
            reached.add(name)
            todo += imported(file)
    assert "training.run" in reached
    assert not [n for n in reached for bad in FORBIDDEN["training"] if n == bad or n.startswith(bad + ".")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_imported_that_windows_lacks(path: Path) -> None:
    assert not imported(path) & {"fcntl", "grp", "posix", "pwd", "resource", "termios"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_torchvision_models_never_hides_our_package(path: Path) -> None:
    assert "from torchvision import models" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


@pytest.mark.parametrize("database", ["AffectNet", "CKplus", "RAF-DB"])
def test_what_tells_labels_of_licensed_files_is_not_committed(database: str) -> None:
    runs = f"MaskedDatasets/{database}/SevenEmotions/runs/gacnn-vgg16-s0/predictions.csv.gz"
    files = [f"Results/{runs}", f"Results/folds/3/{runs}", f"Results/UnmaskedDatasets/{database}/{database}_twins.csv"]
    asked = subprocess.run(["git", "check-ignore", *files], cwd=ROOT, capture_output=True, text=True)
    if asked.returncode == 128:
        pytest.skip("no git here")
    assert asked.stdout.split() == files


def test_every_requirement_is_pinned() -> None:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert lines
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", line) for line in lines)
