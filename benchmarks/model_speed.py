"""Parameters and speed of every network, as a table: ``python benchmarks/model_speed.py --imagesize 112 -b 64``.

Images a second are the median over the timed batches, random images and points, fp32 unless ``--precision`` says
otherwise; training is forward, backward and one SGD step. Pretrained weights are not needed.
"""

from __future__ import annotations

import argparse
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import models


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", nargs="+", choices=models.MODELS, default=list(models.MODELS))
    parser.add_argument("--backbone", nargs="+", choices=models.BACKBONES, default=list(models.BACKBONES))
    parser.add_argument("--imagesize", type=int, default=112, help="pixels")
    parser.add_argument("--num_regions", type=int, default=24)
    parser.add_argument("-b", "--batch-size", type=int, default=64)
    parser.add_argument("-n", "--batches", type=int, default=5, help="timed batches, after two that are not")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    return parser.parse_args(argv)


def rate(step: Callable[[], object], args: argparse.Namespace) -> float:
    """Images a second of ``step``, which handles one batch."""
    seconds = []
    for _ in range(2 + args.batches):
        start = time.perf_counter()
        step()
        if args.device.startswith("cuda"):
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return args.batch_size / statistics.median(seconds[2:])


def speeds(net: nn.Module, args: argparse.Namespace) -> tuple[float, float]:
    """Images a second in training and in inference."""
    size = args.imagesize
    images = torch.rand(args.batch_size, 3, size, size, device=args.device).to(memory_format=torch.channels_last)
    points = torch.rand(args.batch_size, 68, 2, device=args.device) * size
    labels = torch.randint(net.config["num_classes"], (args.batch_size,), device=args.device)
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)

    def forward() -> torch.Tensor:
        with torch.autocast(args.device.split(":")[0], torch.bfloat16, enabled=args.precision == "bf16"):
            return net(images, points)["logits"]

    def train() -> None:
        optimiser.zero_grad()
        nn.functional.cross_entropy(forward(), labels).backward()
        optimiser.step()

    net.train()
    training = rate(train, args)
    net.eval()
    with torch.inference_mode():
        return training, rate(forward, args)


def machine(args: argparse.Namespace) -> str:
    if args.device.startswith("cuda"):
        return f"{torch.cuda.get_device_name(args.device)}, torch {torch.__version__}"
    names = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {args.threads} threads, torch {torch.__version__}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    print("command: python benchmarks/model_speed.py", shlex.join(sys.argv[1:] if argv is None else argv))
    print(f"machine: {machine(args)}")
    print(f"{args.imagesize} px, batch {args.batch_size}, {args.precision}, {args.num_regions} regions, "
          f"median of {args.batches} batches\n")  # fmt: skip
    print("| model | backbone | parameters (M) | training (images/s) | inference (images/s) |")
    print("|---|---|--:|--:|--:|")
    for backbone in args.backbone:
        for model in args.model:
            net = models.build(model, backbone, 7, args.num_regions, args.imagesize, pretrained=False)
            count = sum(parameter.numel() for parameter in net.parameters()) / 1e6
            training, inference = speeds(net.to(args.device, memory_format=torch.channels_last), args)
            print(f"| {model} | {backbone} | {count:.1f} | {training:.1f} | {inference:.1f} |", flush=True)


if __name__ == "__main__":
    main()
