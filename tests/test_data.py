"""Faces come out of the lists whole, and image and landmarks stay together."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_job import draw_faces, face_points, make_job, write_artefacts

from pre_processing import artefacts, meanface
from pre_processing.artefacts import InputError
from training import augment, batches, data

SIZE = 112
TRANSFORMS = {
    "flip": [0],
    "affine": [1, 2, 3, 4],
    "light": [5, 6],
    "all": range(7),
}  # which of the drawn numbers do something
NOTHING = torch.full((7,), 0.5)


@pytest.fixture
def job(tmp_path):
    return make_job(tmp_path)


def faces(job, condition="unmasked", split="train", **options):
    files = artefacts.ListPaths(job / "Results", condition, "FERPlus")
    root = job / "data" / ("faces-masked" if condition == "masked" else "faces")
    return data.Faces(root, files.split(split), files.landmarks, files.samples, condition=condition, **options)


def dot_picture(x: float, y: float) -> torch.Tensor:
    """(1, SIZE, SIZE) uint8: a soft bright dot at (x, y) on the grey that transforms fill with."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    dot = 100 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.5**2))
    return torch.from_numpy((128 + dot).round().astype(np.uint8))[None]


def centre(image: torch.Tensor) -> np.ndarray:
    """(x, y) of the dot in an image (1, SIZE, SIZE)."""
    light = image[0].double().numpy()
    light = np.clip(light - np.median(light) - 3, 0, None)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()


@pytest.mark.parametrize("name", TRANSFORMS)
@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), number=st.integers(0, 67), x=st.floats(25, 86), y=st.floats(25, 86))
def test_a_mark_at_a_landmark_stays_at_it(name, seed, number, x, y):
    points = torch.zeros(68, 2)
    points[number] = torch.tensor([x, y])
    drawn = NOTHING.clone()
    drawn[list(TRANSFORMS[name])] = torch.rand(len(TRANSFORMS[name]), generator=torch.Generator().manual_seed(seed))
    if name == "flip":
        drawn[0] = 0.0
    # In a batch with another face, so that nothing of one is used for the other.
    pictures = torch.stack([dot_picture(60, 50), dot_picture(x, y)]).float()
    images, moved = augment.change(pictures, torch.stack([points + 5, points]), torch.stack([NOTHING, drawn]))
    where = int(meanface.FLIP[number]) if drawn[0] < 0.5 else number
    assert np.abs(centre(images[1]) - moved[1, where].numpy()).max() < 0.05
    assert (images[0] - pictures[0]).abs().max() < 0.01
    assert torch.allclose(moved[0], points + 5, atol=1e-4)


def test_a_flip_swaps_left_and_right_landmarks():
    points = torch.from_numpy(face_points(1)[0])
    drawn = NOTHING.clone()
    drawn[0] = 0
    image, moved = (one[0] for one in augment.change(torch.zeros(1, 1, 48, 48), points[None], drawn[None]))
    right, left = slice(36, 42), slice(42, 48)  # the person's right eye is on the picture's left, before and after
    assert points[right, 0].mean() < points[left, 0].mean()
    assert moved[right, 0].mean() < moved[left, 0].mean()
    assert image.shape == (1, 48, 48)


def test_light_is_changed_by_what_was_drawn_about_the_mean():
    images = torch.cat([torch.full((2, 1, 4, 2), 50.0), torch.full((2, 1, 4, 2), 150.0)], -1)
    changed = augment.light(images, torch.tensor([1.2, 1.0]), torch.tensor([1.0, 0.5]))
    assert torch.allclose(changed[0, 0, 0], torch.tensor([60.0, 60, 180, 180]))
    assert torch.allclose(changed[1, 0, 0], torch.tensor([75.0, 75, 125, 125]))
    assert augment.light(images, torch.tensor([2.0, 2.0]), torch.ones(2)).max() == 255


def test_changes_stay_in_their_ranges_and_fill_them():
    ends = torch.tensor([[0.9] * 7, [0.9, 0, 0, 0, 0, 0, 0], [0.9, 1, 1, 1, 1, 1, 1]])
    points = torch.zeros(3, 68, 2)
    points[:, 1, 0] = SIZE - 1  # the upper edge: its length, slope and place tell scale, angle and shift
    _, moved = augment.change(torch.zeros(3, 1, SIZE, SIZE), points, ends)
    edge = (moved[:, 1] - moved[:, 0]).double()
    assert torch.allclose(edge.norm(dim=1) / (SIZE - 1), torch.tensor([1.08, 0.9, 1.1]).double())
    assert torch.allclose(torch.atan2(edge[:, 1], edge[:, 0]).rad2deg(), torch.tensor([8.0, -10, 10]).double())
    middle = torch.tensor([(SIZE - 1) / 2] * 2)
    centred = points.clone()
    centred[:] = middle
    _, moved = augment.change(torch.zeros(3, 1, SIZE, SIZE), centred, ends)
    assert torch.allclose(moved[:, 0, 0] - middle[0], SIZE * torch.tensor([0.048, -0.06, 0.06]), atol=1e-4)


def test_augmentation_changes_every_look_and_nothing_else_does(job):
    changing, still = faces(job, changing=True), faces(job)
    assert not torch.equal(changing[3]["drawn"], changing[3]["drawn"])
    assert torch.equal(changing[3, 7]["drawn"], changing[3, 7]["drawn"])
    assert not torch.equal(changing[3, 7]["drawn"], changing[3, 8]["drawn"])
    assert torch.equal(changing[3]["image"], still[3]["image"])
    assert "drawn" not in still[3]
    assert torch.equal(still[3]["image"], still[3]["image"])
    assert torch.equal(still[3]["points"], still[3]["points"])


def test_an_item_is_what_the_model_wants(job):
    item = faces(job, imagesize=80, changing=True)[5]
    assert item["image"].shape == (3, 80, 80)
    assert item["image"].dtype == torch.uint8
    assert torch.equal(item["image"][0], item["image"][2])
    assert item["points"].shape == (68, 2)
    assert item["points"].dtype == torch.float32
    assert item["target"].sum() == pytest.approx(1)
    assert item["label"] == 5


def test_masked_points_do_not_depend_on_what_the_mask_hides(job):
    before = faces(job, "masked").points.copy()
    files = artefacts.ListPaths(job / "Results", "masked", "FERPlus")
    moved = artefacts.read_landmarks(files.landmarks)
    for points, _ in moved.values():
        points[list(meanface.HIDDEN)] += 9
    artefacts.write_landmarks(files.landmarks, moved)
    assert np.allclose(faces(job, "masked").points, before, atol=1e-4)


def test_four_emotions_leave_the_others_out(job):
    four = faces(job, num_classes=4)
    assert set(four.labels.tolist()) == {0, 1, 2, 3}
    assert list(four.counts()) == ["Neutral", "Happy", "Angry", "Surprise"]
    assert four.targets.shape == (len(four), 4)


def test_votes_become_shares_and_missing_ones_the_label():
    votes = np.array([[6, 2, 0, 0, 8, 0, 0], [0, 0, 0, 0, 10, 0, 0]], np.float32)
    targets = data.soft_targets(np.array([0, 2]), votes, 4)
    assert targets.tolist() == [[0.75, 0.25, 0, 0], [0, 0, 1, 0]]


def test_votes_are_asked_for_but_not_there(job):
    files = artefacts.ListPaths(job / "Results", "unmasked", "FERPlus")
    table = artefacts.read_samples(files.samples)
    table["votes"] = [()] * len(table)
    artefacts.write_samples(files.samples, table)
    assert faces(job).targets.max() == 1
    with pytest.raises(InputError, match=r"--targets hard, or put fer2013new\.csv beside fer2013\.csv"):
        faces(job, targets="votes")


def test_balanced_sampling_draws_emotions_alike(job):
    train = faces(job)
    train.labels = np.array([0] * 24 + [6] * 4)
    share = {}
    for exponent in (0.0, 1.0):
        loader = batches.balanced_sampler(train, exponent, torch.Generator().manual_seed(0))
        drawn = np.concatenate([train.labels[list(loader)] for _ in range(60)])
        share[exponent] = (drawn == 6).mean()
    assert share[0.0] == pytest.approx(4 / 28, abs=0.04)
    assert share[1.0] == pytest.approx(0.5, abs=0.04)


def test_a_limit_takes_faces_from_the_whole_list(job):
    few = faces(job, limit=4)
    assert len(few) == 4
    assert few.paths[-1] > faces(job).paths[14]


def test_bad_lists_and_files_are_named_in_one_line(job, tmp_path):
    files = artefacts.ListPaths(job / "Results", "unmasked", "FERPlus")
    marks = artefacts.read_landmarks(files.landmarks)
    first = sorted(marks)[0]
    cases = {}
    good = (job / "data" / "faces", files.train, files.landmarks, files.samples)
    cases["missing root"] = (tmp_path / "nowhere", *good[1:]), "no such folder"
    cases["missing list"] = (good[0], tmp_path / "no.txt", *good[2:]), "no such file"
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    cases["empty list"] = (good[0], empty, *good[2:]), "empty"
    outside = tmp_path / "outside.txt"
    outside.write_text("../../etc/passwd\n")
    cases["path outside"] = (good[0], outside, *good[2:]), "outside.txt"
    fewer = tmp_path / "fewer.pkl"
    artefacts.write_landmarks(fewer, {path: face for path, face in marks.items() if "Train" not in path})
    cases["list and landmarks disagree"] = (*good[:2], fewer, good[3]), "no landmarks for FER2013Train"
    odd = tmp_path / "odd.pkl"
    artefacts.write_landmarks(odd, {**marks, first: (marks[first][0], 6)})
    cases["samples disagree"] = (good[0], files.test, odd, good[3]), "another emotion"
    ghost = tmp_path / "ghost.txt"
    artefacts.write_list(ghost, ["FER2013Train/gone.png"])
    with_ghost = tmp_path / "ghost.pkl"
    artefacts.write_landmarks(with_ghost, {"FER2013Train/gone.png": marks[first]})
    cases["missing image"] = (
        (good[0], ghost, with_ghost, None),
        r"gone\.png: no such image, .*--root_path of this list, or the --DB of",
    )
    for name, (arguments, expected) in cases.items():
        with pytest.raises(InputError, match=expected) as caught:
            data.Faces(*arguments)
        assert "\n" not in str(caught.value), name


def test_an_unreadable_image_is_named_before_training(job):
    broken = job / "data" / "faces" / "FER2013Train" / "fer0000009.png"
    broken.write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"fer0000009\.png"):
        faces(job, cache=job / "cache")
    assert not list((job / "cache").glob("*.npy"))


def test_links_are_followed_as_when_faces_were_prepared(job, tmp_path):
    before = faces(job)[3]["image"]
    for path in (job / "data" / "faces" / "FER2013Train").glob("*.png"):
        path.rename(tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
    assert torch.equal(faces(job)[3]["image"], before)


def test_the_same_face_is_cropped_alike_from_colour_and_grey(tmp_path):
    import cv2

    root = draw_faces(tmp_path / "grey")
    write_artefacts(root, tmp_path / "Results")
    grey = faces_of(root, tmp_path)[0]["image"]
    for path in root.glob("FER2013*/*.png"):
        cv2.imwrite(str(path), cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), cv2.COLOR_GRAY2BGR))
    assert torch.equal(faces_of(root, tmp_path)[0]["image"], grey)


def faces_of(root, folder):
    files = artefacts.ListPaths(folder / "Results", "unmasked", "FERPlus")
    return data.Faces(root, files.test, files.landmarks)


def test_the_mirror_image_of_a_face_is_what_a_flip_makes():
    generator = torch.Generator().manual_seed(1)
    images, points = torch.rand(2, 3, SIZE, SIZE, generator=generator) * 255, torch.rand(2, 68, 2, generator=generator)
    flip = NOTHING.clone()
    flip[0] = 0.0
    changed = augment.change(images, points * SIZE, flip.expand(2, -1))
    for ours, theirs in zip(augment.mirrored(images, points * SIZE), changed, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-2)


def test_a_resized_face_keeps_its_points_on_it():
    rows, columns = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
    images, points = torch.stack([columns, rows, rows])[None], torch.rand(1, 68, 2) * 120 + 20
    smaller, moved = augment.resized(images, points, 112)
    assert smaller.shape == (1, 3, 112, 112)
    at = moved.round().long()[0]
    found = smaller[0, :2, at[:, 1], at[:, 0]].T + (moved[0] - at) * 160 / 112
    assert torch.allclose(found, points[0], atol=0.05)
    same = augment.resized(images, points, 160)
    assert same[0] is images
    assert same[1] is points
