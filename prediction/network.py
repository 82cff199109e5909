"""A trained network's answers for faces: the mean over a face and its mirror image, as its figures were measured.

Beyond these a masked face is looked at twice, as it is and with a second mask over its own: kinds that training never showed then
resemble one that it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from pre_processing.artefacts import InputError
from prediction.search import View
from training import augment, engine

BATCH = 32  # faces a step


def weights_of(weights: str | None, num_classes: int | None) -> str:
    """The weights that options ask for: named, or those that ship for 4 or 7 emotions; InputError for both at once."""
    if weights and num_classes:
        raise InputError("--weights and --num_classes: give one of the two, weights have their number of emotions")
    return weights or f"gacnn-lite0-{num_classes or 7}"


class Answer(NamedTuple):
    """probabilities (K,) that sum to 1, the mean of all looks; gates (R,) in (0, 1), of the face as it is, by region."""

    probabilities: np.ndarray
    gates: np.ndarray

    @property
    def finite(self) -> bool:
        """Whether all of it are numbers; damaged weights give others."""
        return bool(np.isfinite(self.probabilities).all() and np.isfinite(self.gates).all())


class Predictor:
    """Calls a network of training.trained.network on views of faces."""

    def __init__(self, net: nn.Module, device: str = "auto") -> None:
        self.device = engine.choose_device(device)
        self.net = net.to(self.device, memory_format=torch.channels_last)
        self.emotions: tuple[str, ...] = net.emotions
        self.size: int = net.config["imagesize"]

    def __call__(self, views: Sequence[View]) -> list[Answer]:
        """An answer for each view; all in batches."""
        looks = [*views, *(View(each.again, each.points) for each in views if each.again is not None)]
        found = [answer for at in range(0, len(looks), BATCH) for answer in self.step(looks[at : at + BATCH])]
        again = iter(found[len(views) :])
        return [
            answer
            if each.again is None
            else answer._replace(probabilities=(answer.probabilities + next(again).probabilities) / 2)
            for each, answer in zip(views, found, strict=False)
        ]

    @torch.inference_mode()
    def step(self, views: Sequence[View]) -> list[Answer]:
        """Answers of one batch."""
        batch = {
            "image": torch.from_numpy(np.stack([each.crop for each in views])).permute(0, 3, 1, 2),
            "points": torch.from_numpy(np.stack([each.points for each in views])),
        }
        face = engine.to_device(batch, self.device)
        out, mirrored = self.net(*face), self.net(*augment.mirrored(*face))
        chances = (out["logits"].softmax(1) + mirrored["logits"].softmax(1)) / 2
        return [Answer(*pair) for pair in zip(chances.cpu().numpy(), out["gates"].float().cpu().numpy(), strict=True)]
