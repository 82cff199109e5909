"""main_trainer.py that gets a signal at a given moment: ``survival_worker.py SIGKILL step 5 OPTION ...``.

Moments: `step N`, before its N-th step; `write N`, when its N-th file is complete but not yet at its place.
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
    what, moment, number = sys.argv[1:4]
    module, name = {"step": (engine, "train_step"), "write": (os, "replace")}[moment]
    signal_at(module, name, int(number), signal.Signals[what])
    sys.exit(main_trainer.main(sys.argv[4:]))
