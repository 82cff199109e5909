"""Masks: what is hidden never shows, mouth and nose are covered, eyes are free, the same seed wears the same mask."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_photos import photo

from pre_processing import masks
from pre_processing.mask_shape import fit_mask, folds
from pre_processing.mask_warp import thin_plate
from pre_processing.masks import face_seed, put_mask
from pre_processing.meanface import HIDDEN, MEAN_FACE, hide_points

EYES, MOUTH, NOSTRILS = (range(36, 42), range(42, 48)), range(48, 60), range(30, 36)


def face(size: int, turn: float = 0.0) -> np.ndarray:
    """The mean face, turned by `turn` degrees, in the middle of a square of `size` pixels."""
    turned = MEAN_FACE @ cv2.getRotationMatrix2D((0, 0), turn, 1)[:, :2].T
    return (turned - (turned.min(0) + turned.max(0)) / 2) * size / 4.2 + (size - 1) / 2


def area(shape: tuple[int, ...], points: np.ndarray) -> np.ndarray:
    """Pixels (h, w) whose centre lies in the hull of points (N, 2)."""
    filled = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(filled, [np.round(cv2.convexHull(np.float32(points))[:, 0]).astype(np.int32)], 1)
    return filled > 0


def opaque(image: np.ndarray, points: np.ndarray, where: np.ndarray, seed: int = 0) -> float:
    """Share of `where` whose pixels leave no trace: other pixels there give the same masked image there."""
    other = image.copy()
    other[where] = 255 - other[where]
    one, two = put_mask(image, points, seed)[0], put_mask(other, points, seed)[0]
    same = (one == two).reshape(*where.shape, -1).all(2)
    return float(same[where].mean())


@settings(max_examples=25)
@given(shift=st.lists(st.floats(-60, 60, width=32), min_size=52, max_size=52), seed=st.integers(0, 2**32 - 1))
def test_moving_hidden_points_changes_nothing(shift: list[float], seed: int) -> None:
    image, points = photo(96), face(96)
    moved = points.copy()
    moved[list(HIDDEN)] += np.array(shift).reshape(26, 2)
    one, two = put_mask(image, points, seed), put_mask(image, moved, seed)
    assert np.array_equal(one[0], two[0])
    assert one[1] == two[1]


@pytest.mark.parametrize("size", [48, 112, 224])
@pytest.mark.parametrize("turn", [-30, 0, 20])
def test_mouth_nostrils_and_chin_are_covered_and_leave_no_trace(size: int, turn: float) -> None:
    image, points = photo(size), face(size, turn)
    for part in (MOUTH, NOSTRILS):
        assert opaque(image, points, area(image.shape, points[list(part)])) == 1.0
    # The edge is soft for a pixel or two, and lies along the jaw.
    chin = area(image.shape, points[[*range(5, 12), *MOUTH]])
    within = cv2.erode(chin.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert opaque(image, points, within) == 1.0


@settings(max_examples=25)
@given(size=st.integers(40, 240), turn=st.floats(-60, 60), seed=st.integers(0, 2**32 - 1))
def test_eyes_and_brows_are_untouched(size: int, turn: float, seed: int) -> None:
    image, points = photo(size), face(size, turn)
    masked, _ = put_mask(image, points, seed)
    for part in (*EYES, range(17, 27)):
        where = area(image.shape, points[list(part)])
        assert np.array_equal(masked[where], image[where])
    assert (masked != image).mean() > 0.1


def test_seeds_repeat_and_differ() -> None:
    image, points = photo(64), face(64)
    first, again, other = (put_mask(image, points, seed) for seed in (1, 1, 2))
    assert np.array_equal(first[0], again[0])
    assert first[1] == again[1]
    assert not np.array_equal(first[0], other[0])
    assert face_seed(0, "a.png") != face_seed(0, "b.png")
    assert face_seed(0, "a.png") != face_seed(1, "a.png")
    assert face_seed(0, "a.png") == 1670188878


def test_grey_stays_grey_and_colour_turns_blue() -> None:
    points, grey = face(80), photo(80, 0)
    masked, description = put_mask(grey, points, 3)
    assert masked.shape == grey.shape
    assert description["grey"]
    three, _ = put_mask(np.dstack([grey] * 3), points, 3)
    assert np.array_equal(three, np.dstack([masked] * 3))
    coloured, description = put_mask(photo(80), points, 3, "surgical_blue")
    assert not description["grey"]
    red, _, blue = coloured[area(coloured.shape, points[list(MOUTH)])].mean(0)
    assert blue > red + 20


def test_the_input_is_not_changed() -> None:
    image, points = photo(64), face(64)
    before = image.copy(), points.copy()
    put_mask(image, points, 0)
    assert np.array_equal(image, before[0])
    assert np.array_equal(points, before[1])


def test_light_follows_the_face() -> None:
    points = face(160)
    slope = np.linspace(60, 210, 160)[None, :].repeat(160, 0).astype(np.uint8)
    masked = put_mask(slope, points, 0, "surgical_white")[0].astype(float)
    left, right = (area(slope.shape, points[list(part)] * (1, 1)) for part in ((48, 3, 4, 5), (54, 11, 12, 13)))
    assert masked[right].mean() > masked[left].mean() * 1.1
    dim, bright = (
        put_mask(np.full((160, 160), level, np.uint8), points, 0, "surgical_white")[0] for level in (60, 200)
    )
    middle = area(slope.shape, points[list(MOUTH)])
    assert 30 < dim[middle].mean() < bright[middle].mean() - 40
    assert bright[middle].max() < 255


@settings(max_examples=40)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=136, max_size=136))
def test_no_points_are_too_odd(values: list[float]) -> None:
    image = photo(32)
    masked, description = put_mask(image, np.array(values).reshape(68, 2), 0)
    assert masked.shape == image.shape
    assert description["placement"] in ("mesh", "affine", "none")
    assert description["placement"] != "none" or np.array_equal(masked, image)


@settings(max_examples=60)
@given(st.lists(st.floats(-20, 120, width=32), min_size=136, max_size=136))
def test_however_scattered_the_other_points_eyes_stay_free(values: list[float]) -> None:
    image, points = photo(100), np.array(values).reshape(68, 2)
    points[36:48] = face(100)[36:48]
    masked, _ = put_mask(image, points, 0)
    for eye in EYES:
        where = area(image.shape, points[list(eye)])
        assert np.array_equal(masked[where], image[where])


def test_the_top_edge_stays_below_the_eyes_wherever_the_nose_bridge_is() -> None:
    points = face(200)
    points[28:30, 1] -= 60
    outline = fit_mask(hide_points(points), 0.5, 0.0).outline.astype(np.float32)
    assert all(cv2.pointPolygonTest(outline, point.tolist(), True) < -3 for point in points[36:48])


def test_a_folded_mesh_falls_back() -> None:
    points = face(100)
    points[1:8, 0] += 70  # the jaw's near half lies beyond its far half
    fit = fit_mask(hide_points(points).astype(float), 0.5, 0.0)
    assert folds(fit.mesh / fit.unit)
    masked, description = put_mask(photo(100), points, 0)
    assert description["placement"] == "affine"
    assert (masked != photo(100)).any()


def test_straps_stay_at_a_face_far_to_the_right() -> None:
    image = photo(400)[:, :, :3]
    wide = np.tile(image, (1, 30, 1))
    masked, description = put_mask(wide, face(400) + np.array([11_000, 0]), 0, "surgical_blue")
    assert description["placement"] == "mesh"
    assert np.flatnonzero((masked != wide).any((0, 2))).min() > 11_000
    here, _ = put_mask(np.ascontiguousarray(wide[:, 11_000:11_400]), face(400), 0, "surgical_blue")
    assert (masked[:, 11_100:11_300] != here[:, 100:300]).mean() < 0.01


def test_points_of_no_face_or_beyond_the_image_give_a_copy() -> None:
    image = photo(50)
    for points in (np.zeros((68, 2)), np.full((68, 2), np.nan), face(50) + 500):
        masked, description = put_mask(image, points, 0)
        assert description["placement"] == "none"
        assert np.array_equal(masked, image)


@settings(max_examples=40)
@given(turn=st.floats(-180, 180), scale=st.floats(0.3, 20), shift=st.tuples(st.floats(-99, 99), st.floats(-99, 99)))
def test_the_outline_turns_with_the_face(turn: float, scale: float, shift: tuple[float, float]) -> None:
    matrix = cv2.getRotationMatrix2D((0, 0), turn, scale)[:, :2]
    points = face(100)
    moved = fit_mask(points @ matrix.T + shift, 0.5, 0.1)
    expected = fit_mask(points, 0.5, 0.1).outline @ matrix.T + shift
    assert np.abs(moved.outline - expected).max() < 1e-6 * scale * 100


def test_thin_plate_keeps_affine_maps_and_meets_its_points() -> None:
    rng = np.random.default_rng(0)
    source, queries = rng.random((20, 2)), rng.random((50, 2))
    matrix = np.array([[2.0, 0.3], [-0.5, 1.5]])
    assert np.allclose(thin_plate(source, source @ matrix + 3, queries), queries @ matrix + 3, atol=1e-6)
    target = rng.random((20, 2))
    assert np.abs(thin_plate(source, target, source, stiffness=0.0) - target).max() < 1e-6


def test_portraits_are_covered_and_keep_their_eyes(london: list[Path]) -> None:
    landmarks = pytest.importorskip("pre_processing.landmarks")
    for file in london[:6]:
        image = masks.read_image(file)
        points = landmarks.fit_photo(image).points
        masked, description = put_mask(image, points, 0)
        assert description["placement"] == "mesh"
        for part in (MOUTH, NOSTRILS):
            assert opaque(image, points, area(image.shape, points[list(part)])) == 1.0
        for eye in EYES:
            where = area(image.shape, points[list(eye)])
            assert np.array_equal(masked[where], image[where])


def test_a_turned_face_at_the_border_of_a_photo() -> None:
    points = (MEAN_FACE - MEAN_FACE[36:48].mean(0)) * 300
    for turned, place in ((-points, (599, 300)), (points[:, ::-1] * (1, -1), (300, 599))):
        masked, _ = put_mask(photo(600), (turned + place).astype(np.float32), 0)
        assert masked.shape == (600, 600, 3)
