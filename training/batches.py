"""Which faces come in which batch: drawn by emotion for training, each once for evaluation, shared by processes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler, WeightedRandomSampler

from pre_processing.artefacts import InputError
from training import distributed
from training.data import Faces
from training.progress import leave_ctrl_c

# Loading processes stay from epoch to epoch, with the masks they have painted, and keep batches ahead of the step.
READY = {"persistent_workers": True, "prefetch_factor": 4}


def balanced_sampler(faces: Faces, exponent: float, generator: torch.Generator) -> Sampler:
    """Draws as many faces as there are, with replacement, by n_class^-exponent: 0 as they are, 1 emotions alike."""
    sizes = np.bincount(faces.labels, minlength=len(faces.names)).astype(np.float64)
    weights = sizes[faces.labels] ** -exponent
    return WeightedRandomSampler(torch.from_numpy(weights), len(faces), replacement=True, generator=generator)


class Batches(Sampler):
    """This process's share of each batch of an epoch, as keys (index, seed) of Faces.

    Every process draws the same faces and seeds from a generator of the same state, then takes its slice of each batch:
    the slices together are what a single process would see. The next epoch is without its first `.skip` batches.
    """

    skip = 0

    def __init__(self, faces: Faces, batch_size: int, exponent: float, generator: torch.Generator) -> None:
        self.sampler, self.generator = balanced_sampler(faces, exponent, generator), generator
        self.batch_size, self.faces = batch_size, len(faces)
        self.share = distributed.share(batch_size)

    def __len__(self) -> int:
        return max(1, self.faces // self.batch_size)  # a last batch of one face has no batch statistics

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        indices = list(self.sampler)
        seeds = torch.randint(2**62, (len(indices),), generator=self.generator).tolist()
        keys = list(zip(indices, seeds, strict=True))
        skip, self.skip = self.skip, 0
        for start in range(skip * self.batch_size, len(self) * self.batch_size, self.batch_size):
            yield keys[start : start + self.batch_size][self.share]


def training_loader(
    faces: Faces, batch_size: int, *, balance: float, generator: torch.Generator, workers: int, pin: bool = False
) -> DataLoader:
    """Batches of one epoch; everything random in it comes from `generator`. `pin` where they go to a GPU."""
    if len(faces) < 2:
        raise InputError("the training list has only one face; batch statistics need two")
    if distributed.size() > 1 and len(faces) < batch_size:
        raise InputError(f"-b {batch_size}: more than the {len(faces)} training faces; give fewer")
    return DataLoader(
        faces,
        batch_sampler=Batches(faces, batch_size, balance, generator),
        num_workers=workers,
        generator=torch.Generator(),  # only seeds the loading processes, which Faces does itself for each look
        worker_init_fn=leave_ctrl_c,
        pin_memory=pin,
        **(READY if workers else {}),
    )


def evaluation_loader(faces: Faces, batch_size: int, workers: int, pin: bool = False) -> DataLoader:
    """Every face once, in the list's order; of many processes each has its share of faces and batches."""
    processes = distributed.size()
    if len(faces) < processes:
        raise InputError(f"{len(faces)} faces cannot be shared by {processes} processes; start fewer")
    mine, here = range(distributed.rank(), len(faces), processes), max(1, batch_size // processes)
    return DataLoader(
        faces,
        here,
        sampler=mine,
        num_workers=workers,
        generator=torch.Generator(),  # that nothing is drawn from the global one
        worker_init_fn=leave_ctrl_c,
        pin_memory=pin,
    )
