"""Layers of a worn mask: where it covers, its cloth with straps, its shadow, and how they are laid over a face."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from pre_processing import mask_textures
from pre_processing.mask_kinds import Kind
from pre_processing.mask_light import LUMA
from pre_processing.mask_shape import Fit
from pre_processing.mask_textures import MARGIN, NEUTRAL, WIDTHS, grain
from pre_processing.mask_warp import texture_coordinates

def sixteenths(xy: np.ndarray, scale: np.ndarray | float = 1.0) -> np.ndarray:
    """Positions (..., 2) for OpenCV to draw, in sixteenths of pixels of a picture `scale` (2,) times larger."""
    xy = (xy + 0.5) * (16 * scale) - 8
    np.minimum(np.maximum(xy, -64000, out=xy), 128000, out=xy)
    return np.rint(xy, out=xy).astype(np.int32)


def lids(points: np.ndarray) -> np.ndarray:
    """The eyes' outlines (2, 6, 2), a little larger, from points (68, 2)."""
    eyes = points[36:48].reshape(2, 6, 2)
    return 1.25 * eyes - 0.25 / 6 * eyes.sum(1, keepdims=True)


@lru_cache(maxsize=8)
def _cloth_at(rows: int, columns: int) -> np.ndarray:
    """Places (rows * columns, 2), 0..1, of an even mesh in a drawn cloth with its margin."""
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    return (np.stack([u, v], -1).reshape(-1, 2) + MARGIN) / (1 + 2 * MARGIN)


def cover(fit: Fit, eyes: np.ndarray, size: tuple[int, int], scale: np.ndarray) -> np.ndarray:
    """Where cloth lies, uint8 (h, w) of `size`; small pictures are drawn larger first, which keeps edges smooth."""
    fine = min(max(260 // max(size), 1), 3)
    mask, scale = np.zeros((size[0] * fine, size[1] * fine), np.uint8), scale * fine
    cv2.fillPoly(mask, [sixteenths(fit.outline, scale)], 255, cv2.LINE_AA, 4)
    for eye in sixteenths(eyes, scale):  # fits can be odd; the eyes stay free whatever they are
        cv2.fillPoly(mask, [eye], 0, cv2.LINE_AA, 4)
    mask = cv2.resize(mask, size[::-1], interpolation=cv2.INTER_AREA) if fine > 1 else mask
    return cv2.blur(mask, (3, 3))


def texture(kind: Kind, fit: Fit, size: tuple[int, int], scale: np.ndarray, variant: int, grey: bool) -> np.ndarray:
    """The cloth bent onto the face, uint8 (h, w, 4), or (h, w, 2) for grey; the last channel is alpha."""
    across = float(np.hypot(*((fit.mesh[1, -1] - fit.mesh[1, 0]) * scale)))
    width = next((width for width in WIDTHS if width <= 1.6 * across), WIDTHS[-1])
    flat = mask_textures.level(kind.painter, variant, width, grey)
    anchors = (fit.mesh.reshape(-1, 2) + 0.5) * scale - 0.5
    where = texture_coordinates(anchors, _cloth_at(*fit.mesh.shape[:2]), size, flat.shape)
    # Replicating the border would be slow: most pixels of a window are beyond the cloth.
    return cv2.remap(flat, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def draw_straps(cloth: np.ndarray, alpha: np.ndarray, fit: Fit, kind: Kind, dye: np.ndarray, scale: np.ndarray) -> None:
    """Straps into cloth (h, w, c) and alpha (h, w)."""
    if not len(fit.straps):
        return
    lines = list(sixteenths(fit.straps, scale))
    width = max(1, round(kind.shape.strap[3] * fit.unit * float(scale[0])))
    # The dye colours everything drawn, so what is not of the dyed cloth is drawn in what the dye leaves of it.
    strap = np.minimum(np.array(kind.shape.strap[:3]) * NEUTRAL / np.maximum(dye, 1), 255)
    colour = (strap @ LUMA).tolist() if cloth.ndim == 2 else strap.tolist()
    over = cv2.polylines(np.zeros_like(alpha), lines, False, 255, width, cv2.LINE_AA, 4)
    cv2.polylines(cloth, lines, False, colour, width + 2, cv2.LINE_8, 4)
    np.maximum(alpha, over, out=alpha)


def layers(
    kind: Kind, fit: Fit, eyes: np.ndarray, size: tuple[int, int], soft: float, dye: np.ndarray, variant: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cloth uint8 (h, w[, 3]) in no light yet, and alpha uint8 (h, w), 0..255, over a window of `size`.

    soft: how many times smaller to draw, as blurred photos carry no finer detail. dye: RGB (3,), or (1,) on grey.
    """
    small = tuple(max(1, round(side / soft)) for side in size)
    scale = np.array([small[1] / size[1], small[0] / size[0]])
    alpha = cover(fit, eyes, small, scale)
    cloth = texture(kind, fit, small, scale, variant, len(dye) == 1)
    if not kind.opaque:
        alpha = cv2.multiply(alpha, cv2.extractChannel(cloth, cloth.shape[2] - 1), scale=1 / 255)
    cloth = cv2.cvtColor(cloth, cv2.COLOR_RGBA2RGB) if len(dye) == 3 else cv2.extractChannel(cloth, 0)
    draw_straps(cloth, alpha, fit, kind, dye, scale)
    return cloth, alpha


def enlarge(alpha: np.ndarray, eyes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Alpha drawn small at its full size (h, w), again with free eyes."""
    alpha = cv2.resize(alpha, size[::-1], interpolation=cv2.INTER_LINEAR)
    for eye in sixteenths(eyes):
        cv2.fillPoly(alpha, [eye], 0, cv2.LINE_8, 4)
    return alpha


def lit(cloth: np.ndarray, light: np.ndarray, noise: float, at: tuple[int, int]) -> np.ndarray:
    """Cloth (h, w[, 3]) uint8 under light (rows, columns, c), 0..255 for white cloth; noise of the photo over it."""
    # Highlights roll off instead of clipping to a white patch.
    light = np.minimum(light - np.maximum(light - 215, 0) * 0.5, 246)
    light = cv2.resize(np.rint(light).astype(np.uint8), cloth.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    cloth = cv2.multiply(cloth, light, scale=1 / NEUTRAL)
    if noise < 0.4:
        return cloth
    speckle = grain(light.ndim if light.ndim == 3 else 1)
    rows, columns = (-(-(side + start) // 512) for side, start in zip(cloth.shape, at, strict=False))
    speckle = cv2.repeat(speckle, rows, columns) if rows * columns > 1 else speckle
    speckle = speckle[at[0] : at[0] + cloth.shape[0], at[1] : at[1] + cloth.shape[1]]
    return cv2.addWeighted(cloth, 1, speckle, noise / 25, -128 * noise / 25)


def shadow(alpha: np.ndarray, eyes: np.ndarray, unit: float) -> np.ndarray:
    """Share of light uint8 (h, w), 255 for all of it, that reaches skin beside mask and straps; all reaches the eyes."""
    coarse = max(1, int(0.045 * unit))
    small = tuple(-(-side // coarse) for side in alpha.shape[::-1])
    blurred = cv2.GaussianBlur(cv2.resize(alpha, small), (7, 7), max(0.045 * unit / coarse, 0.6))
    light = cv2.resize(cv2.convertScaleAbs(blurred, alpha=-0.55), alpha.shape[::-1])
    light = cv2.bitwise_not(light)
    for eye in sixteenths(eyes):
        cv2.fillPoly(light, [eye], 255, cv2.LINE_8, 4)
    return light


def blend(face: np.ndarray, cloth: np.ndarray, alpha: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Cloth over face, uint8 (h, w[, 3]) both, where alpha (h, w) says so; light (h, w) dims the face around it."""
    bare = cv2.multiply(cv2.bitwise_not(alpha), light, scale=1 / 255)
    if face.ndim == 3:
        alpha, bare = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), cv2.cvtColor(bare, cv2.COLOR_GRAY2RGB)
    return cv2.add(cv2.multiply(cloth, alpha, scale=1 / 255), cv2.multiply(face, bare, scale=1 / 255))
