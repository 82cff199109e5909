"""Drawn faces: the same from the same seed, points where the features are, action units that move what they should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pre_processing import landmarks, overlay, render
from pre_processing.drawing import cast, features, points, surroundings
from pre_processing.drawing.scene import Scene
from pre_processing.emotions import EMOTIONS
from pre_processing.meanface import FLIP, HIDDEN

PEOPLE = range(4)
SIDE = 320


def studio(number: int, **changes) -> tuple[render.Person, render.Photo]:
    """A bare-faced person in even light with some expression and pose."""
    person = replace(render.make_person(3, number), glasses=False, beard=0.0, style="bald")
    photo = render.make_photo(3, number, 0, number % 7)
    pose = {"yaw": photo.yaw / 2, "pitch": photo.pitch, "roll": photo.roll}
    return person, render.Photo(units=photo.units, key=0.2, **pose, **changes)


def region(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where two pictures differ."""
    return (np.abs(before.astype(int) - after).max(2) > 3).astype(np.uint8)


def edge_distance(area: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Pixels from each point to the area's outline; positive inside."""
    outline = max(cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=len)
    return np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y in at])


def test_the_same_seeds_give_the_same_face_and_others_another() -> None:
    def face(seed: int, number: int, index: int) -> bytes:
        image, at = render.draw(render.make_person(seed, number), render.make_photo(seed, number, index, 3))
        assert image.shape == (render.SIZE, render.SIZE, 3)
        assert (image.dtype, at.dtype, at.shape) == (np.uint8, np.float32, (68, 2))
        return image.tobytes() + at.tobytes()

    assert face(1, 2, 0) == face(1, 2, 0)
    assert len({face(1, 2, 0), face(2, 2, 0), face(1, 3, 0), face(1, 2, 1)}) == 4


def test_the_size_changes_pixels_not_the_face() -> None:
    person, photo = studio(1)
    (small, at), (large, there) = render.draw(person, photo, 160), render.draw(person, photo, 320)
    assert there == pytest.approx((at + 0.5) * 2 - 0.5, abs=1e-3)
    half = cv2.resize(large, (160, 160), interpolation=cv2.INTER_AREA)
    # Thin lines are a pixel wide at least, hence not closer.
    assert np.abs(half.astype(int) - small).mean() < 4


@pytest.mark.parametrize("number", PEOPLE)
def test_lip_points_lie_on_the_edges_of_the_lips(number: int) -> None:
    person, photo = studio(number)
    image, at = render.draw(person, photo, SIDE)
    lips = region(image, render.draw(replace(person, lips=(0.1, 0.7, 0.2)), photo, SIDE)[0])
    distance = edge_distance(cv2.morphologyEx(lips, cv2.MORPH_CLOSE, np.ones((9, 9))), at[48:60])
    # The lips' edge is soft: 3 px at this size, 1.5 at the usual one.
    assert np.abs(distance).max() < 5
    assert np.abs(distance).mean() < 3


@pytest.mark.parametrize("number", PEOPLE)
def test_jaw_points_lie_on_the_outline_of_the_head(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "body", lambda scene: None)
    person, photo = studio(number)
    image, at = render.draw(person, photo, SIDE)
    head = region(image, render.draw(replace(person, skin=(0.2, 0.3, 0.9)), photo, SIDE)[0])
    distance = np.abs(edge_distance(head, at[:17]))
    assert distance[1:16].max() < 1.5
    assert distance.max() < 4, "in a turned head the skull reaches a little beyond the ends of the jaw"


@pytest.mark.parametrize("number", PEOPLE)
def test_eye_points_lie_on_the_edges_of_the_eyes(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    person, photo = studio(number)
    monkeypatch.setattr(features, "glints", lambda scene: None)
    monkeypatch.setattr(features, "_lids", lambda *a: None)
    image, at = render.draw(person, photo, SIDE)
    monkeypatch.setattr(features, "_eyeball", lambda s, points, centre: np.zeros((2 * SIDE, 2 * SIDE), np.float32))
    eyes = region(image, render.draw(person, photo, SIDE)[0])
    for half, eye in ((slice(0, int(at[27, 0])), at[36:42]), (slice(int(at[27, 0]), SIDE), at[42:48])):
        one = np.zeros_like(eyes)
        one[:, half] = eyes[:, half]
        distance = edge_distance(cv2.morphologyEx(one, cv2.MORPH_CLOSE, np.ones((9, 9))), eye)
        assert np.abs(distance).max() < 2


@pytest.mark.parametrize("number", PEOPLE)
def test_brow_and_nose_points_lie_on_brows_and_nose(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    person, photo = studio(number)
    image, at = render.draw(person, photo, SIDE)
    brows = region(image, render.draw(replace(person, brows=(0.9, 0.1, 0.9)), photo, SIDE)[0])
    off = cv2.distanceTransform(1 - brows, cv2.DIST_L2, 5)
    x, y = np.round(at[17:27]).astype(int).T
    assert off[y, x].max() < 2
    monkeypatch.setattr(features, "nose", lambda scene: None)
    nose = region(image, render.draw(person, photo, SIDE)[0])
    x, y = np.round(at[31:36]).astype(int).T
    assert nose[y, x].all()


def test_the_tip_of_the_nose_is_the_highest_point_of_the_relief(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(features, "glints", lambda scene: seen.append(scene))
    render.draw(render.Person(style="bald"), render.Photo(), SIDE)
    scene = seen[0]
    row, column = np.unravel_index(scene.canvas.relief.argmax(), scene.canvas.relief.shape)
    assert np.linalg.norm((column, row) - scene.p[30]) < 0.15 * scene.u


# Action unit -> (what is measured, sign of its change). Heights count downwards.
MEASURES: dict[str, Callable[[np.ndarray], float]] = {
    "inner brow height": lambda p: p[21, 1],
    "outer brow height": lambda p: p[18, 1],
    "gap between brows": lambda p: p[22, 0] - p[21, 0],
    "upper lid height": lambda p: p[37, 1],
    "lower lid height": lambda p: p[41, 1],
    "eye opening": lambda p: p[41, 1] - p[37, 1],
    "nose wing height": lambda p: p[31, 1],
    "upper lip height": lambda p: p[51, 1],
    "lower lip height": lambda p: p[57, 1],
    "mouth corner height": lambda p: p[48, 1],
    "mouth width": lambda p: p[54, 0] - p[48, 0],
    "lip thickness": lambda p: p[57, 1] - p[51, 1],
    "mouth opening": lambda p: p[66, 1] - p[62, 1],
    "chin height": lambda p: p[8, 1],
}
EXPECTED: dict[int, dict[str, int]] = {
    1: {"inner brow height": -1, "mouth corner height": 0},
    2: {"outer brow height": -1, "mouth corner height": 0},
    4: {"inner brow height": 1, "gap between brows": -1, "mouth corner height": 0},
    5: {"upper lid height": -1, "eye opening": 1, "mouth corner height": 0},
    6: {"lower lid height": -1, "eye opening": -1, "mouth corner height": 0},
    7: {"eye opening": -1, "inner brow height": 0},
    9: {"nose wing height": -1, "upper lip height": -1, "inner brow height": 1, "chin height": 0},
    12: {"mouth corner height": -1, "mouth width": 1, "inner brow height": 0, "eye opening": 0},
    15: {"mouth corner height": 1, "inner brow height": 0, "eye opening": 0},
    16: {"lower lip height": 1, "upper lip height": 0, "eye opening": 0},
    20: {"mouth width": 1, "inner brow height": 0, "eye opening": 0},
    23: {"lip thickness": -1, "inner brow height": 0, "eye opening": 0},
    25: {"mouth opening": 1, "chin height": 0, "eye opening": 0},
    26: {"mouth opening": 1, "chin height": 1, "lower lip height": 1, "inner brow height": 0, "eye opening": 0},
}


@pytest.mark.parametrize("unit", sorted(points.MOVES))
def test_an_action_unit_moves_the_right_points(unit: int) -> None:
    rest = points.shape_face({})
    half, full = (points.act(rest, {unit: strength}) for strength in (0.5, 1.0))
    for what, sign in EXPECTED[unit].items():
        before, between, after = (MEASURES[what](face) for face in (rest, half, full))
        assert np.sign(round(after - before, 3)) == sign, what
        assert abs(after - between) == pytest.approx(abs(between - before), abs=0.03), what


def test_emotions_are_made_of_their_action_units() -> None:
    facs = {"Happy": {6, 12}, "Sad": {1, 4, 15}, "Surprise": {1, 2, 5, 26}, "Fear": {1, 2, 4, 5, 7, 20, 26},
            "Angry": {4, 5, 7, 23}, "Disgust": {9, 15, 16}, "Neutral": set()}  # fmt: skip
    assert {EMOTIONS[code]: set(units) for code, units in points.UNITS.items()} == facs
    rng = np.random.default_rng(1)
    neutral = [cast.express(rng, 0) for _ in range(200)]
    for code, prototype in points.UNITS.items():
        shown = [cast.express(rng, code) for _ in range(200)]
        assert all(0 <= strength <= 1.2 for units in shown for strength in units.values())
        for unit in prototype:
            strengths = [units[unit] for units in shown]
            assert np.mean(strengths) > 0.3 + np.mean([units.get(unit, 0) for units in neutral])
            assert min(strengths) < 0.35 < 0.8 < max(strengths), "weak ones and strong ones"


units_of = st.dictionaries(st.sampled_from(sorted(points.MOVES)), st.floats(0, 1.2))
traits_of = st.fixed_dictionaries({name: st.floats(-2, 2) for name in points.TRAITS})


@given(units=units_of, traits=traits_of)
def test_no_face_comes_apart(units: dict[int, float], traits: dict[str, float]) -> None:
    face = points.act(points.shape_face(traits), units)[:, :2]
    assert np.abs(face[FLIP] * (-1, 1) - face).max() < 1e-6, "both halves alike"
    order = ((37, 41), (38, 40), (51, 62), (62, 66), (66, 57), (57, 8), (19, 37), (27, 30), (30, 33), (33, 51))
    assert all(face[upper, 1] < face[lower, 1] for upper, lower in order)
    rows = (
        [*range(17, 27)],
        [36, 37, 38, 39, 42, 43, 44, 45],
        [48, 49, 50, 51, 52, 53, 54],
        [48, 60, 61, 62, 63, 64, 54],
    )
    assert all((np.diff(face[row, 0]) > 0).all() for row in rows)
    assert (np.diff(face[:9, 1]) > 0).all()


@given(yaw=st.floats(5, 26), pitch=st.floats(5, 14), roll=st.floats(3, 15))
def test_heads_turn_the_way_they_say(yaw: float, pitch: float, roll: float) -> None:
    face = points.neutral_face()

    def nose(*angles: float) -> np.ndarray:
        flat = points.turn(face, *angles)
        return flat[30] - flat[36:48].mean(0)

    straight = nose(0, 0, 0)
    assert nose(yaw, 0, 0)[0] > straight[0] > nose(-yaw, 0, 0)[0]
    assert nose(0, pitch, 0)[1] > straight[1] > nose(0, -pitch, 0)[1]
    flat = points.turn(face, 0, 0, roll)
    across = flat[42:48].mean(0) - flat[36:42].mean(0)
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(roll)


def test_no_turned_head_hides_its_own_eyes() -> None:
    for number in range(60):
        at = Scene(render.make_person(8, number), render.make_photo(8, number, 0, 5), 160).points
        jaw = at[[0, 1, 2, 14, 15, 16], 0]
        assert jaw[:3].min() < at[36:48, 0].min() - 0.5
        assert jaw[3:].max() > at[36:48, 0].max() + 0.5
        assert (at > 0).all()
        assert (at < 159).all()


def test_a_mask_covers_mouth_and_nose_and_leaves_the_eyes() -> None:
    for number in range(12):
        person, photo = render.make_person(4, number), render.make_photo(4, number, 0, number % 7)
        bare, at = render.draw(person, photo)
        masked, worn = overlay.put_mask(bare, at, seed=number)
        assert worn["placement"] == "mesh"
        other = replace(person, lips=(0.1, 0.7, 0.2))
        repainted = overlay.put_mask(render.draw(other, photo)[0], at, seed=number)[0]
        assert not region(masked, repainted).any(), "lips show through or beside the mask"
        x, y = np.round(at[list(HIDDEN)]).astype(int).T
        assert np.abs(masked[y, x].astype(int) - bare[y, x]).max(1).min() > 0
        eyes = [np.round(at[eye].mean(0)).astype(int) for eye in (slice(36, 42), slice(42, 48))]
        assert all((masked[y - 2 : y + 3, x - 2 : x + 3] == bare[y - 2 : y + 3, x - 2 : x + 3]).all() for x, y in eyes)


def test_a_detector_of_photographed_faces_finds_them_and_agrees_on_the_points() -> None:
    pytest.importorskip("dlib")
    error, found = [], 0
    for number in range(28):
        image, at = render.draw(render.make_person(5, number), render.make_photo(5, number, 0, number % 7))
        fit = landmarks.fit_photo(image)
        found += fit is not None
        if fit is not None:
            between = np.linalg.norm(at[36:42].mean(0) - at[42:48].mean(0))
            error.append(np.linalg.norm(fit.points - at, axis=1).mean() / between)
    assert found >= 0.9 * 28
    assert np.median(error) < 0.08, "of the distance between the eyes"


def test_hair_and_glasses_change_the_picture_and_not_the_points() -> None:
    photo = render.Photo(yaw=10)
    plain, at = render.draw(render.Person(style="bald"), photo)
    for change in [{"style": style} for style in cast.STYLES if style != "bald"] + [{"glasses": True}, {"beard": 0.8}]:
        image, there = render.draw(replace(render.Person(style="bald"), **change), photo)
        assert np.array_equal(at, there)
        assert region(image, plain).mean() > 0.004, change
