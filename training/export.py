"""Write a trained network as an ONNX file, for programs without torch.

python -m training.export checkpoint_ferplus/7U-gacnn-lite0-s0/best.pt gacnn.onnx
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from pre_processing import emotions
from pre_processing.artefacts import InputError, atomic_write
from training import door, trained

SUFFIX, OPSET = ".onnx", 18
TRACED = 3  # faces; any number but 0 and 1, which torch would take for fixed


class Outputs(nn.Module):
    """A network with its outputs in the order of `names`."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        model = net.config["model"]
        self.names = ["logits", *(["gates"] if model != "cnn" else []), *(["global_gate"] if model == "gacnn" else [])]

    def forward(self, images: Tensor, points: Tensor | None = None) -> tuple[Tensor, ...]:
        out = self.net(images, points)
        return tuple(out[name] for name in self.names)


def export(net: nn.Module, path: Path) -> None:
    """Write `net` to `path`: images (B, 3, S, S) float32 RGB in [0, 1] and points (B, 68, 2) float32 in their pixels ->
    logits (B, K), gates (B, R) and global_gate (B,); B is free. A plain cnn has images and logits alone.

    The file's metadata holds the network's config and the emotions' names, as JSON.
    """
    net = net.eval().cpu().float()
    size = net.config["imagesize"]
    wrapped = Outputs(net)
    example = {"images": torch.rand(TRACED, 3, size, size), "points": torch.rand(TRACED, 68, 2) * size}
    if net.config["model"] == "cnn":
        del example["points"]
    batch = torch.export.Dim("batch")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about torch's own insides
        program = torch.onnx.export(
            wrapped.eval(), tuple(example.values()), dynamo=True, opset_version=OPSET, verbose=False,
            input_names=list(example), output_names=wrapped.names,
            dynamic_shapes=tuple({0: batch} for _ in example),
        )  # fmt: skip
    program.model.metadata_props["config"] = json.dumps(net.config)
    program.model.metadata_props["emotions"] = json.dumps(emotions.names(net.config["num_classes"]))
    with atomic_write(path) as temporary:
        program.save(temporary, external_data=False)


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the exit code of training.door."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="a best.pt, or the name of shipped weights (gacnn-lite0-7)")
    parser.add_argument("output", type=Path, help="the ONNX file to write")
    args = parser.parse_args(argv)

    def work() -> None:
        if args.output.suffix.lower() != SUFFIX:
            raise InputError(f"{args.output}: give a name that ends in {SUFFIX}")
        export(trained.network(args.checkpoint), args.output)
        print(args.output)

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
