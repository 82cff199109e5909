"""The one error for bad input, and what a command does with it."""

from __future__ import annotations

import sys
from collections.abc import Callable

AGAIN = "run the same command again"
GOES_ON = f"{AGAIN}: it goes on where it stopped"


class InputError(ValueError):
    """Input that cannot be used. The message is one line that names the file and the remedy; commands print it."""


def run(work: Callable[[], int | None], go_on: str = AGAIN) -> int:
    """Do a command's work; the exit code: what `work` returns (0 for None), 1 where the system fails, 2 for bad input, 130
    where the user stops it. A line on stderr tells what is wrong and, where the input was not at fault, `go_on`."""
    try:
        return work() or 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # the disk is full, a folder went away
        print(f"error: {' '.join(str(error).split())}; make room if the disk is full, and {go_on}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"stopped; {go_on}", file=sys.stderr)
        return 130
