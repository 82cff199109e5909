"""What a command-line door does with errors: one line on the screen and an exit code."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import torch

from models import WeightsError
from pre_processing.artefacts import InputError
from pre_processing.errors import shown
from training import distributed
from training.engine import TrainingError

DONE, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130
GO_ON = "the last complete epoch is kept: go on with --resume auto"
# PyTorch raises plain RuntimeErrors for these; a loading process that dies may even interrupt a step.
NO_MEMORY = (
    "no memory left on the GPU: try a smaller -b with --overwrite or another --tag, in a test a smaller -b_t, or --device cpu; "
    "if another program had it, go on with --resume auto"
)
KNOWN = {
    "DataLoader worker": f"a loading process died (killed, or out of memory): try fewer -j; {GO_ON}",
    "gloo": f"another process of this run is gone; {GO_ON}",
    "NCCL": f"another process of this run is gone; {GO_ON}",
    "out of memory": NO_MEMORY,
    "ALLOC_FAILED": NO_MEMORY,  # cuBLAS and cuDNN
}


def one_line(error: BaseException) -> str:
    """The message alone: loading processes wrap what they raise into a traceback, whose last line is ours."""
    lines = str(error).strip().split("\n") if str(error).strip() else [type(error).__name__]
    return shown(re.sub(r"^[\w.]*Error: ", "", lines[-1]))


def explain(error: RuntimeError) -> str | None:
    """A line for an error whose cause is known not to be this program, else None."""
    if isinstance(error, TrainingError):
        return one_line(error)
    named = "NCCL" if isinstance(error, torch.distributed.DistError) else str(error)
    return next((line for word, line in KNOWN.items() if word in named), None)


def run_parts(work: Callable[[], bool], go_on: str) -> int:
    """`run` for work of many parts that says whether all went well: FAILED if not; where the user stops it, `go_on` is said."""
    code = run(lambda: DONE if work() else FAILED)
    if code == STOPPED:
        print(go_on, file=sys.stderr)
    return code


@contextlib.contextmanager
def alone(lock: Path, held: str) -> Iterator[None]:
    """While `lock` is this process's; InputError with what is `held` where it is another's."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(lock, timeout=0):
            yield
    except filelock.Timeout as error:
        raise InputError(f"{lock}: {held}") from error


def run(work: Callable[[], int | None]) -> int:
    """Do `work`, in all processes if torchrun started several; what it returns (0 for None), 1 where the system fails, 2 for bad
    input, 130 where the user stops it."""
    try:
        distributed.start()
        code = work()
        distributed.stop()
    except (InputError, WeightsError) as error:
        distributed.complain(one_line(error))
        return BAD_INPUT
    except OSError as error:  # the disk is full, a folder went away
        distributed.complain(one_line(error))
        return FAILED
    except RuntimeError as error:
        line = explain(error)
        if line is None:
            raise
        distributed.complain(line)
        return FAILED
    except KeyboardInterrupt:
        return STOPPED
    return code or DONE
