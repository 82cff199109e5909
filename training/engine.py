"""One epoch of training, one pass of evaluation, and the state that both work on."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from pre_processing.artefacts import InputError
from training import augment, checkpoint, distributed, losses
from training.options import NO_REGIONS
from training.progress import Progress, unbroken

WARMUP = 0.05  # share of all steps in which the cosine schedule's rate climbs to its highest
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
GAINS = {"vgg16"}  # backbones that bf16 makes faster on a CPU
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


class TrainingError(RuntimeError):
    """Training cannot go on; the message is one line with a remedy."""


class Average:
    """Moving average of a model's weights and buffers, which is evaluated in the model's stead."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay, self.steps = copy.deepcopy(model).eval().requires_grad_(False), decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the model after a step; early steps weigh more, so that the start is forgotten soon."""
        self.steps += 1
        # As in TensorFlow's ExponentialMovingAverage, where it is told the number of steps.
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        ours, theirs = self.model.state_dict(), model.state_dict()
        real = [name for name, value in ours.items() if value.is_floating_point()]
        torch._foreach_lerp_([ours[name] for name in real], [theirs[name] for name in real], 1 - decay)
        for name in ours.keys() - set(real):
            ours[name].copy_(theirs[name])


@dataclass
class State:
    """Everything that training changes, and how it computes."""

    model: nn.Module
    parallel: nn.Module  # the same weights, called in training: averages gradients over processes
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    scaler: torch.amp.GradScaler
    average: Average | None
    device: torch.device
    precision: str
    teacher: nn.Module | None = None  # sees training faces without their masks, at its own size

    @property
    def tested(self) -> nn.Module:
        """The model that validation and test look at."""
        return self.average.model if self.average else self.model

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values only."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict() if self.average else None,
            "average_steps": self.average.steps if self.average else 0,
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load_state_dict(self, path: Any, content: dict[str, Any]) -> None:
        """Go back to `content`, read from the checkpoint at `path`."""
        checkpoint.load_weights(path, self.model, content["model"])
        if self.average:
            checkpoint.load_weights(path, self.average.model, content["average"] or content["model"])
            self.average.steps = content["average_steps"]
        self.optimizer.load_state_dict(content["optimizer"])
        self.scheduler.load_state_dict(content["scheduler"])
        if content["scaler"]:  # empty where the run was not fp16 before
            self.scaler.load_state_dict(content["scaler"])


def keep_freed_memory() -> None:
    """Have glibc keep freed memory for the next step, where this machine has glibc.

    It gives large blocks back at once, and every step then faults them in anew: 12 % of a step on a CPU.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(M_MMAP_MAX, 0)


def choose_device(name: str) -> torch.device:
    """`auto` is a GPU, else the CPU; of many processes each has its own GPU. TrainingError or InputError where it has none."""
    if name.startswith("cuda:") and distributed.size() > 1:
        raise InputError(f"--device {name}: every process needs a GPU of its own; give --device cuda")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        here, there = distributed.local_rank(), torch.cuda.device_count()
        if 0 < there <= here:
            raise InputError(f"torchrun started more processes than there are GPUs here ({there}); give "
                             f"--nproc_per_node {there}, or --device cpu")  # fmt: skip
        name = f"cuda:{here}"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
        if device.type == "cuda":
            torch.cuda.set_device(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise TrainingError(f"--device {name} cannot be used here ({reason}); give auto, cpu or cuda") from error
    return device


def choose_precision(name: str, device: torch.device, backbone: str, before: str | None = None) -> str:
    """`auto` is what a run that goes on was in `before`; else bf16 on a GPU that multiplies it itself, fp16 on others.

    On a CPU that multiplies bf16 itself (avx512_bf16, amx_bf16) the large convolutions of VGG16 gain and the small
    depthwise ones of Lite0 lose; `benchmarks/model_speed.py` shows by how much. fp32 elsewhere.
    """
    if name != "auto":
        return name
    if before and (before, device.type) != ("fp16", "cpu"):
        return before
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if backbone in GAINS and processor_has_bf16() else "fp32"


def processor_has_bf16() -> bool:
    """The processor has instructions that multiply bf16."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def rate_factor(schedule: str, steps_per_epoch: int, epochs: int):
    """Step -> factor of the learning rate: cosine to 0 after a short warmup, or x0.95 an epoch (original study)."""
    total = steps_per_epoch * epochs
    warmup = max(1, round(WARMUP * total))

    def cosine(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * min(1, (step - warmup) / max(1, total - warmup))))

    return cosine if schedule == "cosine" else lambda step: 0.95 ** (step // steps_per_epoch)


def make_state(model: nn.Module, options: Any, steps_per_epoch: int, precision: str | None = None) -> State:
    """Optimiser, schedule and average for `model` by training.options; a run that goes on keeps its `precision`. Errors as of
    choose_device and read_teacher."""
    device = choose_device(options.device)
    if device.type == "cpu":
        keep_freed_memory()
    model = model.to(device, memory_format=torch.channels_last)
    if not options.end2end:
        model.backbone.requires_grad_(False)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    settings = {"lr": options.lr, "weight_decay": options.weight_decay}
    if options.optimizer == "sgd":
        optimizer = torch.optim.SGD(weights, momentum=options.momentum, **settings)
    else:
        optimizer = torch.optim.AdamW(weights, **settings)
    factor = rate_factor(options.schedule, steps_per_epoch, options.epochs)
    precision = choose_precision(options.precision, device, model.config["backbone"], precision)
    return State(
        model=model,
        parallel=distributed.parallel(model, device),
        optimizer=optimizer,
        scheduler=torch.optim.lr_scheduler.LambdaLR(optimizer, factor),
        scaler=torch.amp.GradScaler(device.type, enabled=precision == "fp16"),
        average=Average(model, options.ema) if options.ema else None,
        device=device,
        precision=precision,
        teacher=read_teacher(options, model.config, device) if options.teacher else None,
    )


def read_teacher(options: Any, config: dict[str, Any], device: torch.device) -> nn.Module:
    """The network of --teacher, which may see smaller or larger faces; InputError where its answers are not for these."""
    content = checkpoint.load(options.teacher)
    same = ("num_classes", *(["num_regions"] if options.teacher_features else []))
    checkpoint.check_same_model(options.teacher, content, {key: config[key] for key in same})
    if options.teacher_features and content["model_config"]["model"] == "cnn":
        raise InputError(NO_REGIONS)
    teacher = checkpoint.tested_network(options.teacher, content).requires_grad_(False)
    return teacher.to(device, memory_format=torch.channels_last)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Context in which a forward pass computes in `precision`."""
    return torch.autocast(device.type, AUTOCAST.get(precision), enabled=precision in AUTOCAST)


def to_device(batch: dict, device: torch.device, which: str = "") -> tuple[torch.Tensor, torch.Tensor]:
    """(images float (B,3,S,S) in [0,1], points (B,68,2)) on the device; changed there where the batch is for training.

    `which` "other_" gives the second look at the faces, "bare_" the one without masks, changed in the same way.
    """
    names = (f"{which}image", f"{which}points", "drawn")
    images, points, drawn = (batch[name].to(device, non_blocking=True) if name in batch else None for name in names)
    images = images.float()
    if drawn is not None:
        images, points = augment.change(images, points, drawn)
    images = images.div_(255).expand(-1, 3, -1, -1)  # grey faces come in one channel
    return images.contiguous(memory_format=torch.channels_last), points


class Clock:
    """Splits the time of a loop into waiting for batches and working on them, on top of earlier times (seconds)."""

    def __init__(self, seconds: float = 0.0, waited: float = 0.0) -> None:
        self.waited, self.start = waited, time.perf_counter() - seconds

    def watch(self, batches: Iterable) -> Iterator:
        """The same batches; the time until each arrives is added to `.waited` (seconds)."""
        source = iter(batches)
        while True:
            asked = time.perf_counter()
            batch = next(source, None)
            self.waited += time.perf_counter() - asked
            if batch is None:
                return
            yield batch

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.perf_counter() - self.start


def train_epoch(
    state: State, loader: Iterable, options: Any, epoch: int, done: Progress | None = None
) -> dict[str, float]:
    """One epoch; {loss, accuracy, seconds, images_per_second, waiting}: the last is the share of time without a batch.

    `done` is what was done of it before, and is kept up to date; `loader` gives the rest. Ctrl-C comes between two steps.
    Raises TrainingError where the loss is no number; the checkpoint of the epoch before stays as it is.
    """
    state.model.train()
    if not options.end2end:
        state.model.backbone.eval()  # its batch statistics are part of what is kept
    done = done or Progress()
    clock = Clock(done.seconds, done.waited)
    bar = tqdm(total=len(loader), initial=done.step, desc=f"epoch {epoch}", disable=distributed.no_bar(), leave=False)
    for batch in clock.watch(loader):
        with unbroken():
            loss, logits = train_step(
                state, batch, options.label_smoothing, options.consistency, options.teacher_features
            )
            labels = batch["label"].to(state.device, non_blocking=True)
            done.loss = done.loss + loss * len(labels)
            done.hits = done.hits + (logits.argmax(1) == labels).sum()
            done.seen += len(labels)
            done.step += 1
            done.seconds, done.waited = clock.seconds, clock.waited
        # Looking at the sum waits for a GPU, hence not at every step.
        if done.step % options.print_freq == 0 or done.step == len(loader):
            mean = float(done.loss) / done.seen
            if not math.isfinite(mean):
                raise TrainingError(f"the loss is {mean} in epoch {epoch} by step {done.step}; try a lower --lr than "
                                    f"{options.lr:g} or --precision fp32, and start again without --resume")  # fmt: skip
            bar.set_postfix(loss=f"{mean:.3f}", accuracy=f"{int(done.hits) / done.seen:.3f}")
        bar.update()
    bar.close()
    sums = torch.tensor([float(done.loss), int(done.hits), done.seen], dtype=torch.float64)
    loss_sum, hits, seen = distributed.total(sums)
    return {
        "loss": (loss_sum / seen).item(),
        "accuracy": (hits / seen).item(),
        "seconds": clock.seconds,
        "images_per_second": seen.item() / clock.seconds,
        "waiting": clock.waited / clock.seconds,
    }


def train_step(
    state: State, batch: dict, label_smoothing: float, consistency: float = 0.0, teacher_features: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of the optimiser; (loss (), logits (B,K)), detached.

    With a teacher, half of the target is its answer to each face without a mask (distillation: Hinton, Vinyals, Dean,
    "Distilling the knowledge in a neural network", 2015, at temperature 1), and with `teacher_features` its features are
    followed as well. With `consistency` a second look at each face, which draws its own mask or none, is learned like the first.
    """
    looks = [to_device(batch, state.device, which) for which in ("", "other_") if f"{which}image" in batch]
    images, points = (torch.cat(parts) if len(parts) > 1 else parts[0] for parts in zip(*looks, strict=True))
    target = batch["target"].to(state.device, non_blocking=True)
    # Faces are turned and scaled outside of autocast, which would do it in half precision.
    bare = augment.resized(*to_device(batch, state.device, "bare_"), state.teacher.imagesize) if state.teacher else None
    with autocast(state.device, state.precision):
        out = state.parallel(images, points)
        logits = out["logits"].float()
        if bare:
            with torch.no_grad():
                taught = state.teacher(*bare)
            target = (target + taught["logits"].float().softmax(1)) / 2
    target = target.repeat(len(looks), 1)
    loss = nn.functional.cross_entropy(logits, target, label_smoothing=label_smoothing)
    if consistency:
        loss = loss + consistency * losses.divergence(*logits.chunk(2))
    if teacher_features:
        unlike = [losses.unlikeness(own, taught["features"]) for own in out["features"].chunk(len(looks))]
        loss = loss + teacher_features * torch.stack(unlike).mean()
    state.optimizer.zero_grad(set_to_none=True)
    state.scaler.scale(loss).backward()
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.scheduler.step()
    distributed.share_buffers(state.model)
    if state.average:
        state.average.update(state.model)
    return loss.detach(), logits.detach()[: len(batch["target"])]


@torch.inference_mode()
def evaluate(
    model: nn.Module, loader: Iterable, device: torch.device, precision: str, title: str, mirror: bool = False
) -> dict[str, np.ndarray]:
    """Predictions of the loader's faces in its order: probabilities float32 (n,K), label, index int64 (n,), certain bool (n,).

    With `mirror` the probabilities are the mean over a face and its mirror image.
    """
    model.eval()
    columns: dict[str, list] = {"probabilities": [], "label": [], "index": [], "certain": []}
    for batch in tqdm(loader, title, disable=distributed.no_bar(), leave=False):
        views = [to_device(batch, device)]
        if mirror:
            views.append(augment.mirrored(*views[0]))
        with autocast(device, precision):
            answers = [model(images, points)["logits"].float().softmax(1) for images, points in views]
        columns["probabilities"].append(torch.stack(answers).mean(0).cpu())
        for name in ("label", "index", "certain"):
            columns[name].append(batch[name])
    return {name: torch.cat(parts).numpy() for name, parts in columns.items()}
