"""Checkpoints of tensors and plain values only: loading one executes nothing, and a half-written one never exists."""

from __future__ import annotations

import os
import random
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import models
from models import pretrained
from pre_processing import emotions
from pre_processing.artefacts import InputError, atomic_write
from training import contents

SUFFIX = ".pt"
NETWORKS = ("teacher", "init_from")  # options that name another network
# How a network is trained; the batch size too, as the learning rate follows from the number of steps.
RECIPE = ("batch_size", "optimizer", "lr", "weight_decay", "momentum", "schedule", "end2end", "targets", "balance", "ema", "label_smoothing",
          "mask_kinds", "mask_share", "same_masks", *NETWORKS, "teacher_features", "consistency")  # fmt: skip
SAME_RUN = ("DB", "condition", "seed", *RECIPE, "second_mask", "mirror")  # what a run keeps when it goes on
SWITCHES = ("mirror", "same_masks")  # those of them that take no value
LATER = {
    "same_masks": False,
    "second_mask": None,
    "teacher": None,
    "teacher_features": 0.0,
    "init_from": None,
    "consistency": 0.0,
}  # options that older runs did not have
# What all checkpoints tell, but for older ones.
IDENTITY = (
    "model_config",
    "config",
    "class_names",
    "faces",
    *contents.ORIGINS,
    "precision",
    "epoch",
    "best",
    "best_epoch",
)


def save(path: Path, content: dict[str, Any]) -> None:
    """Write `content` (tensors, numbers, strings, lists, dicts) to `path` through a temporary file.

    OSError with one line where it cannot be written; what was at `path` before stays then.
    """
    with atomic_write(path) as temporary:
        try:
            torch.save(content, temporary)
        except RuntimeError as error:  # how PyTorch says that the disk is full
            raise OSError(f"{path}: could not be written, is the disk full? Make room and go on with --resume auto; "
                          "what was saved before is still there") from error  # fmt: skip
        with open(temporary, "r+b") as handle:  # Windows flushes only what may be written
            os.fsync(handle.fileno())  # a name that outlives a power cut must not lead to nothing


def load(path: Path) -> dict[str, Any]:
    """Content of a checkpoint, or of weights by their name (gacnn-lite0-7) or .safetensors file; tensors on the CPU.

    InputError or WeightsError where it is missing or not one of ours.
    """
    if is_weights(path):
        return checked(path, of_weights(path, models.load_pretrained(path)))
    if not Path(path).is_file():
        raise InputError(
            f"{path}: no such checkpoint; train it first (Scripts.txt has the line), or give another best.pt, last.pt, or the name of shipped "
            "weights (gacnn-lite0-7)"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch's reader stumbles over damage in many ways
        raise InputError(f"{path}: not a checkpoint of this program; give a last.pt or best.pt") from error
    return checked(path, content)


def checked(path: Path, content: Any) -> dict[str, Any]:
    """The content of a file from wherever; InputError where it lacks anything, or holds what no checkpoint of ours does."""
    if wrong := contents.defect(content):
        raise InputError(f"{path}: not a checkpoint of this program, it {wrong}; give a last.pt or best.pt")
    named, wanted = content["class_names"], emotions.names(content["model_config"]["num_classes"])
    if tuple(named) != wanted:  # other ones, or in another order
        raise InputError(f"{path}: tells {', '.join(named)} apart, not {', '.join(wanted)}; give another network")
    return content


def is_weights(path: Path) -> bool:
    """Whether a checkpoint is named by shipped weights, or is a .safetensors file."""
    return Path(path).suffix == pretrained.SUFFIX or str(path) in pretrained.shipped()


def of_weights(path: Path, net: torch.nn.Module) -> dict[str, Any]:
    """The network of a file of weights as a checkpoint that can be tested, but not be gone on with."""
    made = net.provenance
    codes = {name: code for code, name in emotions.DATABASES.items()}
    try:
        condition = "masked" if made.get("mask_kinds") else made["train_condition"]
        config = {**made, "DB": codes[made["database"]], "condition": condition}
        best = {"epoch": made["best_epoch"], "best_epoch": made["best_epoch"], "best": made["valid_accuracy"]}
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path}: does not tell what it was trained on ({error}); write it again from its checkpoint"
        ) from error
    return {
        "model": net.state_dict(),
        "model_config": net.config,
        "config": config,
        "class_names": list(net.emotions),
        **{key: made[key] for key in contents.ORIGINS if key in made},
        **best,
    }


def check_best(path: Path, content: dict[str, Any]) -> None:
    """InputError where a checkpoint that is to be tested is not of the epoch that was best on validation."""
    if "optimizer" in content and (content["epoch"] != content["best_epoch"] or content.get("progress")):
        raise InputError(f"{path}: holds what training goes on with, not the epoch that was best on validation ({content['best_epoch']}); "
                         "give the best.pt beside it")  # fmt: skip


def find_best(path: Path, content: dict[str, Any], store: Path) -> dict[str, Any] | None:
    """What best.pt in `store` has to hold when a run goes on from the last.pt at `path`; {} where it does already.

    It lies beside last.pt, or is made of it where a kill came after last.pt of the best epoch, before best.pt. None where
    no epoch was complete, or an epoch that last.pt does not know of has replaced it. InputError where it is missing.
    """
    if content["best"] < 0:
        return None
    files = [folder / "best.pt" for folder in (store, path.parent) if (folder / "best.pt").is_file()]
    for file in files:
        best = load(file)
        if (best["epoch"], best["best"]) == (content["best_epoch"], content["best"]):
            return {} if file.parent == store else best
    if content["epoch"] == content["best_epoch"] and not content.get("progress"):
        identity = {key: content[key] for key in IDENTITY if key in content}
        return {**identity, "model": content["average"] or content["model"]}
    if not files:
        raise InputError(f"{path}: best.pt is missing beside it; put it there, or start again")
    return None


def random_states() -> dict[str, Any]:
    """States of torch's, numpy's and Python's generators as tensors and plain values."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, words, gauss_next = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [kind, torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(gauss)],
        "python": [version, list(words), gauss_next],
    }


def restore_random_states(states: dict[str, Any]) -> None:
    """Put the generators back to where `random_states` found them."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    kind, keys, position, has_gauss, gauss = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    version, words, gauss_next = states["python"]
    random.setstate((version, tuple(words), gauss_next))


def check_same_model(path: Path, content: dict[str, Any], wanted: dict[str, Any]) -> None:
    """InputError in one line where the checkpoint belongs to another network than `wanted` (a model's .config)."""
    for key, value in wanted.items():
        have = content["model_config"].get(key)
        if have != value:
            raise InputError(f"{path}: a checkpoint of another model ({key} {have}, asked for {value}); "
                             f"give --{key} {have} or another checkpoint")  # fmt: skip


def check_same_run(options: Namespace, content: dict[str, Any]) -> None:
    """InputError in one line where a run would be gone on with as another one."""
    keys = [*SAME_RUN, *(["limit_batches"] if content.get("progress") else [])]  # its epoch's batches are drawn again
    if options.schedule == "cosine":  # whose rate follows from the number of epochs, and would jump
        keys.append("epochs")
    asked = plain(vars(options))
    was = {**asked, **LATER, **content["config"]}
    for key in keys:
        given, before = asked[key], was[key]
        if given != before:
            name = {"batch_size": "batch-size", "weight_decay": "weight-decay"}.get(key, key)
            if before is None or (name in SWITCHES and not before):
                remedy = f"leave --{name} out"
            else:
                remedy = f"give --{name}" if name in SWITCHES else f"give --{name} {before}"
            raise InputError(f"{options.resume}: was trained with --{name} {before}, not {given}; "
                             f"{remedy}, or start without --resume")  # fmt: skip


def check_same_results(options: Namespace, content: dict[str, Any]) -> None:
    """InputError where `--resume auto` found the run of another results folder: checkpoints lie beside both."""
    was = content["config"].get("results")
    if isinstance(was, str) and Path(was).name != options.results.name:
        raise InputError(f"{options.resume}: is of a run with other results, {Path(was).name!r}; give --tag NAME or --model_dir FOLDER for another run, "
                         "or name this file after --resume")  # fmt: skip


def load_weights(path: Path, model: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Put `weights` into `model`; InputError in one line where names or shapes differ."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path}: its weights do not fit this model; it was written by another version") from error


def check_same_faces(path: Path, content: dict[str, Any], faces: dict[str, str]) -> None:
    """InputError where a run would go on with other lists than it began with: faces it learnt from could then be tested.

    Older runs do not know theirs.
    """
    if other := [split for split in faces if (content.get("faces") or faces)[split] != faces[split]]:
        raise InputError(
            f"{path}: began with other faces of {', '.join(other)} than the lists name; prepare them as then, or start without --resume"
        )


def check_same_teacher(teacher: Path | None, content: dict[str, Any], sha256: str | None) -> None:
    """InputError in one line where a run would be gone on with under another teacher's file of the same name."""
    if content.get("teacher_sha256") != sha256:
        raise InputError(
            f"{teacher}: not the file that this run began with; put that one back, or start without --resume"
        )


def tested_network(path: Path, content: dict[str, Any]) -> torch.nn.Module:
    """The network that `content`, read from `path`, is tested with, on the CPU and ready to predict.

    Its weights are the averaged ones where there are any. InputError in one line where it is none of `models`.
    """
    try:
        network = models.build(**content["model_config"], pretrained=False)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: no network that this version knows ({reason}); give another checkpoint") from error
    load_weights(path, network, content.get("average") or content["model"])
    if broken := pretrained.not_finite(network.state_dict()):
        raise InputError(f"{path}: its weights are no numbers ({broken}); give another checkpoint")
    return network.eval()


def plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options as strings, numbers and None, for checkpoints and metrics.json; paths become POSIX strings."""
    return {key: value.as_posix() if isinstance(value, Path) else value for key, value in options.items()}
