"""From 68 landmarks to the centres of the facial regions, and from the centres to cells of a feature map.

The 24 regions are those of Li et al., "Occlusion aware facial expression recognition using CNN with attention
mechanism", IEEE TIP 28(5), 2019; the 20 lie in the upper half of the face only, which no mask covers.
All landmark numbers here are 0-based dlib numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor

# A region is the midpoint of two landmarks (a single landmark is written twice), then moved by (right, down)
# pixels of a face image 256 pixels wide.
Region = tuple[int, int, float, float]

REGIONS_24: tuple[Region, ...] = (
    (18, 18, 0, -2), (21, 21, 0, -10), (22, 22, 0, -10), (25, 25, 0, -2),  # brows, raised
    (38, 38, 0, 0), (36, 36, 0, 0), (43, 43, 0, 0), (45, 45, 0, 0),  # eyes
    (27, 27, 0, 0), (29, 29, 0, 0),  # bridge of the nose
    (48, 48, 0, 0), (50, 50, 0, 0), (52, 52, 0, 0), (54, 54, 0, 0), (58, 58, 0, 0), (56, 56, 0, 0),  # mouth
    (19, 37, 0, 0), (24, 44, 0, 0),  # between brow and eye
    (40, 41, 0, 0), (46, 47, 0, 0),  # below the eyes
    (17, 58, 0, 0), (26, 56, 0, 0),  # cheeks
    (48, 48, -16, -16), (54, 54, 16, -16),  # beside the mouth
)  # fmt: skip

REGIONS_20: tuple[Region, ...] = (
    (17, 17, 0, 0), (19, 19, 0, 0), (21, 21, 0, 0), (22, 22, 0, 0), (24, 24, 0, 0), (26, 26, 0, 0),  # brows
    (36, 36, 0, 0), (39, 39, 0, 0), (42, 42, 0, 0), (45, 45, 0, 0), (27, 27, 0, 0),  # corners of the eyes, nose
    (21, 22, 0, 0), (21, 39, 0, 0), (22, 42, 0, 0),  # between the brows, and from brow to eye
    (37, 41, 0, 0), (38, 40, 0, 0), (43, 47, 0, 0), (44, 46, 0, 0),  # irises
    (19, 37, 0, 0), (24, 44, 0, 0),  # between brow and eye
)  # fmt: skip

REGIONS: dict[int, tuple[Region, ...]] = {24: REGIONS_24, 20: REGIONS_20}

# Moves are given for a face image 256 pixels wide, in which the outline of the face takes four fifths.
# Only points that are kept under a mask measure the face, so a mask does not change its size.
_REFERENCE_SIDE = 256.0
_SIDE_PER_OUTLINE = 1.25
_VISIBLE = (*range(30), *range(36, 48))


def hidden_regions(num_regions: int) -> list[bool]:
    """Which regions a mask hides, all or half: those that hang on a point below it. ValueError as in check_num_regions."""
    check_num_regions(num_regions)
    return [not {first, second} <= set(_VISIBLE) for first, second, *_ in REGIONS[num_regions]]


def check_num_regions(num_regions: int) -> None:
    """Raise ValueError unless there is a set of ``num_regions`` regions."""
    if num_regions not in REGIONS:
        raise ValueError(f"num_regions must be one of {sorted(REGIONS)}, not {num_regions}")


def region_points(points: Tensor, num_regions: int = 24) -> Tensor:
    """Centres of the regions.

    points: (B, 68, 2) landmarks as (x, y) in pixels of the image.
    Returns (B, num_regions, 2) in the same pixels; they may lie outside the image.
    Raises ValueError for another number of regions than 20 or 24.
    """
    check_num_regions(num_regions)
    table = torch.tensor(REGIONS[num_regions], dtype=points.dtype, device=points.device)
    first, second = table[:, 0].long(), table[:, 1].long()
    centres = (points[:, first] + points[:, second]) / 2
    return centres + table[:, 2:] * face_side(points)[:, None, None] / _REFERENCE_SIDE


def face_side(points: Tensor) -> Tensor:
    """Side in pixels (B,) of the square face image that belongs to landmarks (B, 68, 2)."""
    visible = points[:, list(_VISIBLE)]
    return _SIDE_PER_OUTLINE * (visible.amax(1) - visible.amin(1)).amax(1)


def window_size(side: int) -> int:
    """Cells along a region's window on a feature map of ``side`` cells: 6 of 28, as in the paper."""
    return max(1, round(side * 6 / 28))


def window_start(centres: Tensor, size: int, stride: float, first_cell: float) -> Tensor:
    """First column and row (..., 2), integers, of windows of ``size`` cells centred at ``centres`` (..., 2) pixels.

    ``first_cell`` is the pixel at the middle of cell 0, cells are ``stride`` pixels apart. May be negative.
    """
    cells = (centres - first_cell) / stride
    return torch.floor(cells - (size - 1) / 2 + 0.5).long()


def gather_windows(maps: Tensor, start: Tensor, size: int) -> Tensor:
    """Cut windows out of feature maps; what lies outside a map is zero.

    maps: (B, C, H, W), fastest in channels_last. start: (B, R, 2) first column and row of each window, integers.
    Returns (R, B, size, size, C), in memory as (R, size, size, B, C): regions first, ready for one matrix product each.
    """
    batch, channels, height, width = maps.shape
    offsets = torch.arange(size, device=maps.device)
    columns = start[..., 0].T[:, None, None, :] + offsets[:, None]  # (R, 1, size, B)
    rows = start[..., 1].T[:, None, None, :] + offsets[:, None, None]  # (R, size, 1, B)
    faces = torch.arange(batch, device=maps.device)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    outside = batch * height * width  # one more cell after the last: zeros, and no gradient
    cells = torch.where(inside, (faces * height + rows) * width + columns, outside)
    table = maps.permute(0, 2, 3, 1).reshape(outside, channels)
    table = torch.cat([table, table.new_zeros(1, channels)])
    return torch.nn.functional.embedding(cells, table, padding_idx=outside).permute(0, 3, 1, 2, 4)
