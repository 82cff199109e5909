"""A trained network from whatever file holds it, and what is told of it: shipped weights, .safetensors, or a run's best.pt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

import models
from models import pretrained
from pre_processing import emotions
from training import checkpoint
from training.contents import ORIGINS

# Of another network its digest is told, not the path.
TOLD = (
    "seed",
    "epochs",
    *(key for key in checkpoint.RECIPE if key not in checkpoint.NETWORKS),
    "second_mask",
    "mirror",
)


def trained_on(config: dict[str, Any]) -> str:
    """Condition of the training faces: masked, unmasked, or both where masks were put on a share of them."""
    if config.get("mask_kinds"):
        return {0: "unmasked", 1: "masked"}.get(config["mask_share"], "both")
    return "unmasked" if config.get("test_mask_kinds") else config["condition"]


def provenance(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint was trained on and how: plain values, no path of a machine."""
    config = content["config"]
    return {
        "database": emotions.DATABASES[config["DB"]],
        "train_condition": trained_on(config),
        "best_epoch": content["best_epoch"],
        "valid_accuracy": content["best"],
        **{key: config.get(key) for key in TOLD},
        **{key: content[key] for key in ORIGINS if key in content},
        "checkpoint_sha256": pretrained.sha256(path),
    }


def network(weights: str | Path) -> nn.Module:
    """The network of shipped weights by name, of a .safetensors file, or of a best.pt; on the CPU, ready to predict.

    With ``.emotions``, ``.kind`` and ``.provenance`` as ``models.load_pretrained`` gives them. InputError or WeightsError
    where there is none such.
    """
    path = Path(weights)
    if path.suffix != checkpoint.SUFFIX:
        net = models.load_pretrained(weights)
        checkpoint.checked(path, checkpoint.of_weights(path, net))
        return net
    content = checkpoint.load(path)
    checkpoint.check_best(path, content)
    net = checkpoint.tested_network(path, content)
    net.emotions, net.kind = emotions.names(net.config["num_classes"]), "trained"
    net.provenance = provenance(path, content)
    return net
