"""Preparing real faces: both conditions name the same faces, originals stay, bad input ends in one line."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from mask_photos import contents

from pre_processing import artefacts, landmarks, manifest, masks, prepare
from pre_processing.meanface import HIDDEN


def command(root: Path, out: Path, masked: Path) -> list[str]:
    places = {"--root_path": root, "--out": out, "--masked_root": masked}
    return ["--DB", "F", "-j", "1", *(str(word) for pair in places.items() for word in pair)]


def test_both_conditions_name_the_same_faces_and_originals_stay(small_ferplus: Path, tmp_path: Path) -> None:
    before, out, masked = contents(small_ferplus), tmp_path / "out", tmp_path / "masked"
    done = prepare.prepare("F", small_ferplus, out, masked, jobs=1)
    assert contents(small_ferplus) == before
    one, other = (artefacts.ListPaths(out, condition, "FERPlus") for condition in ("unmasked", "masked"))
    for split in ("train", "valid", "test"):
        faces = artefacts.read_list(getattr(one, split))
        assert faces == artefacts.read_list(getattr(other, split))
        assert all(cv2.imread(str(masked / face)).shape == (48, 48, 3) for face in faces)
    bare, covered = artefacts.read_landmarks(one.landmarks), artefacts.read_landmarks(other.landmarks)
    assert bare.keys() == covered.keys()
    hidden = np.isin(np.arange(68), HIDDEN)
    assert all(np.array_equal(bare[f][0][~hidden], covered[f][0][~hidden]) for f in bare)
    assert any(np.abs(bare[f][0][hidden] - covered[f][0][hidden]).max() > 1 for f in bare)
    again = masks.mask_all(small_ferplus, masked, {f: bare[f][0] for f in done.manifest["path"]}, jobs=1)
    assert list(again["path"]) == list(done.manifest["path"])


def test_a_second_run_changes_nothing_and_one_cut_short_goes_on(
    small_ferplus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, masked = tmp_path / "out", tmp_path / "masked"
    with monkeypatch.context() as cut:
        cut.setattr(masks, "mask_all", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare.prepare("F", small_ferplus, out, masked, jobs=1)
    assert not list(out.rglob("*List.txt"))
    monkeypatch.setattr(landmarks, "_fit_file", lambda *a: pytest.fail("landmarks were worked out again"))
    prepare.prepare("F", small_ferplus, out, masked, jobs=1)
    first = contents(out), contents(masked)
    monkeypatch.setattr(masks, "put_mask", lambda *a: pytest.fail("a mask was made again"))
    prepare.prepare("F", small_ferplus, out, masked, jobs=1)
    assert (contents(out), contents(masked)) == first


def test_a_face_without_points_or_without_a_place_for_a_mask_is_in_no_list(
    small_ferplus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, masked = tmp_path / "out", tmp_path / "masked"
    paths = list(prepare.databases.read("F", small_ferplus).samples["path"])
    extract = landmarks.extract

    def damaged(*args, **options):
        found = extract(*args, **options)
        found.points.pop(paths[0])
        found.failures[paths[0]] = "no face found"
        found.points[paths[1]] = np.zeros((68, 2), np.float32)
        return found

    monkeypatch.setattr(landmarks, "extract", damaged)
    assert prepare.main(command(small_ferplus, out, masked)) == 0
    captured = capsys.readouterr()
    assert f"{paths[0]}: no face found" in captured.err
    assert f"{paths[1]}: {prepare.NO_PLACE}" in captured.err
    assert not (masked / paths[1]).exists()
    for condition in prepare.CONDITIONS:
        files = artefacts.ListPaths(out, condition, "FERPlus")
        listed = {path for split in ("train", "valid", "test") for path in artefacts.read_list(files.split(split))}
        assert (
            listed
            == set(artefacts.read_landmarks(files.landmarks))
            == set(artefacts.read_samples(files.samples)["path"])
        )
        assert not listed & set(paths[:2])


def test_an_unreadable_image_is_listed_and_the_others_are_prepared(
    small_ferplus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = prepare.databases.read("F", small_ferplus).samples
    path, out, masked = samples["path"][3], tmp_path / "out", tmp_path / "masked"
    (small_ferplus / path).write_bytes(b"no image")
    assert prepare.main(command(small_ferplus, out, masked)) == 0
    captured = capsys.readouterr()
    assert f"in no list: {path}: unreadable image" in captured.err
    assert captured.out.count("unreadable image: 1") == 1
    for condition in prepare.CONDITIONS:
        faces = artefacts.read_landmarks(artefacts.ListPaths(out, condition, "FERPlus").landmarks)
        assert path not in faces
        assert len(faces) > 0.8 * len(samples)


def test_options_reach_lists_and_masks(small_ferplus: Path, tmp_path: Path) -> None:
    samples = prepare.databases.read("F", small_ferplus).samples.groupby("split")["path"]
    (test, train) = (samples.get_group(split).iloc[0] for split in ("test", "train"))
    (small_ferplus / train).write_bytes((small_ferplus / test).read_bytes())
    for more, twin in (([], False), (["--keep_duplicates", "--kind", "kn95", "--seed", "5"], True)):
        out, masked = tmp_path / f"out{twin}", tmp_path / f"masked{twin}"
        assert prepare.main([*command(small_ferplus, out, masked), *more]) == 0
        assert (train in artefacts.read_list(artefacts.ListPaths(out, "unmasked", "FERPlus").train)) == twin
    rows = manifest.read(masked / "manifest.csv")
    assert {row["kind"] for row in rows} == {"kn95"}
    assert all(int(row["seed"]) == masks.face_seed(5, row["path"]) for row in rows)


def test_a_masked_root_among_the_originals_is_refused(
    small_ferplus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = str(small_ferplus / "masked")
    assert prepare.main(["--DB", "F", "--root_path", str(small_ferplus), "--masked_root", inside]) == 2
    assert inside in capsys.readouterr().err


def test_a_missing_root_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare.main(["--DB", "F", "--root_path", str(tmp_path / "nowhere"), "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "nowhere" in error
    assert error.count("\n") == 1


def test_every_portrait_gets_a_mask(london: list[Path], tmp_path: Path) -> None:
    assert masks.main([str(london[0]), str(tmp_path / "out")]) == 0
    masked, bare = cv2.imread(str(tmp_path / "out" / london[0].name)), cv2.imread(str(london[0]))
    assert (np.abs(masked.astype(int) - bare).max(axis=2) > 20).mean() > 0.03


@pytest.mark.parametrize(
    ("stop", "code", "said"),
    [(OSError(28, "No space left on device"), 1, "No space left"), (KeyboardInterrupt(), 130, "stopped")],
)
def test_a_full_disk_and_ctrl_c_are_one_line_that_says_how_to_go_on(
    stop: BaseException,
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise stop

    monkeypatch.setattr(prepare.databases, "read", fail)
    monkeypatch.setattr(masks, "list_photos", fail)
    for run in (
        lambda: prepare.main(["--DB", "F", "--root_path", str(tmp_path)]),
        lambda: masks.main([str(tmp_path), "out"]),
    ):
        assert run() == code
        error = capsys.readouterr().err
        assert said in error
        assert "run the same command again" in error
        assert error.count("\n") == 1


def test_the_folder_one_is_in_can_be_the_root(
    small_ferplus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(small_ferplus)
    assert prepare.main(["--DB", "F", "--root_path", ".", "--out", str(tmp_path / "Results"), "-j", "2"]) == 0
    assert f"masked copies: {small_ferplus}-masked" in capsys.readouterr().out
