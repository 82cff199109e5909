"""One face gets a mask: (image, points, seed) -> masked image and a description of what is worn.

Nothing that the mask hides reaches the picture: points under it are replaced first, and light is taken from skin that
stays visible.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from pre_processing import mask_textures
from pre_processing.mask_light import light_plane
from pre_processing.mask_shape import Fit, face_frame, fit_mask, folds
from pre_processing.mask_warp import texture_coordinates
from pre_processing.meanface import HIDDEN, MEAN_FACE, hide_points

MOST = 1e5  # pixels; no photo is larger
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Kind(NamedTuple):
    """A kind of mask: cloth(variant) -> shades at several sizes, and the cloth's RGB colour (0..255)."""

    cloth: Callable[[int], tuple[np.ndarray, ...]]
    colour: tuple[int, int, int]


KINDS = {"surgical": Kind(mask_textures.surgical, (172, 210, 232))}


class Wear(NamedTuple):
    """How this one mask is worn: drawn from the seed."""

    height: float
    tilt: float
    shade: float
    warmth: float
    variant: int


class Layers(NamedTuple):
    """What lies over the face, float32 (h, w): cover 0..1 of mask and ear loops, shade of the cloth around 1."""

    mask: np.ndarray
    loops: np.ndarray
    shade: np.ndarray


def _wear(seed: int) -> Wear:
    rng = np.random.default_rng(seed)
    height, tilt, shade, warmth = rng.uniform((0.3, -0.15, 0.92, -0.03), (0.8, 0.15, 1.06, 0.03)).tolist()
    return Wear(height, tilt, shade, warmth, int(rng.integers(mask_textures.VARIANTS)))


def _mean_face_on(points: np.ndarray) -> np.ndarray:
    """The mean face (68, 2) laid on the face by turn, scale and shift alone, which can never fold."""
    here, mean = face_frame(points), face_frame(MEAN_FACE * 100)
    return (MEAN_FACE * 100 - mean[0]) @ mean[2].T / mean[1] * here[1] @ here[2] + here[0]


def _visible(points: np.ndarray) -> np.ndarray:
    """Points (68, 2) with the hidden ones replaced; all zero, which is no face, where a seen one is not finite."""
    seen = np.array(points, np.float64)
    seen[list(HIDDEN)] = 0  # never read; so they may be anything
    if not (np.abs(seen) < MOST).all():
        seen[:] = 0
    return hide_points(seen)


def _place(points: np.ndarray, wear: Wear) -> tuple[Fit | None, str]:
    """Where the mask goes, and how it got there: mesh, affine (the mesh would fold) or none (no face in the points)."""
    fit = fit_mask(points, wear.height, wear.tilt)
    if fit is None:
        return None, "none"
    if folds(fit.mesh / fit.unit):
        return fit_mask(_mean_face_on(points), wear.height, 0.0), "affine"
    return fit, "mesh"


def _window(fit: Fit, points: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Part of the image (rows, columns) with mask, loops, shadow and the skin that tells the light."""
    everything = np.concatenate([fit.outline, *fit.loops, points])
    low = np.maximum(np.floor(everything.min(0) - 0.35 * fit.unit), 0).astype(int)
    high = np.minimum(np.ceil(everything.max(0) + 0.2 * fit.unit) + 1, (shape[1], shape[0])).astype(int)
    return None if (high <= low).any() else (slice(low[1], high[1]), slice(low[0], high[0]))


def _draw(fit: Fit, eyes: np.ndarray, size: tuple[int, int], cloth: tuple[np.ndarray, ...]) -> Layers:
    """Layers of `size` (h, w); small faces are drawn up to four times larger first, which keeps edges smooth."""
    scale = int(np.clip(260 // max(size), 1, 4))
    big = (size[0] * scale, size[1] * scale)

    def fine(xy: np.ndarray) -> np.ndarray:
        return (xy + 0.5) * scale - 0.5

    def shape(xy: np.ndarray) -> np.ndarray:
        return np.round(np.clip(fine(xy), -4000, 8000) * 16).astype(np.int32)

    mask, loops = np.zeros(big, np.uint8), np.zeros(big, np.uint8)
    cv2.fillPoly(mask, [shape(fit.outline)], 255, cv2.LINE_AA, 4)
    for eye in (eyes[:6], eyes[6:]):
        # Fits can be odd; the eyes stay free whatever they are.
        cv2.fillPoly(mask, [shape(eye.mean(0) + 1.2 * (eye - eye.mean(0)))], 0, cv2.LINE_AA, 4)
    width = max(1, round(0.028 * fit.unit * scale))
    cv2.polylines(loops, [shape(loop) for loop in fit.loops], False, 255, width, cv2.LINE_AA, 4)
    mesh = fine(fit.mesh)
    across = max(float(np.hypot(*(mesh[0, -1] - mesh[0, 0]))), 1.0)
    level = cloth[int(np.clip(np.log2(cloth[0].shape[1] / across) + 0.3, 0, len(cloth) - 1))]
    shade = cv2.remap(
        level, *texture_coordinates(mesh, big, level.shape), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    layers = [cv2.blur(mask, (3, 3)), loops, shade]
    if scale > 1:
        layers = [cv2.resize(layer, size[::-1], interpolation=cv2.INTER_AREA) for layer in layers]
    return Layers(layers[0].astype(np.float32) / 255, layers[1].astype(np.float32) / 255, layers[2])


def _shadow(layers: Layers, eyes: np.ndarray, unit: float) -> np.ndarray:
    """Share of light (h, w) that mask and loops take from what is around them; none from the eyes."""
    sigma = max(0.045 * unit, 0.5)
    shadow = (
        cv2.GaussianBlur(layers.mask, (0, 0), sigma) * 0.55 + cv2.GaussianBlur(layers.loops, (0, 0), sigma / 2) * 0.3
    )
    shadow[shadow < 0.01] = 0
    for eye in (eyes[:6], eyes[6:]):
        around = np.round(np.clip(eye.mean(0) + 1.2 * (eye - eye.mean(0)), -4000, 8000)).astype(np.int32)
        cv2.fillPoly(shadow, [around], 0)
    return np.minimum(shadow, 0.6) * (1 - layers.mask)


def _compose(face: np.ndarray, layers: Layers, shadow: np.ndarray, light: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Shadow, loops and cloth over face (h, w, c) uint8; colour (c,) is relative to white cloth."""
    touched = np.flatnonzero((layers.mask + layers.loops + shadow).any(1))
    if not len(touched):
        return face
    rows = slice(touched[0], touched[-1] + 1)
    layers, shadow, light = Layers(*(layer[rows] for layer in layers)), shadow[rows], light[rows]
    out = face[rows] * (1 - shadow)[..., None]
    out += layers.loops[..., None] * (np.minimum(light * 0.85, 235)[..., None] - out)
    cloth = (light * layers.shade)[..., None] * colour
    cloth -= np.maximum(cloth - 225, 0) * 0.6  # highlights roll off instead of clipping to a white patch
    out += layers.mask[..., None] * (np.minimum(cloth, 250) - out)
    return np.concatenate([face[: rows.start], (np.clip(out, 0, 255) + 0.5).astype(np.uint8), face[rows.stop :]])


def _is_grey(image: np.ndarray) -> bool:
    if image.ndim == 2:
        return True
    if (image[::16, ::16] != image[::16, ::16, :1]).any():  # settles most colour photos
        return False
    red, green, blue = cv2.split(np.ascontiguousarray(image))
    return np.array_equal(red, green) and np.array_equal(red, blue)


def put_mask(image: np.ndarray, points: np.ndarray, seed: int, kind: str = "surgical") -> tuple[np.ndarray, dict]:
    """Put a mask on one face.

    image: uint8, RGB (H, W, 3) or grey (H, W); points: (68, 2) pixels of it, of which those that a mask hides are
    ignored. Returns a new image of the same shape, and {kind, seed, colour, height, tilt, shade, variant, grey,
    placement}; placement is mesh, affine (the mesh would have folded) or none (no face in the points, or outside the
    image: a copy comes back). Grey images stay grey. Raises KeyError on an unknown kind.
    """
    style, wear, grey = KINDS[kind], _wear(seed), _is_grey(image)
    points = _visible(points)
    fit, placement = _place(points, wear)
    window = _window(fit, points, image.shape) if fit else None
    colour = np.clip(np.array(style.colour) * wear.shade * (1 + wear.warmth, 1, 1 - wear.warmth), 0, 255)
    worn = dict(
        zip(("height", "tilt", "shade"), (round(value, 4) for value in wear[:3]), strict=True), variant=wear.variant
    )
    described = {
        "kind": kind,
        "seed": seed,
        "colour": "#{:02x}{:02x}{:02x}".format(*colour.astype(int)),
        **worn,
        "grey": grey,
    }
    out = image.copy()
    if window is None:
        return out, {**described, "placement": "none"}
    target = out[window].reshape(*out[window].shape[:2], -1)
    face = target[..., :1] if grey else target
    luma = face[..., 0] if grey else cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    corner = np.array([window[1].start, window[0].start])
    fit, points = fit.moved(-corner), points - corner
    layers = _draw(fit, points[36:48], face.shape[:2], style.cloth(wear.variant))
    light = light_plane(luma, points, layers.mask > 0, fit)
    tone = np.array([colour @ LUMA / 255]) if grey else colour / 255
    masked = _compose(face, layers, _shadow(layers, points[36:48], fit.unit), light, tone.astype(np.float32))
    out[window] = np.broadcast_to(masked, target.shape).reshape(out[window].shape)
    return out, {**described, "placement": placement}
