"""Random networks in the files that ship, for tests of whatever loads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import models
from pre_processing import emotions
from training import checkpoint, weights

CONFIG = {"model": "gacnn", "backbone": "lite0", "num_classes": 7, "num_regions": 24, "imagesize": 64}
TRAINED = {
    "DB": "F",
    "condition": "masked",
    "mask_kinds": "seen",
    "mask_share": 0.5,
    "seed": 0,
    "epochs": 12,
    "mirror": True,
}
LATER = {"optimizer": {}, "epoch": 11}  # of a last.pt: an epoch after the one that was best on validation


def content_of(net: torch.nn.Module | None = None, **more: Any) -> dict[str, Any]:
    """All that a checkpoint has to hold, of a network or of none; `more` replaces parts of it."""
    config = net.config if net else CONFIG
    return {"model": net.state_dict() if net else {}, "model_config": config, "config": TRAINED, "epoch": 9, "best": 0.8151964,
            "best_epoch": 9, "class_names": list(emotions.names(config["num_classes"])), **more}  # fmt: skip


def make_checkpoint(path: Path, seed: int = 0, **changed: Any) -> Path:
    """A best.pt of a network whose batch statistics are not those of the start."""
    torch.manual_seed(seed)
    net = models.build(**{**CONFIG, **changed}, pretrained=False)
    with torch.no_grad():
        net.train()(torch.rand(4, 3, 64, 64), torch.rand(4, 68, 2) * 64)
    checkpoint.save(path, content_of(net))
    return path


def ship(folder: Path) -> Path:
    """A folder with random networks as it ships: "gacnn-lite0-7", and "gacnn-lite0-4" cut from it."""
    path = make_checkpoint(folder / "best.pt")
    weights.write(path, "gacnn-lite0-7", folder)
    weights.write(path, "gacnn-lite0-4", folder, 4, "gacnn-lite0-7")
    return folder
