"""How long a training step waits for faces, bare ones and ones that wear another mask at each look, and what masks cost.

    python benchmarks/mask_training.py --root_path data/demo --DB D --main_folder data/demo-results

Both train in turns. Options are those of main_trainer.py; gACNN-Lite0 with batches of 64 where they do not say otherwise.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import report
from training import engine, options, run

TITLES = ["faces", "step (ms)", "fastest round (ms)", "slowest round (ms)", "of it waiting for faces (%)"]


def make(argv: list[str], steps: int, folder: str) -> run.Run:
    """A run that is ready to train, of `steps` steps an epoch; it would leave its results in `folder`."""
    more = ["-b", "64", "--optimizer", "adamw", "--limit_batches", str(steps), "--epochs", "1000"]
    return run.Run(options.parse([*more, *argv, "--results", folder, "--model_dir", folder]))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--kinds", default="seen")
    report.add_options(parser, rounds=5)
    args, more = parser.parse_known_args(argv)
    torch.set_num_threads(args.threads)
    more += ["--device", args.device]
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            "bare": make([*more, "--condition", "unmasked"], args.steps, folder),
            f"masks ({args.kinds})": make([*more, "--mask_kinds", args.kinds], args.steps, folder),
        }
    seconds, waiting = ({name: [] for name in runs} for _ in range(2))
    for number in range(args.rounds + 1):
        for name, one in runs.items():
            found = engine.train_epoch(one.state, one.loader, one.options, number)
            if number:  # the first one warms up, and paints each cloth
                seconds[name].append(1000 * found["seconds"] / len(one.loader))
                waiting[name].append(100 * found["waiting"])
    rows = [[name, statistics.median(times), min(times), max(times), statistics.median(waiting[name])]
            for name, times in seconds.items()]  # fmt: skip
    bare, masked = (row[1] for row in rows)
    chosen = runs["bare"].options
    report.publish("mask_training", args, argv, [
        f"{chosen.model}-{chosen.backbone}, {chosen.imagesize} px, batch {chosen.batch_size}, -j {chosen.workers}, median of "
        f"{args.rounds} rounds of {args.steps} steps in turns.", "",
        *report.table(TITLES, rows), "",
        f"Masks cost {100 * (masked / bare - 1):+.1f} % of a step.",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
