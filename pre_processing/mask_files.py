"""Masks that users bring: a picture with transparency, and beside it a text file that says what lies where in it.

mask.png, RGBA, is worn as `--kind my/mask.png`; mask.txt has a line for each place, in shares of width and height:

    nose 0.5 0.05
    chin 0.5 0.97
    right_ear 0.02 0.2
    left_ear 0.98 0.2

Right and left are the wearer's, so the right ear is at the left of the picture; right_jaw and left_jaw, half way from
ear to chin, may be added. `#` starts a comment. Nothing but the picture is drawn, so straps belong in it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from pre_processing.errors import InputError
from pre_processing.mask_kinds import Kind
from pre_processing.mask_shape import SIDE, TOP, Fit, Shape, face_frame, folds
from pre_processing.mask_textures import MARGIN, NEUTRAL, Painter
from pre_processing.mask_warp import thin_plate

PLACES = {"chin": 8, "right_ear": 1, "left_ear": 15, "right_jaw": 4, "left_jaw": 12}  # jaw points; nose is apart
NEEDED = ("nose", "chin", "right_ear", "left_ear")
MOST = 16_000_000  # pixels of a picture; the mask on a face is far smaller
PNG = b"\x89PNG\r\n\x1a\n"


def load_kind(path: str | Path) -> Kind:
    """The kind of mask in a picture with its text file; InputError names the file and what is wrong with it."""
    path = Path(path)
    for file in (path, path.with_suffix(".txt")):
        if not file.is_file():
            raise InputError(f"{file}: no such file; a mask is a picture and a text file of the same name beside it")
    return _load(path, path.stat().st_mtime_ns, path.with_suffix(".txt").stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _load(path: Path, changed: int, text_changed: int) -> Kind:
    """Read anew where a file has changed."""
    return Kind(_painter(path), shape=Shape(straps=""), opaque=False, anchors=_anchors(path.with_suffix(".txt")))


def _painter(path: Path) -> Painter:
    too_large = InputError(f"{path}: more than {MOST // 10**6} megapixels; make it smaller")
    try:
        data = np.fromfile(path, np.uint8)
        if _said(data[:24].tobytes()) > MOST:
            raise too_large
        picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        if "CV_IO_MAX_IMAGE" in str(error):
            raise too_large from error
        picture = None
    if picture is None:
        raise InputError(f"{path}: not a readable image; replace it")
    if picture.shape[0] * picture.shape[1] > MOST:
        raise too_large
    if picture.ndim != 3 or picture.shape[2] != 4 or picture.dtype != np.uint8:
        raise InputError(f"{path}: has no transparency; save it as an RGBA .png with 8 bits a channel")
    picture = cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA)
    if not picture[..., 3].any():
        raise InputError(f"{path}: all of it is transparent; nothing could be seen of it")

    # What is transparent has a colour too, often black, and would bleed into the rim as the picture is shrunk.
    clear = picture[..., 3] == 0
    nearest = ndimage.distance_transform_edt(clear, return_distances=False, return_indices=True)
    picture[..., :3] = picture[..., :3][tuple(nearest)]

    def paint(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        high, wide = (round(side / (1 + 2 * MARGIN)) for side in u.shape)
        fine = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA).astype(np.float32)
        fine[..., :3] *= NEUTRAL / 255
        top, left = (u.shape[0] - high) // 2, (u.shape[1] - wide) // 2
        below, right = u.shape[0] - high - top, u.shape[1] - wide - left
        worn = cv2.copyMakeBorder(fine, top, below, left, right, cv2.BORDER_REPLICATE)
        inside = (np.abs(u) <= 1) & (v >= 0) & (v <= 1)
        worn[..., 3] *= inside
        return worn

    return paint


def _said(start: bytes) -> int:
    """Pixels that a PNG says to have, by its first 24 bytes; 0 for other files, whose pixels are counted once read."""
    wide, high = start[16:20], start[20:24]
    return int.from_bytes(wide, "big") * int.from_bytes(high, "big") if start.startswith(PNG) else 0


def _anchors(path: Path) -> tuple[tuple[str, float, float], ...]:
    """Places (name, u, v) of a text file."""
    anchors: dict[str, tuple[float, float]] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: not a readable text file; write lines such as: nose 0.5 0.05") from error
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            name, u, v = words[0], float(words[1]), float(words[2])
        except (IndexError, ValueError):
            raise InputError(f"{path}: line {number} is not a place and two numbers, such as: nose 0.5 0.05") from None
        if len(words) != 3 or name in anchors or name not in (*PLACES, "nose"):
            raise InputError(f"{path}: line {number}: one line each for {', '.join(('nose', *PLACES))}, and no more")
        if not (math.isfinite(u) and math.isfinite(v) and -0.5 <= u <= 1.5 and -0.5 <= v <= 1.5):
            raise InputError(f"{path}: line {number}: places are shares of width and height, 0 to 1")
        anchors[name] = (u, v)
    missing = [name for name in NEEDED if name not in anchors]
    if missing:
        raise InputError(f"{path}: no line for {', '.join(missing)}")
    if not _spread(anchors):
        raise InputError(
            f"{path}: nose, chin and ears must lie apart, not on one line, and the wearer's right ear on the left of the picture"
        )
    return tuple((name, *place) for name, place in anchors.items())


def _spread(anchors: dict[str, tuple[float, float]]) -> bool:
    nose, chin, right, left = (np.array(anchors[name]) for name in NEEDED)
    down, across = chin - nose, left - right
    return across[0] * down[1] - across[1] * down[0] > 0.01


def picture_fit(points: np.ndarray, height: float, kind: Kind) -> tuple[Fit | None, str]:
    """Where a picture goes on a face with points (68, 2) pixels, hidden ones replaced; how, as in put_mask."""
    found = face_frame(points)
    if found is None:
        return None, "none"
    origin, unit, axes = found
    nose = points[28] + height * (points[29] - points[28])
    goal = np.array([nose if name == "nose" else points[PLACES[name]] for name, _, _ in kind.anchors])
    at = np.array([place for _, *place in kind.anchors])
    v, u = np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, TOP), indexing="ij")
    even = np.stack([u, v], -1).reshape(-1, 2)
    mesh, how = thin_plate(at, (goal - origin) / unit, even).reshape(SIDE, TOP, 2), "mesh"
    if not np.isfinite(mesh).all() or folds(mesh):
        affine = np.linalg.lstsq(np.column_stack([at, np.ones(len(at))]), (goal - origin) / unit, rcond=None)[0]
        mesh, how = (even @ affine[:2] + affine[2]).reshape(SIDE, TOP, 2), "affine"
        if folds(mesh):
            return None, "none"
    mesh = mesh * unit + origin
    outline = np.concatenate([mesh[0], mesh[1:, -1], mesh[-1, -2::-1], mesh[-2:0:-1, 0]])
    return Fit(outline, mesh, np.empty((0, 7, 2)), origin, unit, axes), how
