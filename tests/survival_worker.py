"""main_trainer.py that gets a signal at given moments: ``survival_worker.py SIGKILL step:5,write:7 OPTION ...``.

Moments: `step:N`, in its N-th step; `validation:N`, in that of its N-th epoch; `write:N`, when its N-th file, and
`save:N`, when its N-th checkpoint is complete but not yet at its place.
"""

from __future__ import annotations

import os
import signal
import sys

import main_trainer
from training import engine


def signal_at(module, name: str, number: int, what: signal.Signals) -> None:
    real, calls = getattr(module, name), []

    def counted(*arguments, **options):
        calls.append(1)
        if len(calls) == number:
            os.kill(os.getpid(), what)
        return real(*arguments, **options)

    setattr(module, name, counted)


if __name__ == "__main__":
    places = {"step": (engine, "train_step"), "validation": (engine, "evaluate"), "write": (os, "replace"),
              "save": (os, "fsync")}  # fmt: skip
    for moment in sys.argv[2].split(","):
        name, number = moment.split(":")
        signal_at(*places[name], int(number), signal.Signals[sys.argv[1]])
    sys.exit(main_trainer.main(sys.argv[3:]))
