"""Every option of the recipe takes effect, and none that matters is lost when a run goes on or is told from another."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_job import MASKED, ONE

import main_trainer
from pre_processing import artefacts
from pre_processing.artefacts import InputError
from training import batches, cells, checkpoint, engine, options, origins, selection

BARE = [*ONE, "--condition", "unmasked"]
RUNS = Path("Results/UnmaskedDatasets/FERPlus/SevenEmotions/runs")
# Options that may change when a run goes on, and that do not make it another run.
PLACES = {"root_path", "main_folder", "results", "cache", "model_dir", "resume", "tag", "title", "publish", "overwrite", "device",
          "workers", "print_freq", "batch_size_t", "evaluate", "start_epoch", "samples", "train_list", "valid_list", "test_list",
          "train_landmarksfile", "test_landmarksfile"}  # fmt: skip
LATER = {"epochs", "patience", "precision", "limit_batches", "scratch", "test_mask_kinds"}
NETWORK = {"model", "backbone", "num_classes", "num_regions", "imagesize"}  # checkpoint.check_same_model


def test_votes_are_the_targets(job):
    chosen = options.parse([*BARE, "--targets", "votes"])
    faces = selection.faces_of("train", chosen)
    votes = np.stack(artefacts.read_samples(chosen.samples).set_index("path")["votes"].loc[faces.paths])
    shares = votes / votes.sum(1, keepdims=True)
    found = np.stack([faces[index]["target"] for index in range(len(faces))])
    assert np.allclose(found, shares, atol=1e-6)
    assert found.max() < 1


def test_masks_put_on_bare_faces_take_their_own_points(job):
    chosen = options.parse(MASKED)
    assert "UnmaskedDatasets" in str(chosen.train_landmarksfile)
    assert chosen.test_landmarksfile == chosen.train_landmarksfile


def test_learning_rates_follow_the_schedule():
    factor = engine.rate_factor("exponential", 10, 4)
    assert [factor(step) for step in (0, 9, 10, 39)] == pytest.approx([1, 1, 0.95, 0.95**3])
    factor = engine.rate_factor("cosine", 100, 10)
    warmup = round(engine.WARMUP * 1000)
    assert factor(0) == pytest.approx(1 / warmup)
    assert factor(warmup) == 1
    assert factor((1000 + warmup) // 2) == pytest.approx(0.5, abs=0.01)
    assert factor(1000) == pytest.approx(0, abs=1e-9)


def test_the_optimiser_is_the_one_that_was_asked_for():
    for name, more, key, value in (
        ("sgd", ["--momentum", "0.7"], "momentum", 0.7),
        ("adamw", [], "betas", (0.9, 0.999)),
    ):
        chosen = options.parse(
            [*BARE, "--optimizer", name, "--lr", "0.125", "--weight-decay", "0.25", "--ema", "0.5", *more]
        )
        state = engine.make_state(origins.build_model(origins.model_config(chosen), pretrained=False), chosen, 10)
        (group,) = state.optimizer.param_groups
        assert (group["initial_lr"], group["weight_decay"], group[key]) == (0.125, 0.25, value)
        assert state.average is not None


def test_options_reach_the_loss_the_sampler_and_the_answers(job, monkeypatch):
    asked = []
    monkeypatch.setattr(batches, "training_loader", spy(batches.training_loader, asked))
    monkeypatch.setattr(engine, "train_step", spy(engine.train_step, asked))
    command = [*BARE, "--epochs", "1", "--balance", "0.25", "--label_smoothing", "0.125"]
    assert main_trainer.main([*command, "--tag", "plain"]) == 0
    (loader, step, *_) = asked
    assert loader.named["balance"] == 0.25
    assert step.given[2:4] == (0.125, 0.0)
    assert main_trainer.main([*command, "--mirror", "--tag", "mirror"]) == 0
    logs = [json.loads((RUNS / f"cnn-lite0-s0-{tag}/log.jsonl").read_text()) for tag in ("plain", "mirror")]
    assert logs[0]["train_loss"] == logs[1]["train_loss"]
    assert logs[0]["valid_loss"] != logs[1]["valid_loss"]
    answers = [(RUNS / f"cnn-lite0-s0-{tag}/predictions.csv.gz").read_bytes() for tag in ("plain", "mirror")]
    assert answers[0] != answers[1]


def spy(real, asked):
    def noted(*given, **named):
        asked.append(SimpleNamespace(given=given, named=named))
        return real(*given, **named)

    return noted


def test_a_smoothed_target_costs_more_where_the_answer_is_sure():
    logits = torch.tensor([[4.0, 0.0, 0.0]])
    model = torch.nn.Linear(1, 1)
    model.forward = lambda images, points: {"logits": logits + 0 * model.weight.sum()}
    state = engine.State(model, model, torch.optim.SGD(model.parameters(), 0.0), SimpleNamespace(step=lambda: None),
                         torch.amp.GradScaler("cpu", enabled=False), None, torch.device("cpu"), "fp32")  # fmt: skip
    batch = {
        "image": torch.zeros(1, 1, 8, 8, dtype=torch.uint8),
        "points": torch.zeros(1, 68, 2),
        "target": torch.tensor([[1.0, 0, 0]]),
    }
    plain, smoothed = (engine.train_step(state, batch, smoothing)[0].item() for smoothing in (0.0, 0.3))
    logs = logits.log_softmax(1)[0]
    assert plain == pytest.approx(-logs[0].item())
    assert smoothed == pytest.approx(-(0.8 * logs[0] + 0.1 * logs[1] + 0.1 * logs[2]).item())


def test_every_option_is_kept_or_may_change():
    names = set(vars(options.parse(["--root_path", "x", "--condition", "unmasked"])))
    assert names == set(checkpoint.SAME_RUN) | PLACES | LATER | NETWORK
    decided = set(cells.TESTED) | set(cells.TRAINED)
    assert names == decided | PLACES | {"DB"}  # cells are of one database


@pytest.mark.parametrize("key", checkpoint.SAME_RUN)
def test_a_run_does_not_go_on_as_another(key):
    chosen = options.parse(["--root_path", "x", "--condition", "unmasked"])
    was = checkpoint.plain(vars(chosen))
    checkpoint.check_same_run(chosen, {"config": was})
    with pytest.raises(InputError, match="or start without --resume"):
        checkpoint.check_same_run(chosen, {"config": was | {key: "other"}})


@pytest.mark.parametrize("key", [*cells.TESTED, *cells.TRAINED])
def test_a_run_of_another_command_is_no_cell(key):
    cell = cells.read()[0]
    was = checkpoint.plain(vars(cell.chosen))
    assert cell.made_by(was)
    assert not cell.made_by(was | {key: "other"})
