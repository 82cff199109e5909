"""Layers of a worn mask: where it covers, its cloth, straps and shadow, and how they are laid over a face."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from pre_processing import mask_textures
from pre_processing.mask_kinds import Kind
from pre_processing.mask_shape import Fit
from pre_processing.mask_textures import MARGIN, NEUTRAL, WIDTHS, grain
from pre_processing.mask_warp import texture_coordinates


class Canvas(NamedTuple):
    """A window (h, w) and how it is drawn: `small` (h, w) is its size divided by `soft`, as blurred photos carry no
    finer detail; the outlines of the eyes in sixteenths of its pixels, a little larger, int32 (2, 6, 2)."""

    size: tuple[int, int]
    small: tuple[int, int]
    scale: np.ndarray
    eyes: np.ndarray

    @property
    def soft(self) -> bool:
        """Whether it is drawn small."""
        return self.small != self.size


def sixteenths(xy: np.ndarray, scale: np.ndarray | float = 1.0) -> np.ndarray:
    """Positions (..., 2) for OpenCV to draw, in sixteenths of pixels of a picture `scale` (2,) times larger."""
    xy = (xy + 0.5) * (16 * scale) - 8
    np.minimum(np.maximum(xy, -64000, out=xy), 500000, out=xy)  # OpenCV counts no farther than 32,767 pixels
    return np.rint(xy, out=xy).astype(np.int32)


def canvas(size: tuple[int, int], points: np.ndarray, soft: float) -> Canvas:
    """A canvas for a window with points (68, 2) in its pixels, drawn `soft` times smaller."""
    small = tuple(max(1, round(side / soft)) for side in size) if soft > 1 else size
    eyes = points[36:48].reshape(2, 6, 2)
    wide = math.dist(eyes[0, 0], eyes[0, 3])
    more = max(0.25, 4.5 / max(wide, 2.0))  # a pixel more, at the least
    eyes = (1 + more) * eyes - more / 6 * eyes.sum(1, keepdims=True)
    return Canvas(size, small, np.array([small[1] / size[1], small[0] / size[0]]), sixteenths(eyes))


@lru_cache(maxsize=8)
def _anchors(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Which points of an even mesh hold the cloth (all of its border, some within), and their places in a drawn one."""
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    within = (u > 0) & (u < 1) & (v > 0) & (v < 1)
    used = np.flatnonzero(~within | (np.arange(columns) % 4 == 0))
    return used, (np.stack([u, v], -1).reshape(-1, 2)[used] + MARGIN) / (1 + 2 * MARGIN)


def cover(fit: Fit, on: Canvas) -> np.ndarray:
    """Where cloth lies, uint8 (h, w) of the small size; tiny ones are drawn larger first, which keeps edges smooth."""
    fine = min(max(260 // max(on.small), 1), 3)
    mask = np.zeros((on.small[0] * fine, on.small[1] * fine), np.uint8)
    cv2.fillPoly(mask, [sixteenths(fit.outline, on.scale * fine)], 255, cv2.LINE_AA, 4)
    if fine > 1:
        mask = cv2.resize(mask, on.small[::-1], interpolation=cv2.INTER_AREA)
    return cv2.blur(mask, (3, 3))


def texture(kind: Kind, fit: Fit, on: Canvas, variant: int, grey: bool) -> np.ndarray:
    """The cloth bent onto the face, uint8 (h, w, 4), or (h, w, 2) for grey; the last channel is alpha."""
    middle = fit.mesh.shape[1] // 2
    across = float(np.hypot(*((fit.mesh[1, -1] - fit.mesh[1, 0]) * on.scale)))
    across = min(across, 4 / 3 * float(np.hypot(*((fit.mesh[-1, middle] - fit.mesh[0, middle]) * on.scale))))
    width = next((width for width in WIDTHS if width <= 1.5 * across), WIDTHS[-1])
    flat = mask_textures.level(kind.painter, variant, width, grey)
    used, at = _anchors(*fit.mesh.shape[:2])
    where = texture_coordinates((fit.mesh.reshape(-1, 2)[used] + 0.5) * on.scale - 0.5, at, on.small, flat.shape)
    # Replicating the border would be slow: many pixels of a window are beyond the cloth.
    return cv2.remap(flat, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def layers(kind: Kind, fit: Fit, on: Canvas, variant: int, grey: bool) -> tuple[np.ndarray, np.ndarray]:
    """Cloth uint8 (h, w[, 3]) of the small size, in no light yet, and alpha uint8 (h, w), 0..255, of the full size."""
    alpha, cloth = cover(fit, on), texture(kind, fit, on, variant, grey)
    if not kind.opaque:
        alpha = cv2.multiply(alpha, cv2.extractChannel(cloth, cloth.shape[2] - 1), scale=1 / 255)
    cloth = cv2.extractChannel(cloth, 0) if grey else cv2.cvtColor(cloth, cv2.COLOR_RGBA2RGB)
    if on.soft:
        alpha = cv2.resize(alpha, on.size[::-1], interpolation=cv2.INTER_LINEAR)
    cv2.fillPoly(alpha, list(on.eyes), 0, cv2.LINE_AA, 4)  # fits can be odd; the eyes stay free whatever they are
    return cloth, alpha


def lit(cloth: np.ndarray, light: np.ndarray, noise: float, at: tuple[int, int]) -> np.ndarray:
    """Cloth (h, w[, 3]) uint8 under light (rows, columns, c), 0..255 for white cloth; noise of the photo over it."""
    # Highlights roll off instead of clipping to a white patch.
    light = np.minimum(light - np.maximum(light - 215, 0) * 0.5, 246)
    light = cv2.resize(cv2.convertScaleAbs(light), cloth.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    cloth = cv2.multiply(cloth, light, scale=1 / NEUTRAL)
    if noise < 0.7:
        return cloth
    speckle = grain(3 if cloth.ndim == 3 else 1)
    rows, columns = (-(-(side + start) // 512) for side, start in zip(cloth.shape, at, strict=False))
    speckle = cv2.repeat(speckle, rows, columns) if rows * columns > 1 else speckle
    speckle = speckle[at[0] : at[0] + cloth.shape[0], at[1] : at[1] + cloth.shape[1]]
    return cv2.addWeighted(cloth, 1, speckle, noise / 25, -128 * noise / 25)


def strap_on(face: np.ndarray, straps: np.ndarray, width: float, colour: np.ndarray, small: tuple[int, int]) -> None:
    """Draw straps (S, M, 2) into a face (h, w[, 3]) uint8 in place; as a blurred photo would show them if `small`."""
    scale = np.array([small[1] / face.shape[1], small[0] / face.shape[0]])
    lines, width = list(sixteenths(straps, scale)), max(1, round(width * float(scale[0])))
    if small == face.shape[:2]:
        cv2.polylines(face, lines, False, colour.tolist(), width, cv2.LINE_AA, 4)
        return
    over = cv2.polylines(np.zeros(small, np.uint8), lines, False, 255, width, cv2.LINE_AA, 4)
    over = cv2.resize(cv2.blur(over, (3, 3)), face.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    if face.ndim == 3:
        over = cv2.cvtColor(over, cv2.COLOR_GRAY2RGB)
    dyed = cv2.multiply(over, (*colour.tolist(), 0.0), scale=1 / 255)
    cv2.add(cv2.multiply(face, cv2.bitwise_not(over), scale=1 / 255), dyed, dst=face)


def shadow(
    alpha: np.ndarray, at: tuple[slice, slice], size: tuple[int, int], eyes: np.ndarray, unit: float
) -> np.ndarray:
    """Share of light uint8 `size` (h, w), 255 for all of it, that reaches a face beside and below what is worn.

    alpha lies at `at` (rows, columns) in it, eyes as in a Canvas of alpha; all light reaches the eyes.
    """
    rows, columns = at
    alpha = cv2.copyMakeBorder(
        alpha, rows.start, size[0] - rows.stop, columns.start, size[1] - columns.stop, cv2.BORDER_CONSTANT, value=0
    )
    eyes = eyes + np.array([16 * columns.start, 16 * rows.start], np.int32)
    coarse = max(1, round(0.032 * unit))
    small = tuple(-(-side // coarse) for side in size[::-1])
    blurred = cv2.blur(cv2.resize(alpha, small, interpolation=cv2.INTER_NEAREST), (5, 5))
    around = np.zeros_like(blurred)  # fades towards the eyes; a plain cut would look like the rim of glasses
    cv2.fillPoly(around, list((eyes + 8) // coarse - 8), 255, cv2.LINE_8, 4)
    blurred = cv2.subtract(blurred, cv2.blur(around, (5, 5)), dst=blurred)
    light = cv2.resize(cv2.convertScaleAbs(blurred, alpha=-0.55, beta=255), size[::-1])
    cv2.fillPoly(light, list(eyes), 255, cv2.LINE_8, 4)
    return cv2.multiply(cv2.bitwise_not(alpha, dst=alpha), light, scale=1 / 255)


def blend(face: np.ndarray, cloth: np.ndarray, alpha: np.ndarray, at: tuple[slice, slice], light: np.ndarray) -> None:
    """Dim a face, uint8 (h, w[, 3]), in place by light (h, w), and add cloth as far as alpha covers, at `at` in it."""
    if face.ndim == 3:
        alpha, light = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), cv2.cvtColor(light, cv2.COLOR_GRAY2RGB)
    cv2.multiply(face, light, dst=face, scale=1 / 255)
    part = face[at]
    cv2.add(part, cv2.multiply(cloth, alpha, scale=1 / 255), dst=part)
