"""Fixtures that find the real faces, and skip with a reason where they are not."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest
import skimage.data
from hypothesis import settings
from PIL import Image

from pre_processing import masks, photos
from pre_processing.masks import put_mask

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("FACES_DIR", ROOT.parent / "shared" / "data"))
SIZES = {"Train": 60, "Valid": 30, "Test": 30}

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def ferplus_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FER+ in its official layout, unpacked once per test run."""
    archive = SHARED / "ferplus.tar.xz"
    if not archive.is_file():
        pytest.skip(f"real faces are not here: {archive} is missing")
    target = tmp_path_factory.getbasetemp() / "ferplus-unpacked"
    with tarfile.open(archive) as tar:
        # Python before 3.11.4 knows no filters.
        tar.extractall(target, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return target / "ferplus"


@pytest.fixture(scope="session")
def london() -> list[Path]:
    """The 24 colour portraits of the Face Research Lab London Set sample."""
    portraits = sorted((SHARED / "london_sample").glob("*.jpg"))
    if not portraits:
        pytest.skip(f"portraits are not here: {SHARED / 'london_sample'} is missing")
    return portraits


@pytest.fixture
def small_ferplus(ferplus_root: Path, tmp_path: Path) -> Path:
    """The first 60/30/30 faces of FER+ in the official layout, with the label rows that belong to them."""
    target = tmp_path / "ferplus"
    for split, count in SIZES.items():
        source = ferplus_root / f"FER2013{split}"
        folder = target / source.name
        folder.mkdir(parents=True)
        with open(source / "label.csv", newline="") as handle:
            rows = list(csv.reader(handle))[:count]
        with open(folder / "label.csv", "w", newline="") as handle:
            csv.writer(handle).writerows(rows)
        for row in rows:
            shutil.copy(source / row[0], folder / row[0])
    return target


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to train in, which is then the current one: see small_job.make_job."""
    from small_job import make_job

    monkeypatch.chdir(make_job(tmp_path))
    return tmp_path


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals that take no time, for tests that do not look at them."""
    from training import statistics

    monkeypatch.setattr(statistics, "RESAMPLES", 200)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds of the masks that are drawn from now on."""
    seeds: list[int] = []
    for module in (masks, photos):
        monkeypatch.setattr(module, "put_mask", lambda *a: seeds.append(a[2]) or put_mask(*a))
    return seeds


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from small_weights import ship  # networks take long to import, and few tests want one

    return ship(tmp_path_factory.mktemp("weights")) / "gacnn-lite0-7.safetensors"


@pytest.fixture
def astronaut(tmp_path: Path) -> Path:
    file = tmp_path / "photos" / "astronaut.png"
    file.parent.mkdir()
    Image.fromarray(skimage.data.astronaut()).save(file)
    return file


@pytest.fixture
def run(weights, capfd, tmp_path):
    """Run a command line of predict.py; (exit code, the JSON it wrote or None, stdout, stderr)."""

    import predict

    def call(*arguments: object) -> tuple[int, list[dict] | None, str, str]:
        target = tmp_path / "answers.json"
        target.unlink(missing_ok=True)
        line = [str(each) for each in arguments] + ["--json", str(target)]
        code = predict.main(line if "--weights" in line else [*line, "--weights", str(weights)])
        said = capfd.readouterr()  # of libraries too
        return code, json.loads(target.read_text()) if target.is_file() else None, said.out, said.err

    return call
