"""Checkpoints, weights and figures that others sent: nothing is built, named, shown or replaced by what no run of ours writes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from small_job import ONE, TINY, make_job
from small_weights import ship

import main_trainer
from models import WeightsError, load_pretrained
from pre_processing.artefacts import InputError
from report import table
from training import cells, checkpoint, figures, predictions, trained

EVIL = "u/../../../../../../victim"
TEST = [*TINY, "--root_path", "data/faces", "--limit_batches", "1", "-e"]
BASE = Path("Results/UnmaskedDatasets/FERPlus/SevenEmotions/runs")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Path:
    """A folder with a best.pt and the networks that would ship of it."""
    return ship(tmp_path_factory.mktemp("weights"))


def changed(content: dict, place: str, value: object) -> dict:
    """The content with another value at `config.seed` and its like; without it where the value is `...`."""
    first, _, second = place.partition(".")
    content = dict(content)
    if second:
        content[first] = changed(content[first], second, value)
    elif value is ...:
        del content[first]
    else:
        content[first] = value
    return content


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("config.condition", EVIL), ("config.seed", "0/../../../victim"), ("config.seed", True), ("config.DB", "Z"),
        ("config.mask_share", "half"), ("config.mask_kinds", "seen\x1b[2J"), ("config.seed", ...), ("config", {}),
        ("model_config.overwrite", True), ("model_config.backbone", "../lite0"), ("model_config.imagesize", 10**9),
        ("model_config", ["gacnn"]), ("best", ...), ("best", float("nan")), ("best_epoch", "9"), ("class_names", 5),
        ("class_names", []), ("model", [1]), ("average", torch.zeros(1)),
        ("config.mask_share", ...), ("precision", "\x1b[2J"), ("precision", torch.zeros(1)), ("pretrained", "\x1b[2J"),
        ("pretrained", torch.zeros(1)), ("teacher_sha256", 5), ("faces", {"train": "1"}),
        ("faces", 5), ("init_from_sha256", "\n"),
    ],
)  # fmt: skip
def test_a_checkpoint_that_no_run_of_ours_wrote_is_refused_in_one_line(shipped, tmp_path, place, value):
    path = tmp_path / "odd.pt"
    checkpoint.save(path, changed(checkpoint.load(shipped / "best.pt"), place, value))
    with pytest.raises(InputError, match=r"odd\.pt: not a checkpoint of this program") as caught:
        checkpoint.load(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("progress", {"hops": 3}), ("scheduler", ...), ("random", {}), ("sampler", "odd"),
        ("optimizer", {"state": {}, "param_groups": []}),
    ],
)  # fmt: skip
def test_nothing_that_training_cannot_go_on_from_ends_in_a_traceback(tmp_path, monkeypatch, capsys, place, value):
    monkeypatch.chdir(make_job(tmp_path))
    assert main_trainer.main(ONE) == 0
    path = Path("checkpoint_ferplus/7U-cnn-lite0-s0/last.pt")
    content = checkpoint.load(path)
    checkpoint.save(path, changed(content, place, value))
    assert main_trainer.main([*ONE, "--epochs", "2", "--resume", str(path)]) == 2
    assert "holds nothing that training can go on from" in capsys.readouterr().err
    checkpoint.save(path, {**content, "model": dict(list(content["model"].items())[1:])})
    assert main_trainer.main([*ONE, "--epochs", "2", "--resume", str(path)]) == 2
    assert "its weights do not fit this model" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"\x80\x02t.", b"\x80\x02]q\x00.", b"PK\x03\x04"])
def test_damage_of_any_kind_is_one_line(tmp_path, content):
    (tmp_path / "odd.pt").write_bytes(content)
    with pytest.raises(InputError, match="not a checkpoint of this program"):
        checkpoint.load(tmp_path / "odd.pt")


def test_nothing_is_replaced_by_the_test_of_what_cannot_be_tested(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(make_job(tmp_path))
    assert main_trainer.main([*ONE]) == 0
    weights = Path("checkpoint_ferplus/7U-cnn-lite0-s0/best.pt")
    assert main_trainer.main([*TEST, "--resume", str(weights)]) == 0
    (folder,) = BASE.glob("*-trained-on-*")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    content = checkpoint.load(weights)
    content["model"].popitem()
    checkpoint.save(weights, content)
    assert main_trainer.main([*TEST, "--resume", str(weights), "--overwrite"]) == 2
    assert "do not fit this model" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def rewritten(source: Path, target: Path, **texts: object) -> Path:
    """A network with other texts in its file."""
    with safetensors.safe_open(source, framework="pt") as file:
        found = file.metadata() | {name: json.dumps(value) for name, value in texts.items()}
    safetensors.torch.save_file(safetensors.torch.load_file(source), target, found)
    return target


@pytest.mark.parametrize(
    "texts",
    [
        {"provenance": {"database": "FERPlus", "mask_kinds": None, "train_condition": EVIL, "seed": 0, "best_epoch": 9,
                        "valid_accuracy": 0.8}},
        {"provenance": {"database": [], "train_condition": "masked"}}, {"provenance": {}}, {"provenance": [1]}, {"emotions": "abcdefg"}, {"emotions": list(range(7))},
        {"emotions": ["\x1b[31mNeutral", "=HYPERLINK(1)", "Angry", "Surprise", "Sad", "Fear", "Disgust"]},
    ],
)  # fmt: skip
def test_weights_that_tell_something_else_are_refused_in_one_line(shipped, tmp_path, texts):
    path = rewritten(shipped / "gacnn-lite0-7.safetensors", tmp_path / "odd.safetensors", **texts)
    with pytest.raises((InputError, WeightsError), match=r"odd\.safetensors: "):
        checkpoint.load(path)
    with pytest.raises((InputError, WeightsError), match=r"odd\.safetensors: "):
        trained.network(path)


def test_weights_that_are_no_numbers_are_refused(shipped, tmp_path):
    path, content = tmp_path / "odd.pt", checkpoint.load(shipped / "best.pt")
    content["model"]["head.3.bias"][0] = torch.nan
    checkpoint.save(path, content)
    with pytest.raises(InputError, match=r"are no numbers \(head\.3\.bias\)"):
        trained.network(path)
    file = shipped / "gacnn-lite0-7.safetensors"
    tensors = safetensors.torch.load_file(file)
    tensors["head.3.bias"][0] = torch.inf
    with safetensors.safe_open(file, framework="pt") as source:
        safetensors.torch.save_file(tensors, tmp_path / "odd.safetensors", source.metadata())
    with pytest.raises(WeightsError, match="are no numbers"):
        load_pretrained(tmp_path / "odd.safetensors")


FIGURES = {"accuracy": 0.5, "n": 4, "num_classes": 7, "config": {}, "database": "FERPlus"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("config", []), ("accuracy", "0.5"), ("accuracy", ...), ("n", None), ("num_classes", 5), ("test_masks", []),
        ("test_masks", {"kinds": 3}), ("database", "<img src=x>\n# more"), ("train_condition", EVIL), ("model", "|"),
    ],
)  # fmt: skip
def test_figures_that_no_run_wrote_are_refused_in_one_line(tmp_path, key, value):
    file = tmp_path / "UnmaskedDatasets/FERPlus/SevenEmotions/metrics.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(changed(FIGURES, key, value)))
    for read in (cells.read_figures, lambda _: table.render(tmp_path)):
        with pytest.raises(InputError, match=rf"metrics\.json: .*has no usable {key}"):
            read(file)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [("0.9999", "inf", "no number"), ("f1.png", "f0.png", "a face twice"), ("0.0,1\n", "0.0,maybe\n", "neither 0 nor 1")],
)  # fmt: skip
def test_predictions_that_no_run_wrote_are_refused_in_one_line(tmp_path, before, after, said):
    names = ("Neutral", "Happy", "Angry", "Surprise", "Sad", "Fear", "Disgust")
    rows = [f"f{i}.png,Happy,Happy,0.0001,0.9999,0.0,0.0,0.0,0.0,0.0,1" for i in range(4)]
    text = "\n".join([f"path,emotion,predicted,{','.join(f'p_{name}' for name in names)},certain", *rows]) + "\n"
    found = {"accuracy": 1.0, "n": 4, "num_classes": 7}
    (tmp_path / predictions.FILE).write_bytes(gzip.compress(text.encode()))
    assert len(predictions.read(tmp_path, found).paths) == 4
    (tmp_path / predictions.FILE).write_bytes(gzip.compress(text.replace(before, after, 1).encode()))
    with pytest.raises(InputError, match=said):
        predictions.read(tmp_path, found)


def test_a_title_may_hold_any_sign(tmp_path):
    found = {"confusion": [[1, 0], [0, 1]], "ci95": [0.4, 1.0], "accuracy": 1.0, "macro_recall": 1.0, "n": 2}
    figures.confusion_picture(tmp_path / "one.png", found, ("Neutral", "Happy"), r"a $\x$ b")
    assert (tmp_path / "one.png").stat().st_size > 1000
