"""One face gets a mask: (image, points, seed, kind) -> masked image and a description of what is worn.

Nothing that the mask hides reaches the picture: points under it are replaced first, and light, blur and noise are taken
from skin that stays visible.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

import cv2
import numpy as np

from pre_processing.mask_draw import blend, canvas, layers, lit, shadow, strap_on
from pre_processing.mask_files import picture_fit
from pre_processing.mask_kinds import KINDS, Kind, choose_kind, find_kind, kinds_of
from pre_processing.mask_light import LUMA, SOFT, light_grid, look, skin
from pre_processing.mask_shape import Fit, face_frame, fit_mask, folds
from pre_processing.mask_textures import VARIANTS
from pre_processing.meanface import HIDDEN, MEAN_FACE, hide_points

__all__ = ["KINDS", "kinds_of", "put_mask", "worn_area"]

DRAWING = 3  # one more whenever the same seed gives other pixels: copies drawn before are then made again
# Times that a mask is drawn smaller, by the photo's blur in pixels: averaging 3 x 3 pixels and enlarging then blur it so.
SMALLER = 1.3
MOST = 1e5  # pixels; no photo is larger


class Wear(NamedTuple):
    """How this one mask is worn: drawn from the seed."""

    height: float
    tilt: float
    shade: float
    warmth: float
    variant: int
    dye: int
    grain: tuple[int, int]


_CHOICES = (VARIANTS, 1 << 16, 256, 256)


def _wear(seed: int) -> Wear:
    # A hash is as random as a generator here, and much faster to start.
    digest = hashlib.sha256(f"wear/{seed}".encode()).digest()
    height, tilt, shade, warmth, *rest = (value / 2**32 for value in struct.unpack("<8I", digest))
    variant, dye, x, y = (int(value * count) for value, count in zip(rest, _CHOICES, strict=True))
    return Wear(0.3 + 0.5 * height, 0.3 * tilt - 0.15, 0.92 + 0.14 * shade, 0.06 * warmth - 0.03, variant, dye, (x, y))


def _mean_face_on(points: np.ndarray) -> np.ndarray:
    """The mean face (68, 2) laid on the face by turn, scale and shift alone, which can never fold."""
    here, mean = face_frame(points), face_frame(MEAN_FACE * 100)
    return (MEAN_FACE * 100 - mean[0]) @ mean[2].T / mean[1] * here[1] @ here[2] + here[0]


_HIDDEN = np.array(HIDDEN)


def _visible(points: np.ndarray) -> np.ndarray:
    """Points (68, 2) with the hidden ones replaced; all zero, which is no face, where a seen one is not finite."""
    seen = np.array(points, np.float64)
    seen[_HIDDEN] = 0  # never read; so they may be anything
    if not cv2.checkRange(seen, True, -MOST, MOST)[0]:
        seen[:] = 0
    return hide_points(seen).astype(np.float64)


def _place(points: np.ndarray, wear: Wear, kind: Kind) -> tuple[Fit | None, str]:
    """Where the mask goes, and how it got there: mesh, affine (the mesh would fold) or none (no face in the points)."""
    if kind.anchors:
        return picture_fit(points, wear.height, kind)
    fit = fit_mask(points, wear.height, wear.tilt, kind.shape)
    if fit is None:
        return None, "none"
    if folds(fit.mesh / fit.unit):
        return fit_mask(_mean_face_on(points), wear.height, 0.0, kind.shape), "affine"
    return fit, "mesh"


def _window(points: np.ndarray, room: float, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Part of the image (rows, columns) with points (N, 2) and some room; None where they all lie outside."""
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    if right < 0 or bottom < 0 or left > shape[1] - 1 or top > shape[0] - 1:
        return None
    columns = slice(max(int(left - room), 0), min(int(right + room + 2), shape[1]))
    return slice(max(int(top - room), 0), min(int(bottom + room + 2), shape[0])), columns


def _is_grey(image: np.ndarray) -> bool:
    if image.ndim == 2:
        return True
    some = image[image.shape[0] // 3 :: 64, image.shape[1] // 3 :: 64].reshape(-1, image.shape[2]).tolist()
    if any(min(colour) != max(colour) for colour in some):  # settles most colour photos
        return False
    red, green, blue = cv2.split(np.ascontiguousarray(image))
    return np.array_equal(red, green) and np.array_equal(red, blue)


def _dye(kind: Kind, wear: Wear) -> np.ndarray:
    """RGB (3,) float, 0..255, of this one mask."""
    dye, warm = kind.dyes[wear.dye % len(kind.dyes)], (1 + wear.warmth, 1, 1 - wear.warmth)
    return np.array([min(part * wear.shade * tint, 255.0) for part, tint in zip(dye, warm, strict=True)])


def _worn(picture: np.ndarray, points: np.ndarray, fit: Fit, kind: Kind, wear: Wear, dye: np.ndarray) -> np.ndarray:
    """A picture (H, W[, 3]) uint8 with the mask on; dye (3,), or (1,) for grey."""
    photo = look(picture, fit)
    soft = photo.blur * SMALLER if photo.blur > SOFT else 1.0
    window = _window(fit.outline, 2 if soft == 1 else 1 + 2 * soft, picture.shape)
    corner = np.array([window[1].start, window[0].start])
    on = canvas((window[0].stop - window[0].start, window[1].stop - window[1].start), points - corner, soft)
    here = fit.moved(-corner)
    cloth, alpha = layers(kind, here, on, wear.variant, len(dye) == 1)
    colours, places = skin(picture, points, alpha, corner, fit)
    light = light_grid(colours, places, here, on.size)
    cloth = lit(cloth, light * (dye / 255), photo.noise, wear.grain)
    if on.soft:
        cloth = cv2.resize(cv2.blur(cloth, (3, 3)), on.size[::-1], interpolation=cv2.INTER_LINEAR)
    out = picture.copy()
    if len(fit.straps) and len(colours):
        _strap_on(out, fit, kind, soft, light[3:7, 3:7].mean((0, 1)) * (0.85 / 255), colours.sum(0) / len(colours))
    room = int(0.095 * fit.unit)  # for the shadow
    around = [slice(max(part.start - room, 0), part.stop + room) for part in window]
    at = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(window, around, strict=True))
    face = out[tuple(around)]
    blend(face, cloth, alpha, at, shadow(alpha, at, face.shape[:2], on.eyes, fit.unit))
    return out


def _strap_on(out: np.ndarray, fit: Fit, kind: Kind, soft: float, light: np.ndarray, skin_tone: np.ndarray) -> None:
    """Straps into a picture; lines finer than a pixel (of the photo's detail) take on the skin's colour."""
    width = kind.shape.strap[3] * fit.unit
    red, green, blue = kind.shape.strap[:3]
    strap = (red, green, blue) if len(light) == 3 else 0.299 * red + 0.587 * green + 0.114 * blue
    little = 1 < soft < 1.7  # a pixel wider and the paler for it looks as blurred, and is drawn at once
    part = width / (width + 1) if little else min(width / soft, 1.0)
    colour = light * strap * part + skin_tone * (1 - part)
    if little or soft == 1:
        strap_on(out, fit.straps, width + little, colour, out.shape[:2])
        return
    for first in range(0, len(fit.straps), 2):  # the two of one side, which takes far fewer pixels than both sides
        straps = fit.straps[first : first + 2]
        window = _window(straps.reshape(-1, 2), 2 * soft, out.shape)
        if window:
            part, corner = out[window], (window[1].start, window[0].start)
            small = tuple(max(1, round(side / soft)) for side in part.shape[:2])
            strap_on(part, straps - corner, width, colour, small)


def _describe(name: str, seed: int, dye: np.ndarray, wear: Wear, grey: bool) -> dict:
    worn = {"height": round(wear.height, 4), "tilt": round(wear.tilt, 4), "shade": round(wear.shade, 4)}
    colour = "#{:02x}{:02x}{:02x}".format(*map(int, dye.tolist()))
    return {"kind": name, "seed": seed, "colour": colour, **worn, "variant": wear.variant, "grey": grey}


def put_mask(image: np.ndarray, points: np.ndarray, seed: int, kind: str = "surgical") -> tuple[np.ndarray, dict]:
    """Put a mask on one face.

    image: uint8, RGB (H, W, 3) or grey (H, W); points: (68, 2) pixels of it, of which those that a mask hides are
    ignored; kind: a kind or group of mask_kinds, the path of a picture (see mask_files), or several with commas, of
    which the seed picks one. Returns a new image of the same shape, and {kind, seed, colour, height, tilt, shade,
    variant, grey, placement}; kind is the one worn; placement is mesh, affine (the mesh would have folded) or none (no
    face in the points, or outside the image: a copy comes back). Grey images stay grey. InputError on unknown kinds.
    """
    name = choose_kind(kinds_of(kind), seed)
    style, wear, grey = find_kind(name), _wear(seed), _is_grey(image)
    points, dye = _visible(points), _dye(style, wear)
    fit, placement = _place(points, wear, style)
    described = _describe(name, seed, dye, wear, grey)
    if fit is None or _window(fit.outline, 0, image.shape) is None:
        return image.copy(), {**described, "placement": "none"}
    if not grey:
        return _worn(image, points, fit, style, wear, dye), {**described, "placement": placement}
    plain = np.ascontiguousarray(image[..., 0]) if image.ndim == 3 else image
    worn = _worn(plain, points, fit, style, wear, np.array([dye @ LUMA]))
    worn = np.repeat(worn[..., None], image.shape[2], 2) if image.ndim == 3 else worn
    return worn, {**described, "placement": placement}


def worn_area(shape: tuple[int, int], points: np.ndarray, seed: int, kind: str) -> np.ndarray | None:
    """How much of each pixel the cloth of put_mask covers, without straps: float32 (h, w), 0..1; None for no face."""
    name = choose_kind(kinds_of(kind), seed)
    style, wear, points = find_kind(name), _wear(seed), _visible(points)
    fit, _ = _place(points, wear, style)
    if fit is None:
        return None
    _, alpha = layers(style, fit, canvas(shape, points, 1.0), wear.variant, True)
    return alpha.astype(np.float32) / 255
