"""One crop for all: image and points move together, and what a mask hides has no part in it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pre_processing.artefacts import InputError
from pre_processing.crop import FACTOR, apply_matrix, crop_face, crop_matrix, read_image, warp
from pre_processing.meanface import HIDDEN, MEAN_FACE, VISIBLE


def face_at(x: float, y: float, unit: float) -> np.ndarray:
    """The mean face with its eyes' middle at (x, y), `unit` pixels between the eyes."""
    return (MEAN_FACE * unit + np.array([x, y])).astype(np.float32)


def marked(points: np.ndarray, index: int, width: float, shape: tuple[int, int]) -> np.ndarray:
    """A black grey image with a soft round mark, exact to parts of a pixel, at one point."""
    y, x = np.indices(shape)
    distance = (x - points[index, 0]) ** 2 + (y - points[index, 1]) ** 2
    return np.round(255 * np.exp(-distance / (2 * width**2))).astype(np.uint8)


def centroid(image: np.ndarray) -> np.ndarray:
    y, x = np.indices(image.shape)
    weight = image.astype(np.float64)
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


@given(
    unit=st.floats(12, 160),
    x=st.floats(0.45, 0.55),
    y=st.floats(0.35, 0.45),
    index=st.integers(0, 67),
    size=st.sampled_from([64, 112, 224]),
)
def test_mark_at_a_point_is_found_at_the_moved_point(unit: float, x: float, y: float, index: int, size: int) -> None:
    side = round(6 * unit)
    points = face_at(x * side, y * side, unit)
    scale = float(crop_matrix(points, size)[0, 0])
    image = marked(points, index, max(1.2, 1.2 / scale), (side, side))
    crop, moved = crop_face(image, points, size)
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8
    assert np.abs(centroid(crop[:, :, 0]) - moved[index]).max() < 0.12 * max(1, scale)


@given(unit=st.floats(5, 300), x=st.floats(-100, 500), y=st.floats(-100, 500), size=st.integers(16, 256))
def test_visible_points_fill_the_crop_with_the_stated_margin(unit: float, x: float, y: float, size: int) -> None:
    points = face_at(x, y, unit)
    moved = apply_matrix(crop_matrix(points, size), points)[list(VISIBLE)]
    low, high = moved.min(0), moved.max(0)
    assert np.allclose((low + high) / 2, (size - 1) / 2, atol=0.02)
    assert (high - low).max() == pytest.approx(size / FACTOR, abs=0.02)


@given(shifts=st.lists(st.tuples(st.floats(-500, 500), st.floats(-500, 500)), min_size=26, max_size=26))
def test_hidden_points_do_not_move_the_crop(shifts: list[tuple[float, float]]) -> None:
    points = face_at(60, 50, 25)
    other = points.copy()
    other[list(HIDDEN)] += np.array(shifts, np.float32)
    image = np.random.default_rng(0).integers(0, 256, (120, 120, 3), np.uint8)
    (crop, moved), (crop_2, moved_2) = crop_face(image, points, 64), crop_face(image, other, 64)
    assert np.array_equal(crop, crop_2)
    assert np.array_equal(moved[list(VISIBLE)], moved_2[list(VISIBLE)])


def test_visible_points_do_move_the_crop() -> None:
    points = face_at(60, 50, 25)
    for index in (0, 8, 16, 19):  # each of them stands on the bounding box
        other = points.copy()
        other[index] += (points[index] - points[28]) * 0.3
        assert not np.allclose(crop_matrix(points, 64), crop_matrix(other, 64)), index


@pytest.mark.parametrize("turn", [False, True])
def test_shrinking_averages_all_pixels(turn: bool) -> None:
    """A one-pixel checkerboard becomes even grey: nothing is skipped, so nothing aliases."""
    board = (np.indices((900, 900)).sum(0) % 2 * 255).astype(np.uint8)
    matrix = cv2.getRotationMatrix2D((450, 450), 30 if turn else 0, 0.11)
    matrix[:, 2] += 31.5 - 450
    assert np.ptp(warp(board, matrix, 64)[16:48, 16:48].astype(int)) < 60
    points = face_at(450, 380, 180)
    assert np.abs(crop_face(board, points, 64)[0].astype(int) - 128).max() < 30


def test_identity_warp_changes_nothing() -> None:
    image = np.random.default_rng(1).integers(0, 256, (48, 48), np.uint8)
    assert np.array_equal(warp(image, np.array([[1, 0, 0], [0, 1, 0]], float), 48), image)


def test_beyond_the_photo_the_border_repeats() -> None:
    image = np.full((48, 48, 3), 200, np.uint8)
    crop, _ = crop_face(image, face_at(2, 2, 20), 64)
    assert np.array_equal(np.unique(crop), [200])


def test_grey_and_rgb_of_one_photo_give_one_crop() -> None:
    grey = np.random.default_rng(2).integers(0, 256, (80, 80), np.uint8)
    points = face_at(40, 30, 18)
    assert np.array_equal(crop_face(grey, points, 64)[0], crop_face(np.dstack([grey] * 3), points, 64)[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_points_that_span_no_face_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="span no face"):
        crop_matrix(np.full((68, 2), value), 64)


def test_reads_rgb_and_turns_by_exif(tmp_path: Path) -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, :15] = (255, 0, 0)  # RGB: the left half is red
    encoded = cv2.imencode(".jpg", image[:, :, ::-1])[1].tobytes()
    # Orientation 6: the camera was turned, the picture is to be shown a quarter turn clockwise.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (tmp_path / "upright.jpg").write_bytes(encoded)
    (tmp_path / "turned ü.jpg").write_bytes(encoded[:2] + segment + encoded[2:])
    upright, turned = read_image(tmp_path / "upright.jpg"), read_image(tmp_path / "turned ü.jpg")
    assert upright.shape == (20, 30, 3)
    assert upright[10, 5, 0] > 200 > 50 > upright[10, 5, 2]
    assert np.array_equal(turned, np.rot90(upright, -1))


def test_grey_file_becomes_rgb(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.arange(256, dtype=np.uint8).reshape(16, 16))
    image = read_image(tmp_path / "grey.png")
    assert image.shape == (16, 16, 3)
    assert (image[:, :, 0] == image[:, :, 2]).all()


@pytest.mark.parametrize("content", [None, b"", b"not an image", b"\x89PNG\r\n\x1a\n broken"])
def test_unreadable_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "face.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"face\.png: .*; ") as error:
        read_image(path)
    assert "\n" not in str(error.value)


def test_a_landmark_that_lies_far_out_takes_no_memory() -> None:
    points = face_at(20, 20, 12)
    points[16] = (100_000, 20)
    crop, _ = crop_face(np.full((48, 48), 90, np.uint8), points, 64)
    assert crop.shape == (64, 64, 3)
    assert (crop == 90).all()


def test_nor_does_one_in_a_large_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    sides, draw = [], cv2.warpAffine
    monkeypatch.setattr(cv2, "warpAffine", lambda *given, **more: (sides.append(given[2][0]), draw(*given, **more))[1])
    points = face_at(2000, 1500, 900)
    points[16] = (1_000_000, 20)
    crop, _ = crop_face(np.full((3000, 4000), 90, np.uint8), points, 64)
    assert max(sides) <= 8192
    assert (crop == 90).all()
