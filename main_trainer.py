"""Train or evaluate an attention CNN for facial expressions.

    python main_trainer.py --root_path data/ferplus --DB F --condition unmasked
    python main_trainer.py --root_path data/ferplus --DB F -e --resume checkpoint_ferplus/7M-gacnn-lite0-s0/best.pt
    torchrun --nproc_per_node 2 main_trainer.py --root_path data/ferplus --DB F --condition unmasked

Every command that made a result is in Scripts.txt; --help lists all options.
"""

from __future__ import annotations

import sys

from training import door, options, results, run


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the exit code: 0 done, 1 training failed, 2 bad input, 130 stopped by the user."""
    argv = sys.argv[1:] if argv is None else argv

    def work() -> None:
        chosen = options.parse(argv)
        (run.evaluate if chosen.evaluate else run.train)(chosen, results.command_line(argv))

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
