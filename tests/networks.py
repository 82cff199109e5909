"""Small networks and random faces for the tests of models/."""

from __future__ import annotations

import torch
from torch import nn

import models


def inputs(faces: int, size: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(faces, 3, size, size, generator=generator)
    return images, torch.rand(faces, 68, 2, generator=generator) * (size + 20) - 10  # some outside the image


def build(model: str = "gacnn", backbone: str = "lite0", **options) -> nn.Module:
    torch.manual_seed(0)
    return models.build(model, backbone, **{"imagesize": 64, "pretrained": False, **options})
