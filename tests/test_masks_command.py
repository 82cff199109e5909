"""The masks' command: what is written where, and that it goes on after a cut."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mask_photos import contents, face, folder, photo, points_file

from pre_processing import copies, manifest, masks, photos
from pre_processing.artefacts import InputError
from pre_processing.crop import read_image
from pre_processing.masks import face_seed
from pre_processing.photos import Face

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def known_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every photo has its face in the middle, without any detector."""
    faces = lambda image, *_: [Face(face(image.shape[0]), np.array([0, 0, 9, 9]), True)]  # noqa: E731
    monkeypatch.setattr(photos, "find_faces", faces)


@pytest.mark.usefixtures("known_faces")
def test_a_folder_is_masked_and_misses_are_listed_by_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = folder(tmp_path / "in", ("one.jpg", "sub/two.png")), tmp_path / "out"
    (source / "broken.png").write_bytes(b"no image")
    (source / "phone.HEIC").write_bytes(b"none that OpenCV knows")
    (source / "notes.txt").write_text("no photo")
    (source / "._one.jpg").write_bytes(b"what a system leaves behind")
    assert masks.main([str(source), str(out), "-j", "1"]) == 1
    captured = capsys.readouterr()
    assert "4 photos, 2 masks" in captured.out
    assert "photos without a mask, unreadable: 1" in captured.out
    assert "no mask: broken.png: unreadable\n" in captured.err
    assert "no mask: phone.HEIC: unreadable; convert it to .jpg (on an iPhone: " in captured.err
    assert set(contents(out)) == {"one.jpg", "sub/two.png", "manifest.csv"}
    for name in ("broken.png", "phone.HEIC"):
        (source / name).unlink()
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


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """kill -9 in the middle: the next run makes the rest only, and all files are those of a run left alone."""
    names = tuple(f"{number:03d}.png" for number in range(120))
    source = folder(tmp_path / "in", names, 200)
    faces = points_file(tmp_path / "faces.csv", [(name, face(200)) for name in names])
    out, record = tmp_path / "out", tmp_path / "out" / "manifest.csv"

    stopped = """
import os, signal, sys
from pre_processing import manifest, masks
write = manifest.Journal.write
def last(self):
    write(self)
    if self.rows:
        os.kill(os.getpid(), signal.SIGKILL)
manifest.Journal.write = last
masks.main(sys.argv[1:])
"""

    def run(target: Path, *start: str) -> subprocess.CompletedProcess:
        words = [sys.executable, *start, str(source), str(target), "--landmarks", str(faces)]
        words += ["--kind", "all", "--seed", "3", "-j", "1"]
        return subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)

    killed = run(out, "-c", stopped)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = {row["path"]: (out / row["path"]).stat().st_mtime_ns for row in manifest.read(record)}
    assert len(done) == photos.CHUNK < len(names)
    again = run(out, "-m", "pre_processing.masks")
    assert again.returncode == 0, again.stderr
    assert {path: (out / path).stat().st_mtime_ns for path in done} == done
    for left in out.glob(".*"):  # what the kill left half written; nobody reads it
        left.unlink()
    whole = run(tmp_path / "whole", "-m", "pre_processing.masks")
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


def test_a_small_doubtful_find_beside_a_face_gets_no_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = {"face": [10, 10, 80, 80], "small": [2, 2, 20, 20], "doubtful": [3, 70, 20, 87], "large": [30, 30, 95, 95]}
    sure = {"face": True, "small": True, "doubtful": False, "large": False}
    seen = {tuple(box): sure[name] for name, box in boxes.items()}
    monkeypatch.setattr(photos.landmarks, "detect", lambda *_, **__: np.array(list(boxes.values()), np.float32))
    monkeypatch.setattr(
        photos.landmarks, "fit_photo", lambda _, box: photos.landmarks.Fit(face(96), 0.0, seen[tuple(box)])
    )
    source = folder(tmp_path / "in", ("one.jpg",))
    assert masks.main([str(source), str(tmp_path / "out"), "-j", "1"]) == 0
    rows = manifest.read(tmp_path / "out" / "manifest.csv")
    assert [[int(row[edge]) for edge in ("left", "top", "right", "bottom")] for row in rows] == [
        boxes[name] for name in ("face", "small", "large")
    ]
    # Whoever gives a box wants its face.
    supplied = tmp_path / "boxes.csv"
    supplied.write_text("path,left,top,right,bottom\n" + "".join(f"one.jpg,{','.join(map(str, b))}\n" for b in seen))
    assert masks.main([str(source), str(tmp_path / "all"), "-j", "1", "--boxes", str(supplied)]) == 0
    assert len(manifest.read(tmp_path / "all" / "manifest.csv")) == len(boxes)
    # Without a certain face nothing tells what is large, and all are kept.
    seen.update(dict.fromkeys(seen, False))
    assert masks.main([str(source), str(tmp_path / "none"), "-j", "1"]) == 0
    assert len(manifest.read(tmp_path / "none" / "manifest.csv")) == len(boxes)


@pytest.mark.usefixtures("known_faces")
def test_a_file_that_is_no_copy_of_ours_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = folder(tmp_path / "in", ("one.jpg", "two.jpg"))
    other = folder(tmp_path / "other", ("one.jpg",), size=64)
    before = contents(tmp_path)
    for target in (source / "two.jpg", other):  # as a shell makes it of *.jpg, and a second folder of photos
        assert masks.main([str(source / "one.jpg"), str(target), "-j", "1"]) == 2
        assert f"{target if target.suffix else target / 'one.jpg'}: is there already" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"other/one\.jpg: is there already"):
        masks.mask_all(source, other, {"one.jpg": face(96)}, jobs=1)
    assert contents(tmp_path) == before
