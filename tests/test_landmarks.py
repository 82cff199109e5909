"""Landmarks of real faces: a confidence that separates, a store that resumes, failures with their reasons."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from pre_processing import fitting, landmarks
from pre_processing.artefacts import InputError
from pre_processing.crop import apply_matrix, read_image, warp
from pre_processing.fitting import eye_distance
from pre_processing.landmarks import NO_FACE, detect, extract, fit_crop, fit_photo
from pre_processing.likeness import is_certain
from pre_processing.meanface import FLIP, MEAN_FACE

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def faces(small_ferplus: Path) -> tuple[Path, list[str]]:
    """Root and paths of 30 real pre-cropped faces."""
    return small_ferplus, sorted(f"FER2013Train/{path.name}" for path in small_ferplus.glob("FER2013Train/*.png"))[:30]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmarks, "CHUNK", 4)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are fitted from now on."""
    fitted: list[str] = []
    original = landmarks._fit_files

    def count(tasks: list, root: Path, precropped: bool) -> dict:
        fitted.extend(path for path, *_ in tasks)
        return original(tasks, root, precropped)

    monkeypatch.setattr(landmarks, "_fit_files", count)
    return fitted


def same(one: landmarks.Landmarks, other: landmarks.Landmarks) -> bool:
    return (
        one.points.keys() == other.points.keys()
        and all(np.array_equal(one.points[path], other.points[path]) for path in one.points)
        and one.certain == other.certain
        and one.failures == other.failures
    )


def certain_share(images: list[np.ndarray]) -> float:
    return float(np.mean([fit_crop(image).certain for image in images]))


def shuffled(image: np.ndarray) -> np.ndarray:
    """Nine tiles of a face of 48 px, in another order."""
    tiles = [image[y : y + 16, x : x + 16] for y in range(0, 48, 16) for x in range(0, 48, 16)]
    return np.vstack([np.hstack([tiles[index] for index in row]) for row in ((4, 8, 0), (7, 2, 3), (1, 6, 5))])


def test_a_detector_is_asked_only_where_the_box_leaves_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    grey, box = np.zeros((48, 48), np.uint8), np.array([4.0, 8, 43, 47])
    monkeypatch.setattr(fitting, "_predict", lambda *_: MEAN_FACE * 10 + 24)
    asked: list[int] = []
    assert fitting.fit_box(grey, box, lambda: asked.append(1) or []).spread == 0
    assert not asked
    astray = np.random.default_rng(0)
    monkeypatch.setattr(fitting, "_predict", lambda *_: MEAN_FACE * 10 + astray.normal(24, 4, (68, 2)))
    fitting.fit_box(grey, box, lambda: asked.append(1) or [])
    assert asked == [1]


def test_the_fits_that_agree_outvote_one_that_went_astray() -> None:
    rng = np.random.default_rng(0)
    truth = MEAN_FACE * 30
    fits = [truth + rng.normal(0, 0.1, (68, 2)) for _ in range(4)]
    points, spread = fitting._agree([fits[0], truth + 40, *fits[1:]])
    assert np.abs(points - truth).max() < 0.4
    assert spread < 0.01


def test_confidence_separates_faces_from_what_is_none(faces: tuple[Path, list[str]]) -> None:
    real = [read_image(faces[0] / path) for path in faces[1]]
    noise = [np.random.default_rng(seed).integers(0, 256, (48, 48), np.uint8) for seed in range(8)]
    assert certain_share(real) >= 0.9
    turned = [[np.ascontiguousarray(np.rot90(image, quarter)) for image in real] for quarter in (1, 2, 3)]
    assert certain_share([*turned[0], *turned[2]]) <= 0.2
    assert certain_share([*turned[1], *(np.ascontiguousarray(image[::-1]) for image in real)]) <= 0.2
    assert certain_share([shuffled(image) for image in real]) <= 0.15
    assert certain_share([*noise, np.full((48, 48), 90, np.uint8)]) == 0


def test_points_beside_a_face_do_not_look_like_one(faces: tuple[Path, list[str]]) -> None:
    """However well jittered fits agree, the picture under the points counts."""
    grey = [fitting.to_grey(read_image(faces[0] / path)) for path in faces[1]]
    points = [fit_crop(image).points.astype(float) for image in grey]
    share = [
        np.mean([is_certain(image, here + np.array([0, shift]) * eye_distance(here), 0.03) for image, here in
                 zip(grey, points, strict=True)])
        for shift in (0, 0.7)
    ]  # fmt: skip
    assert share[0] >= 0.9
    assert share[1] <= 0.2


def test_small_grey_crops_agree_with_the_photos_they_come_from(london: list[Path]) -> None:
    """At 48 px and without colour the same points are found, within 5 % of the distance between the eyes."""
    for path in london[::3]:
        photo = read_image(path)
        fit = fit_photo(photo)
        assert fit is not None
        assert fit.certain
        low, high = fit.points.min(0), fit.points.max(0)
        scale = 48 / (1.25 * (high - low).max())
        matrix = np.column_stack([np.eye(2) * scale, 23.5 - scale * (low + high) / 2])
        small = fit_crop(warp(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), matrix, 48))
        expected = apply_matrix(matrix, fit.points)
        error = np.linalg.norm(small.points - expected, axis=1).mean() / eye_distance(expected)
        assert small.certain, path.name
        assert error < 0.05, path.name


def test_points_lie_where_the_photo_is_moved_to(london: list[Path]) -> None:
    """Halving, shifting and mirroring a portrait takes its points along."""
    photo = read_image(london[0])
    points = fit_photo(photo).points
    matrix = np.array([[0.5, 0, 60.0], [0, 0.5, 20.0]])
    moved = fit_photo(warp(photo, matrix, 520)).points
    assert np.abs(moved - apply_matrix(matrix, points)).mean() < 0.02 * eye_distance(moved)
    mirrored = fit_photo(np.ascontiguousarray(photo[:, ::-1])).points[FLIP]
    mirrored[:, 0] = photo.shape[1] - 1 - mirrored[:, 0]
    assert np.abs(mirrored - points).mean() < 0.03 * eye_distance(points)


def test_every_face_of_a_group_is_found_small_or_large(london: list[Path]) -> None:
    large, small = (read_image(path) for path in (london[0], london[2]))
    scene = np.full((900, 1300, 3), 127, np.uint8)
    scene[50:850, :800] = cv2.resize(large, (800, 800), interpolation=cv2.INTER_AREA)
    scene[300:500, 950:1150] = cv2.resize(small, (200, 200), interpolation=cv2.INTER_AREA)
    centres = np.array([(box[:2] + box[2:]) / 2 for box in detect(scene, every=True)])
    assert len(centres) == 2
    assert centres[:, 0].min() < 800 < 950 < centres[:, 0].max() < 1150
    alone = detect(scene[250:550, 850:])
    assert len(alone) == 1
    only_small = np.full((1000, 1300, 3), 127, np.uint8)
    only_small[300:500, 950:1150] = scene[300:500, 950:1150]
    x, y = detect(only_small)[0].reshape(2, 2).mean(0)
    assert 950 < x < 1150
    assert 300 < y < 500


def test_a_given_box_picks_the_face(london: list[Path]) -> None:
    one = cv2.resize(read_image(london[0]), (400, 400), interpolation=cv2.INTER_AREA)
    pair = np.concatenate([one, one[:, ::-1]], axis=1)
    for at in (0, 400):
        fit = fit_photo(pair, box=(at + 110, 120, at + 290, 300))
        assert fit.certain
        assert at < fit.points[:, 0].min() < fit.points[:, 0].max() < at + 400


def test_dark_and_pale_portraits_are_found(london: list[Path]) -> None:
    for path in london[:6]:
        photo = cv2.resize(read_image(path), (350, 350), interpolation=cv2.INTER_AREA)
        for faint in (255 * (photo / 255) ** 2.5 * 0.15, 200 + photo * 0.1):
            assert len(detect(faint.astype(np.uint8))) == 1, path.name


def test_photo_without_a_face_gives_none() -> None:
    assert fit_photo(np.full((300, 200, 3), 90, np.uint8)) is None
    assert detect(np.full((300, 200), 90, np.uint8)).shape == (0, 4)


@pytest.mark.usefixtures("small_chunks")
def test_second_run_fits_nothing_and_says_the_same(
    faces: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, paths = faces
    fitted = counted(monkeypatch)
    first = extract(root, paths[:10], precropped=True, store=tmp_path / "store", jobs=1)
    assert fitted == paths[:10]
    second = extract(root, paths[:14], precropped=True, store=tmp_path / "store", jobs=1)
    assert fitted[10:] == paths[10:14]
    assert set(second.points) == set(paths[:14])
    assert same(first, extract(root, paths[:10], precropped=True, store=tmp_path / "store", jobs=1))
    assert len(fitted) == 14


@pytest.mark.usefixtures("small_chunks")
def test_killed_run_goes_on_where_it_stopped(
    faces: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, paths = faces
    store = tmp_path / "store"
    code = """
import os, signal, sys
from pre_processing import landmarks
landmarks.CHUNK, save, saved = 4, landmarks._save_chunk, []
def counted(*given):
    save(*given)
    saved.append(1)
    if len(saved) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
landmarks._save_chunk = counted
landmarks.extract(sys.argv[1], sys.argv[3:], precropped=True, store=sys.argv[2], jobs=1)
"""
    child = subprocess.run(
        [sys.executable, "-c", code, str(root), str(store), *paths], cwd=ROOT, check=False, capture_output=True
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    done = 4 * len(list(store.glob("chunk-*.npz")))
    assert done == 8 < len(paths)
    fitted = counted(monkeypatch)
    resumed = extract(root, paths, precropped=True, store=store, jobs=1)
    assert fitted == paths[done:]
    assert same(resumed, extract(root, paths, precropped=True, store=tmp_path / "other", jobs=1))


@pytest.mark.slow
@pytest.mark.usefixtures("small_chunks")
def test_many_cores_give_what_one_gives(faces: tuple[Path, list[str]], tmp_path: Path) -> None:
    one, two = (extract(*faces, precropped=True, store=tmp_path / f"{jobs}", jobs=jobs) for jobs in (1, 2))
    assert same(one, two)


def test_failures_are_listed_by_file_and_reason(faces: tuple[Path, list[str]], tmp_path: Path) -> None:
    root, paths = faces
    store = tmp_path / "store"
    (root / "junk.png").write_bytes(b"not an image")
    cv2.imwrite(str(root / "blank.png"), np.full((200, 200), 127, np.uint8))
    wanted = [paths[0], "junk.png", "blank.png", "missing.png"]
    for _ in range(2):  # computed, then from the store
        found = extract(root, wanted, precropped=False, store=store, jobs=1)
        assert set(found.failures) >= {"junk.png", "blank.png", "missing.png"}
        assert set(found.points) | set(found.failures) == set(wanted)
        assert not set(found.points) & set(found.failures)
        assert set(found.points) == set(found.certain)
        assert "not a readable image" in found.failures["junk.png"]
        assert "No such file" in found.failures["missing.png"]
        assert found.failures["blank.png"] == NO_FACE


def test_replaced_file_and_other_box_are_fitted_again(
    faces: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, paths = faces
    store = tmp_path / "store"
    (root / "face.png").write_bytes(b"broken")
    assert extract(root, ["face.png"], precropped=True, store=store, jobs=1).failures
    (root / "face.png").write_bytes((root / paths[0]).read_bytes())
    repaired = extract(root, ["face.png"], precropped=True, store=store, jobs=1)
    assert not repaired.failures
    assert np.array_equal(repaired.points["face.png"], fit_crop(read_image(root / paths[0])).points)
    fitted = counted(monkeypatch)
    for box in [(4, 8, 43, 47), (4, 8, 43, 47), (6, 8, 43, 45)]:
        extract(root, ["face.png"], precropped=True, store=store, jobs=1, boxes={"face.png": box})
    assert fitted == ["face.png"] * 2


def test_of_several_faces_the_one_in_the_box_is_fitted(tmp_path: Path) -> None:
    face = skimage.data.astronaut()[:256, 96:352]
    ((left, top, right, bottom), *_) = detect(face)
    boxes = {}
    for name, shift in (("left.png", 0), ("right.png", 256)):
        cv2.imwrite(str(tmp_path / name), cv2.cvtColor(np.hstack([face, face]), cv2.COLOR_RGB2BGR))
        boxes[name] = (left + shift, top, right + shift, bottom)
    points = extract(tmp_path, list(boxes), precropped=False, store=tmp_path / "store", jobs=1, boxes=boxes).points
    assert points["left.png"][:, 0].max() < 256 < points["right.png"][:, 0].min()
    assert np.allclose(points["left.png"] + [256, 0], points["right.png"], atol=4)


def test_photos_and_crops_share_no_results(
    faces: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = counted(monkeypatch)
    for precropped in (True, False, True):
        extract(faces[0], faces[1][:1], precropped=precropped, store=tmp_path / "store", jobs=1)
    assert len(fitted) == 2


@pytest.mark.parametrize("content", [b"", b"junk", "cut"])
def test_damaged_store_is_named(faces: tuple[Path, list[str]], tmp_path: Path, content: bytes | str) -> None:
    store = tmp_path / "store"
    extract(faces[0], faces[1][:2], precropped=True, store=store, jobs=1)
    (chunk,) = store.glob("chunk-*.npz")
    chunk.write_bytes(chunk.read_bytes()[:300] if content == "cut" else content)
    with pytest.raises(InputError, match=chunk.name):
        extract(faces[0], faces[1][:2], precropped=True, store=store, jobs=1)


def test_nothing_to_do_is_no_error(tmp_path: Path) -> None:
    assert extract(tmp_path, [], precropped=True, store=tmp_path / "store") == ({}, {}, {})


@pytest.mark.parametrize("module", ["dlib", "face_recognition_models"])
def test_missing_dlib_says_what_to_install(module: str, tmp_path: Path) -> None:
    """Everything imports without dlib; asking for landmarks is one clear error."""
    cv2.imwrite(str(tmp_path / "face.png"), np.full((48, 48), 127, np.uint8))
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from pre_processing import artefacts, crop, fitting, landmarks, meanface\n"
        "try: landmarks.extract(sys.argv[1], ['face.png'], precropped=True, store=sys.argv[1] + '/store', jobs=1)\n"
        "except artefacts.InputError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "pip install" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert not (tmp_path / "store").exists()
