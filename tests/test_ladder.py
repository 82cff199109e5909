"""The first two rungs of the README, run as they stand there, in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models import pretrained

ROOT = Path(__file__).resolve().parents[1]
RUNGS = re.findall(r"^```\n(make \w+)\n```\n.*?^```text\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"),
                   re.DOTALL | re.MULTILINE)  # fmt: skip


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project's files in a folder of their own, with the virtual environment that is here."""
    if not (ROOT / ".venv" / "ready").is_file():
        pytest.skip("no virtual environment here: make setup")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if not name.startswith(("Results/", "tests/")):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)  # with its time, which make looks at
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


def climb(rung: int, clone: Path) -> str:
    """What a rung's command prints; it has to end with what the README shows."""
    command, shown = RUNGS[rung]
    # Under `make test` the inner make would announce its folder, which it does not do for a user.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")}
    done = subprocess.run(
        command.split(), cwd=clone, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith(shown)
    return done.stdout


pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="make")]


def test_see_it(clone: Path) -> None:
    if not pretrained.shipped():
        pytest.skip("no weights are shipped")
    said = climb(0, clone)
    assert re.search(r"^misc/astronaut\.jpg .* Happy ", said, re.MULTILINE)
    assert (clone / "data/see/astronaut.jpg").stat().st_size > 10_000


def test_run_the_demo_study(clone: Path) -> None:
    climb(1, clone)
    for name in re.findall(r"^  (data/\S+)$", RUNGS[1][1], re.MULTILINE):
        assert (clone / name).stat().st_size > 10_000
