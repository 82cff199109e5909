"""How far an epoch has come, and what keeps Ctrl-C from leaving a state between two steps."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from torch import Tensor

from training import distributed


@dataclass
class Progress:
    """What one process has done of an epoch; as it is new, nothing."""

    step: int = 0  # steps done
    loss: Tensor | float = 0.0  # sum over faces
    hits: Tensor | int = 0
    seen: int = 0  # faces
    seconds: float = 0.0
    waited: float = 0.0  # seconds of these without a batch
    lr: float = 0.0  # when the epoch began
    sampler: Tensor | None = None  # state of the generator of batches when the epoch began

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values only; empty where nothing was done."""
        return {**vars(self), "loss": float(self.loss), "hits": int(self.hits)} if self.step else {}


def begun(content: dict[str, Any]) -> Progress:
    """That of a checkpoint. Of many processes only the first one takes the sums, which all add up in the end."""
    saved = Progress(**content.get("progress", {}))
    return saved if distributed.first() else Progress(saved.step, lr=saved.lr, sampler=saved.sampler)


def after(epoch: int, step: int) -> str:
    """Where training stands, in words: `epoch` is the last complete one."""
    return f"step {step} of epoch {epoch + 1}" if step else f"epoch {epoch}"


@contextlib.contextmanager
def unbroken() -> Iterator[None]:
    """Have Ctrl-C wait until the block is done. Not among many processes: each might wait for one that is gone."""
    if distributed.size() > 1 or threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def leave_ctrl_c(worker: int) -> None:
    """For loading processes: the terminal sends Ctrl-C to them too, but the one that trains ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = unless_gone


def unless_gone(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An excepthook for loading processes: a trainer that ends while a batch is handed over is not worth a traceback."""
    if not issubclass(kind, ConnectionError | EOFError):
        sys.__excepthook__(kind, error, trace)
