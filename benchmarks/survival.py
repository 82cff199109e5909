"""Runs killed at random moments against one that nothing happens to.

    python benchmarks/survival.py --root_path data/demo --DB D --main_folder data/demo-results --imagesize 80 --epochs 3

Trains once undisturbed, then `--kills` times: `kill -9` after a random share of the processor time that this took, the
same command again, and all tensors of both checkpoints and predictions.csv.gz are compared. Options are those of
main_trainer.py; the faces of `--limit_batches 8` and a control network where they do not say otherwise. Linux only.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import report

ROOT = Path(__file__).resolve().parents[1]
USUAL = ["--model", "cnn", "--limit_batches", "8", "-b", "16", "-b_t", "16", "--epochs", "3", "--ema", "0.9",
         "--device", "cpu", "--scratch", "--resume", "auto"]  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Nested dicts, lists and tensors are equal bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def outcome(folder: Path) -> dict[str, Any]:
    """What a run leaves, without the options it was started with."""
    (checkpoints,) = {path.parent for path in folder.rglob("last.pt")}
    (table,) = folder.rglob("predictions.csv.gz")
    found = {name: torch.load(checkpoints / name, weights_only=True) for name in ("last.pt", "best.pt")}
    left = sorted(path.name for path in checkpoints.iterdir())
    return {"table": table.read_bytes(), "left": left, **{name: {**one, "config": None} for name, one in found.items()}}


def begin(argv: list[str], folder: Path) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "main_trainer.py"), *USUAL, *argv, "--results", str(folder / "Results")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def reached(folder: Path) -> str:
    """How far a killed run had come."""
    saved = [torch.load(path, weights_only=True)["epoch"] for path in folder.rglob("last.pt")]
    tested = any(folder.rglob("metrics.json"))
    return "after the end" if tested else f"after epoch {saved[0]}" if saved else "before the first epoch ended"


def watch(process: subprocess.Popen, limit: float = math.inf) -> float:
    """Seconds of processor time that a process has used when it is done, or has used `limit`: no matter how busy the
    machine is, it has come as far then."""
    used = 0.0
    while process.poll() is None and used < limit:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        time.sleep(0.01)
    return used


def trial(argv: list[str], folder: Path, seconds: float) -> str:
    """Kill a run after `seconds`, and finish it with the same command; how far it had come, nothing if it was done."""
    process = begin(argv, folder)
    watch(process, seconds)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        return ""
    where = reached(folder)
    if begin(argv, folder).wait() != 0:
        raise SystemExit(f"the run killed after {seconds:.1f} s cannot be gone on with")
    return where


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kill_seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--write", action="store_true", help=f"put the result into {report.README.name} beside the script"
    )
    args, argv = parser.parse_known_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    args.device = "cpu"  # a GPU adds in another order each time
    rng, tally, equal = random.Random(args.kill_seed), Counter(), 0
    with tempfile.TemporaryDirectory() as work:
        for name in ("cold", "whole"):  # the first one reads libraries and faces that the disk has to bring
            process = begin(argv, Path(work, name))
            seconds = watch(process)
            if process.wait() != 0:
                raise SystemExit("the undisturbed run failed")
        whole = outcome(Path(work, "whole"))
        while tally.total() < args.kills:
            with tempfile.TemporaryDirectory(dir=work) as folder:
                moment = rng.uniform(0, seconds)
                where = trial(argv, Path(folder), moment)
                if not where:
                    continue
                alike = same(outcome(Path(folder)), whole)
            tally[where] += 1
            equal += alike
            print(f"{tally.total():3d}: killed after {moment:5.1f} of {seconds:.1f} s, {where}: "
                  f"{'the same' if alike else 'ANOTHER'} end", flush=True)  # fmt: skip
    report.publish("survival", args, None, [
        f"{equal} of {args.kills} runs ended with the same checkpoints and predictions as the undisturbed one; killed "
        + ", ".join(f"{where}: {count}" for where, count in sorted(tally.items())) + ".",
    ])  # fmt: skip
    sys.exit(equal != args.kills)


if __name__ == "__main__":
    main()
