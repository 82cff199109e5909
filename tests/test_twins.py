"""Twins of test faces in Train are found, told by label, and read back; foreign tables are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import official_trees as trees
import pytest
from test_splits import faces, table_of

from pre_processing import artefacts, prepare, twins
from pre_processing.artefacts import ListPaths
from pre_processing.errors import InputError

ROOT = Path(__file__).resolve().parents[1]


def test_twins_are_those_between_test_and_train() -> None:
    images = faces(8)
    #        0        1       2        3        4        5        6        7
    names = ["train", "test", "train", "train", "valid", "test", "test", "train"]
    images[1] = images[0]  # twins with one label
    images[3] = images[0][:, ::-1]  # and one more of another label
    images[4] = images[5]  # with Valid only
    found = twins.find(table_of(names, [2, 2, 0, 5, 1, 1, 3, 3]).samples, images)
    assert found.to_dict("records") == [{"path": "001.png", "twins": 2, "same_label": 1}]


def test_no_twin_is_an_empty_table_that_can_be_read(tmp_path: Path) -> None:
    found = twins.find(table_of(["train", "test"]).samples, faces(2))
    artefacts.write_table(tmp_path / "a.csv", found)
    assert len(artefacts.read_twins(tmp_path / "a.csv")) == 0


@pytest.mark.parametrize(
    "text", ["", "path,count\na.png,1\n", "path,twins,same_label\na.png,1,2\n", "path,twins,same_label\na,b,c\n"]
)
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=r"a\.csv: no table of twins .* writes it again"):
        artefacts.read_twins(tmp_path / "a.csv")


def test_the_command_names_the_twins_of_a_database(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    images = trees.rafdb(tmp_path).root / "basic/Image/aligned"
    for number in range(1, 8):  # some of them go to Valid
        shutil.copy(images / "test_0001_aligned.jpg", images / f"train_{number:05d}_aligned.jpg")
    options = ["--DB", "R", "--root_path", str(tmp_path / "RAF-DB"), "--out", str(tmp_path / "Results")]
    assert twins.main(options) == 0
    file = ListPaths(tmp_path / "Results", "unmasked", "RAF-DB").twins
    rows = artefacts.read_twins(file)
    assert f"{file}: {len(rows)} test faces have twins in Train" in capsys.readouterr().out
    row = rows[rows["path"].str.endswith("test_0001_aligned.jpg")].iloc[0]
    assert 3 <= row["twins"] <= 7
    assert row["same_label"] <= 1
    assert twins.main([*options[:2], "--root_path", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert twins.main([*options, "--seed", "-1"]) == 2
    assert twins.main([*options, "--images", "original"]) == 2  # this tree has none
    assert "no such folder" in capsys.readouterr().err


@pytest.mark.parametrize("seed", [0, 3])
def test_the_splits_are_those_that_are_prepared(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Valid is drawn, its faces follow from the seed and from all that can be read."""
    root, find, seen = trees.affectnet_full(tmp_path).root, twins.find, []
    monkeypatch.setattr(twins, "find", lambda *given: seen.append(given[0]) or find(*given))
    options = ["--DB", "A", "--root_path", str(root), "--out", str(tmp_path / "Results"), "--seed", str(seed)]
    assert twins.main(options) == 0
    out, masked = tmp_path / "out", tmp_path / "masked"
    samples = prepare.prepare("A", root, out, masked, keep_duplicates=True, seed=seed, jobs=1).samples
    split = seen[0].set_index("path")["split"]
    assert (split.loc[samples["path"]].to_numpy() == samples["split"]).all()
    assert len(samples) > 0.9 * len(split)


@pytest.mark.slow
def test_the_committed_table_is_that_of_fer_plus(ferplus_root: Path, tmp_path: Path) -> None:
    assert twins.main(["--DB", "F", "--root_path", str(ferplus_root), "--out", str(tmp_path)]) == 0
    made, committed = (ListPaths(folder, "unmasked", "FERPlus").twins for folder in (tmp_path, ROOT / "Results"))
    assert made.read_bytes() == committed.read_bytes()
