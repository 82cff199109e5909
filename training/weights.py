"""Write trained networks as small files that ship with the project, and the card that describes them.

python -m training.weights checkpoint_ferplus/7M-gacnn-lite0-s0-both/best.pt gacnn-lite0-7
python -m training.weights checkpoint_ferplus/7M-gacnn-lite0-s0-both/best.pt gacnn-lite0-4 --num_classes 4 --base gacnn-lite0-7
python -m training.weights --card

The second line keeps the first four emotions of a network for seven. Matrices and kernels are stored in fp16, vectors
(biases, batch statistics) in fp32, because small variances would vanish in fp16.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

import models
from models import pretrained
from pre_processing import emotions
from pre_processing.artefacts import InputError, atomic_write
from training import card, checkpoint, door, trained

LIMIT = 25_000_000  # bytes of all shipped files together: every clone carries them
HEAD = ("head.3.weight", "head.3.bias"), ("head.weight", "head.bias")  # last layers of ACNN and CNN, a row an emotion


def slim(name: str, tensor: Tensor) -> Tensor:
    """The tensor as it is stored; InputError where fp16 cannot hold it."""
    if tensor.dim() < 2 or not tensor.is_floating_point():
        return tensor.contiguous()
    half = tensor.half().contiguous()
    if not torch.isfinite(half).all():
        raise InputError(f"{name}: holds numbers that fp16 cannot; train on, or with a lower --lr")
    return half


def cut(weights: dict[str, Tensor], num_classes: int) -> dict[str, Tensor]:
    """The weights with a last layer for the first `num_classes` emotions: the softmax renormalises by itself."""
    last = next(names for names in HEAD if set(names) <= weights.keys())
    return {**weights, **{name: weights[name][:num_classes].clone() for name in last}}


def write(path: Path, name: str, folder: Path, num_classes: int | None = None, base: str | None = None) -> Path:
    """Write the network of the checkpoint `path` as `folder`/`name`.safetensors and note its checksum; the file.

    `num_classes` 4 cuts a network for seven emotions; with `base` only what differs from that file is stored.
    """
    content = checkpoint.load(path)
    checkpoint.check_best(path, content)
    config = dict(content["model_config"])
    kind = "trained" if num_classes in (None, config["num_classes"]) else "renormalised"
    weights = content.get("average") or content["model"]
    if kind == "renormalised":
        if num_classes > config["num_classes"]:
            raise InputError(f"{path}: tells {config['num_classes']} emotions apart, not {num_classes}")
        weights, config["num_classes"] = cut(weights, num_classes), num_classes
    texts = {
        "config": json.dumps(config),
        "emotions": json.dumps(emotions.names(config["num_classes"])),
        "provenance": json.dumps(trained.provenance(path, content)),
        "kind": kind,
    }
    tensors = {key: slim(key, tensor) for key, tensor in weights.items()}
    if base is not None:
        beside = pretrained.find(base, folder)
        shared = pretrained.read_file(beside)[1]
        tensors = {k: v for k, v in tensors.items() if k not in shared or not torch.equal(v, shared[k])}
        texts |= {"base": base, "base_sha256": pretrained.sha256(beside)}
    target = folder / f"{name}{pretrained.SUFFIX}"
    data = safetensors.torch.save(tensors, texts)
    others = sum(file.stat().st_size for file in folder.glob(f"*{pretrained.SUFFIX}") if file != target)
    if folder.resolve() == pretrained.FOLDER.resolve() and others + len(data) > LIMIT:
        raise InputError(f"{target}: all files would be {(others + len(data)) / 1e6:.1f} MB, and {LIMIT // 10**6} is the "
                         "limit; give --base, for a network that shares most weights with another")  # fmt: skip
    with atomic_write(target) as temporary:
        temporary.write_bytes(data)
    note_sum(target)
    models.load_pretrained(name, folder)  # what cannot be read back must not ship
    return target


def note_sum(file: Path) -> None:
    """Write the file's checksum into SHA256SUMS beside it."""
    known = pretrained.shipped(file.parent) | {file.stem: pretrained.sha256(file)}
    with atomic_write(file.parent / pretrained.SUMS) as temporary:
        lines = (f"{digest}  {name}{pretrained.SUFFIX}\n" for name, digest in sorted(known.items()))
        temporary.write_text("".join(lines), encoding="utf-8")


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m training.weights", description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, nargs="?", help="a best.pt")
    parser.add_argument("name", nargs="?", help="name to load it by, e.g. gacnn-lite0-7")
    parser.add_argument("--num_classes", type=int, choices=emotions.SUBSETS, help="4: only the first four emotions")
    parser.add_argument("--base", help="name of a file there that has most weights already")
    parser.add_argument("--card", action="store_true", help="only write the card and the stored predictions again")
    parser.add_argument("--folder", type=Path, default=pretrained.FOLDER, help="where the files lie")
    parser.add_argument("--results", type=Path, default=Path("Results"), help="folder with the runs' metrics.json")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the exit code of training.door."""
    args = build_parser().parse_args(argv)

    def work() -> None:
        if not args.card:
            if args.checkpoint is None or args.name is None:
                raise InputError("give CHECKPOINT and NAME, or --card; --help tells more")
            file = write(args.checkpoint, args.name, args.folder, args.num_classes, args.base)
            print(f"{file}: {file.stat().st_size / 1e6:.2f} MB")
        card.write(args.folder, args.results)
        print(args.folder / card.NAME)

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
