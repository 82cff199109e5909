"""The one error for bad input, and what a command does with it."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable
from concurrent.futures import BrokenExecutor

AGAIN = "run the same command again"
GOES_ON = f"{AGAIN}: it goes on where it stopped"


class InputError(ValueError):
    """Input that cannot be used. The message is one line that names the file and the remedy; commands print it."""


def shown(text: object) -> str:
    """A text or path in one line that is safe on a screen: whatever is not printable is escaped, as "\\n" or "\\x1b"."""
    # Names of files hold anything: line breaks that forge a line of ours, codes that terminals obey, bytes that are no text.
    return "".join(
        each if each.isprintable() or unicodedata.category(each) == "Zs" else ascii(each)[1:-1] for each in str(text)
    )


def run(work: Callable[[], int | None], go_on: str = AGAIN) -> int:
    """Do a command's work; the exit code: what `work` returns (0 for None), 1 where the system fails, 2 for bad input, 130
    where the user stops it. A line on stderr tells what is wrong and, where the input was not at fault, `go_on`."""
    try:
        return work() or 0
    except InputError as error:
        print(f"error: {shown(error)}", file=sys.stderr)
        return 2
    except OSError as error:  # the disk is full, a folder went away
        print(
            f"error: {shown(' '.join(str(error).split()))}; make room if the disk is full, and {go_on}", file=sys.stderr
        )
        return 1
    except (BrokenExecutor, MemoryError):  # the system ended a process of ours
        print(
            f"error: a process was ended, most likely for want of memory; use fewer processes or smaller pictures, and {go_on}",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print(f"stopped; {go_on}", file=sys.stderr)
        return 130
