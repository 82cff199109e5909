"""Shipped weights: small, whole, what was trained; their card says what the files say."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from small_job import make_job
from small_weights import CONFIG, make_checkpoint, ship

import main_trainer
import models
from models import pretrained
from training import card, checkpoint, predictions, weights

ROOT = Path(__file__).resolve().parents[1]
FACES = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(1))
POINTS = torch.rand(5, 68, 2, generator=torch.Generator().manual_seed(2)) * 64
SHIPPED = sorted(pretrained.shipped())


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return ship(tmp_path_factory.mktemp("weights"))


@torch.inference_mode()
def answers(net) -> torch.Tensor:
    return net(FACES, POINTS)["logits"].softmax(1)


def trained_answers(folder: Path) -> torch.Tensor:
    content = checkpoint.load(folder / "best.pt")
    net = models.build(**content["model_config"], pretrained=False)
    net.load_state_dict(content["model"])
    return answers(net.eval())


def test_a_network_comes_back_by_name_and_by_path_and_answers_as_trained(folder):
    expected = trained_answers(folder)
    for named in ("gacnn-lite0-7", folder / "gacnn-lite0-7.safetensors"):
        net = models.load_pretrained(named, folder)
        assert not net.training
        assert net.emotions == ("Neutral", "Happy", "Angry", "Surprise", "Sad", "Fear", "Disgust")
        assert net.config == CONFIG
        assert (answers(net) - expected).abs().max() < 5e-3  # fp16 has 11 bits
    assert expected.std(0).min() > 1e-4, "faces that all get one answer would show nothing"


def test_matrices_are_half_and_vectors_whole(folder):
    stored = safetensors.torch.load_file(folder / "gacnn-lite0-7.safetensors")
    kinds = {(tensor.dim() >= 2, tensor.dtype) for tensor in stored.values() if tensor.is_floating_point()}
    assert kinds == {(True, torch.float16), (False, torch.float32)}


def test_four_emotions_are_the_seven_renormalised_and_take_little_room(folder):
    four = models.load_pretrained("gacnn-lite0-4", folder)
    seven = answers(models.load_pretrained("gacnn-lite0-7", folder))[:, :4]
    assert four.emotions == ("Neutral", "Happy", "Angry", "Surprise")
    assert four.kind == "renormalised"
    assert torch.allclose(answers(four), seven / seven.sum(1, keepdim=True), atol=1e-5)
    assert (folder / "gacnn-lite0-4.safetensors").stat().st_size < 20_000


def test_a_network_with_other_last_layers_is_stored_as_what_differs(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    content = checkpoint.load(tmp_path / "best.pt")
    for name in ("head.3.weight", "head.3.bias"):
        content["model"][name] = torch.randn_like(content["model"][name][:4])
    content["model_config"]["num_classes"] = 4
    content["class_names"] = content["class_names"][:4]
    checkpoint.save(tmp_path / "four.pt", content)
    weights.write(tmp_path / "four.pt", "trained-4", tmp_path, base="gacnn-lite0-7")
    net = models.load_pretrained("trained-4", tmp_path)
    assert net.kind == "trained"
    assert set(safetensors.torch.load_file(tmp_path / "trained-4.safetensors")) == {"head.3.weight", "head.3.bias"}
    assert torch.equal(net.head[3].bias, content["model"]["head.3.bias"])


def test_the_files_tell_where_they_come_from_and_no_path_of_a_machine(folder):
    text = (folder / "gacnn-lite0-7.safetensors").read_bytes()[:100_000].decode("latin-1")
    made = models.load_pretrained("gacnn-lite0-7", folder).provenance
    assert made["train_condition"] == "both"
    assert made["checkpoint_sha256"] == pretrained.sha256(folder / "best.pt")
    assert not re.search(r"/(tmp|home|root|work)\b", text)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


BROKEN = {
    "another byte": (lambda f: damage(f / "gacnn-lite0-7.safetensors"), "gacnn-lite0-7", "sha256"),
    "missing": (lambda f: (f / "gacnn-lite0-7.safetensors").unlink(), "gacnn-lite0-7", "missing"),
    "no such name": (lambda f: None, "gacnn-lite0-5", "choose from gacnn-lite0-4, gacnn-lite0-7"),
    "base lost": (lambda f: (f / "gacnn-lite0-7.safetensors").unlink(), "gacnn-lite0-4", "beside it"),
    "base changed": (lambda f: damage(f / "gacnn-lite0-7.safetensors"), "gacnn-lite0-4", "another one"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_used_is_named_in_one_line(case, folder, tmp_path):
    breaks, name, said = BROKEN[case]
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    breaks(tmp_path)
    with pytest.raises(models.WeightsError, match=said) as caught:
        models.load_pretrained(name, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"no weights", b"\x08\0\0\0\0\0\0\0{}      "], ids=["empty", "text", "foreign"]
)
def test_a_file_of_something_else_is_refused(content, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(models.WeightsError, match=r"x\.safetensors"):
        models.load_pretrained(tmp_path / "x.safetensors")


def test_metadata_that_builds_no_network_is_refused(folder, tmp_path):
    texts, tensors = pretrained.read_file(folder / "gacnn-lite0-7.safetensors")
    for wrong in ({"config": "["}, {"config": '{"model": "gacnn"}'}, {"config": json.dumps(CONFIG | {"backbone": "x"})},
                  {"config": json.dumps(CONFIG | {"num_regions": 20})}, {"emotions": '["Neutral"]'}, {"emotions": "7"}):  # fmt: skip
        safetensors.torch.save_file(tensors, tmp_path / "x.safetensors", texts | wrong)
        with pytest.raises(models.WeightsError):
            models.load_pretrained(tmp_path / "x.safetensors")


def test_files_too_large_to_ship_are_not_written(folder, capsys, monkeypatch):
    before = pretrained.shipped(folder)
    monkeypatch.setattr(weights, "LIMIT", 40_000_000)
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    assert weights.main([str(folder / "best.pt"), "again", "--folder", str(folder)]) == 2
    assert "40 is the limit" in capsys.readouterr().err
    assert pretrained.shipped(folder) == before
    assert not (folder / "again.safetensors").exists()


def test_weights_of_another_database_have_no_limit_and_a_card_without_fer_plus(tmp_path, monkeypatch):
    path = make_checkpoint(tmp_path / "best.pt")
    content = checkpoint.load(path)
    checkpoint.save(path, {**content, "config": {**content["config"], "DB": "R"}})
    monkeypatch.setattr(weights, "LIMIT", 1)
    assert weights.main([str(path), "mine", "--folder", str(tmp_path), "--results", str(ROOT / "Results")]) == 0
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("# Weights trained on RAF-DB\n")
    assert "MIT licence" not in text
    assert "48 pixels" not in text
    assert "not for decisions about people" in text


def test_weights_are_tested_as_their_checkpoint_is_and_not_gone_on_with(folder, tmp_path, monkeypatch, capsys):
    """By path here; names are those of the project's own folder."""
    monkeypatch.chdir(make_job(tmp_path))
    asked = ["--root_path", "data/faces", "--DB", "F", "-j", "0", "--device", "cpu", "-e", "--mirror",
             "--condition", "unmasked"]  # fmt: skip
    tables = []
    for name in ("best.pt", "gacnn-lite0-7.safetensors"):
        assert main_trainer.main([*asked, "--resume", str(folder / name), "--tag", name]) == 0
        runs = Path("Results/UnmaskedDatasets/FERPlus/SevenEmotions/runs")
        found = json.loads((runs / f"gacnn-lite0-s0-{name}-trained-on-FERPlus-both/metrics.json").read_text())
        assert (found["best_epoch"], found["valid_accuracy"], found["train_condition"]) == (9, 0.8151964, "both")
        tables.append(predictions.read(runs / f"gacnn-lite0-s0-{name}-trained-on-FERPlus-both", found).probabilities)
    assert np.abs(tables[0] - tables[1]).max() < 5e-3
    assert np.ptp(tables[0], axis=0).min() > 1e-3
    on = [*asked[:-4], "--model", "gacnn", "--imagesize", "64", "--mask_kinds", "seen", "--mask_share", "0.5"]
    assert main_trainer.main([*on, "--resume", str(folder / "gacnn-lite0-7.safetensors")]) == 2
    assert "holds weights only" in capsys.readouterr().err
    assert main_trainer.main([*asked, "--resume", "gacnn-lite0-8.safetensors"]) == 2
    assert "gacnn-lite0-8" in capsys.readouterr().err


SOURCE = ROOT / "Results/MaskedDatasets/FERPlus/SevenEmotions/runs/gacnn-lite0-s0-both"


def run_figures(results: Path, name: str, **changed) -> None:
    """A run's metrics.json with the figures of a real one."""
    figures = (
        json.loads((SOURCE / "metrics.json").read_text()) | {"best_epoch": 9, "valid_accuracy": 0.8151964} | changed
    )
    target = results / f"{figures['condition'].capitalize()}Datasets/FERPlus/SevenEmotions/runs/{name}"
    target.mkdir(parents=True)
    (target / "metrics.json").write_text(json.dumps(figures))
    (target / "predictions.csv.gz").write_bytes((SOURCE / "predictions.csv.gz").read_bytes())


def test_the_card_shows_the_figures_of_this_checkpoint_only(folder, tmp_path):
    run_figures(tmp_path, "both", test_masks={"kinds": "seen", "faces": 3122, "sha256": "0"})
    run_figures(tmp_path, "bare", condition="unmasked", test_condition="unmasked", test_masks=None, accuracy=0.8765)
    run_figures(tmp_path, "another", accuracy=0.5432, valid_accuracy=0.8)
    run_figures(tmp_path, "trial", accuracy=0.4321, config={"limit_batches": 3, "mirror": True})
    run_figures(tmp_path, "once", accuracy=0.3219, config={"mirror": False})
    run_figures(tmp_path, "four", accuracy=0.2109, num_classes=4)
    text = card.render_card(folder, tmp_path)
    own = json.loads((SOURCE / "metrics.json").read_text())
    low, high = (f"{100 * end:.1f}" for end in own["ci95"])
    certain = f"{100 * own['accuracy_certain']:.1f} ({own['n_certain']:,})"
    assert text.count(f"| masks: seen | 3,122 | **{100 * own['accuracy']:.1f}** ({low}–{high}) | {certain} |") == 1
    assert f"| bare | 3,122 | **87.6** ({low}–{high}) |" in text
    assert "**54.3**" not in text
    assert "**43.2**" not in text
    assert "**32.2**" not in text
    assert "**21.1**" not in text.partition("## gacnn-lite0-7")[2].partition("## gacnn-lite0-4")[0]
    for name, digest in pretrained.shipped(folder).items():
        assert f"| {name} |" in text
        assert digest in text
    # Of the 2,638 faces with four emotions; those that are right among seven stay right.
    (right,) = set(re.findall(r"\| masks: seen \| 2,638 \| \*\*([\d.]+)\*\*", text))
    assert float(right) > 100 * sum(own["confusion"][code][code] for code in range(4)) / 2638
    assert "not for decisions about people" in text


def test_a_checkpoint_without_tests_says_so(folder, tmp_path):
    assert "Not tested yet" in card.render_card(folder, tmp_path)


def test_the_command_writes_file_checksum_card_and_answers(tmp_path, capsys):
    make_checkpoint(tmp_path / "best.pt")
    assert weights.main([str(tmp_path / "best.pt"), "gacnn-lite0-7", "--folder", str(tmp_path)]) == 0
    assert "MB" in capsys.readouterr().out
    assert "load_pretrained" in (tmp_path / "README.md").read_text()
    stored = json.loads((tmp_path / card.PREDICTIONS).read_text())["gacnn-lite0-7"]
    assert stored == card.predict_demo(models.load_pretrained("gacnn-lite0-7", tmp_path))
    assert len(stored) == 7
    assert all(abs(sum(row) - 1) < 1e-3 for row in stored)


def test_no_checkpoint_is_one_line(tmp_path, capsys):
    assert weights.main(["nowhere.pt", "x", "--folder", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(not SHIPPED, reason="no weights are shipped yet")
def test_shipped_files_answer_as_stored_and_stay_within_their_room():
    stored = json.loads((pretrained.FOLDER / card.PREDICTIONS).read_text())
    assert sorted(stored) == SHIPPED
    for name in SHIPPED:
        found = torch.tensor(card.predict_demo(models.load_pretrained(name)))
        assert torch.allclose(found, torch.tensor(stored[name]), atol=2e-3)
    assert sum(file.stat().st_size for file in pretrained.FOLDER.glob("*.safetensors")) <= weights.LIMIT


@pytest.mark.skipif(not SHIPPED, reason="no weights are shipped yet")
def test_the_shipped_card_is_the_one_that_the_files_make():
    assert (pretrained.FOLDER / card.NAME).read_text(encoding="utf-8") == card.render_card(
        pretrained.FOLDER, ROOT / "Results"
    )


@pytest.mark.skipif(not SHIPPED, reason="no weights are shipped yet")
def test_the_shipped_card_has_what_both_looks_give_together():
    told = json.loads((ROOT / "Results/study.json").read_text())["two_looks"]["cells"]
    text = (pretrained.FOLDER / card.NAME).read_text(encoding="utf-8")
    for kinds in ("seen", "unseen"):
        found = told[f"7-gacnn-lite0-s0-both-{kinds}"]
        assert f"| masks: {kinds}, both looks | {found['n']:,} | **{100 * found['accuracy']:.1f}** (" in text
    assert text.count(", both looks | 2,638 |") == 2
    assert "MIT licence, as the code" in text


def test_two_tests_of_the_same_faces_give_their_mean(tmp_path):
    names, rng = ("Neutral", "Happy", "Angry", "Surprise"), np.random.default_rng(0)
    chances = rng.dirichlet(np.ones(7), (2, 40))
    columns = [f"p_{name}" for name in (*names, "Sad", "Fear", "Disgust")]
    labels = rng.choice([*names, "Sad"], 40)
    for number, part in enumerate(chances):
        rows = pd.DataFrame(part, columns=columns).assign(
            path=[f"{n}.png" for n in range(40)], emotion=labels, certain=1
        )
        predictions.write(tmp_path / str(number), rows[:: 1 - 2 * number])
    found = card.renormalised(tmp_path / "0", names, tmp_path / "1")
    four = chances[..., :4] / chances[..., :4].sum(-1, keepdims=True)
    kept = labels != "Sad"
    right = np.array(names)[four.mean(0).argmax(1)] == labels
    assert (found["n"], found["accuracy"]) == (kept.sum(), pytest.approx(right[kept].mean()))
    assert found["confusion"] != card.renormalised(tmp_path / "0", names)["confusion"]
