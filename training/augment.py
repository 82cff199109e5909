"""Random changes of face crops that keep images and landmarks together, for a whole batch at once on any device.

A landmark at (x, y) lies on the centre of pixel column x, row y, so that the centre of an image of side S is at
((S - 1) / 2, (S - 1) / 2): about it faces are mirrored, turned and scaled.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from pre_processing import meanface

FILL = 128.0  # mid-grey corners: black ones would look like hair or background edges
TURN = math.radians(10)
SHIFT = 0.06  # share of the side
SCALE = 0.1
BRIGHTNESS = CONTRAST = 0.25
NUMBERS = 7  # that are drawn for a face


def draw() -> Tensor:
    """(7,) float32 in [0, 1), by torch's global generator: what `change` makes of one face follows from it."""
    return torch.rand(NUMBERS)


def change(images: Tensor, points: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror half of the faces, then turn, scale and shift them and change their light.

    `images`: float (B,C,S,S) in [0, 255]; `points`: (B,68,2) in their pixels; `drawn`: (B,7) in [0, 1), a row as `draw`
    gives it. Same shapes; landmark i of a mirrored face is what is landmark i in the mirrored face.
    """
    side, even = images.shape[-1], 2 * drawn - 1
    mirror = drawn[:, 0] < 0.5
    turns = matrices(mirror, TURN * even[:, 1], 1 + SCALE * even[:, 2])
    shifts = SHIFT * side * even[:, 3:5]
    return (
        light(warp(images, turns, shifts), 1 + BRIGHTNESS * even[:, 5], 1 + CONTRAST * even[:, 6]),
        move(points, turns, shifts, mirror, side),
    )


def mirrored(images: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """The mirror images of faces (B,C,S,S), and their points (B,68,2)."""
    turned = points * points.new_tensor([-1, 1]) + points.new_tensor([images.shape[-1] - 1, 0])
    return images.flip(-1), turned[:, torch.tensor(meanface.FLIP, device=points.device)]


def resized(images: Tensor, points: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The same faces (B,C,S,S) at `side` pixels, and their points (B,68,2) in those; as they came where S is `side`."""
    scale = side / images.shape[-1]
    if scale == 1:
        return images, points
    images = F.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
    return images, (points + 0.5) * scale - 0.5  # pixels' edges, not centres, stay where they are


def matrices(mirror: Tensor, angle: Tensor, scale: Tensor) -> Tensor:
    """(B,2,2): mirror, then turn by `angle` (radians) and scale; each argument (B,)."""
    cos, sin = scale * angle.cos(), scale * angle.sin()
    sign = 1 - 2 * mirror.to(cos.dtype)
    return torch.stack([torch.stack([sign * cos, -sin], -1), torch.stack([sign * sin, cos], -1)], -2)


def move(points: Tensor, turns: Tensor, shifts: Tensor, mirror: Tensor, side: int) -> Tensor:
    """Points (B,68,2) where `warp` moves what is at them, left and right swapped where faces are mirrored."""
    centre = (side - 1) / 2
    moved = (points - centre) @ turns.transpose(1, 2) + shifts[:, None] + centre
    swapped = moved[:, torch.tensor(meanface.FLIP, device=moved.device)]
    return torch.where(mirror[:, None, None], swapped, moved)


def warp(images: Tensor, turns: Tensor, shifts: Tensor) -> Tensor:
    """Images with what was at p about the centre at turns p + shifts (B,2; pixels), on FILL, bilinear."""
    back = torch.linalg.inv(turns)
    start = -(back @ shifts[:, :, None]) * (2 / images.shape[-1])
    grid = F.affine_grid(torch.cat([back, start], -1), list(images.shape), align_corners=False)
    return F.grid_sample(images - FILL, grid, align_corners=False).add_(FILL)


def light(images: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """Multiply contrast about each image's mean, then brightness, by factors (B,); the result is cut to [0, 255]."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, contrast.view(-1, 1, 1, 1)).mul_(brightness.view(-1, 1, 1, 1)).clamp_(0, 255)
