"""Masks put on while faces are read: others at every look in training, frozen ones for validation and test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_job import TINY

import main_trainer
from pre_processing import artefacts, masks, meanface
from pre_processing.artefacts import InputError
from pre_processing.crop import read_image
from training import data, options, selection, wearing

FILES = artefacts.ListPaths(Path("Results"), "unmasked", "FERPlus")
ONE = [*TINY, "--root_path", "data/faces", "--epochs", "1", "--limit_batches", "1"]
BASE = Path("Results/MaskedDatasets/FERPlus/SevenEmotions/runs")


def faces(**worn) -> data.Faces:
    return data.Faces("data/faces", FILES.train, FILES.landmarks, FILES.samples, masks=wearing.Masks("seen", **worn))


def test_fixed_masks_are_the_copies_on_disk(job):
    chosen = faces(fixed=True)
    points = dict(zip(chosen.paths, chosen.points, strict=True))
    masks.mask_all("data/faces", "copies", points, seed=0, kind="seen", jobs=1)
    for index, path in enumerate(chosen.paths):
        image, seen = chosen.look(index)
        assert np.array_equal(image, read_image(Path("copies", path))[..., 0])
        assert np.allclose(seen, meanface.hide_points(chosen.points[index]))


def test_training_masks_change_from_look_to_look_and_follow_the_seed(job):
    chosen, looks = faces(), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        looks.append([chosen.look(index)[0] for index in range(len(chosen))])
    same, other = ([np.array_equal(one, two) for one, two in zip(looks[0], again, strict=True)] for again in looks[1:])
    assert all(same)
    assert not any(other)


def test_training_may_keep_to_the_same_masks(job):
    argv = [*ONE, "--mask_kinds", "seen", "--mask_share", "0.5"]
    changing, kept = (selection.faces_of("train", options.parse([*argv, *more])) for more in ([], ["--same_masks"]))

    def looks(faces: data.Faces, seed: int) -> list[torch.Tensor]:
        return [faces[index, seed]["image"] for index in range(len(faces))]

    assert all(map(torch.equal, looks(kept, 1), looks(kept, 2)))
    assert not all(map(torch.equal, looks(changing, 1), looks(changing, 2)))
    assert not all(map(torch.equal, looks(kept, 1), looks(selection.faces_of("train", options.parse(ONE)), 1)))
    assert kept.masks == selection.masks_of("valid", options.parse(argv))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--condition", "unmasked"], "give --mask_kinds as well"),
        (["--mask_kinds", "seen", "--consistency", "1"], "leave one of them out"),
        (["--mask_kinds", "seen", "--teacher", "best.pt"], "leave one of them out"),
    ],
)
def test_the_same_masks_go_with_one_look_at_masks_put_on(job, more, said, capsys):
    assert main_trainer.main([*ONE, *more, "--same_masks"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("fixed", [True, False])
def test_only_a_share_wears_masks_and_keeps_its_points_otherwise(job, fixed):
    chosen, bare = faces(share=0.5, fixed=fixed), faces(share=0.0)
    torch.manual_seed(0)
    worn = 0
    for index in range(len(chosen)):
        (image, points), (face, real) = chosen.look(index), bare.look(index)
        masked = not np.array_equal(image, face)
        assert np.array_equal(points, meanface.hide_points(real).astype(np.float32) if masked else real)
        worn += masked
    assert 0.2 * len(chosen) < worn < 0.8 * len(chosen)


def test_evaluation_wears_the_same_masks_whatever_was_drawn_before(job):
    chosen = faces(fixed=True)
    before = chosen.checksum()
    torch.rand(100)
    assert chosen.checksum() == before
    assert faces(fixed=True, share=0.5).checksum() != before


@pytest.mark.parametrize("fixed", [True, False])
def test_a_second_mask_lies_over_the_first_and_on_nobody_else(job, fixed):
    first, both = faces(share=0.5, fixed=fixed), faces(share=0.5, fixed=fixed, second="kn95")
    changed = 0
    for index in range(len(first)):
        torch.manual_seed(index)
        image, points = first.look(index)
        torch.manual_seed(index)
        covered, same = both.look(index)
        assert np.array_equal(points, same)
        masked = not np.array_equal(image, faces(share=0.0).look(index)[0])
        assert np.array_equal(image, covered) != masked
        changed += masked
    assert 0 < changed < len(first)


def test_a_second_mask_makes_kinds_alike(job):
    def pixels(kinds: str, second: str | None) -> np.ndarray:
        chosen = data.Faces("data/faces", FILES.train, FILES.landmarks, FILES.samples,
                            masks=wearing.Masks(kinds, fixed=True, second=second))  # fmt: skip
        return np.stack([chosen.look(index)[0] for index in range(len(chosen))]).astype(np.float32)

    apart = [np.abs(pixels("surgical_black", second) - pixels("cloth_dots", second)).mean()
             for second in (None, "surgical_white")]  # fmt: skip
    assert apart[1] < 0.4 * apart[0]


def figures(name: str) -> dict:
    return json.loads((BASE / name / "metrics.json").read_text())


@pytest.mark.parametrize(("share", "condition"), [("1", "masked"), ("0.5", "both"), ("0", "unmasked")])
def test_a_run_says_what_its_faces_wore(job, share, condition):
    assert main_trainer.main([*ONE, "--mask_kinds", "seen", "--mask_share", share]) == 0
    found = figures("cnn-lite0-s0")
    assert (found["train_condition"], found["test_condition"]) == (condition, "masked")
    assert found["test_masks"]["kinds"] == "seen"


def test_a_trained_network_is_tested_on_kinds_it_has_not_seen(job):
    assert main_trainer.main([*ONE, "--mask_kinds", "surgical"]) == 0
    command = [*ONE, "-e", "--resume", "checkpoint_ferplus/7M-cnn-lite0-s0/best.pt", "--test_mask_kinds", "unseen"]
    assert main_trainer.main([*command, "--tag", "unseen"]) == 0
    found = figures("cnn-lite0-s0-unseen-trained-on-FERPlus-masked")
    assert found["test_masks"]["kinds"] == "unseen"
    assert found["test_masks"]["sha256"] != figures("cnn-lite0-s0")["test_masks"]["sha256"]
    assert main_trainer.main([*command, "--second_mask", "surgical_white", "--tag", "second"]) == 0
    second = figures("cnn-lite0-s0-second-trained-on-FERPlus-masked")
    assert second["test_masks"]["kinds"] == "unseen under surgical_white"
    assert second["test_masks"]["sha256"] != found["test_masks"]["sha256"]


def test_test_masks_are_frozen_by_the_first_run(job, monkeypatch, capsys):
    whole = ONE[:-2]
    assert main_trainer.main([*whole, "--mask_kinds", "kn95"]) == 0
    noted = json.loads((BASE.parents[1] / "test_masks.json").read_text())
    assert noted == {"kn95, 14 faces": figures("cnn-lite0-s0")["test_masks"]["sha256"]}
    real = wearing.put_mask
    monkeypatch.setattr(wearing, "put_mask", lambda image, points, seed, kinds: real(image, points, seed + 1, kinds))
    assert main_trainer.main([*whole, "--mask_kinds", "kn95", "--tag", "later"]) == 2
    error = capsys.readouterr().err.strip()
    assert "test_masks.json" in error
    assert error.endswith("Give --results FOLDER for results of your own")
    assert "\n" not in error
    assert not (BASE / "cnn-lite0-s0-later").exists()
    assert main_trainer.main([*whole, "--mask_kinds", "kn95", "--tag", "later", "--results", "mine"]) == 0


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--mask_kinds", "tinfoil"], "tinfoil"),
        (["--mask_kinds", "seen", "--root_path", "data/faces-masked"], "data/faces-masked"),
        (["--test_mask_kinds", "seen", "--condition", "unmasked"], "--test_mask_kinds"),
        (["--second_mask", "kn95"], "--second_mask"),
        (["--second_mask", "tinfoil", "--mask_kinds", "seen"], "tinfoil"),
        (["--mask_share", "1.5", "--mask_kinds", "seen"], "--mask_share"),
    ],
)
def test_what_does_not_fit_together_is_one_line(job, more, named, capsys):
    assert main_trainer.main([*ONE, *more]) == 2
    error = capsys.readouterr().err.strip()
    assert named in error
    assert "\n" not in error


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_record_of_test_masks_is_named(text, tmp_path):
    file = tmp_path / "test_masks.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"test_masks\.json"):
        wearing.freeze(file, {"kinds": "seen", "faces": 1, "sha256": "0"})
    assert file.read_text() == text
