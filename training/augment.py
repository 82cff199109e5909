"""Random changes of a face crop that keep image and landmarks together.

A landmark at (x, y) lies on the centre of pixel column x, row y. torchvision flips KeyPoints by that convention but
turns and scales them about (width / 2, height / 2), which is right only if pixel centres lie at half-integers: up to
0.1 px off at the angles used here. `Affine` shifts by the half pixel, `Flip` also swaps left and right landmarks.
"""

from __future__ import annotations

from typing import Any

import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from pre_processing import meanface

FILL = 128.0  # mid-grey corners: black ones would look like hair or background edges


class Flip(v2.RandomHorizontalFlip):
    """Mirror image and landmarks; landmark i becomes what is landmark i in the mirrored face."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        output = super().transform(inpt, params)
        if isinstance(inpt, tv_tensors.KeyPoints):
            return tv_tensors.wrap(output.as_subclass(torch.Tensor)[..., list(meanface.FLIP), :], like=inpt)
        return output


class Affine(v2.RandomAffine):
    """Turn, scale and shift image and landmarks about the image's centre."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, tv_tensors.KeyPoints):
            return super().transform(inpt, params)
        corners = tv_tensors.wrap(inpt.as_subclass(torch.Tensor) + 0.5, like=inpt)
        output = super().transform(corners, params)
        return tv_tensors.wrap(output.as_subclass(torch.Tensor) - 0.5, like=inpt)


class Light(v2.Transform):
    """Change brightness by up to `brightness` and contrast about the mean by up to `contrast` (shares of 1).

    One linear map of the pixels: a third of the time that ColorJitter takes for the two.
    """

    def __init__(self, brightness: float, contrast: float) -> None:
        super().__init__()
        self.brightness, self.contrast = brightness, contrast

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        brighter, harder = (2 * torch.rand(2) - 1).tolist()
        return {"brightness": 1 + self.brightness * brighter, "contrast": 1 + self.contrast * harder}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, tv_tensors.Image):
            return inpt
        pixels = inpt.as_subclass(torch.Tensor).float()
        pixels = torch.lerp(pixels.mean(), pixels, params["contrast"]).mul_(params["brightness"])
        return tv_tensors.wrap(pixels.clamp_(0, 255).to(torch.uint8), like=inpt)


def training_transform() -> v2.Transform:
    """(Image uint8 (3,S,S), KeyPoints (68,2)) -> the same, changed at random by torch's global generator."""
    affine = Affine(
        degrees=10,
        translate=(0.06, 0.06),
        scale=(0.9, 1.1),
        interpolation=v2.InterpolationMode.BILINEAR,
        fill=FILL,
    )
    return v2.Compose([Flip(p=0.5), affine, Light(brightness=0.25, contrast=0.25)])
