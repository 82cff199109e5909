"""The kinds of masks by name, groups of them, and how a name is chosen."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pre_processing import mask_fabrics as fabric
from pre_processing import mask_invented as invented
from pre_processing import mask_painters as paint
from pre_processing.errors import InputError
from pre_processing.mask_shape import Shape
from pre_processing.mask_textures import Painter

Colour = tuple[int, int, int]


class Kind(NamedTuple):
    """A kind of mask: painter of its cloth, dyes (RGB, 0..255; the seed picks one), silhouette, and whether it is opaque.

    anchors: for a picture, what lies where in it, as (place on the face, u, v); drawn kinds fill their outline.
    """

    painter: Painter
    dyes: tuple[Colour, ...] = ((255, 255, 255),)
    shape: Shape = Shape()
    opaque: bool = True
    anchors: tuple[tuple[str, float, float], ...] = ()


WHITE = ((240, 241, 243),)
CLOTHS = (
    (44, 46, 52), (58, 74, 112), (122, 40, 48), (84, 104, 86), (196, 178, 152), (150, 152, 158),
    (226, 220, 210), (176, 120, 96), (118, 92, 138), (206, 148, 158), (74, 124, 134), (196, 164, 74),
)  # fmt: skip

_PLEATED = Shape(margin=(0.0, 0.006, 0.022))
_SEWN = Shape(corner=1.6, margin=(-0.005, 0.004, 0.02), sag=(0.085, 0.12, 0.09), strap=(70, 70, 74, 0.035))
_FOLDED = Shape(corner=1.7, low=4.6, margin=(0.0, -0.01, 0.05), sag=(0.06, 0.04, 0.0))
_CUP = Shape(corner=1.4, margin=(0.0, 0.015, 0.0), sag=(0.0, -0.05, -0.07), straps="head", strap=(214, 196, 150, 0.05))
_BILL = Shape(
    corner=1.8, low=5.0, margin=(0.0, 0.025, 0.0), sag=(0.06, 0.05, 0.0), straps="head", strap=(236, 236, 232, 0.045)
)
_BANDANA = Shape(corner=0.5, low=3.6, margin=(0.03, 0.03, 0.0), sag=(0.03, 0.05, 0.04), tip=0.62, straps="")
_HALF = Shape(corner=3.1, low=5.0, margin=(0.02, 0.06, 0.10), sag=(0.02, 0.03, 0.01), top="lip")
_CHIN = Shape(corner=4.3, low=6.0, margin=(0.0, 0.08, 0.20), sag=(0.02, 0.02, 0.01), top="chin")

KINDS = {
    "surgical_blue": Kind(paint.surgical, ((172, 210, 232),), _PLEATED),
    "surgical_green": Kind(paint.surgical, ((168, 214, 196),), _PLEATED),
    "surgical_white": Kind(paint.surgical, WHITE, _PLEATED),
    "surgical_black": Kind(paint.surgical, ((50, 51, 56),), _PLEATED._replace(strap=(52, 52, 56, 0.028))),
    "surgical_pink": Kind(paint.surgical, ((240, 188, 202),), _PLEATED),
    "kn95": Kind(paint.kn95, (*WHITE, *WHITE, (62, 64, 70)), _FOLDED),
    "n95_valve": Kind(paint.n95_valve, WHITE, _CUP),
    "ffp2_duckbill": Kind(paint.duckbill, (*WHITE, (200, 220, 236)), _BILL),
    "cloth_plain": Kind(fabric.sewn(fabric.plain), CLOTHS, _SEWN),
    "cloth_stripes": Kind(fabric.sewn(fabric.stripes), shape=_SEWN),
    "cloth_checks": Kind(fabric.sewn(fabric.checks), shape=_SEWN),
    "cloth_dots": Kind(fabric.sewn(fabric.dots), shape=_SEWN),
    "cloth_denim": Kind(fabric.sewn(fabric.denim), shape=_SEWN),
    "cloth_floral": Kind(fabric.sewn(fabric.floral), shape=_SEWN),
    "cloth_camouflage": Kind(fabric.sewn(fabric.camouflage), shape=_SEWN),
    "window": Kind(paint.window, shape=_SEWN, opaque=False),
    "bandana": Kind(fabric.bandana, shape=_BANDANA),
    "half_worn": Kind(paint.low, ((172, 210, 232), (240, 241, 243), (50, 51, 56), (58, 74, 112)), _HALF),
    "chin_worn": Kind(paint.low, ((172, 210, 232), (240, 241, 243), (50, 51, 56), (58, 74, 112)), _CHIN),
}

# For training only: no test wears them, so they are in no group but their own.
INVENTED = {
    f"invented_{number}": Kind(invented.painter(number), invented.dyes(number), invented.shape(number))
    for number in range(invented.COUNT)
}


# Which kind a face wears follows from order and length of its group: a new kind must not slip into one, and is named here.
_SURGICAL = ("surgical_blue", "surgical_green", "surgical_white", "surgical_black", "surgical_pink")
_SEWN_CLOTHS = ("cloth_plain", "cloth_stripes", "cloth_checks", "cloth_dots", "cloth_denim", "cloth_floral")
# "unseen" is held out: looks that no training may use, for testing on masks that a model has never met.
_UNSEEN = ("n95_valve", "ffp2_duckbill", "cloth_camouflage", "bandana")
SECOND = "surgical_white"  # put over a mask that is worn, so that it looks like one that training showed
GROUPS = {
    "surgical": _SURGICAL,
    "cloth": (*_SEWN_CLOTHS, "cloth_camouflage"),
    "respirator": ("kn95", "n95_valve", "ffp2_duckbill"),
    "opaque": (*_SURGICAL, "kn95", "n95_valve", "ffp2_duckbill", *_SEWN_CLOTHS, "cloth_camouflage", "bandana"),
    "seen": (*_SURGICAL, "kn95", *_SEWN_CLOTHS),
    "unseen": _UNSEEN,
    "low": ("half_worn", "chin_worn"),
    "all": tuple(KINDS),
    "invented": tuple(INVENTED),
}


@lru_cache(maxsize=256)
def kinds_of(text: str) -> tuple[str, ...]:
    """Names of kinds meant by "kn95", "surgical,cloth" or "my/mask.png": kinds, groups or pictures, with commas.

    InputError names those there are.
    """
    names: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if part in KINDS or part in INVENTED or Path(part).suffix:
            find_kind(part)  # a picture that cannot be used is named before any face is
            names.append(part)
        elif part in GROUPS:
            names += GROUPS[part]
        else:
            raise InputError(f"{part}: no such kind of mask; {_choices()}")
    if not names:
        raise InputError(f"no kind of mask given; {_choices()}")
    return tuple(dict.fromkeys(names))


def _choices() -> str:
    return f"choose from the kinds {', '.join(KINDS)}, the groups {', '.join(GROUPS)}, or a picture's path"


def choose_kind(names: tuple[str, ...], seed: int) -> str:
    """One of the names: the same for a seed always, and independent of how that seed wears it."""
    return names[int.from_bytes(hashlib.sha256(f"kind/{seed}".encode()).digest()[:8], "little") % len(names)]


def find_kind(name: str) -> Kind:
    """The kind of that name, or the one in the picture at that path; InputError where it cannot be used."""
    if kind := KINDS.get(name) or INVENTED.get(name):
        return kind
    from pre_processing.mask_files import load_kind  # which needs Kind itself

    return load_kind(name)
