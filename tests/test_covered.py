"""Visible points and the answer to "is a mask worn?": on drawn, real, masked and turned faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import covered as training
from benchmarks.faces import demo
from benchmarks.foreign_masks import ROUTINES
from benchmarks.masked_faces import distance
from pre_processing import covered, landmarks
from pre_processing.crop import apply_matrix, read_image
from pre_processing.fitting import box_of, eye_distance, to_grey
from pre_processing.meanface import FLIP, hide_points
from pre_processing.overlay import put_mask


def box_around(points: np.ndarray) -> np.ndarray:
    """The box (4,) that a detector would give a face."""
    centre, side = box_of(points)
    return np.concatenate([centre - side / 2, centre + side / 2])


def told(images: list[np.ndarray], points: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What is said of masks (n,) and how far the upper-face points lie off, in eye distances (n,)."""
    looks = [covered.look(to_grey(image), box_around(face)) for image, face in zip(images, points, strict=True)]
    return np.array([look.masked for look in looks]), np.array(
        [distance(look.points, face) for look, face in zip(looks, points, strict=True)]
    )


@pytest.fixture(scope="module")
def drawn() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Drawn faces that the network was not trained on, with dlib's points."""
    images = [image for image, _ in demo(24, seed=5, size=350)]
    fits = [landmarks.fit_photo(image) for image in images]
    kept = [(image, fit.points) for image, fit in zip(images, fits, strict=True) if fit is not None and fit.certain]
    return tuple(map(list, zip(*kept, strict=True)))


@pytest.mark.parametrize("kind", ["surgical_white", "n95_valve", "cloth_floral", "bandana", *ROUTINES])
def test_points_behind_masks_are_those_of_the_bare_face(drawn, kind: str) -> None:
    put_on = ROUTINES.get(kind) or (lambda *face: put_mask(*face, kind)[0])
    said, apart = told([put_on(image, face, n) for n, (image, face) in enumerate(zip(*drawn, strict=True))], drawn[1])
    assert np.median(apart) < (0.06 if kind == "template" else 0.04)
    assert (said == True).mean() > 0.9  # noqa: E712
    assert not (said == False).any()  # noqa: E712


def test_bare_faces_wear_no_mask(drawn) -> None:
    said, apart = told(*drawn)
    assert (said == False).mean() > 0.9  # noqa: E712
    assert not (said == True).any()  # noqa: E712
    assert np.median(apart) < 0.04


def test_real_faces(london: list[Path]) -> None:
    photos = [cv2.resize(read_image(path), (350, 350), interpolation=cv2.INTER_AREA) for path in london[:8]]
    points = [landmarks.fit_photo(photo).points for photo in photos]
    said, apart = told(photos, points)
    assert (said == False).sum() >= 7  # noqa: E712
    assert np.median(apart) < 0.05
    worn = [ROUTINES["polygon"](*face, n) for n, face in enumerate(zip(photos, points, strict=True))]
    said, apart = told(worn, points)
    assert (said == True).sum() >= 7  # noqa: E712
    assert np.median(apart) < 0.05


@settings(max_examples=15, deadline=None)
@given(turn=st.floats(-20, 20), scale=st.floats(0.6, 1.6), shift=st.floats(-8, 8))
def test_points_move_with_the_picture(turn: float, scale: float, shift: float) -> None:
    image, points = demo(1, seed=3, size=240)[0]
    grey = to_grey(image)
    matrix = cv2.getRotationMatrix2D((119.5, 119.5), turn, scale)
    matrix[:, 2] += shift
    moved = cv2.warpAffine(grey, matrix, (240, 240), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    one = apply_matrix(matrix, covered.look(grey, box_around(points)).points)
    other = covered.look(moved, box_around(apply_matrix(matrix, points))).points
    assert distance(other, one) < 0.04


def test_a_mirrored_face_has_mirrored_points_and_the_same_answer() -> None:
    image, points = demo(1, seed=3, size=240)[0]
    grey = to_grey(image)
    one, other = (
        covered.look(grey, box_around(points)),
        covered.look(np.ascontiguousarray(grey[:, ::-1]), box_around(points[FLIP] * (-1, 1) + (239, 0))),
    )
    assert np.allclose(other.points, one.points[FLIP] * (-1, 1) + (239, 0), atol=0.02 * eye_distance(points))
    assert other.worn == pytest.approx(one.worn, abs=0.02)


def test_hidden_points_are_the_mean_face(drawn) -> None:
    images, points = drawn
    look = covered.look(to_grey(images[0]), box_around(points[0]))
    assert np.allclose(look.points, hide_points(look.points), atol=1e-3)
    assert look.points.dtype == np.float32


@pytest.mark.parametrize(("worn", "masked"), [(0.97, True), (0.03, False), (0.5, None), (0.88, None)])
def test_doubt_is_no_answer(worn: float, masked: bool | None) -> None:
    assert covered.Look(np.zeros((68, 2)), worn).masked is masked


def test_noise_and_the_smallest_picture_break_nothing() -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (5, 90), (64, 64)):
        look = covered.look(rng.integers(0, 256, shape, np.uint8), np.array([0, 0, shape[1] - 1, shape[0] - 1]))
        assert np.isfinite(look.points).all()
        assert 0 <= look.worn <= 1


def test_what_is_learnt_lies_where_the_crop_shows_it() -> None:
    """A bright spot on an eye's corner lies, in every look, where the shifts say."""
    points = demo(1, seed=3, size=96)[0][1]
    picture = np.zeros((96, 96), np.uint8)
    cv2.circle(picture, tuple(np.rint(points[36]).astype(int).tolist()), 2, 255, -1)
    rng = np.random.default_rng(0)
    left, right = (covered.SEEN.tolist().index(point) for point in (36, 45))
    offs = []
    for _ in range(40):
        seen, shifts, _ = training.crop((picture, np.rint(points), False), rng)
        if seen.max() > 100:  # the look shows the eye
            places = covered.PLACE[covered.SEEN] + covered.EYES * shifts
            spot = np.unravel_index(seen.argmax(), seen.shape)[::-1]
            offs.append(min(np.hypot(*(places[point] - spot)) for point in (left, right)))  # right in a mirrored look
    assert len(offs) > 30
    assert max(offs) < 3


def test_training_goes_down_and_what_is_written_is_what_was_trained(tmp_path: Path) -> None:
    import onnxruntime
    import torch

    torch.manual_seed(0)
    rows = training.examples(demo(4, seed=9, size=96), 1)
    assert {masked for _, _, masked in rows} == {False, True}
    rng = np.random.default_rng(0)
    model = training.train(rows, rows, 30, 16, rng)
    crops, shifts, _ = training.batch(rows, np.arange(len(rows)), rng, develop=False)
    with torch.inference_mode():
        found, fresh = model.eval()(crops), training.Network().eval()(crops)
    assert training.apart(found, shifts).mean() < training.apart(fresh, shifts).mean()
    training.write(model, tmp_path / "small.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "small.onnx"))
    assert np.allclose(session.run(None, {"crop": crops.numpy()})[0], found.numpy(), atol=0.05)
