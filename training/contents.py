"""What a checkpoint from elsewhere has to hold before anything is done with it: names, kinds and bounds of its values.

Its texts become names of folders and lines on the screen, and its numbers decide what is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

import models
from models.regions import REGIONS
from pre_processing import emotions
from training import options

TRAINED_ON = ("unmasked", "masked", "both")
LONGEST = 1000  # characters of a text, as a list of kinds of masks is


def number(low: float, high: float, whole: bool = True) -> Callable[[Any], bool]:
    """Whether a value is a number between two bounds."""
    types = int if whole else (int, float)
    return lambda value: isinstance(value, types) and not isinstance(value, bool) and low <= value <= high


def one_of(*values: Any) -> Callable[[Any], bool]:
    """Whether a value is one of these, and of the same type."""
    return lambda value: any(type(value) is type(each) and value == each for each in values)


def text(value: Any) -> bool:
    """Whether a value is a text on one line, not too long, or None."""
    return value is None or (isinstance(value, str) and len(value) <= LONGEST and value.isprintable())


def lists(value: Any) -> bool:
    """Whether a value is a text for each split, or None."""
    return value is None or (isinstance(value, dict) and value.keys() == {*SPLITS} and all(map(text, value.values())))


def tensors(value: Any) -> bool:
    """Whether a value is a dict of tensors by name."""
    return isinstance(value, dict) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in value.items())


NETWORK = {
    "model": one_of(*models.MODELS),
    "backbone": one_of(*models.BACKBONES),
    "num_classes": one_of(*emotions.SUBSETS),
    "num_regions": one_of(*REGIONS),
    "imagesize": number(models.SMALLEST, models.LARGEST),
}
CONFIG = {
    "DB": one_of(*emotions.DATABASES),
    "condition": one_of(*options.CONDITIONS),
    "seed": number(0, 2**31 - 1),
}
SOMETIMES = {
    "mask_kinds": text,
    "test_mask_kinds": text,
    "second_mask": text,
    "mask_share": number(0, 1, whole=False),
    "same_masks": one_of(False, True),
}
# What the trunk's first weights came from, None where they were random, and sha256 of other networks that training was given,
# None where it was given none.
ORIGINS = ("pretrained", "init_from_sha256", "teacher_sha256")
SPLITS = ("train", "valid", "test")
COUNTED = {"epoch": number(0, 10**6), "best_epoch": number(0, 10**6), "best": number(-1, 1, whole=False)}


def defect(content: Any) -> str | None:
    """What is wrong with the content of a checkpoint, None where it has all that every network of this project has."""
    if not isinstance(content, dict):
        return "is no checkpoint"
    if not tensors(content.get("model")) or not (content.get("average") is None or tensors(content["average"])):
        return "holds no weights by name"
    config, network, names = (content.get(key) for key in ("config", "model_config", "class_names"))
    if not isinstance(config, dict) or not isinstance(network, dict):
        return "does not tell how it was trained"
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        return "does not name its emotions"
    given = {key for key in SOMETIMES if config.get(key) is not None}
    given |= {"mask_share"} if "mask_kinds" in given else set()
    wanted = [(network, NETWORK), (config, CONFIG), (config, {key: SOMETIMES[key] for key in SOMETIMES if key in given}),
              (content, {**COUNTED, **dict.fromkeys(ORIGINS, text), "faces": lists, "precision": one_of(None, *options.PRECISIONS)})]  # fmt: skip
    wrong = [key for part, checks in wanted for key, fine in checks.items() if not fine(part.get(key))]
    wrong += sorted(str(key) for key in network.keys() - NETWORK.keys())
    if wrong:
        return f"has no usable {', '.join(key if key.isidentifier() else repr(key) for key in wrong[:3])}"
    return None
