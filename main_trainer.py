"""Train or evaluate an attention CNN for facial expressions.

    python main_trainer.py --root_path data/ferplus --DB F --condition unmasked
    python main_trainer.py --root_path data/ferplus --DB F -e --resume checkpoint_ferplus/7M-gacnn-lite0-s0/best.pt

Every command that made a result is in Scripts.txt; --help lists all options.
"""

from __future__ import annotations

import sys

from training import door, options, results, run


def work(argv: list[str]) -> None:
    """Train, or evaluate with -e."""
    chosen = options.parse(argv)
    begin = run.evaluate if chosen.evaluate else run.train
    begin(chosen, results.command_line(argv))


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the exit code of training.door."""
    argv = sys.argv[1:] if argv is None else argv
    return door.run(lambda: work(argv))


if __name__ == "__main__":
    sys.exit(main())
