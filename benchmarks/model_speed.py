"""Size and speed of every network, as a table: ``python benchmarks/model_speed.py --backbone lite0``.

Random images and points. Training is forward, backward and one step of SGD with momentum; operations are those of matrix
products and convolutions as they are computed. Pretrained weights are not needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import models
from benchmarks import report
from training.engine import keep_freed_memory

TITLES = ["model", "backbone", "numbers", "parameters (M)", "training (images/s)", "inference (images/s)",
          "peak memory in training (GB)", "inference (GFLOP a face)", "training (GFLOP a face)", "training (GFLOP/s)",
          "of the ceiling (%)"]  # fmt: skip


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", nargs="+", choices=models.MODELS, default=list(models.MODELS))
    parser.add_argument("--backbone", choices=models.BACKBONES, default="lite0")
    parser.add_argument("--imagesize", type=int, help="pixels [vgg16 224, others 112]")
    parser.add_argument("--num_regions", type=int, default=24)
    parser.add_argument("-b", "--batch-size", type=int, help="[vgg16 32, others 64]")
    parser.add_argument("--precision", nargs="+", choices=report.DTYPES, default=list(report.DTYPES))
    report.add_options(parser, rounds=5)
    args = parser.parse_args(argv)
    args.imagesize = args.imagesize or (224 if args.backbone == "vgg16" else 112)
    args.batch_size = args.batch_size or (32 if args.backbone == "vgg16" else 64)
    return args


def make(model: str, args: argparse.Namespace) -> nn.Module:
    net = models.build(model, args.backbone, 7, args.num_regions, args.imagesize, pretrained=False)
    return net.to(args.device, memory_format=torch.channels_last)


def make_steps(net: nn.Module, args: argparse.Namespace) -> tuple[Callable, Callable]:
    """A training step and a pass of inference; both are called with the precision."""
    batch, size = args.batch_size, args.imagesize
    images = torch.rand(batch, 3, size, size, device=args.device).contiguous(memory_format=torch.channels_last)
    points = torch.rand(batch, 68, 2, device=args.device) * size
    labels = torch.randint(7, (batch,), device=args.device)
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)

    def train(precision: str) -> None:
        net.train()
        optimiser.zero_grad()
        with report.autocast(args.device, precision):
            logits = net(images, points)["logits"]
        nn.functional.cross_entropy(logits, labels).backward()
        optimiser.step()

    @torch.inference_mode()
    def infer(precision: str) -> None:
        net.eval()
        with report.autocast(args.device, precision):
            net(images, points)

    return train, infer


def train_twice(model: str, precision: str, args: argparse.Namespace) -> None:
    """What peak memory is measured on: the second step has the optimiser's state as well."""
    torch.set_num_threads(args.threads)
    train, _ = make_steps(make(model, args), args)
    train(precision)
    train(precision)


def measure(model: str, args: argparse.Namespace) -> tuple[list[list[object]], dict[str, float]]:
    """Rows of one network, one for each precision, without the last column, and the ceilings beside it."""
    net = make(model, args)
    steps = make_steps(net, args)
    named = {(precision, i): partial(steps[i], precision) for precision in args.precision for i in (0, 1)}
    work = {key: report.gflop(step) / args.batch_size for key, step in named.items()}
    times, ceilings = report.beside_ceiling(named, args.precision, args.rounds, args.device)
    found = {key: args.batch_size / time for key, time in times.items()}
    count = sum(parameter.numel() for parameter in net.parameters()) / 1e6
    rows = []
    for precision in args.precision:
        peak = report.peak_memory(train_twice, model, precision, args, device=args.device)
        rate = work[precision, 0] * found[precision, 0]
        rows.append([model, args.backbone, precision, count, found[precision, 0], found[precision, 1], peak,
                     work[precision, 1], work[precision, 0], rate])  # fmt: skip
    return rows, ceilings


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    setting = f"{args.imagesize} px, batch {args.batch_size}, {args.num_regions} regions"
    lines = [*report.heading(args, argv), f"{setting}, median of {args.rounds} rounds in turns."]
    print(*lines, sep="\n", flush=True)
    rows, ceilings = [], []
    for model in args.model:
        more, bound = measure(model, args)
        print(*report.table(TITLES[:-1], more)[-len(args.precision) :], sep="\n", flush=True)
        rows, ceilings = [*rows, *more], [*ceilings, bound]
    highest, told = report.fastest(ceilings)
    rows = [[*row, report.of_ceiling(row[-1], highest, row[2], args.device)] for row in rows]
    lines[-1] += f" {told}"
    lines += ["", *report.table(TITLES, rows)]
    print("", *lines, sep="\n")
    if args.write:
        report.write(f"model_speed_{args.backbone}", args.device, lines)


if __name__ == "__main__":
    main()
