"""Networks for facial expressions: ``build`` makes one, ``load_pretrained`` a trained one.

``MODELS`` and ``BACKBONES`` name what there is to build.
"""

from __future__ import annotations

from torch import nn

from models.acnn import ACNN, CNN
from models.backbones import BACKBONES
from models.pretrained import WeightsError, load_pretrained
from models.regions import region_points
from models.units import resized_cells

__all__ = ["BACKBONES", "MODELS", "WeightsError", "build", "load_pretrained", "region_points", "resized"]

MODELS = {
    "gacnn": lambda trunk, classes, regions, size, pretrained: ACNN(trunk, classes, regions, size, pretrained, True),
    "pacnn": lambda trunk, classes, regions, size, pretrained: ACNN(trunk, classes, regions, size, pretrained, False),
    "cnn": lambda trunk, classes, regions, size, pretrained: CNN(trunk, classes, size, pretrained),
}

SMALLEST, LARGEST = 64, 224  # pixels; smaller maps leave no room for windows


def build(model: str, backbone: str, num_classes: int = 7, num_regions: int = 24, imagesize: int = 112,
          pretrained: bool = True) -> nn.Module:  # fmt: skip
    """Make a network; ``.config`` holds these arguments (without ``pretrained``), so that it can be made again.

    ``.backbone`` is the pretrained part; ``.pretrained`` says which ImageNet weights it was built with, None without: those of
    VGG16 may be out of reach. Raises ValueError for an unknown name or number, RuntimeError if the weights of lite0 or lite2 are
    missing.
    """
    for name, known in ((model, MODELS), (backbone, BACKBONES)):
        if name not in known:
            raise ValueError(f"unknown model or backbone {name!r}: choose from {', '.join(known)}")
    if num_classes not in (4, 7):
        raise ValueError(f"num_classes must be 4 or 7, not {num_classes}")
    if not SMALLEST <= imagesize <= LARGEST:
        raise ValueError(f"imagesize must be from {SMALLEST} to {LARGEST} pixels, not {imagesize}")
    net = MODELS[model](BACKBONES[backbone], num_classes, num_regions, imagesize, pretrained)
    net.config = {"model": model, "backbone": backbone, "num_classes": num_classes,
                  "num_regions": num_regions, "imagesize": imagesize}  # fmt: skip
    return net


def resized(net: nn.Module, imagesize: int) -> nn.Module:
    """A network of ``build`` for images of another size, with the same weights.

    Only layers that see all cells of a window have others, which answer to it as the first ones did to it at their size.
    Training them further at that size is what this is for. It is on the CPU, without what ``load_pretrained`` tells of it.
    Raises ValueError for a size that ``build`` does not know.
    """
    other = build(**{**net.config, "imagesize": imagesize}, pretrained=False)
    weights = net.state_dict()
    for name, wanted in other.state_dict().items():
        if weights[name].shape != wanted.shape:
            channels = net.backbone.local_channels if name.startswith("patch") else net.backbone.deep_channels
            weights[name] = resized_cells(weights[name], channels, wanted.shape[1])
    other.load_state_dict(weights)
    other.pretrained = net.pretrained
    return other.train(net.training)
