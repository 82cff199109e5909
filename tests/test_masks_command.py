"""The masks' command and mask_all: what is written where, going on after a cut, supplied faces, the frozen manifest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from pre_processing import copies, manifest, masks, photos, supplied
from pre_processing.artefacts import InputError
from pre_processing.crop import read_image
from pre_processing.masks import face_seed, manifest_checksum, mask_all, put_mask
from pre_processing.meanface import MEAN_FACE
from pre_processing.photos import Face, find_faces

ROOT = Path(__file__).resolve().parents[1]


def face(size: int, dx: float = 0.0) -> np.ndarray:
    """The mean face in the middle of a square of `size` pixels."""
    return (MEAN_FACE - (MEAN_FACE.min(0) + MEAN_FACE.max(0)) / 2) * size / 4.2 + (size - 1) / 2 + np.array([dx, 0])


def photo(size: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Skin-like brightness with noise; uint8 (size, size, channels), or (size, size) for 0 channels."""
    shape = (size, size, channels) if channels else (size, size)
    return np.random.default_rng(seed).integers(110, 190, shape, np.uint8)


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def folder(root: Path, names: tuple[str, ...], size: int = 96) -> Path:
    """A folder of photos with one face each, where `face(size)` lies."""
    for number, name in enumerate(names):
        masks.write_image(root / name, photo(size, seed=number))
    return root


def points_file(path: Path, faces: list[tuple[str, np.ndarray]]) -> Path:
    lines = [",".join([name, *(f"{value:.3f}" for value in points.ravel())]) for name, points in faces]
    path.write_text("\n".join([",".join(supplied.POINT_COLUMNS), *lines]) + "\n")
    return path


@pytest.fixture
def known_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every photo has its face in the middle, without any detector."""
    faces = lambda image, *_: [Face(face(image.shape[0]), np.array([0, 0, 9, 9]), True)]  # noqa: E731
    monkeypatch.setattr(photos, "find_faces", faces)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds of the masks that are drawn from now on."""
    seeds: list[int] = []
    for module in (masks, photos):
        monkeypatch.setattr(module, "put_mask", lambda *a: seeds.append(a[2]) or put_mask(*a))
    return seeds


# --- mask_all -------------------------------------------------------------------------------------------------------


@pytest.fixture
def faces(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Root and points of six grey faces of 48 px."""
    points = {}
    for number in range(6):
        path = f"part{number % 2}/{number}.png"
        masks.write_image(tmp_path / "faces" / path, photo(48, 0, number))
        points[path] = face(48)
    return tmp_path / "faces", points


def test_a_copy_for_every_path_and_an_interrupted_run_goes_on(
    faces: tuple[Path, dict], tmp_path: Path, drawn: list[int]
) -> None:
    (root, points), out = faces, tmp_path / "masked"
    before = contents(root)
    whole = mask_all(root, out, points, seed=1, jobs=1)
    assert list(whole["path"]) == sorted(points)
    assert contents(root) == before
    copied = contents(out)
    assert set(copied) == {*points, "manifest.csv"}
    assert cv2.imread(str(out / "part0/0.png"), cv2.IMREAD_UNCHANGED).ndim == 2
    (out / "part1/1.png").unlink()
    drawn.clear()
    again = mask_all(root, out, points, seed=1, jobs=1)
    assert drawn == [face_seed(1, "part1/1.png")]
    pd.testing.assert_frame_equal(whole, again)
    assert contents(out) == copied
    mask_all(root, out, points, seed=2, jobs=1)
    assert len(drawn) == 7
    assert contents(out) != copied


def test_another_drawing_or_other_points_make_masks_again(
    faces: tuple[Path, dict], tmp_path: Path, drawn: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, points = faces
    mask_all(root, tmp_path / "out", points, jobs=1)
    drawn.clear()
    mask_all(root, tmp_path / "out", {**points, "part0/0.png": face(48, 1.0)}, jobs=1)
    assert drawn == [face_seed(0, "part0/0.png")]
    monkeypatch.setattr(copies, "DRAWING", copies.DRAWING + 1)
    mask_all(root, tmp_path / "out", points, jobs=1)
    assert len(drawn) == 7


def test_group_is_what_was_asked_for_and_kind_what_is_worn(faces: tuple[Path, dict], tmp_path: Path) -> None:
    root, points = faces
    table = mask_all(root, tmp_path / "out", points, kind="kn95,bandana", jobs=1)
    assert set(table["group"]) == {"kn95,bandana"}
    assert set(table["kind"]) == {"kn95", "bandana"}
    with pytest.raises(InputError, match="balaclava"):
        mask_all(root, tmp_path / "out", points, kind="balaclava", jobs=1)


def test_an_error_keeps_what_was_done(
    faces: tuple[Path, dict], tmp_path: Path, drawn: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (root, points), out = faces, tmp_path / "out"
    monkeypatch.setattr(masks, "CHUNK", 2)
    monkeypatch.setattr(manifest, "SHARE", 1e9)  # only the first chunk is written while the run goes on
    (root / "part1/5.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"5\.png"):
        mask_all(root, out, points, jobs=1)
    assert len(manifest.read(out / "manifest.csv")) == 4
    masks.write_image(root / "part1/5.png", photo(48, 0))
    drawn.clear()
    mask_all(root, out, points, jobs=1)
    assert sorted(drawn) == sorted(face_seed(0, path) for path in ("part1/3.png", "part1/5.png"))


def test_a_bare_face_never_lies_among_the_masked(faces: tuple[Path, dict], tmp_path: Path, drawn: list[int]) -> None:
    (root, points), out = faces, tmp_path / "out"
    mask_all(root, out, points, jobs=1)
    nowhere = {**points, "part0/0.png": np.zeros((68, 2))}
    table = mask_all(root, out, nowhere, jobs=1).set_index("path")
    assert table.loc["part0/0.png", ["placement", "reason"]].tolist() == ["none", copies.NO_PLACE]
    assert not (out / "part0/0.png").exists()
    drawn.clear()
    mask_all(root, out, nowhere, jobs=1)
    assert drawn == []
    assert len(mask_all(root, out, {}, jobs=1)) == 0


@pytest.mark.parametrize("inside", [".", "masked", "a/b"])
def test_copies_among_the_originals_are_refused(tmp_path: Path, inside: str) -> None:
    with pytest.raises(InputError, match="outside"):
        mask_all(tmp_path, tmp_path / inside, {"a.png": face(48)})


@pytest.mark.parametrize("content", ["path,something\na.png,1\n", "path,something\n", "", "\xff\0"])
def test_a_file_that_is_no_manifest_is_named(faces: tuple[Path, dict], tmp_path: Path, content: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.csv").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=r"manifest\.csv.*remove it"):
        mask_all(*faces[:1], tmp_path / "out", faces[1], jobs=1)
    assert contents(tmp_path / "out").keys() == {"manifest.csv"}


def test_an_image_of_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"use \.png"):
        masks.write_image(tmp_path / "a.nothing", photo(8))
    assert not list(tmp_path.iterdir())


# --- the frozen manifest --------------------------------------------------------------------------------------------


def test_the_checksum_stands_for_faces_and_what_they_wear(faces: tuple[Path, dict], tmp_path: Path) -> None:
    root, points = faces
    sums = []
    for number, options in enumerate([{}, {}, {"seed": 1}, {"kind": "kn95"}, {"points": face(48, 1.0)}]):
        shown = {**points, "part0/0.png": options.pop("points", points["part0/0.png"])}
        mask_all(root, tmp_path / f"{number}", shown, jobs=1, **options)
        sums.append(manifest_checksum(tmp_path / f"{number}" / "manifest.csv"))
    assert sums[0] == sums[1]
    assert len(set(sums)) == 4
    assert len(sums[0]) == 64


def test_check_finds_what_was_changed_or_removed(
    faces: tuple[Path, dict], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    mask_all(faces[0], out, faces[1], jobs=1)
    checksum = manifest_checksum(out / "manifest.csv")
    assert masks.main(["--check", str(out), "--sha256", checksum]) == 0
    assert checksum in capsys.readouterr().out
    assert masks.main(["--check", str(out), "--sha256", "0" * 64]) == 1
    # Another encoder may write the same pixels.
    image = cv2.imread(str(out / "part0/0.png"), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(out / "part0/0.png"), image, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    assert manifest.check(out) == {}
    image[0, 0] ^= 1
    cv2.imwrite(str(out / "part0/0.png"), image)
    (out / "part1/1.png").unlink()
    capsys.readouterr()
    assert masks.main(["--check", str(out)]) == 1
    error = capsys.readouterr().err
    assert "part0/0.png: differs" in error
    assert "part1/1.png: is missing" in error
    assert masks.main(["--check", str(tmp_path)]) == 2
    assert masks.main([]) == 2


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("known_faces")
def test_a_folder_is_masked_and_misses_are_listed_by_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = folder(tmp_path / "in", ("one.jpg", "sub/two.png")), tmp_path / "out"
    (source / "broken.png").write_bytes(b"no image")
    (source / "notes.txt").write_text("no photo")
    (source / "._one.jpg").write_bytes(b"what a system leaves behind")
    assert masks.main([str(source), str(out), "-j", "1"]) == 1
    captured = capsys.readouterr()
    assert "3 photos, 2 masks" in captured.out
    assert "photos without a mask, unreadable: 1" in captured.out
    assert "no mask: broken.png: unreadable" in captured.err
    assert set(contents(out)) == {"one.jpg", "sub/two.png", "manifest.csv"}
    (source / "broken.png").unlink()
    assert masks.main([str(source), str(out), "-j", "1"]) == 0
    assert manifest.check(out) == {}


@pytest.mark.usefixtures("known_faces")
def test_one_photo_has_its_manifest_beside_it(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", ("one.jpg", "two.jpg"))
    assert masks.main([str(source / "one.jpg"), str(tmp_path / "single.png"), "-j", "1"]) == 0
    assert cv2.imread(str(tmp_path / "single.png")).shape == (96, 96, 3)
    assert [row["path"] for row in manifest.read(tmp_path / "single.csv")] == ["one.jpg"]
    for name in ("one.jpg", "two.jpg"):  # one after the other into one folder
        assert masks.main([str(source / name), str(tmp_path / "out"), "-j", "1"]) == 0
    assert [row["path"] for row in manifest.read(tmp_path / "out" / "manifest.csv")] == ["one.jpg", "two.jpg"]


@pytest.mark.usefixtures("known_faces")
def test_only_what_changed_is_masked_again(tmp_path: Path, drawn: list[int]) -> None:
    source, out = folder(tmp_path / "in", ("a.png", "b.png", "c.png")), tmp_path / "out"
    masks.main([str(source), str(out), "-j", "1"])
    drawn.clear()
    masks.write_image(source / "b.png", photo(96, seed=9))
    (out / "c.png").unlink()
    assert masks.main([str(source), str(out), "-j", "1"]) == 0
    assert sorted(drawn) == sorted(face_seed(0, path) for path in ("b.png", "c.png"))
    (source / "b.png").write_bytes(b"no image any more")
    assert masks.main([str(source), str(out), "-j", "1"]) == 1
    assert not (out / "b.png").exists()


def test_all_faces_of_a_photo_wear_masks_and_grey_stays_grey(tmp_path: Path) -> None:
    masks.write_image(tmp_path / "in" / "pair.png", np.concatenate([photo(96, 0), photo(96, 0, 1)], axis=1))
    faces = points_file(tmp_path / "faces.csv", [("pair.png", face(96)), ("pair.png", face(96, 96))])
    command = [str(tmp_path / "in"), str(tmp_path / "out"), "-j", "1", "--landmarks", str(faces)]
    assert masks.main(command) == 0
    masked = cv2.imread(str(tmp_path / "out" / "pair.png"), cv2.IMREAD_UNCHANGED)
    original = cv2.imread(str(tmp_path / "in" / "pair.png"), cv2.IMREAD_UNCHANGED)
    assert masked.ndim == 2
    assert all((part != 0).mean() > 0.1 for part in np.split(cv2.absdiff(masked, original), 2, axis=1))
    rows = manifest.read(tmp_path / "out" / "manifest.csv")
    assert [row["face"] for row in rows] == ["0", "1"]
    assert int(rows[1]["left"]) - int(rows[0]["left"]) == 96


def test_a_face_without_a_place_is_counted_and_a_photo_of_such_is_a_miss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder(tmp_path / "in", ("a.png", "b.png"))
    nowhere = np.zeros((68, 2))
    faces = points_file(tmp_path / "f.csv", [("a.png", face(96)), ("a.png", nowhere), ("b.png", nowhere)])
    assert masks.main([str(source), str(tmp_path / "out"), "-j", "1", "--landmarks", str(faces)]) == 1
    captured = capsys.readouterr()
    assert "2 photos, 1 masks" in captured.out
    assert "left bare in photos with masks: 1" in captured.out
    assert f"no mask: b.png: {copies.NO_PLACE}" in captured.err


def test_photos_are_masked_upright_and_copies_say_nothing_of_turning(tmp_path: Path) -> None:
    """A camera's photo: stored lying, with the EXIF tag that turns it upright."""
    upright = np.zeros((120, 90, 3), np.uint8)
    upright[:96, :90] = photo(96)[:, :90]
    upright[:20] = (250, 20, 20)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(np.rot90(upright), cv2.COLOR_RGB2BGR))
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    tagged = data.tobytes()[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data.tobytes()[2:]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "photo.jpg").write_bytes(tagged)
    assert read_image(tmp_path / "in" / "photo.jpg").shape == upright.shape
    faces = points_file(tmp_path / "f.csv", [("photo.jpg", face(80) + np.array([5, 12]))])
    assert masks.main([str(tmp_path / "in"), str(tmp_path / "out"), "-j", "1", "--landmarks", str(faces)]) == 0
    copy = (tmp_path / "out" / "photo.jpg").read_bytes()
    assert b"Exif" not in copy
    stored = cv2.imdecode(np.frombuffer(copy, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    assert stored.shape == upright.shape
    assert stored[2:16].mean((0, 1))[0] > 200
    assert np.abs(stored[60:85, 30:60].astype(int) - upright[60:85, 30:60]).mean() > 15


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda lines: [lines[0].replace("x0", "x"), lines[1]], "line 1: give the columns path,x0,...,y67"),
        (lambda lines: [*lines, lines[1] + ",1"], "line 3: 138 columns instead of 137"),
        (lambda lines: [*lines, lines[1].replace("a.png", "b.png")], "line 3: no photo 'b.png'"),
        (lambda lines: [lines[0], "a.png" + ",x" * 136], "line 2: could not convert"),
        (lambda lines: [lines[0], "a.png" + ",nan" * 136], "line 2: a number is not finite"),
        (lambda lines: [lines[0], "", lines[1].replace("a.png", "../a.png")], "line 3: "),
    ],
)
def test_bad_rows_of_points_are_named_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: object, word: str
) -> None:
    source = folder(tmp_path / "in", ("a.png",))
    faces = points_file(tmp_path / "faces.csv", [("a.png", face(96))])
    faces.write_text("\n".join(change(faces.read_text().splitlines())))
    assert masks.main([str(source), str(tmp_path / "out"), "--landmarks", str(faces)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"faces.csv, {word}" in error
    assert not (tmp_path / "out").exists()


def test_bad_boxes_and_a_manifest_in_their_place_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, boxes = folder(tmp_path / "in", ("a.png",)), tmp_path / "out.csv"
    boxes.write_text("path,left,top,right,bottom\na.png,1,2,30,40\na.png,9,9,9,30\n")
    assert masks.main([str(source), str(tmp_path / "out"), "--boxes", str(boxes)]) == 2
    assert "out.csv, line 3: the box is empty" in capsys.readouterr().err
    boxes.write_text("path,left,top,right,bottom\na.png,1,2,30,40\n")
    before = boxes.read_text()
    assert masks.main([str(source / "a.png"), str(tmp_path / "out.png"), "--boxes", str(boxes)]) == 2
    assert "choose another place" in capsys.readouterr().err
    assert boxes.read_text() == before


def test_supplied_boxes_and_points_need_no_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    image = photo(96)
    monkeypatch.setattr(photos.landmarks, "detect", lambda *_, **__: pytest.fail("searched"))
    fitted = []
    monkeypatch.setattr(
        photos.landmarks,
        "fit_photo",
        lambda _, box: fitted.append(box) or photos.landmarks.Fit(face(96), 0.0, True),
    )
    (found,) = find_faces(image, boxes=[np.array([10, 10, 80, 80])])
    assert fitted[0].tolist() == [10, 10, 80, 80]
    (found,) = find_faces(image, points=[face(96)])
    assert len(fitted) == 1
    assert np.allclose(found.box, [*face(96).min(0), *face(96).max(0)])


def test_a_portrait_ends_the_search_and_a_crop_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, asked = np.array([[10, 10, 80, 80], [1, 1, 9, 9]], np.float32), []
    fit = photos.landmarks.Fit(face(96), 0.0, True)
    monkeypatch.setattr(photos.landmarks, "detect", lambda _, every=False: asked.append(every) or boxes)
    monkeypatch.setattr(photos.landmarks, "fit_photo", lambda *_: fit)
    monkeypatch.setattr(photos.landmarks, "fit_crop", lambda *_: fit)
    assert len(find_faces(photo(96), photos.EVERY)) == 2
    assert [found.box.tolist() for found in find_faces(photo(96), photos.PORTRAIT)] == [boxes[0].tolist()]
    assert asked == [True, False]
    assert [found.box.tolist() for found in find_faces(photo(96), photos.CROP)] == [[0, 0, 96, 96]]
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("source", "target", "more", "word"),
    [
        ("nowhere", "out", [], "nowhere"),
        ("empty", "out", [], "no photo"),
        ("in", "in/out", [], "outside"),
        ("in/a.png", "in", [], "original"),
        ("in/a.png", "in/a.png", [], "original"),
        ("in", "out", ["--kind", "balaclava"], "no such kind"),
        ("in", "out", ["--kind", "gone.png"], "gone.png"),
        ("in", "out", ["--boxes", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, target: str, more: list[str], word: str
) -> None:
    (tmp_path / "empty").mkdir()
    masks.write_image(tmp_path / "in" / "a.png", photo(32))
    before = sorted(tmp_path.rglob("*"))
    assert masks.main([str(tmp_path / source), str(tmp_path / target), *more]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert word in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """kill -9 in the middle: the next run makes the rest only, and all files are those of a run left alone."""
    names = tuple(f"{number:03d}.png" for number in range(120))
    source = folder(tmp_path / "in", names, 200)
    faces = points_file(tmp_path / "faces.csv", [(name, face(200)) for name in names])
    out, record = tmp_path / "out", tmp_path / "out" / "manifest.csv"

    def command(target: Path) -> list[str]:
        words = [sys.executable, "-m", "pre_processing.masks", str(source), str(target), "--landmarks", str(faces)]
        return [*words, "--kind", "all", "--seed", "3", "-j", "1"]

    child = subprocess.Popen(command(out), cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not record.is_file() and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    done = {row["path"]: (out / row["path"]).stat().st_mtime_ns for row in manifest.read(record)}
    assert photos.CHUNK <= len(done) < len(names)
    again = subprocess.run(command(out), cwd=ROOT, check=False, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert {path: (out / path).stat().st_mtime_ns for path in done} == done
    for left in out.glob(".*"):  # what the kill left half written; nobody reads it
        left.unlink()
    whole = subprocess.run(command(tmp_path / "whole"), cwd=ROOT, check=False, capture_output=True, text=True)
    assert whole.returncode == 0
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.slow
def test_many_cores_write_what_one_writes(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", tuple(f"{number}.png" for number in range(40)), 64)
    known = {f"{number}.png": [face(64)] for number in range(40)}
    for jobs in (1, 2):
        photos.mask_photos(source, tmp_path / f"{jobs}", points=known, kind="all", jobs=jobs)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_real_photos_small_and_large_are_masked(london: list[Path], tmp_path: Path) -> None:
    """Two faces in one photo, and one alone, found by the detector."""
    source = tmp_path / "in"
    one, two = (cv2.resize(read_image(path), (500, 500), interpolation=cv2.INTER_AREA) for path in london[:2])
    masks.write_image(source / "pair.jpg", np.concatenate([one, two], axis=1))
    masks.write_image(source / "bare.jpg", photo(200))
    shutil.copy(london[2], source / "alone.jpg")
    assert masks.main([str(source), str(tmp_path / "out"), "-j", "1"]) == 1
    rows = manifest.read(tmp_path / "out" / "manifest.csv")
    assert [(row["path"], row["face"], row["reason"]) for row in rows] == [
        ("alone.jpg", "0", ""),
        ("bare.jpg", "", "no face found"),
        ("pair.jpg", "0", ""),
        ("pair.jpg", "1", ""),
    ]
    assert all(row["certain"] == "True" for row in rows if row["face"])
