"""Many processes, one run: torchrun starts main_trainer.py once a GPU or once a share of a CPU, on one machine or more.

    torchrun --nproc_per_node 2 main_trainer.py --root_path data/ferplus --DB F --condition unmasked

Every process holds the whole network and takes its slice of each batch; the first one writes files and speaks. Without
torchrun everything here is as if there were one process. Nodes must see the same project folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from pre_processing.artefacts import InputError

# The first process may prepare faces for hours while the others wait; torchrun ends all when one of them dies.
TIMEOUT = timedelta(hours=12)
Made = TypeVar("Made")
_store: dist.Store | None = None


def start() -> None:
    """Join the other processes that torchrun started, if it did."""
    global _store
    if size() > 1 or int(os.environ.get("WORLD_SIZE", "1")) < 2 or "RANK" not in os.environ:
        return
    _store, rank_here, processes = next(dist.rendezvous("env://", timeout=TIMEOUT))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=_store, rank=rank_here, world_size=processes, timeout=TIMEOUT)


def stop() -> None:
    """Part from the other processes after work that went well."""
    global _store
    if size() > 1:
        dist.destroy_process_group()
        _store = None


def size() -> int:
    """Number of processes of this run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process: 0 to size() - 1."""
    return dist.get_rank() if size() > 1 else 0


def first() -> bool:
    """True for the one process that writes and speaks."""
    return rank() == 0


def no_bar() -> bool | None:
    """For tqdm's `disable`: the first process shows a bar on a terminal, the others never."""
    return None if first() else True


def local_rank() -> int:
    """Number of this process on its machine, which is the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0")) if size() > 1 else 0


def complain(line: str) -> None:
    """Print `error: line`, unless another process of the run has complained before: one failure is one line."""
    try:
        earlier = _store.add("complaints", 1) > 1 if _store else False
    except RuntimeError:  # whoever kept the count is gone
        earlier = not first()
    if not earlier:
        print(f"error: {line}", file=sys.stderr, flush=True)


def wait() -> None:
    """Return when every process has come here."""
    total(torch.zeros(1))


def first_then_others(make: Callable[[], Made]) -> Made:
    """What `make` gives in the first process, then in the others: they find files that the first one wrote."""
    made = make() if first() else None
    wait()
    return made if first() else make()


def total(values: torch.Tensor) -> torch.Tensor:
    """Sum of all processes' `values`, in place; any shape, the same in all."""
    if size() > 1:
        dist.all_reduce(values)
    return values


def share(batch_size: int) -> slice:
    """This process's part of a batch; InputError where a batch cannot be cut into equal parts of two and more faces."""
    here, rest = divmod(batch_size, size())
    if size() > 1 and (rest or here < 2):
        raise InputError(f"-b {batch_size} is the batch of all {size()} processes: give a multiple of {size()}, "
                         f"{2 * size()} at least")  # fmt: skip
    return slice(rank() * here, (rank() + 1) * here)


def epoch_seed(seed: int, epoch: int) -> int:
    """Seed of what is random in an epoch beside the batches (dropout); another in each process, whatever came before."""
    return int(np.random.SeedSequence([seed, epoch, rank()]).generate_state(1)[0])


def parallel(model: nn.Module, device: torch.device) -> nn.Module:
    """`model` such that its gradients are the mean over all processes; it shares weights with what is returned."""
    if size() == 1:
        return model
    ids = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=ids, forward_sync_buffers=False)


@torch.no_grad()
def share_buffers(model: nn.Module) -> None:
    """Set running batch statistics to their mean over all processes, each of which saw another slice of the batch.

    A normalisation layer sees the faces of its own process, not the whole batch: SyncBatchNorm has no CPU version.
    """
    if size() == 1:
        return
    buffers = [value for value in model.buffers() if value.is_floating_point()]
    if buffers:
        mean = total(torch.cat([value.flatten() for value in buffers])).div_(size())
        for value, new in zip(buffers, mean.split([value.numel() for value in buffers]), strict=True):
            value.copy_(new.view_as(value))


def merge(predictions: dict[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    """Rows of all processes in the order of `index` (0 to n - 1); RuntimeError unless each face is there exactly once.

    `predictions`: columns (rows, ...) of this process, as engine.evaluate gives them.
    """
    rows = torch.from_numpy(predictions["index"])
    times = total(torch.zeros(n, dtype=torch.int64).index_add_(0, rows, torch.ones_like(rows)))
    if not (times == 1).all():
        raise RuntimeError(f"{int((times == 0).sum())} of {n} faces not evaluated, {int((times > 1).sum())} repeatedly")
    merged = {}
    for name, values in predictions.items():
        column = torch.from_numpy(values)
        kind = torch.int64 if column.dtype == torch.bool else column.dtype  # flags cannot be summed
        whole = torch.zeros((n, *column.shape[1:]), dtype=kind)
        whole[rows] = column.to(kind)
        merged[name] = total(whole).to(column.dtype).numpy()
    return merged
