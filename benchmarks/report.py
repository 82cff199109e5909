"""What the benchmark scripts share: timing in turns, peak memory, the machine's ceiling, and benchmarks/README.md."""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import platform
import re
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

README = Path(__file__).with_name("README.md")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
LOAD = os.getloadavg()[0]  # before this script has added to it


def add_options(parser: argparse.ArgumentParser, rounds: int) -> None:
    """The options that every script has."""
    parser.add_argument("-n", "--rounds", type=int, default=rounds, help="timed rounds, after one that is not")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--write", action="store_true", help=f"put the result into {README.name} beside the script")


def is_gpu(device: str) -> bool:
    return torch.device(device).type != "cpu"


def autocast(device: str, precision: str) -> torch.autocast:
    """Context in which a forward pass computes in `precision`."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16")


def seconds(step: Callable[[], object], device: str) -> float:
    """Time of one call, to the end of the work that it queued."""
    start = time.perf_counter()
    step()
    if is_gpu(device):
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def in_turns(steps: dict[Any, Callable[[], object]], rounds: int, device: str) -> dict[Any, float]:
    """Median seconds of each step: every round takes all in turn, so that a busy moment hits all alike."""
    times: dict[Any, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            found = seconds(step, device)
            if number:
                times[name].append(found)
    return {name: statistics.median(found) for name, found in times.items()}


def gflop(step: Callable[[], object]) -> float:
    """Billions of floating-point operations of one call: matrix products and convolutions as they are computed."""
    # torch's own formula forgets the groups of depthwise convolutions.
    formula = {torch.ops.aten.convolution_backward: _convolution_backward}
    with FlopCounterMode(display=False, custom_mapping=formula) as counter:
        step()
    return counter.get_total_flops() / 1e9


def _convolution_backward(
    grad: torch.Size, _images: torch.Size, kernel: torch.Size, *_args: Any, **_kwargs: Any
) -> int:
    wanted = _args[-1]  # gradients of images, kernel, bias
    return 2 * math.prod(grad) * math.prod(kernel[1:]) * (wanted[0] + wanted[1])


def beside_ceiling(
    steps: dict[Any, Callable[[], object]], precisions: list[str], rounds: int, device: str
) -> tuple[dict[Any, float], dict[str, float]]:
    """Median seconds of each step, and by precision the GFLOP/s of the fastest large matrix product, measured in the same turns.

    The product is written as one, and as a convolution of 512 channels. What the machine gives changes from minute to minute.
    """
    bounds = {
        (precision, name): step for precision in precisions for name, step in _products(device, precision).items()
    }
    work = {key: gflop(step) for key, step in bounds.items()}
    found = in_turns({**steps, **bounds}, rounds, device)
    ceilings = {
        precision: max(work[key] / found[key] for key in bounds if key[0] == precision) for precision in precisions
    }
    return {name: found[name] for name in steps}, ceilings


def _products(device: str, precision: str) -> dict[str, Callable[[], object]]:
    options = {"device": device, "dtype": DTYPES[precision]}
    side = 8192 if is_gpu(device) else 2048
    a, b = torch.rand(side, side, **options), torch.rand(side, side, **options)
    images = torch.rand(8, 512, 28, 28, **options).to(memory_format=torch.channels_last)
    kernels = torch.rand(512, 512, 3, 3, **options).to(memory_format=torch.channels_last)
    return {"product": lambda: a @ b, "convolution": lambda: torch.conv2d(images, kernels, padding=1)}


def peak_memory(step: Callable[..., object], *args: Any, device: str) -> float:
    """GB that a new process needs at most to call `step(*args)`: of the GPU's memory, or of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (step, args, device))


def _peak(step: Callable[..., object], args: tuple, device: str) -> float:
    step(*args)
    if is_gpu(device):
        return torch.cuda.max_memory_allocated(device) / 1e9
    # Not getrusage: what it says includes the process that started this one.
    return int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1e6


def heading(args: argparse.Namespace, argv: list[str] | None) -> list[str]:
    """Lines that say how and where something was measured."""
    command = shlex.join([f"benchmarks/{Path(sys.argv[0]).name}", *(sys.argv[1:] if argv is None else argv)])
    return [f"`python {command}`", "", f"{machine(args)}.", ""]


def of_ceiling(rate: float, ceilings: dict[str, float], precision: str, device: str) -> float | None:
    """Per cent of the ceiling at `rate` GFLOP/s; None in fp32 where convolutions are computed in TF32 and the product is not."""
    if is_gpu(device) and precision == "fp32" and torch.backends.cudnn.allow_tf32:
        return None
    return 100 * rate / ceilings[precision]


def fastest(ceilings: list[dict[str, float]]) -> tuple[dict[str, float], str]:
    """The highest of several ceilings by precision, and a line that tells them."""
    highest = {precision: max(each[precision] for each in ceilings) for precision in ceilings[0]}
    told = ", ".join(f"{found:.0f} GFLOP/s in {name}" for name, found in highest.items())
    return highest, f"Fastest matrix product, in turns with the networks: {told}."


def machine(args: argparse.Namespace) -> str:
    """Processor, threads, load and versions."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    if is_gpu(args.device):
        tf32 = ", convolutions of fp32 in TF32" if torch.backends.cudnn.allow_tf32 else ""  # PyTorch's default
        return f"{torch.cuda.get_device_name(args.device)}, {versions}{tf32}"
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.is_file() else ""
    names = re.findall(r"^model name\s*: (.*)$", text, re.MULTILINE) or [platform.machine()]
    features = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if re.search(rf"\b{name}\b", text)]
    return (f"{names[0]} ({', '.join(features)}), {args.threads} of {os.cpu_count()} cores, load when started "
            f"{LOAD:.1f}, {versions}")  # fmt: skip


def table(titles: list[str], rows: list[list[object]]) -> list[str]:
    """A Markdown table: texts to the left, numbers to the right."""
    marks = ["---" if isinstance(value, str) else "--:" for value in rows[0]]
    lines = [titles, marks, *[[v if isinstance(v, str) else number(v) for v in row] for row in rows]]
    return ["| " + " | ".join(line) + " |" for line in lines]


def number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def publish(section: str, args: argparse.Namespace, argv: list[str] | None, lines: list[str]) -> None:
    """Print `lines` below their heading; with --write they replace what README.md says under `section`."""
    lines = [*heading(args, argv), *lines]
    print(*lines, sep="\n")
    if args.write:
        write(section, args.device, lines)


def write(section: str, device: str, lines: list[str], readme: Path = README) -> None:
    """Replace what README.md says under `section` for this kind of device, between its markers."""
    text = readme.read_text(encoding="utf-8")
    kind = "gpu" if is_gpu(device) else "cpu"
    begin, end = f"<!-- {section} {kind} -->", f"<!-- end of {section} {kind} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{readme}: the markers {begin} and {end} must each be there once")
    head, rest = text.split(begin)
    _, tail = rest.split(end)
    readme.write_text("\n".join([head + begin, "", *lines, "", end + tail]), encoding="utf-8")
