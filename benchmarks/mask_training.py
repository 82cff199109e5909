"""What masks put on during training cost: ``python benchmarks/mask_training.py --root_path data/demo --DB D --main_folder data/demo-results``.

Trains on bare faces and on faces that wear another mask at each look, in turns, and compares the time of a step. Options
are those of main_trainer.py; gACNN-Lite0 with batches of 64 where they do not say otherwise.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from training import engine, options, run


def make(argv: list[str], steps: int) -> run.Run:
    """A run that is ready to train, of `steps` steps an epoch."""
    more = ["-b", "64", "--optimizer", "adamw", "--limit_batches", str(steps), "--epochs", "1000"]
    return run.Run(options.parse([*more, *argv, "--results", tempfile.mkdtemp()]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kinds", default="seen")
    args, argv = parser.parse_known_args()
    runs = {
        "bare": make([*argv, "--condition", "unmasked"], args.steps),
        f"masks ({args.kinds})": make([*argv, "--mask_kinds", args.kinds], args.steps),
    }
    seconds = {name: [] for name in runs}
    for number in range(args.rounds + 1):
        for name, one in runs.items():
            found = engine.train_epoch(one.state, one.loader, one.options, number)
            if number:  # the first one warms up, and paints each cloth
                seconds[name].append(found["seconds"] / len(one.loader))
    for name, times in seconds.items():
        print(f"{name}: {1000 * statistics.median(times):.0f} ms a step ({1000 * min(times):.0f} to "
              f"{1000 * max(times):.0f}, {args.rounds} rounds of {args.steps} steps)")  # fmt: skip
    bare, masked = map(statistics.median, seconds.values())
    print(f"masks cost {100 * (masked / bare - 1):+.1f} % of a step")


if __name__ == "__main__":
    main()
