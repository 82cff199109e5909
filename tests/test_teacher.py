"""Training with two looks at a face: a teacher that sees it bare, and answers that agree under two masks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_job import MASKED, ONE
from small_weights import make_checkpoint
from torch import nn

import main_trainer
from models.regions import hidden_regions
from pre_processing import meanface
from training import augment, checkpoint, engine, losses, options, selection
from training.checkpoint import plain

TEACHER = "checkpoint_ferplus/7U-cnn-lite0-s0/best.pt"


def faces(*more: str):
    return selection.faces_of("train", options.parse([*MASKED, *more]))


def test_a_teacher_sees_the_face_without_its_mask(job):
    chosen, bare = (
        faces("--teacher", TEACHER),
        selection.faces_of("train", options.parse([*ONE, "--condition", "unmasked"])),
    )
    for index in range(len(chosen)):
        item, real = chosen[index], bare[index]
        assert torch.equal(item["bare_image"], real["image"])
        assert torch.equal(item["bare_points"], real["points"])
        assert not torch.equal(item["image"], real["image"])
        assert np.allclose(item["points"], meanface.hide_points(item["bare_points"].numpy()), atol=1e-3)
    plain_keys = {"image", "points", "drawn", "label", "target", "certain", "index"}
    assert set(bare[0]) == set(faces()[0]) == plain_keys


def test_two_looks_wear_two_masks(job):
    chosen = faces("--consistency", "1")
    torch.manual_seed(0)
    items = [chosen[index] for index in range(len(chosen))]
    assert all(torch.equal(item["points"], item["other_points"]) for item in items)
    assert not any(torch.equal(item["image"], item["other_image"]) for item in items)
    assert not any("bare_image" in item for item in items)


def test_each_of_two_looks_wears_a_mask_or_none_by_the_share(job):
    chosen, bare = faces("--consistency", "1", "--mask_share", "0.5"), faces("--mask_share", "0")
    plain_face = bare[0]["image"]
    worn = [
        [not torch.equal(chosen[0, seed][name], plain_face) for name in ("image", "other_image")] for seed in range(40)
    ]
    assert {tuple(pair) for pair in worn} == {(False, False), (False, True), (True, False), (True, True)}


def test_two_masked_looks_and_the_teachers_bare_one(job):
    both, (bare, masked) = faces("--consistency", "1", "--teacher", TEACHER), (
        faces("--teacher", TEACHER), faces("--consistency", "1"))  # fmt: skip
    for index in range(len(both)):
        item = both[index, 5]
        for name in ("image", "points", "other_image", "other_points", "drawn"):
            assert torch.equal(item[name], masked[index, 5][name]), name
        assert torch.equal(item["bare_image"], bare[index, 5]["bare_image"])


class Fixed(nn.Module):
    """Answers the same, whatever it sees."""

    imagesize = 64

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, images, points):
        return {"logits": self.logits.expand(len(images), -1)}


def state_of(model: nn.Module, teacher: nn.Module | None) -> engine.State:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    return engine.State(model, model, optimizer, schedule, scaler, None, torch.device("cpu"), "fp32", teacher)


def batch_of(*looks: str, count: int = 2) -> dict:
    face = {"image": torch.zeros(count, 1, 64, 64, dtype=torch.uint8), "points": torch.zeros(count, 68, 2)}
    every = {f"{which}_{name}": part.clone() for which in looks for name, part in face.items()}
    return {**face, **every, "target": torch.tensor([[1.0, 0.0, 0.0]] * count)}


def test_half_of_the_target_is_the_teachers_answer():
    model, teacher = Fixed([0.3, -0.2, 0.1]), Fixed([0.0, 5.0, 0.0])
    loss, _ = engine.train_step(state_of(model, teacher), batch_of("bare"), 0.0)
    target = (torch.tensor([1.0, 0, 0]) + torch.tensor([0.0, 5, 0]).softmax(0)) / 2
    assert loss.item() == pytest.approx(-(target * model.logits.log_softmax(0)).sum().item(), abs=1e-6)
    assert teacher.logits.grad is None
    assert model.logits.grad is not None


def test_a_teacher_sees_faces_at_its_own_size():
    class Sized(Fixed):
        imagesize = 32

        def forward(self, images, points):
            assert images.shape == (2, 3, 32, 32)
            assert points.tolist() == [[[31.5, 7.5]] * 68] * 2
            return super().forward(images, points)

    batch = batch_of("bare")
    batch["bare_points"][:] = torch.tensor([63.5, 15.5])
    loss, _ = engine.train_step(state_of(Fixed([1.0, 0.0, 0.0]), Sized([0.0, 5.0, 0.0])), batch, 0.0)
    assert loss.isfinite()


def test_half_precision_leaves_the_teachers_faces_where_they_are():
    seen = []

    class Watching(Fixed):
        imagesize = 32

        def forward(self, images, points):
            seen.append((images, points))
            return super().forward(images, points)

    batch = batch_of("bare")
    rng = torch.Generator().manual_seed(0)
    batch["drawn"] = torch.rand((2, augment.NUMBERS), generator=rng)
    batch["bare_image"] = torch.randint(256, batch["image"].shape, generator=rng, dtype=torch.uint8)
    batch["bare_points"] = 64 * torch.rand((2, 68, 2), generator=rng)
    for precision in ("fp32", "bf16"):
        state = dataclasses.replace(state_of(Fixed([1.0, 0.0, 0.0]), Watching([0.0, 5.0, 0.0])), precision=precision)
        engine.train_step(state, batch, 0.0)
    for full, half in zip(*seen, strict=True):
        assert torch.equal(full, half)


def test_answers_that_differ_between_two_looks_cost_more():
    class Bright(Fixed):
        def forward(self, images, points):
            return {"logits": self.logits * images.mean((1, 2, 3))[:, None]}

    model, batch = Bright([1.0, 0.0, -1.0]), batch_of("other")
    batch["image"][:], batch["other_image"][:] = 255, 51
    plain_loss, _ = engine.train_step(state_of(model, None), batch, 0.0)
    before = model.logits.grad.clone()
    loss, logits = engine.train_step(state_of(model, None), batch, 0.0, 2.0)
    assert not torch.allclose(model.logits.grad, before), "the network learns from it"
    one, other = (model.logits.detach() * light for light in (1.0, 0.2))
    p, q = one.softmax(0), other.softmax(0)
    apart = ((p * (p / q).log()).sum() + (q * (q / p).log()).sum()) / 2
    assert loss.item() == pytest.approx((plain_loss + 2 * apart).item(), abs=1e-5)
    assert logits.shape == (2, 3)
    assert torch.allclose(logits[0], one, atol=1e-5)
    assert losses.divergence(logits, logits).item() == 0


def test_both_looks_are_taught_by_the_bare_one():
    class Seeing(Fixed):
        def forward(self, images, points):
            light = images.mean((1, 2, 3))
            features = torch.eye(len(self.logits)).repeat(8, 1)[:24] * light[:, None, None] + 1
            return {"logits": self.logits * light[:, None], "features": features}

    model, teacher, batch = Seeing([1.0, 0.0, -1.0]), Seeing([0.0, 3.0, 0.0]), batch_of("other", "bare")
    batch["image"][0], batch["other_image"][1], batch["bare_image"][:] = 255, 255, 51
    loss, logits = engine.train_step(state_of(model, teacher), batch, 0.0, 2.0, 3.0)
    first, other, bare = (batch[name].expand(-1, 3, -1, -1) / 255 for name in ("image", "other_image", "bare_image"))
    own, second, taught = model(first, None), model(other, None), teacher(bare, None)
    target = (batch["target"] + taught["logits"].softmax(1)) / 2
    answers = torch.cat([own["logits"], second["logits"]])
    entropy = nn.functional.cross_entropy(answers, target.repeat(2, 1))
    apart = losses.divergence(own["logits"], second["logits"])
    unlike = [losses.unlikeness(each["features"], taught["features"]) for each in (own, second)]
    assert unlike[0].item() > 0.001
    assert loss.item() == pytest.approx((entropy + 2 * apart + 3 * sum(unlike) / 2).item(), abs=1e-5)
    assert torch.allclose(logits, own["logits"], atol=1e-6)


def test_features_are_unlike_where_faces_are_found_alike_otherwise():
    torch.manual_seed(0)
    own = torch.rand(5, 24, 64)
    seen = [index for index, hidden in enumerate(hidden_regions(24)) if not hidden]
    turn = torch.linalg.qr(torch.randn(64, 64))[0]
    other = own.clone()
    other[:, hidden_regions(24)] = 0
    assert losses.unlikeness(own, other @ turn * 3).item() == pytest.approx(0, abs=1e-6)
    other[0, seen] = torch.rand(len(seen), 64)
    expected = []
    for region in seen:
        one, two = (torch.nn.functional.normalize(part[:, region] @ part[:, region].T) for part in (own, other))
        expected += [(one[face] - two[face]).square().sum() for face in range(5)]
    assert losses.unlikeness(own, other).item() == pytest.approx(torch.stack(expected).mean().item(), rel=1e-4)


def test_following_a_teachers_features_changes_training(job, capsys):
    small = ["--model", "pacnn", "--seed", "3"]
    assert main_trainer.main([*ONE, *small, "--condition", "unmasked"]) == 0
    teacher = ["--teacher", "checkpoint_ferplus/7U-pacnn-lite0-s3/best.pt"]
    losses_of = []
    for weight in ("0", "10"):
        assert main_trainer.main([*MASKED, *small, *teacher, "--teacher_features", weight, "--tag", weight]) == 0
        log = Path(f"Results/MaskedDatasets/FERPlus/SevenEmotions/runs/pacnn-lite0-s3-{weight}/log.jsonl")
        losses_of.append(json.loads(log.read_text())["train_loss"])
    assert losses_of[1] > losses_of[0] + 1e-3
    one, other = (
        checkpoint.load(Path(f"checkpoint_ferplus/7M-pacnn-lite0-s3-{weight}/last.pt"))["model"]
        for weight in ("0", "10")
    )
    name = next(name for name in one if name.startswith("patch_units") and name.endswith("weight"))
    assert not torch.equal(one[name], other[name])
    capsys.readouterr()
    make_checkpoint(Path("cnn.pt"), model="cnn")
    assert main_trainer.main([*MASKED, *small, "--teacher", "cnn.pt", "--teacher_features", "10", "--tag", "cnn"]) == 2
    assert "a cnn has no regions" in capsys.readouterr().err


def test_runs_with_either(job, capsys):
    assert main_trainer.main([*ONE, "--condition", "unmasked"]) == 0
    runs = Path("Results/MaskedDatasets/FERPlus/SevenEmotions/runs")
    second = ["--consistency", "0.5"]
    assert main_trainer.main([*MASKED, "--teacher", TEACHER, *second, "--tag", "both"]) == 0
    for name, more in (("teacher", ["--teacher", TEACHER]), ("consistency", second)):
        assert main_trainer.main([*MASKED, *more, "--tag", name]) == 0
        found = json.loads((runs / f"cnn-lite0-s0-{name}/metrics.json").read_text())
        assert found["config"][name] == plain(vars(options.parse([*MASKED, *more])))[name]
    capsys.readouterr()
    changed = Path(TEACHER).read_bytes() + b"0"
    Path(TEACHER).write_bytes(changed)
    assert (
        main_trainer.main([*MASKED, "--teacher", TEACHER, "--tag", "teacher", "--epochs", "2", "--resume", "auto"]) == 2
    )
    assert "not the file that this run began with" in capsys.readouterr().err
    own = "checkpoint_ferplus/7M-cnn-lite0-s0-teacher/best.pt"
    assert main_trainer.main([*MASKED, "--teacher", own, "--tag", "teacher", "--overwrite"]) == 2
    assert "is written by this run itself" in capsys.readouterr().err
    assert Path(own).is_file()
    last = "checkpoint_ferplus/7M-cnn-lite0-s0-consistency/last.pt"
    assert main_trainer.main([*MASKED, "--epochs", "2", "--resume", last]) == 2
    assert "--consistency 0.5" in capsys.readouterr().err
    assert (
        main_trainer.main([*MASKED, "--epochs", "2", "--consistency", "0.5", "--second_mask", "kn95", "--resume", last])
        == 2
    )
    assert "leave --second_mask out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        ([*ONE, "--condition", "unmasked", "--consistency", "1"], "--mask_kinds"),
        ([*MASKED, "--teacher", TEACHER], "7U-cnn-lite0-s0/best.pt"),
        ([*MASKED, "--teacher", "gacnn-lite0-4"], "num_classes"),
        ([*MASKED, "--consistency", "-1"], "--consistency"),
        ([*MASKED, "--teacher_features", "1"], "--teacher"),
        ([*MASKED, "--teacher_features", "1", "--teacher", TEACHER], "a cnn has no regions"),  # before files are read
    ],
)
def test_what_does_not_fit_is_one_line(job, argv, named, capsys):
    assert main_trainer.main(argv) == 2
    error = capsys.readouterr().err.strip()
    assert named in error
    assert "\n" not in error
