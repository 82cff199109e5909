"""Trained networks as safetensors files: tensors and text, nothing that runs.

A file's metadata holds, as text: ``config`` (JSON, the arguments of ``build``), ``emotions`` (JSON list, in the order of
the logits), ``provenance`` (JSON: what it was trained on, and how), ``kind`` ("trained", or "renormalised" where the
last layer is a larger network's, cut to the first emotions). Where ``base`` names another file of the folder, only the
tensors that differ from that file's are stored. SHA256SUMS beside the shipped files is what ``sha256sum -c`` reads.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import safetensors.torch
from torch import Tensor, nn

FOLDER = Path(__file__).resolve().parents[1] / "checkpoint_ferplus"
SUMS, SUFFIX = "SHA256SUMS", ".safetensors"
TEXTS = ("config", "emotions", "provenance", "kind")


class WeightsError(ValueError):
    """Weights cannot be used; the message is one line with a remedy."""


def shipped(folder: Path = FOLDER) -> dict[str, str]:
    """{name: sha256} of the networks that ship with the project; empty where there are none."""
    sums = folder / SUMS
    lines = sums.read_text(encoding="utf-8").split("\n") if sums.is_file() else []
    pairs = (line.split() for line in lines if line.endswith(SUFFIX))
    return {name.removesuffix(SUFFIX): digest for digest, name in pairs}


def load_pretrained(weights: str | Path, folder: Path = FOLDER) -> nn.Module:
    """A trained network on the CPU, ready to predict (eval mode).

    ``weights``: the name of a shipped network ("gacnn-lite0-7"), or the path of a .safetensors file. ``.emotions`` of
    the network names its logits in their order, ``.config`` holds what ``build`` was given, ``.kind`` and ``.provenance``
    the file's own. Raises WeightsError for an unknown name, and for a damaged or replaced file.
    """
    from models import build

    path = find(weights, folder)
    texts, tensors = read_file(path)
    try:
        config, emotions = json.loads(texts["config"]), tuple(json.loads(texts["emotions"]))
        net = build(**config, pretrained=False)
        own = net.state_dict()
        net.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in tensors.items()})
        net.emotions, net.kind, net.provenance = emotions, texts["kind"], dict(json.loads(texts["provenance"]))
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError, RecursionError) as error:
        raise WeightsError(
            f"{path}: its weights do not fit this version of the networks; get the file again"
        ) from error
    if len(emotions) != config["num_classes"] or not all(isinstance(name, str) for name in emotions):
        raise WeightsError(f"{path}: does not name {config['num_classes']} emotions; get the file again")
    if broken := not_finite(tensors):
        raise WeightsError(f"{path}: its weights are no numbers ({broken!r}); get the file again")
    return net.eval()


def not_finite(weights: dict[str, Tensor]) -> str | None:
    """Name of a tensor that holds infinity or what is no number; None where none does."""
    real = (name for name, value in weights.items() if value.is_floating_point())
    return next((name for name in real if not weights[name].isfinite().all()), None)


def find(weights: str | Path, folder: Path = FOLDER) -> Path:
    """The file meant by a name or path; a shipped file must be the one whose checksum is noted."""
    known = shipped(folder)
    if str(weights) not in known:
        path = Path(weights)
        if path.suffix == SUFFIX and path.is_file():
            return path
        if path.suffix == ".pt" and path.is_file():
            raise WeightsError(f"{weights}: a checkpoint of training; training.trained.network loads it")
        choice = f"choose from {', '.join(known)}" if known else f"none are shipped in {folder}"
        raise WeightsError(f"{weights}: no such weights; {choice}, or give the path of a {SUFFIX} file")
    path = folder / f"{weights}{SUFFIX}"
    if not path.is_file():
        raise WeightsError(f"{path}: the file is missing; get it again (git checkout -- {path})")
    if sha256(path) != known[str(weights)]:
        raise WeightsError(f"{path}: its sha256 is not the one in {SUMS}; get it again (git checkout -- {path})")
    return path


def sha256(path: Path) -> str:
    """Checksum of a file, 64 hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_texts(path: Path) -> dict[str, str]:
    """The metadata of a file; WeightsError where it is damaged or not one of ours."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            texts = file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: damaged, or no safetensors file ({error}); get the file again") from error
    if not set(TEXTS) <= texts.keys():
        raise WeightsError(f"{path}: no weights of this project; give a file that training.weights wrote")
    return texts


def read_file(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Texts and tensors of a file, those of its base included; WeightsError where either is damaged."""
    texts = read_texts(path)
    tensors, base = safetensors.torch.load_file(path), texts.get("base")
    if base is None:
        return texts, tensors
    beside = path.with_name(base + SUFFIX)
    if Path(base).name != base or not beside.is_file():
        raise WeightsError(f"{path}: needs {base}{SUFFIX} beside it; put that file there")
    if sha256(beside) != texts.get("base_sha256"):
        raise WeightsError(
            f"{path}: {beside.name} beside it is another one than it was made with; get both files again"
        )
    return texts, {**read_file(beside)[1], **tensors}
