"""The kinds of masks by name, groups of them, and how a name is chosen."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pre_processing import mask_painters as paint
from pre_processing.errors import InputError
from pre_processing.mask_shape import Shape
from pre_processing.mask_textures import Painter

WHITE = ((255, 255, 255),)


class Kind(NamedTuple):
    """A kind of mask: painter of its cloth, dyes (RGB, 0..255; the seed picks one) and silhouette."""

    painter: Painter
    dyes: tuple[tuple[int, int, int], ...] = WHITE
    shape: Shape = Shape()
    opaque: bool = True


KINDS = {
    "surgical_blue": Kind(paint.surgical, ((172, 210, 232),)),
    "surgical_green": Kind(paint.surgical, ((168, 214, 196),)),
    "surgical_white": Kind(paint.surgical, ((240, 241, 243),)),
    "surgical_black": Kind(paint.surgical, ((46, 47, 52),)),
    "surgical_pink": Kind(paint.surgical, ((240, 188, 202),)),
}


GROUPS = {"surgical": tuple(name for name in KINDS if name.startswith("surgical")), "all": tuple(KINDS)}


@lru_cache(maxsize=256)
def kinds_of(text: str) -> tuple[str, ...]:
    """Names of kinds meant by "kn95", "surgical,cloth" or "my/mask.png": kinds, groups or pictures, with commas.

    InputError names those there are.
    """
    names: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if part not in KINDS and part not in GROUPS and not Path(part).suffix:
            raise InputError(f"no kind of mask {part!r}; there are {', '.join(KINDS)}; groups {', '.join(GROUPS)}")
        names += GROUPS.get(part, (part,))
    if not names:
        raise InputError(f"no kind of mask in {text!r}; there are {', '.join(KINDS)}; groups {', '.join(GROUPS)}")
    return tuple(dict.fromkeys(names))


def choose_kind(names: tuple[str, ...], seed: int) -> str:
    """One of the names: the same for a seed always, and independent of how that seed wears it."""
    return names[int.from_bytes(hashlib.sha256(f"kind/{seed}".encode()).digest()[:8], "little") % len(names)]


def find_kind(name: str) -> Kind:
    """The kind of that name, or the one in the picture at that path; InputError where it cannot be used."""
    return KINDS[name] if name in KINDS else load_kind(name)
