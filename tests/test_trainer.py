"""The one door: what a run leaves, what it refuses, how it stops."""

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from small_job import TINY

import main_trainer
from pre_processing.artefacts import InputError
from training import checkpoint, door, engine

BASE = Path("Results/UnmaskedDatasets/FERPlus/SevenEmotions")
RUN = BASE / "runs" / "cnn-lite0-s0"
WEIGHTS = Path("checkpoint_ferplus/7U-cnn-lite0-s0")
ONE = [*TINY, "--root_path", "data/faces", "--epochs", "1"]
KEYS = {
    "database", "condition", "num_classes", "model", "backbone", "seed", "n", "accuracy", "macro_recall", "recall",
    "precision", "confusion", "ci95", "command", "git", "config", "train_condition", "test_condition", "n_certain",
    "accuracy_certain",
}  # fmt: skip


def test_a_run_leaves_what_it_should(job, capsys):
    assert main_trainer.main([*ONE, "--epochs", "2", "--publish"]) == 0
    names = {path.name for path in RUN.iterdir()}
    assert names == {"7Uoutput.txt", "7U.png", "metrics.json", "log.jsonl", "predictions.csv.gz", "tensorboard"}
    assert {path.name for path in WEIGHTS.iterdir()} == {"last.pt", "best.pt"}
    assert list((RUN / "tensorboard").glob("events*"))
    found = json.loads((RUN / "metrics.json").read_text())
    assert found.keys() >= KEYS
    assert found["n"] == 14
    assert np.array(found["confusion"]).sum() == 14
    assert found["command"].startswith("python main_trainer.py --model cnn")
    text = (RUN / "7Uoutput.txt").read_text()
    assert text == capsys.readouterr().out
    assert text.index("confusion matrix") < text.index("accuracy", text.index("confusion matrix"))
    assert {path.name for path in BASE.iterdir()} == {"7Uoutput.txt", "7U.png", "metrics.json", "runs"}


def test_predictions_and_log_agree_with_the_figures(job):
    assert main_trainer.main(ONE) == 0
    found = json.loads((RUN / "metrics.json").read_text())
    rows = list(csv.DictReader(gzip.decompress((RUN / "predictions.csv.gz").read_bytes()).decode().splitlines()))
    assert sum(row["emotion"] == row["predicted"] for row in rows) / len(rows) == found["accuracy"]
    for row in rows:
        shares = {name.removeprefix("p_"): float(value) for name, value in row.items() if name.startswith("p_")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
        assert shares[row["predicted"]] == max(shares.values())
    certain = [row for row in rows if row["certain"] == "1"]
    assert len(certain) == found["n_certain"] < 14
    epoch = json.loads((RUN / "log.jsonl").read_text())
    assert epoch["valid_accuracy"] == found["valid_accuracy"]
    assert 0 <= epoch["waiting"] <= 1


def test_the_best_epoch_on_validation_is_the_one_tested(job, monkeypatch):
    real, accuracies = engine.evaluate, iter([0.2, 0.9, 0.1])

    def staged(model, loader, device, precision, title, mirror):
        answer = real(model, loader, device, precision, title, mirror)
        if title == "valid":
            right = round(next(accuracies) * len(answer["label"]))
            codes = [code if n < right else (code + 1) % 7 for n, code in enumerate(answer["label"].tolist())]
            answer["probabilities"] = np.eye(7, dtype=np.float32)[codes]
        return answer

    monkeypatch.setattr(engine, "evaluate", staged)
    assert main_trainer.main([*ONE, "--epochs", "5", "--patience", "1"]) == 0
    assert json.loads((RUN / "metrics.json").read_text())["best_epoch"] == 2
    assert checkpoint.load(WEIGHTS / "best.pt")["epoch"] == 2
    assert len((RUN / "log.jsonl").read_text().splitlines()) == 3
    test = ["-j", "0", "-b_t", "7", "--device", "cpu", "--root_path", "data/faces", "-e", "--resume"]
    assert main_trainer.main([*test, str(WEIGHTS / "best.pt")]) == 0
    again = BASE / "runs" / "cnn-lite0-s0-trained-on-FERPlus-unmasked" / "predictions.csv.gz"
    assert again.read_bytes() == (RUN / "predictions.csv.gz").read_bytes()


@pytest.mark.slow
def test_training_learns(job):
    """Emotions drawn as dark, bright above, bright below and bright pictures are told apart within a few epochs."""
    for number, path in enumerate(sorted(Path("data/faces").rglob("*.png"))):
        picture = np.full((48, 48), 40, np.uint8)
        picture[:24] += 160 * (number % 7 & 1)
        picture[24:] += 80 * (number % 7 & 2)
        cv2.imwrite(str(path), picture)
    command = [*ONE, "--num_classes", "4", "--epochs", "16", "--optimizer", "adamw", "--lr", "1e-3", "-b", "8"]
    command.remove("--scratch")
    assert main_trainer.main(command) == 0
    lines = (BASE.with_name("FourEmotions") / "runs" / "cnn-lite0-s0" / "log.jsonl").read_text().splitlines()
    log = [json.loads(line) for line in lines]
    assert np.mean([epoch["train_loss"] for epoch in log[-3:]]) < 0.6 * log[0]["train_loss"]


@pytest.mark.parametrize("model", ["gacnn", "pacnn"])
def test_attention_models_train_masked_with_votes(job, model):
    command = [*ONE, "--model", model, "--root_path", "data/faces-masked", "--targets", "votes", "--num_regions", "20"]
    assert main_trainer.main([*command, "--limit_batches", "1"]) == 0
    folder = Path(f"Results/MaskedDatasets/FERPlus/SevenEmotions/runs/{model}-lite0-s0")
    assert json.loads((folder / "metrics.json").read_text())["condition"] == "masked"
    assert (folder / "7M.png").is_file()


def test_a_frozen_backbone_stays_as_it_is(job):
    assert main_trainer.main([*ONE, "--end2end", "False", "--tag", "frozen"]) == 0
    assert main_trainer.main([*ONE, "--tag", "free"]) == 0
    frozen, free = (checkpoint.load(Path(f"{WEIGHTS}-{tag}/last.pt")) for tag in ("frozen", "free"))
    torch.manual_seed(0)
    names = [name for name in frozen["model"] if name.startswith("backbone") and name.endswith("weight")]
    heads = [name for name in frozen["model"] if not name.startswith("backbone") and name.endswith("weight")]
    from training.origins import build_model
    from training.run import seed_everything

    seed_everything(0)
    start = build_model(frozen["model_config"], pretrained=False).state_dict()
    assert names
    assert all(torch.equal(frozen["model"][name], start[name]) for name in names)
    assert any(not torch.equal(free["model"][name], start[name]) for name in names)
    assert any(not torch.equal(frozen["model"][name], start[name]) for name in heads)


def test_evaluating_a_checkpoint_gives_its_figures_again_and_crosses_conditions(job):
    assert main_trainer.main(ONE) == 0
    before = json.loads((RUN / "metrics.json").read_text())
    command = ["-j", "0", "-b_t", "5", "--device", "cpu", "-e", "--resume", str(WEIGHTS / "best.pt")]
    assert main_trainer.main([*command, "--root_path", "data/faces"]) == 0
    again = json.loads((BASE / "runs" / "cnn-lite0-s0-trained-on-FERPlus-unmasked" / "metrics.json").read_text())
    assert again["confusion"] == before["confusion"]
    assert main_trainer.main([*command, "--root_path", "data/faces-masked"]) == 0
    folder = Path("Results/MaskedDatasets/FERPlus/SevenEmotions/runs/cnn-lite0-s0-trained-on-FERPlus-unmasked")
    crossed = json.loads((folder / "metrics.json").read_text())
    assert (crossed["train_condition"], crossed["test_condition"]) == ("unmasked", "masked")
    assert json.loads((RUN / "metrics.json").read_text()) == before


def test_the_same_seed_gives_the_same_run_and_another_one_another(job):
    for seed, tag in (("0", "a"), ("0", "b"), ("1", "a")):
        assert main_trainer.main([*ONE, "--seed", seed, "--tag", tag]) == 0
    runs = (BASE / "runs" / f"cnn-lite0-{run}" / "predictions.csv.gz" for run in ("s0-a", "s0-b", "s1-a"))
    one, same, other = (run.read_bytes() for run in runs)
    assert one == same != other


def test_what_is_not_the_best_epoch_is_not_tested(job, capsys):
    assert main_trainer.main([*ONE, "--epochs", "2"]) == 0
    content = checkpoint.load(WEIGHTS / "last.pt")
    checkpoint.save(WEIGHTS / "last.pt", {**content, "best_epoch": 1})
    test = ["-j", "0", "--device", "cpu", "--root_path", "data/faces", "-e", "--resume"]
    assert main_trainer.main([*test, str(WEIGHTS / "last.pt")]) == 2
    assert "give the best.pt beside it" in capsys.readouterr().err
    checkpoint.save(WEIGHTS / "last.pt", {**content, "best_epoch": 2})
    assert main_trainer.main([*test, str(WEIGHTS / "last.pt")]) == 0


@pytest.mark.parametrize("split", ["valid", "test"])
def test_faces_that_are_trained_on_are_not_tested_on(job, split, capsys):
    files = Path("Results/UnmaskedDatasets/FERPlus")
    leaking = files / f"FERPlus_{split}List.txt"
    leaking.write_text(leaking.read_text() + (files / "FERPlus_trainList.txt").read_text().splitlines()[4] + "\n")
    assert main_trainer.main(ONE) == 2
    error = capsys.readouterr().err
    assert f"FERPlus_{split}List.txt: FER2013Train/" in error
    assert "and 0 more are in" in error
    assert not RUN.exists()


def test_a_loss_that_is_no_number_stops_with_one_line(job, capsys):
    assert main_trainer.main([*ONE, "--lr", "1e30", "--epochs", "3", "--print-freq", "1"]) == 1
    error = capsys.readouterr().err.strip()
    assert "--lr" in error
    assert "\n" not in error


def bad(name, job):
    """Arguments that cannot work, and what the message must name."""
    files = Path("Results/UnmaskedDatasets/FERPlus")
    match name:
        case "missing root":
            return ["--root_path", "data/none"], "data/none"
        case "wrong number of classes":
            return ["--num_classes", "6"], "--num_classes 6"
        case "empty list":
            (files / "FERPlus_trainList.txt").write_text("")
            return [], "FERPlus_trainList.txt"
        case "path outside the root":
            (files / "FERPlus_testList.txt").write_text("/etc/passwd\n")
            return [], "FERPlus_testList.txt"
        case "unreadable image":
            Path("data/faces/FER2013Test/fer0000003.png").write_bytes(b"\x89PNG broken")
            return [], "fer0000003.png"
        case "no write permission":
            Path("taken").write_text("a file where a folder is needed")
            return ["--results", "taken"], "taken"
        case "no write permission for checkpoints":
            Path("taken").write_text("a file where a folder is needed")
            return ["--model_dir", "taken/deep"], "taken"
        case "missing checkpoint":
            return ["--resume", "gone.pt"], "gone.pt"
        case "device":
            return ["--device", "cuda:77"], "cuda:77"


@pytest.mark.parametrize("name", [
    "missing root", "wrong number of classes", "empty list", "path outside the root", "unreadable image",
    "no write permission", "no write permission for checkpoints", "missing checkpoint", "device",
])  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(job, name, capsys):
    arguments, named = bad(name, job)
    assert main_trainer.main([*ONE, *arguments]) != 0
    captured = capsys.readouterr()
    assert named in captured.err
    assert captured.err.startswith("error: ")
    assert captured.err.strip().count("\n") == 0
    assert captured.out == ""
    assert not RUN.exists()


def test_an_unreadable_image_met_in_a_loader_process_is_one_line(job, capsys):
    Path("data/faces/FER2013Train/fer0000003.png").write_bytes(b"\x89PNG broken")
    assert main_trainer.main([*ONE, "-j", "1"]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert "fer0000003.png" in error
    assert "\n" not in error


def test_it_starts_without_dlib_and_knows_no_database_reader():
    code = (
        "import sys; sys.modules['dlib'] = None; import main_trainer\n"
        "bad = [m for m in sys.modules if m.startswith('pre_processing.databases')]; assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(main_trainer.__file__).parent)


def test_help_exits_well(capsys):
    with pytest.raises(SystemExit) as caught:
        main_trainer.main(["--help"])
    assert caught.value.code == 0
    assert "--num_regions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("avx", "amx", "precisions"),
    [(False, False, ("fp32", "fp32")), (True, False, ("fp32", "bf16")), (True, True, ("fp32", "bf16"))],
)
def test_precision_on_a_cpu_is_what_the_backbone_gains_from(monkeypatch, avx, amx, precisions):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    cpu = torch.device("cpu")
    assert tuple(engine.choose_precision("auto", cpu, name) for name in ("lite0", "vgg16")) == precisions
    assert engine.choose_precision("fp16", cpu, "vgg16") == "fp16"


@pytest.mark.parametrize(("has_bf16", "precision"), [(True, "bf16"), (False, "fp16")])
def test_precision_on_a_gpu_is_one_that_it_multiplies_itself(monkeypatch, has_bf16, precision):
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or has_bf16
    )
    assert engine.choose_precision("auto", torch.device("cuda"), "lite0") == precision


def test_a_run_that_goes_on_computes_as_before():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert engine.choose_precision("auto", gpu, "lite0", before="fp32") == "fp32"
    assert engine.choose_precision("auto", cpu, "lite0", before="bf16") == "bf16"
    assert engine.choose_precision("auto", cpu, "lite0", before="fp16") == "fp32"
    assert engine.choose_precision("bf16", gpu, "lite0", before="fp32") == "bf16"


def test_what_a_run_computes_in_is_kept_with_it(job):
    assert main_trainer.main([*ONE, "--precision", "bf16"]) == 0
    content = checkpoint.load(Path("checkpoint_ferplus/7U-cnn-lite0-s0/last.pt"))
    assert content["precision"] == "bf16"
    assert main_trainer.main([*ONE, "--epochs", "2", "--resume", "auto"]) == 0
    found = json.loads((RUN / "metrics.json").read_text())
    assert [found[f"precision_{when}"] for when in ("trained", "used")] == ["bf16", "bf16"]
    assert found["device_used"] == "cpu"
    assert "cpu, bf16, seed 0" in (RUN / "7Uoutput.txt").read_text().rpartition("python main_trainer.py")[2]


@pytest.mark.parametrize(
    ("name", "gpus", "line"),
    [("cuda:1", 2, "give --device cuda"), ("auto", 2, "give --nproc_per_node 2"), ("cuda", 1, "--nproc_per_node 1")],
)
def test_processes_do_not_share_a_gpu(monkeypatch, name, gpus, line):
    for found, answer in (("size", 3), ("local_rank", 2)):
        monkeypatch.setattr(engine.distributed, found, lambda answer=answer: answer)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(InputError, match=line):
        engine.choose_device(name)


@pytest.mark.parametrize(
    "text", ["CUDA out of memory. Tried to allocate 2 GiB", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"]
)
def test_a_full_gpu_is_one_line(text):
    assert door.explain(RuntimeError(text)) == door.NO_MEMORY


class Sides(torch.nn.Module):
    """Answers with the light of a picture's left and right half, and of where the first point lies."""

    def forward(self, images, points):
        left, right = images.mean((1, 2)).tensor_split(2, 1)
        return {"logits": torch.stack([left.mean(1), right.mean(1), points[:, 0, 0] / 10], 1)}


def test_mirrored_answers_count_as_much_as_the_others():
    images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    images[0, ..., 4:] = 255
    batch = {"image": images, "points": torch.full((2, 68, 2), 3.5), "label": torch.zeros(2, dtype=torch.long),
             "index": torch.arange(2), "certain": torch.ones(2, dtype=torch.bool)}  # fmt: skip
    sides = Sides()
    plain, both = (
        engine.evaluate(sides, [batch], torch.device("cpu"), "fp32", "", mirror)["probabilities"]
        for mirror in (False, True)
    )
    assert not sides.training, "dropout and batch statistics would change answers"
    assert plain[0, 1] > 1.5 * plain[0, 0]
    assert both[0, 0] == pytest.approx(both[0, 1])
    assert both[1] == pytest.approx(plain[1])
