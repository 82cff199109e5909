"""Kinds of masks: each differs, stays within its bounds, turns with the photo; groups, and pictures of the user."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import faces as known_faces
from benchmarks import mask_quality
from pre_processing import mask_files, mask_kinds, mask_light, mask_shape, mask_textures
from pre_processing.artefacts import InputError
from pre_processing.crop import crop_face
from pre_processing.mask_kinds import GROUPS, INVENTED, KINDS, choose_kind, kinds_of
from pre_processing.overlay import put_mask, worn_area
from tests.test_masks import EYES, MOUTH, NOSTRILS, area, face, photo

SIZE = 112
HANGING = ("bandana",)


def smooth(size: int, seed: int = 0) -> np.ndarray:
    """Skin-coloured picture with soft forms only, uint8 (size, size, 3)."""
    coarse = np.array((205, 160, 135)) + np.random.default_rng(seed).uniform(-25, 25, (5, 5, 1))
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", [*KINDS, *INVENTED])
def test_each_kind_on_colour_and_grey(kind: str) -> None:
    image, points = photo(SIZE), face(SIZE)
    masked, worn = put_mask(image, points, 1, kind)
    assert (worn["kind"], worn["placement"], worn["grey"]) == (kind, "mesh", False)
    again, same = put_mask(image, points, 1, kind)
    assert np.array_equal(masked, again)
    assert worn == same
    for eye in EYES:
        where = area(image.shape, points[list(eye)])
        assert np.array_equal(masked[where], image[where])
    grey = photo(SIZE, 0)
    masked, worn = put_mask(grey, points, 1, kind)
    assert worn["grey"]
    assert masked.shape == grey.shape
    three, _ = put_mask(np.dstack([grey] * 3), points, 1, kind)
    assert np.array_equal(three, np.dstack([masked] * 3))


def test_invented_kinds_differ_from_each_other_and_in_their_variants() -> None:
    image, points = smooth(SIZE), face(SIZE)
    pictures = [put_mask(image, points, seed, kind)[0].astype(int) for kind in INVENTED for seed in (1, 4)]
    apart = [np.abs(one - other).mean() for number, one in enumerate(pictures) for other in pictures[:number]]
    assert min(apart) > 0.8


def test_kinds_differ_in_picture_and_most_in_silhouette() -> None:
    image, points = smooth(SIZE), face(SIZE)
    pictures = {kind: put_mask(image, points, 2, kind)[0].astype(int) for kind in KINDS}
    names = list(KINDS)
    for number, one in enumerate(names):
        for other in names[number + 1 :]:
            assert np.abs(pictures[one] - pictures[other]).mean() > 0.8, (one, other)
    shapes = ("surgical_blue", "kn95", "n95_valve", "ffp2_duckbill", "cloth_plain", "bandana", "half_worn", "chin_worn")
    areas = [worn_area((SIZE, SIZE), points, 2, kind) > 0.5 for kind in shapes]
    for number, one in enumerate(areas):
        for other in areas[number + 1 :]:
            assert (one ^ other).sum() > 0.015 * one.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_cloth_shows_folds_and_seams_at_224_pixels(kind: str) -> None:
    points = face(224)
    sharp = smooth(224)
    for part in (slice(17, 22), slice(22, 27), slice(36, 42), slice(42, 48)):
        cv2.polylines(sharp, [np.int32(points[part])], False, (60, 40, 30), 2)
    masked = put_mask(sharp, points, 4, kind)[0]
    inside = cv2.erode((worn_area((224, 224), points, 4, kind) > 0.9).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    grey = cv2.cvtColor(masked, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 3))[inside]
    assert fine.mean() > 0.010 * grey[inside].mean(), "a smooth blob"


@pytest.mark.parametrize("kind", [*GROUPS["opaque"], *INVENTED])
def test_nothing_shows_through_opaque_kinds(kind: str) -> None:
    image, points = photo(SIZE), face(SIZE)
    for part in (MOUTH, NOSTRILS):
        other = image.copy()
        other[area(image.shape, points[list(part)])] = 0
        assert np.array_equal(put_mask(image, points, 0, kind)[0], put_mask(other, points, 0, kind)[0])
    moved = points.copy()
    moved[48:] += 9
    assert np.array_equal(put_mask(image, points, 0, kind)[0], put_mask(image, moved, 0, kind)[0])


def test_what_a_window_or_a_low_mask_shows() -> None:
    image, points = photo(SIZE), face(SIZE)
    mouth, nose = (area(image.shape, points[list(part)]) for part in (MOUTH, NOSTRILS))
    other = image.copy()
    other[mouth] = 0
    shown = {
        kind: (put_mask(image, points, 0, kind)[0] != put_mask(other, points, 0, kind)[0])[mouth].mean()
        for kind in KINDS
    }
    assert shown["window"] > 0.9
    assert shown["chin_worn"] > 0.9
    assert shown["half_worn"] < 0.4
    half = put_mask(image, points, 0, "half_worn")[0]
    assert (half == image)[nose].mean() > 0.5


@settings(max_examples=12)
@given(kind=st.sampled_from(sorted(KINDS)), turn=st.floats(-180, 180), seed=st.integers(0, 99))
def test_turning_the_photo_turns_the_mask(kind: str, turn: float, seed: int) -> None:
    size = 240
    image, points = smooth(size), face(150) + 45
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), turn, 1)

    def turned(picture: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    there = points @ matrix[:, :2].T + matrix[:, 2]
    first = turned(worn_area((size, size), points, seed, kind)) > 0.5
    second = worn_area((size, size), there, seed, kind) > 0.5
    # Within a pixel: what differs disappears when one is made a pixel smaller or larger.
    cross = np.ones((3, 3), np.uint8)
    assert not (second & ~(cv2.dilate(first.astype(np.uint8), cross) > 0)).any()
    assert not (first & ~(cv2.dilate(second.astype(np.uint8), cross) > 0)).any()
    masked = [
        cv2.GaussianBlur(picture, (0, 0), 2).astype(int)
        for picture in (turned(put_mask(image, points, seed, kind)[0]), put_mask(turned(image), there, seed, kind)[0])
    ]
    middle = np.hypot(*(np.mgrid[:size, :size] - (size - 1) / 2)) < size / 2 - 3
    assert np.abs(masked[0] - masked[1])[middle].mean() < 2.5


def test_cover_spill_and_eyes_on_drawn_faces() -> None:
    for kind, count, cover, _, spill, eye in mask_quality.table(known_faces.demo(10), GROUPS["opaque"], 160):
        assert count == 10
        assert cover > 0.99, kind
        assert eye == 0, kind
        assert spill < 0.03 or kind in HANGING, kind


def test_groups_and_names() -> None:
    assert kinds_of("surgical") == GROUPS["surgical"]
    assert len(GROUPS["surgical"]) == 5
    assert kinds_of("kn95, cloth_dots,kn95") == ("kn95", "cloth_dots")
    assert set(GROUPS["seen"]) | set(GROUPS["unseen"]) == set(GROUPS["opaque"])
    assert not set(GROUPS["seen"]) & set(GROUPS["unseen"])
    assert kinds_of("invented") == tuple(INVENTED)
    assert not set(INVENTED) & set().union(*(names for group, names in GROUPS.items() if group != "invented"))
    assert set(GROUPS["all"]) == set(KINDS) == set(GROUPS["opaque"]) | {"window", *GROUPS["low"]}
    for wrong in ("surgical_blu", "", " , ", "kn95,nothing"):
        with pytest.raises(InputError, match="surgical_blue") as error:
            kinds_of(wrong)
        assert "\n" not in str(error.value)


SURGICAL = ("surgical_blue", "surgical_green", "surgical_white", "surgical_black", "surgical_pink")
CLOTH = ("cloth_plain", "cloth_stripes", "cloth_checks", "cloth_dots", "cloth_denim", "cloth_floral")


def test_a_new_kind_changes_no_mask_that_is_worn() -> None:
    """Content and order of a group decide who wears what, in results and in masked copies."""
    text = Path(mask_kinds.__file__).read_text(encoding="utf-8")
    more = "KINDS = {" + "".join(f'"{name}": Kind(paint.surgical), ' for name in ("surgical_red", "cloth_new", "new"))
    after: dict = {"__name__": mask_kinds.__name__}
    exec(text.replace("KINDS = {", more, 1), after)
    assert "new" in after["KINDS"]
    for groups in (GROUPS, after["GROUPS"]):
        assert groups["surgical"] == SURGICAL
        assert groups["seen"] == (*SURGICAL, "kn95", *CLOTH)
        assert groups["unseen"] == ("n95_valve", "ffp2_duckbill", "cloth_camouflage", "bandana")
        assert groups["cloth"] == (*CLOTH, "cloth_camouflage")
        whole = (*SURGICAL, "kn95", "n95_valve", "ffp2_duckbill", *CLOTH, "cloth_camouflage", "bandana")
        assert groups["opaque"] == whole


def test_the_seed_chooses_kinds_evenly_and_apart_from_the_wear() -> None:
    names = kinds_of("surgical")
    chosen = [choose_kind(names, seed) for seed in range(1000)]
    assert chosen == [choose_kind(names, seed) for seed in range(1000)]
    assert all(150 < chosen.count(name) < 250 for name in names)
    image, points = photo(48), face(48)
    worn = [put_mask(image, points, 7, kind)[1] for kind in ("kn95", "surgical")]
    assert worn[0]["height"] == worn[1]["height"]
    assert worn[1]["kind"] == choose_kind(names, 7)


def test_blurred_photos_get_blurred_masks_and_noisy_ones_noise() -> None:
    sharp, points = known_faces.demo(1, size=224)[0]
    small = cv2.resize(sharp, (48, 48), interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(small, (224, 224), interpolation=cv2.INTER_LINEAR)

    def detail(image: np.ndarray) -> float:
        grey = cv2.cvtColor(put_mask(image, points, 0, "surgical_white")[0], cv2.COLOR_RGB2GRAY)
        inside = cv2.erode(
            np.uint8(worn_area(grey.shape, points, 0, "surgical_white") > 0.9), np.ones((9, 9), np.uint8)
        )
        return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F))[inside > 0].mean())

    noise = np.random.default_rng(0).normal(0, 6, sharp.shape[:2])[..., None]
    noisy = np.clip(cv2.GaussianBlur(sharp, (0, 0), 0.8) + noise, 0, 255).astype(np.uint8)
    assert detail(blurred) < 0.6 * detail(sharp)
    assert detail(noisy) > 1.2 * detail(sharp)


def _blur_found(image: np.ndarray, points: np.ndarray) -> float:
    return mask_light.look(image, mask_shape.fit_mask(points.astype(float), 0.5, 0.0)).blur


@pytest.mark.parametrize("size", [112, 224])
def test_blur_is_told_from_the_photo(size: int) -> None:
    faces = [crop_face(*one, size) for one in known_faces.demo(16, size=350)]
    assert np.median([_blur_found(*one) for one in faces]) < mask_light.SOFT, "sharp faces get sharp masks"
    medians = []
    for sigma in (1.0, 1.5, 2.0, 3.0, 4.0):
        found = np.array([_blur_found(cv2.GaussianBlur(image, (0, 0), sigma), at) for image, at in faces])
        assert (abs(found / sigma - 1) < 0.3).mean() >= 0.7, f"blurred by {sigma}"
        medians.append(np.median(found))
        assert medians[-1] == pytest.approx(sigma, rel=0.2)
    assert medians == sorted(medians)


@pytest.mark.parametrize("times", [3.0, 4.67, 6.0])
def test_enlarged_photos_are_told_too(times: float) -> None:
    found = []
    for sharp, points in (crop_face(*one, 224) for one in known_faces.demo(16, size=350)):
        small = cv2.resize(sharp, None, fx=1 / times, fy=1 / times, interpolation=cv2.INTER_AREA)
        found.append(_blur_found(cv2.resize(small, (224, 224), interpolation=cv2.INTER_LINEAR), points))
    assert np.median(found) == pytest.approx(0.45 * times, rel=0.3), "what linear interpolation blurs"
    assert np.quantile(found, 0.05) > 0.5 * 0.45 * times, "no mask is much sharper than its face"


def test_threads_get_the_same_masks() -> None:
    image, points = photo(64), face(64)
    alone = [put_mask(image, points, seed, "all")[0] for seed in range(24)]
    for cache in (mask_textures._small, mask_textures._small_grey, mask_textures._large):
        cache.cache_clear()
    mask_shape._plan.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: put_mask(image, points, seed, "all")[0], range(24)))
    assert all(np.array_equal(*pair) for pair in zip(alone, together, strict=True))


ANCHORS = "nose 0.5 0.05  # bridge\nchin 0.5 0.95\nright_ear 0.05 0.2\nleft_ear 0.95 0.2\n"


def picture(folder: Path, text: str | None = ANCHORS, channels: int = 4) -> Path:
    """mask.png in pure red with its text file."""
    image = np.zeros((90, 120, channels), np.uint8)
    image[..., 2] = 230
    image[..., 3:] = 255
    cv2.imwrite(str(folder / "mask.png"), image)
    if text is not None:
        (folder / "mask.txt").write_text(text)
    return folder / "mask.png"


def test_a_picture_is_worn_where_its_anchors_say(tmp_path: Path) -> None:
    path = picture(tmp_path)
    image, points = smooth(SIZE), face(SIZE)
    masked, worn = put_mask(image, points, 0, str(path))
    assert worn["kind"] == str(path)
    assert worn["placement"] == "mesh"
    mouth = masked[area(image.shape, points[list(MOUTH)])].mean(0)
    assert mouth[0] > 120
    assert mouth[1:].max() < 40
    for eye in EYES:
        where = area(image.shape, points[list(eye)])
        assert np.array_equal(masked[where], image[where])
    grey = put_mask(photo(SIZE, 0), points, 0, str(path))[0]
    assert grey.ndim == 2
    (tmp_path / "mask.txt").write_text(ANCHORS.replace("0.95\n", "0.55\n"))
    assert not np.array_equal(put_mask(image, points, 0, str(path))[0], masked), "a changed file is read anew"


def test_the_colour_of_what_is_transparent_is_not_seen(tmp_path: Path) -> None:
    looks, round_ = [], cv2.ellipse(np.zeros((300, 400), np.uint8), (200, 150), (180, 130), 0, 0, 360, 255, -1)
    for unseen in (0, 255):
        image = np.full((300, 400, 4), unseen, np.uint8)
        image[round_ > 0, :3] = 230
        image[..., 3] = round_
        folder = tmp_path / str(unseen)
        folder.mkdir()
        cv2.imwrite(str(folder / "mask.png"), image)
        (folder / "mask.txt").write_text(ANCHORS)
        looks.append(put_mask(smooth(SIZE), face(SIZE), 0, str(folder / "mask.png"))[0])
    assert np.abs(looks[0].astype(int) - looks[1]).max() <= 1


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (None, "no such file"),
        ("", "nose"),
        (ANCHORS + "brow 0.5 0.5\n", "line 5"),
        (ANCHORS + "nose 0.5 0.5\n", "line 5"),
        (ANCHORS.replace("0.95 0.2", "0.95"), "line 4"),
        (ANCHORS.replace("0.95 0.2", "nan 0.2"), "line 4"),
        (ANCHORS.replace("0.95 0.2", "many 0.2"), "line 4"),
        (ANCHORS.replace("0.95 0.2", "95 20"), "line 4"),
        (ANCHORS.replace("chin 0.5 0.95\n", ""), "chin"),
        (ANCHORS.replace("right", "wrong").replace("left", "right").replace("wrong", "left"), "right ear on the left"),
        ("nose 0.5 0.5\nchin 0.5 0.5\nright_ear 0.5 0.5\nleft_ear 0.5 0.5\n", "apart"),
    ],
)
def test_a_bad_text_file_is_named(tmp_path: Path, text: str | None, word: str) -> None:
    with pytest.raises(InputError, match=word) as error:
        put_mask(photo(48), face(48), 0, str(picture(tmp_path, text)))
    assert "mask.txt" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_bad_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="transparency"):
        mask_files.load_kind(picture(tmp_path, channels=3))
    (tmp_path / "mask.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="not a readable image"):
        mask_files.load_kind(tmp_path / "mask.png")
    (tmp_path / "mask.png").write_bytes(b"")
    with pytest.raises(InputError, match="not a readable image"):
        mask_files.load_kind(tmp_path / "mask.png")
    with pytest.raises(InputError, match="no such file"):
        mask_kinds.find_kind(str(tmp_path / "other.png"))


def test_a_text_file_of_windows_is_read(tmp_path: Path) -> None:
    image, points = photo(96), face(96)
    masked, _ = put_mask(image, points, 0, str(picture(tmp_path, "\ufeff" + ANCHORS)))
    assert not np.array_equal(masked, image)
