"""Regions lie where the paper puts them, mirror with the face, and are cut from the right cells of a map."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from models.backbones import VGG16, Lite0
from models.regions import face_side, gather_windows, region_points, window_size, window_start

HIDDEN = [*range(30, 36), *range(48, 68)]
FLIP = [
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,  # jaw
    26, 25, 24, 23, 22, 21, 20, 19, 18, 17,  # brows
    27, 28, 29, 30, 35, 34, 33, 32, 31,  # nose
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,  # eyes
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55,  # lips, outside
    64, 63, 62, 61, 60, 67, 66, 65,  # lips, inside
]  # fmt: skip
REGION_FLIP = {
    24: [3, 2, 1, 0, 6, 7, 4, 5, 8, 9, 13, 12, 11, 10, 15, 14, 17, 16, 19, 18, 21, 20, 23, 22],
    20: [5, 4, 3, 2, 1, 0, 9, 8, 7, 6, 10, 11, 13, 12, 17, 16, 15, 14, 19, 18],
}


def random_points(faces: int, size: float, seed: int = 0) -> torch.Tensor:
    return torch.rand(faces, 68, 2, generator=torch.Generator().manual_seed(seed)) * size


def face_256() -> torch.Tensor:
    """Points of which the visible ones span 204.8 pixels: a face whose image is 256 pixels wide."""
    points = random_points(1, 100) + 75
    points[0, 0, 0], points[0, 16, 0] = 20.0, 224.8
    return points


def test_single_points_midpoints_and_moves_of_the_24_regions():
    points = face_256()
    p, regions = points[0], region_points(points, 24)[0]
    assert face_side(points).item() == pytest.approx(256, abs=1e-3)
    expected = {
        0: p[18] + torch.tensor([0, -2]), 1: p[21] + torch.tensor([0, -10]), 2: p[22] + torch.tensor([0, -10]),
        3: p[25] + torch.tensor([0, -2]), 4: p[38], 9: p[29], 10: p[48], 15: p[56], 16: (p[19] + p[37]) / 2,
        18: (p[40] + p[41]) / 2, 20: (p[17] + p[58]) / 2, 21: (p[26] + p[56]) / 2,
        22: p[48] + torch.tensor([-16, -16]), 23: p[54] + torch.tensor([16, -16]),
    }  # fmt: skip
    for index, point in expected.items():
        torch.testing.assert_close(regions[index], point, atol=1e-3, rtol=0)


def test_ten_of_24_regions_and_none_of_20_move_with_what_a_mask_hides():
    points = random_points(2, 112)
    moved = points.clone()
    moved[:, HIDDEN] += 50
    changed = (region_points(points, 24) != region_points(moved, 24)).any(-1)
    assert changed.sum(1).tolist() == [10, 10]
    assert torch.equal(region_points(points, 20), region_points(moved, 20))


@given(st.floats(0.2, 4), st.floats(-50, 50), st.sampled_from([20, 24]))
def test_regions_scale_and_shift_with_the_face(scale, shift, num_regions):
    points = random_points(3, 112)
    moved = region_points(points * scale + shift, num_regions)
    torch.testing.assert_close(moved, region_points(points, num_regions) * scale + shift, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("num_regions", [20, 24])
def test_regions_of_a_flipped_face_are_the_mirrored_regions(num_regions):
    points = random_points(3, 112)
    flipped = points[:, FLIP] * torch.tensor([-1, 1]) + torch.tensor([111, 0])
    mirrored = region_points(points, num_regions)[:, REGION_FLIP[num_regions]] * torch.tensor([-1, 1])
    torch.testing.assert_close(region_points(flipped, num_regions), mirrored + torch.tensor([111, 0]))


def test_other_numbers_of_regions_are_refused():
    with pytest.raises(ValueError, match="20, 24"):
        region_points(random_points(1, 112), 23)


@pytest.mark.parametrize(("side", "size"), [(28, 6), (14, 3), (12, 3), (20, 4), (8, 2)])
def test_window_is_six_of_28_cells(side, size):
    assert window_size(side) == size


def test_window_of_the_paper_is_six_cells_around_an_eighth_of_the_point():
    pixels = torch.arange(24, 200)
    start = window_start(pixels.float(), 6, 8, VGG16.local_geometry(224)[1])
    assert start.tolist() == [math.floor(p / 8 - 3 + 0.5) for p in pixels.tolist()]


@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9), st.integers(0, 999))
def test_windows_equal_slices_of_the_zero_padded_map(size, height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(2, 3, height, width, generator=generator)
    start = torch.randint(-8, 14, (2, 4, 2), generator=generator)
    windows = gather_windows(maps, start, size)
    margin = 20
    padded = F.pad(maps, (margin, margin, margin, margin))
    assert windows.shape == (4, 2, size, size, 3)
    for face in range(2):
        for region in range(4):
            x, y = (start[face, region] + margin).tolist()
            slow = padded[face, :, y : y + size, x : x + size].permute(1, 2, 0)
            assert torch.equal(windows[region, face], slow)


@pytest.mark.parametrize(
    ("backbone", "imagesize"), [(VGG16, 160), (Lite0, 160), (Lite0, 156), (Lite0, 162), (Lite0, 161)]
)
def test_geometry_is_where_a_cell_really_looks(backbone, imagesize):
    """The pixels that reach a cell lie evenly around the pixel that is taken for its middle."""
    net = backbone(pretrained=False, local=True, deep=False).eval()
    image = torch.randn(1, 3, imagesize, imagesize, generator=torch.Generator().manual_seed(0), requires_grad=True)
    fine = net.forward(image)[0][0]
    side, first_cell = backbone.local_geometry(imagesize)
    assert fine.shape[-2:] == (side, side)
    fine[0, :, side // 2, side // 2 - 1].square().sum().backward()
    reached = image.grad[0].abs().sum(0) > 0
    columns, rows = reached.any(0).nonzero(), reached.any(1).nonzero()
    assert (columns.min() + columns.max()).item() / 2 == first_cell + 8 * (side // 2 - 1)
    assert (rows.min() + rows.max()).item() / 2 == first_cell + 8 * (side // 2)
