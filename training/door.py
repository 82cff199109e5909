"""What a command line does with errors: one line on the screen and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

from pre_processing.artefacts import InputError
from training.engine import TrainingError


def run(work: Callable[[], object]) -> int:
    """Do `work`; the exit code: 0 done, 1 training failed, 2 bad input, 130 stopped by the user."""
    try:
        work()
    except InputError as error:
        # A loader process wraps what it raises into a traceback; the last line is ours.
        print("error:", str(error).strip().splitlines()[-1].rpartition("InputError: ")[2], file=sys.stderr)
        return 2
    except (TrainingError, OSError) as error:  # OSError: the disk is full, a folder went away
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
