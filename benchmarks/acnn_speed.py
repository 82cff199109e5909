"""gACNN-VGG16 against the original's structure: ``python benchmarks/acnn_speed.py``, on trial ``-b 8 -n 1``.

Training is forward, backward and one step of SGD; both networks have the same weights, images and points, and take
turns. Operations are those that are computed: ours needs fewer for the same convolutions of windows.
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
from benchmarks import original_acnn, report
from training.engine import keep_freed_memory

TITLES = ["network", "numbers", "training (images/s)", "times the original", "inference (images/s)",
          "times the original", "peak memory in training (GB)", "training (GFLOP a face)", "training (GFLOP/s)",
          "of the ceiling (%)"]  # fmt: skip
OURS, ORIGINAL = "ours", "original"
MEASURED = ((ORIGINAL, "fp32"), (OURS, "fp32"), (OURS, "bf16"))  # the original knew nothing but fp32


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num_regions", type=int, nargs="+", choices=(24, 20), default=[20])
    parser.add_argument("-b", "--batch-size", type=int, default=32)
    report.add_options(parser, rounds=3)
    return parser.parse_args(argv)


def networks(regions: int, device: str, only: str | None = None) -> dict[str, nn.Module]:
    """Ours and the original's structure with the same weights, or one of the two."""
    torch.manual_seed(0)
    ours = models.build("gacnn", "vgg16", 7, regions, 224, pretrained=False)
    plain = original_acnn.copy_of(ours) if only != OURS else None
    nets = {OURS: ours.to(device, memory_format=torch.channels_last) if only != ORIGINAL else None}
    nets[ORIGINAL] = plain.to(device) if plain else None
    return {name: net for name, net in nets.items() if net is not None}


def make_steps(name: str, net: nn.Module, batch: int, device: str) -> tuple[Callable, Callable]:
    """A training step and a pass of inference; both are called with the precision."""
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(batch, 3, 224, 224, generator=generator).to(device)
    if name == OURS:
        images = images.contiguous(memory_format=torch.channels_last)
    points = (torch.rand(batch, 68, 2, generator=generator) * 224).to(device)
    labels = (torch.arange(batch) % 7).to(device)
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)

    def train(precision: str) -> None:
        net.train()
        optimiser.zero_grad()
        with report.autocast(device, precision):
            logits = net(images, points)["logits"]
        nn.functional.cross_entropy(logits.float(), labels).backward()
        optimiser.step()

    @torch.inference_mode()
    def infer(precision: str) -> None:
        net.eval()
        with report.autocast(device, precision):
            net(images, points)

    return train, infer


def train_twice(name: str, regions: int, precision: str, batch: int, device: str, threads: int) -> None:
    """What peak memory is measured on: the second step has the optimiser's state as well."""
    torch.set_num_threads(threads)
    train, _ = make_steps(name, networks(regions, device, only=name)[name], batch, device)
    train(precision)
    train(precision)


def difference(nets: dict[str, nn.Module], device: str) -> float:
    """Largest difference of the logits in fp32, as a share of the largest logit."""
    images, points = torch.rand(8, 3, 224, 224, device=device), torch.rand(8, 68, 2, device=device) * 224
    with torch.inference_mode():
        ours, plain = (nets[name].eval()(images, points)["logits"] for name in (OURS, ORIGINAL))
    return ((ours - plain).abs().max() / plain.abs().max()).item()


def compare(regions: int, args: argparse.Namespace) -> list[str]:
    """The section of one number of regions."""
    memory = {
        (name, precision): report.peak_memory(
            train_twice, name, regions, precision, args.batch_size, args.device, args.threads, device=args.device
        )
        for name, precision in MEASURED
    }
    nets = networks(regions, args.device)
    apart = difference(nets, args.device)
    both = {name: make_steps(name, net, args.batch_size, args.device) for name, net in nets.items()}
    steps = {(name, precision, i): partial(both[name][i], precision) for name, precision in memory for i in (0, 1)}
    training = {key: report.gflop(steps[*key, 0]) / args.batch_size for key in memory}
    found, ceilings = report.beside_ceiling(steps, list(report.DTYPES), args.rounds, args.device)
    rows = []
    for name, precision in memory:
        rate, plain = found[name, precision, 0], found[ORIGINAL, "fp32", 0]
        speed, plain_infer = found[name, precision, 1], found[ORIGINAL, "fp32", 1]
        work = training[name, precision] * args.batch_size / rate
        rows.append([name, precision, args.batch_size / rate, plain / rate, args.batch_size / speed,
                     plain_infer / speed, memory[name, precision], training[name, precision], work,
                     report.of_ceiling(work, ceilings, precision, args.device)])  # fmt: skip
    count = {name: sum(p.numel() for p in net.parameters()) / 1e6 for name, net in nets.items()}
    return [f"{regions} regions, {count[OURS]:.1f} M parameters (original's structure {count[ORIGINAL]:.1f} M), "
            f"outputs in fp32 equal within {apart:.0e} of the largest. {report.fastest([ceilings])[1]}", "",
            *report.table(TITLES, rows), ""]  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    lines = [
        *report.heading(args, argv),
        f"224 px, batch {args.batch_size}, median of {args.rounds} rounds in turns.",
        "",
    ]
    print(*lines, sep="\n", flush=True)
    for regions in args.num_regions:
        part = compare(regions, args)
        print(*part, sep="\n", flush=True)
        lines += part
    if args.write:
        report.write("acnn_speed", args.device, lines)


if __name__ == "__main__":
    main()
