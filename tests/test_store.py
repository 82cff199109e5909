"""Decoded faces in a file: the same pixels, built once, rebuilt when stale, never half-written."""

from __future__ import annotations

import os
import pickle
import re
import resource
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from processes import ENVIRONMENT
from small_job import TINY

import main_trainer
from pre_processing import artefacts
from pre_processing.artefacts import InputError
from pre_processing.meanface import HIDDEN
from training import data, store, wearing

FILES = artefacts.ListPaths(Path("Results"), "unmasked", "FERPlus")
CACHE = Path("cache")


def faces(cache=CACHE, **options):
    return data.Faces("data/faces", FILES.test, FILES.landmarks, FILES.samples, cache=cache, **options)


def paths():
    return sorted(Path("data/faces/FER2013Test").glob("*.png"))


def enlarge(colour=False, sizes=(300,)):
    """Make photos of the faces, three times and more the size of a crop."""
    marks = artefacts.read_landmarks(FILES.landmarks)
    for number, path in enumerate(paths()):
        side = sizes[number % len(sizes)]
        image = cv2.resize(cv2.imread(str(path)), (side, side), interpolation=cv2.INTER_CUBIC)
        if colour:
            image[..., 0] //= 2
        cv2.imwrite(str(path), image)
        points, label = marks[path.relative_to("data/faces").as_posix()]
        marks[path.relative_to("data/faces").as_posix()] = (points * (side / 48), label)
    artefacts.write_landmarks(FILES.landmarks, marks)


def names():
    return sorted(path.name for path in CACHE.glob("*.npy"))


def assert_same_items(one, other):
    for index in range(len(one)):
        mine, theirs = one[index], other[index]
        assert torch.equal(mine["image"].expand(3, -1, -1), theirs["image"])
        assert torch.equal(mine["points"], theirs["points"])


@pytest.mark.parametrize("masks", [None, wearing.Masks("seen", fixed=True), wearing.Masks("seen", 0.5, fixed=True)])
@pytest.mark.parametrize(("photos", "shape"), [
    ("small", (14, 48, 48)), ("grey", (14, 64, 64)), ("colour", (14, 64, 64, 3)), ("mixed", (14, 64, 64, 3)),
    ("uneven", (14, 64, 64)),
])  # fmt: skip
def test_stored_faces_are_the_ones_on_disk(job, photos, shape, masks):
    if photos == "uneven":  # small ones that differ in size cannot be stored as they are
        enlarge(sizes=(40, 50, 60))
    elif photos != "small":
        enlarge(photos == "colour")
    if photos == "mixed":
        image = cv2.imread(str(paths()[9]))
        image[..., 1] = 7
        cv2.imwrite(str(paths()[9]), image)
    if photos == "mixed" and masks:
        shape = (14, 64, 64, 3)
    kept, read = faces(imagesize=64, masks=masks), faces(None, imagesize=64, masks=masks)
    assert masks or kept.store.pixels.shape == shape
    assert kept.store.grey == (kept.store.pixels.ndim == 3)
    assert_same_items(kept, read)
    assert not masks or kept.checksum() == read.checksum()


def test_a_second_look_decodes_nothing(job, monkeypatch):
    enlarge()
    first = faces(imagesize=64)
    monkeypatch.setattr(data, "read_image", lambda path: pytest.fail(f"{path} is read again"))
    assert torch.equal(faces(imagesize=64)[3]["image"], first[3]["image"])


def test_live_masks_are_put_on_stored_crops_of_large_photos(job):
    enlarge()
    live, bare = faces(masks=wearing.Masks("surgical")), faces()
    assert live.store.path == bare.store.path
    one, again, face = live[3, 1], live[3, 2], bare[3]
    assert not torch.equal(one["image"], again["image"])
    covered = (one["image"] != face["image"]).any(0).numpy()
    points = face["points"].numpy()
    assert covered[tuple(points[33, ::-1].astype(int))]  # the tip of the nose
    assert not covered[tuple(points[21, ::-1].astype(int))]  # a brow
    assert not np.allclose(one["points"].numpy()[list(HIDDEN)], points[list(HIDDEN)], atol=0.01)


def test_other_sizes_points_masks_and_lists_have_other_files(job):
    enlarge()
    seen = set()
    for options in ({}, {"imagesize": 64}, {"masks": wearing.Masks("seen", fixed=True)}, {"limit": 7},
                    {"masks": wearing.Masks("kn95", fixed=True)}):  # fmt: skip
        seen.add(faces(**options).store.path.name)
    assert len(seen) == 5
    assert seen == {name for name in names() if "points" not in name}  # none of them made another stale
    marks = artefacts.read_landmarks(FILES.landmarks)
    artefacts.write_landmarks(FILES.landmarks, {path: (points + 1, label) for path, (points, label) in marks.items()})
    assert faces().store.path.name not in seen
    assert len(names()) == 10


def test_a_changed_photo_makes_the_file_stale(job):
    before = faces()
    old = before.store.path
    cv2.imwrite(str(paths()[3]), np.full((48, 48), 77, np.uint8))
    after = faces()
    assert after.store[3].image.min() == 77
    assert not old.exists()
    assert len(names()) == 1
    assert before.store[3].image.min() != 77  # a run in progress keeps what it has
    os.utime(paths()[4])
    assert faces().store.path != after.store.path


def test_a_store_maps_its_file_and_travels_without_its_pixels(job):
    kept = faces()
    assert isinstance(kept.store.pixels, np.memmap)
    assert len(pickle.dumps(kept.store)) < 500
    assert np.array_equal(pickle.loads(pickle.dumps(kept.store))[2].image, kept.store[2].image)


@pytest.mark.slow
def test_two_processes_build_one_file_together(job):
    enlarge()
    code = (
        "from test_store import *\nfrom training import store\nreal = store.write\n"
        "store.write = lambda *a: (print('built', flush=True), real(*a))\nprint(len(faces().store.pixels))"
    )
    command = [sys.executable, "-c", code]
    started = [subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(process.communicate(timeout=120)[0] for process in started)
    assert said.count("built") == 1
    assert said.count("14") == 2
    assert len(names()) == 2


def test_a_build_that_was_killed_leaves_nothing_behind(job):
    half = CACHE / f".{faces().store.path.stem}.0123abcd.npy"
    half.write_bytes(b"half")
    os.utime(paths()[0])
    faces()
    assert not half.exists()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_an_image_that_vanishes_while_it_is_read_is_one_line(job, monkeypatch, workers, capsys):
    real = data.read_image

    def vanish(path):
        last.unlink(missing_ok=True)
        return real(path)

    last = paths()[-1]
    monkeypatch.setattr(data, "read_image", vanish)
    assert main_trainer.main([*TINY, "--root_path", "data/faces", "-j", workers]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert last.name in line
    assert not list(Path("Results/cache").glob("*testList*.npy"))


def test_images_that_vanish_in_training_are_not_missed(job, monkeypatch):
    from training import engine

    real = engine.train_epoch

    def vanish(*arguments):
        for path in Path("data/faces").rglob("*.png"):
            path.unlink()
        return real(*arguments)

    monkeypatch.setattr(engine, "train_epoch", vanish)
    assert main_trainer.main([*TINY, "--root_path", "data/faces", "--epochs", "1"]) == 0


def test_a_full_disk_is_one_line_and_leaves_no_file(job):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # the faces are 32 kB
    try:
        with pytest.raises(OSError, match=r"^cache/.*: could not be written \(File too large\); make room, or give"):
            faces()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(CACHE.iterdir()) == [CACHE / ".lock"]
    assert len(faces()) == 14


def test_faces_need_room_on_the_disk_but_not_in_memory(tmp_path):
    def read(index):
        image = np.full((224, 224, 3), 7, np.uint8)
        image[0, 0, 0] = index % 251
        return store.Look(image, np.zeros((68, 2), np.float32))

    own = int(re.search(r"VmData:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (own + 10**8, limits[1]))
    try:
        made = store.open_store(tmp_path / "faces.npy", "faces*", read, 2000, points=True, workers=0)
        seen = [made[index].image[0, 0, 0] for index in range(2000)]
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, limits)
    assert made.pixels.nbytes > 3e8
    assert seen == [index % 251 for index in range(2000)]


def test_a_folder_that_cannot_be_written_is_named(job):
    Path("taken").write_text("a file")
    with pytest.raises(InputError, match=r"taken: cannot be written .* give another --cache"):
        faces(Path("taken"))


def test_building_leaves_the_random_state_alone(job):
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    faces(workers=1)
    assert torch.equal(torch.rand(2), wanted)


def test_one_process_at_a_time_has_the_lock(tmp_path):
    path = tmp_path / ".lock"
    other = [sys.executable, "-c", f"import filelock; filelock.FileLock({str(path)!r}).acquire(timeout=0)"]
    with store.locked(path):
        assert b"Timeout" in subprocess.run(other, capture_output=True).stderr
    assert subprocess.run(other, capture_output=True).returncode == 0


def test_the_number_of_loading_processes_changes_nothing(job):
    for workers in ("0", "2"):
        command = [*TINY, "--root_path", "data/faces", "--mask_kinds", "seen", "--epochs", "1", "-j", workers]
        assert main_trainer.main([*command, "--tag", f"j{workers}"]) == 0
    logs = [
        Path(f"Results/MaskedDatasets/FERPlus/SevenEmotions/runs/cnn-lite0-s0-j{workers}/log.jsonl").read_text()
        for workers in ("0", "2")
    ]
    assert len({log.partition('"seconds"')[0] for log in logs}) == 1


def test_a_mask_picture_that_has_changed_is_drawn_anew(job):
    enlarge(colour=True)
    own, looks = Path("own.png"), []
    own.with_suffix(".txt").write_text("nose 0.5 0.05\nchin 0.5 0.95\nright_ear 0.05 0.2\nleft_ear 0.95 0.2\n")
    for colour in ((255, 0, 0, 255), (0, 0, 255, 255)):
        cv2.imwrite(str(own), np.full((90, 120, 4), colour, np.uint8))
        chosen = faces(imagesize=64, masks=wearing.Masks(str(own), fixed=True))
        looks.append([chosen[index]["image"].numpy() for index in range(len(chosen))])
    assert not any(np.array_equal(one, two) for one, two in zip(*looks, strict=True))


@pytest.mark.parametrize("size", [0, 40, 1000])
def test_a_damaged_file_is_one_line(job, size):
    path = faces().store.path
    os.truncate(path, size)
    with pytest.raises(InputError, match=r"\.npy: damaged, though only a copy of faces; remove it"):
        faces()
