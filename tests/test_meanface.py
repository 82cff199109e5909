"""The mean face: a mirror changes sides, and hidden points can tell nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pre_processing.meanface import FLIP, HIDDEN, MEAN_FACE, VISIBLE, hide_points

FACES = arrays(np.float32, (68, 2), elements=st.floats(-500, 500, width=32))


def test_flip_is_an_involution_that_mirrors_the_mean_face() -> None:
    assert np.array_equal(FLIP[FLIP], np.arange(68))
    assert np.array_equal(MEAN_FACE[FLIP] * np.array([-1, 1], np.float32), MEAN_FACE)


def test_flip_is_pinned_at_corners_that_people_know() -> None:
    """Chin and nose stay; jaw ends, outer eye corners and mouth corners change sides."""
    for one, other in ((8, 8), (30, 30), (0, 16), (36, 45), (39, 42), (48, 54), (31, 35), (17, 26), (60, 64)):
        assert (FLIP[one], FLIP[other]) == (other, one)


def test_hidden_and_visible_share_out_the_points() -> None:
    assert sorted(HIDDEN + VISIBLE) == list(range(68))
    assert (*range(30, 36), *range(48, 68)) == HIDDEN


def test_mean_face_looks_like_a_face() -> None:
    """y down; brows over eyes over nose tip over mouth over chin; one unit between the eyes."""
    heights = [MEAN_FACE[part, 1].mean() for part in (slice(17, 27), slice(36, 48), 30, slice(48, 68), 8)]
    assert heights == sorted(heights)
    eyes = MEAN_FACE[42:48].mean(0) - MEAN_FACE[36:42].mean(0)
    assert np.allclose(eyes, [1, 0], atol=1e-3)
    assert MEAN_FACE[0, 0] < MEAN_FACE[36, 0] < 0 < MEAN_FACE[45, 0] < MEAN_FACE[16, 0]


@given(FACES)
def test_hiding_twice_is_hiding_once(points: np.ndarray) -> None:
    once = hide_points(points)
    assert once.dtype == np.float32
    assert np.array_equal(once, hide_points(once))


@given(FACES, FACES)
def test_hidden_input_is_never_read(points: np.ndarray, other: np.ndarray) -> None:
    changed = points.copy()
    changed[list(HIDDEN)] = other[list(HIDDEN)]
    assert np.array_equal(hide_points(points), hide_points(changed))
    changed[list(HIDDEN)] = np.nan
    assert np.array_equal(hide_points(points), hide_points(changed))


@given(FACES)
def test_visible_points_stay_and_the_input_too(points: np.ndarray) -> None:
    before = points.copy()
    hidden = hide_points(points)
    assert np.array_equal(hidden[list(VISIBLE)], points[list(VISIBLE)])
    assert np.array_equal(points, before)


@given(arrays(np.float64, (2, 2), elements=st.floats(-50, 50)), st.floats(-100, 100), st.floats(-100, 100))
def test_an_affine_view_of_the_mean_face_is_completed_exactly(turn: np.ndarray, x: float, y: float) -> None:
    seen = (MEAN_FACE @ turn + np.array([x, y])).astype(np.float32)
    points = seen.copy()
    points[list(HIDDEN)] = 0
    assert np.allclose(hide_points(points), seen, atol=1e-3)


@given(FACES, st.floats(20, 300))
def test_mirrored_points_are_completed_to_the_mirrored_face(points: np.ndarray, width: float) -> None:
    def mirror(face: np.ndarray) -> np.ndarray:
        return (face * np.array([-1, 1]) + np.array([width - 1, 0]))[FLIP].astype(np.float32)

    assert np.allclose(hide_points(mirror(points)), mirror(hide_points(points)), atol=0.05)


def test_many_faces_at_once() -> None:
    faces = np.random.default_rng(0).normal(size=(3, 2, 68, 2)).astype(np.float32)
    together = hide_points(faces)
    assert together.shape == faces.shape
    assert np.allclose(together[1, 1], hide_points(faces[1, 1]), atol=1e-5)
