"""What a run begins with: ImageNet's weights, those of another network, and a teacher; what is written of them in its files."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import torch

import models
from models.pretrained import find, sha256
from pre_processing.artefacts import InputError
from training import checkpoint


def build_model(config: dict[str, Any], pretrained: bool) -> torch.nn.Module:
    """A network by its .config; InputError where its pretrained weights cannot be had."""
    try:
        return models.build(**config, pretrained=pretrained)
    except (RuntimeError, ValueError) as error:
        raise InputError(" ".join(str(error).split())) from error


def model_config(options: Namespace) -> dict[str, Any]:
    """What models.build needs to know."""
    return {key: getattr(options, key) for key in ("model", "backbone", "num_classes", "num_regions", "imagesize")}


def of(options: Namespace, store: Path, content: dict[str, Any] | None) -> dict[str, str | None]:
    """Those of contents.ORIGINS that are known before there is a network: sha256 of the teacher's file and of the first weights'.

    What training began with a run that goes on knows from the `content` it goes on from; it needs that file no more.
    InputError where a file is missing, or the run would replace it.
    """
    teacher = digest("teacher", options.teacher, store) if options.teacher else None
    if content:
        begun = {"pretrained": content["pretrained"]} if "pretrained" in content else {}
        return {**begun, "teacher_sha256": teacher, "init_from_sha256": content.get("init_from_sha256")}
    first = digest("init_from", options.init_from, store) if options.init_from else None
    return {"teacher_sha256": teacher, "init_from_sha256": first}


def digest(name: str, path: Path, store: Path) -> str:
    """sha256 of one network's file."""
    file = find(path) if checkpoint.is_weights(path) else Path(path)
    if not file.is_file():
        raise InputError(f"{file}: no such checkpoint; train that network first, or give another --{name}")
    if file.resolve().parent == store.resolve():
        raise InputError(f"{file}: is written by this run itself; give it a --tag of its own")
    return sha256(file)


def first_network(options: Namespace, config: dict[str, Any], restored: bool) -> torch.nn.Module:
    """The network as training begins: with ImageNet's weights, with those of --init_from, or with what a checkpoint will restore."""
    if restored or not options.init_from:
        return build_model(config, pretrained=not (options.scratch or restored))
    content = checkpoint.load(options.init_from)
    same = {key: value for key, value in config.items() if key != "imagesize"}
    checkpoint.check_same_model(options.init_from, content, same)
    network = checkpoint.tested_network(options.init_from, content)
    return models.resized(network, config["imagesize"]) if network.imagesize != config["imagesize"] else network
