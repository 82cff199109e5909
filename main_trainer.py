"""Train or evaluate an attention CNN for facial expressions.

    python main_trainer.py --root_path data/ferplus --DB F --condition unmasked
    python main_trainer.py --root_path data/ferplus --DB F -e --resume checkpoint_ferplus/7M-gacnn-lite0-s0/best.pt

Every command that made a result is in Scripts.txt; --help lists all options.
"""

from __future__ import annotations

import sys

from pre_processing.artefacts import InputError
from training import engine, options, results, run


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the exit code: 0 done, 1 training failed, 2 bad input, 130 stopped by the user."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        chosen = options.parse(argv)
        work = run.evaluate if chosen.evaluate else run.train
        work(chosen, results.command_line(argv))
    except InputError as error:
        # A loader process wraps what it raises into a traceback; the last line is ours.
        print("error:", str(error).strip().splitlines()[-1].rpartition("InputError: ")[2], file=sys.stderr)
        return 2
    except (engine.TrainingError, OSError) as error:  # OSError: the disk is full, a folder went away
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
