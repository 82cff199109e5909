"""What each of two processes does in tests/test_distributed.py: ``torchrun ... distributed_worker.py WHAT``."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from small_job import TINY

from pre_processing.artefacts import InputError
from training import batches, distributed, door, engine, options, run, wearing

JOB = [*TINY, "--root_path", "data/faces", "--model", "gacnn", "-b", "8", "--ema", "0.9", "--results", "elsewhere",
       "--mask_kinds", "surgical"]  # fmt: skip


def write(**values) -> None:
    Path(f"rank{distributed.rank()}.json").write_text(json.dumps(values))


def look() -> None:
    """Batches, one epoch of a network with dropout, batch statistics and an average, and merged rows."""
    notes, real = [], wearing.freeze
    wearing.freeze = lambda *arguments: (notes.append(arguments), real(*arguments))
    one = run.Run(options.parse(JOB))
    keys = batches.Batches(one.train_faces, 8, 0.5, torch.Generator().manual_seed(7))
    record = one.one_epoch()
    content = one.state.state_dict()
    sums = {part: {k: v.double().sum().item() for k, v in content[part].items()} for part in ("model", "average")}
    mine = np.arange(distributed.rank(), 9, 2)
    columns = {"index": mine, "certain": mine % 3 == 0, "probabilities": mine[:, None] / np.float32([[7, 9]])}
    merged = {name: values.tolist() for name, values in distributed.merge(columns, 9).items()}
    try:
        distributed.merge({"index": np.array([0, 1])}, 4)
        doubled = None
    except RuntimeError as error:
        doubled = str(error)
    noise = torch.rand(1).item()
    write(batches=list(keys), sums=sums, loss=record["train_loss"], merged=merged, doubled=doubled, noise=noise,
          noted=len(notes))  # fmt: skip


def fail_alone() -> None:
    """Process 1 meets a bad file while process 0 waits for it."""
    if distributed.rank() == 1:
        raise InputError("face.png: not a readable image")
    distributed.wait()


def lose() -> None:
    """Process 1 is killed in its third step."""
    real, steps = engine.train_step, []

    def step(*arguments):
        steps.append(1)
        if distributed.rank() == 1 and len(steps) == 6:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)

    engine.train_step = step
    run.train(options.parse([*JOB, "--epochs", "3"]), "a command")


if __name__ == "__main__":
    sys.exit(door.run({"look": look, "fail_alone": fail_alone, "lose": lose}[sys.argv[1]]))
