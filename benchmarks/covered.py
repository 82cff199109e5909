"""Train the small network of pre_processing/covered.py: points of a face that may wear a mask, and whether it wears one.

    python -m benchmarks.covered data/ferplus Results/UnmaskedDatasets/FERPlus

Certain faces of FER+ Train and drawn ones, bare and under masks of all kinds but the one worn at the chin; the points to
learn are those that dlib finds on the bare picture. Crops are shifted, scaled, turned, sharpened, blurred and relit at each look. Errors are those of
FER+ Valid, whose faces are not learnt from. About 15 minutes on two cores.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from benchmarks.faces import demo
from pre_processing.artefacts import atomic_write, read_landmarks, read_samples
from pre_processing.covered import EYES, FIRM, MIRRORED, NETWORK, PLACE, SEEN, SIDE, normalised
from pre_processing.crop import read_image, similarity, warp
from pre_processing.fitting import to_grey
from pre_processing.landmarks import fit_crop
from pre_processing.overlay import kinds_of, put_mask
from training import door

WEARS = 3  # masks that each face is seen with
DRAWN = 600  # demo faces: sharp ones, as photos are
# Not the one below the mouth, which covers nothing that a region looks at.
KINDS = ",".join(kind for kind in kinds_of("all") if kind != "chin_worn")

Example = tuple[np.ndarray, np.ndarray, bool]  # picture (S, S) uint8, points (68, 2) in it, whether it wears a mask


class Network(nn.Sequential):
    """(N, 1, SIDE, SIDE) -> (N, 85): shifts of the visible points from PLACE in eye distances, and a mask's logit."""

    def __init__(self) -> None:
        def step(inside: int, outside: int, stride: int) -> list[nn.Module]:
            return [nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(True)]

        super().__init__(
            *step(1, 16, 2), *step(16, 32, 2), *step(32, 32, 1), *step(32, 64, 2), *step(64, 64, 1), *step(64, 96, 1),
            *step(96, 96, 1), nn.Conv2d(96, 16, 1), nn.ReLU(True), nn.Flatten(), nn.Linear(16 * (SIDE // 8) ** 2, 96),
            nn.ReLU(True), nn.Linear(96, 2 * len(SEEN) + 1),
        )  # fmt: skip


def examples(faces: list[tuple[np.ndarray, np.ndarray]], wears: int) -> list[Example]:
    """Each face (picture, points) bare, as often as under masks."""
    rows = []
    for number, (image, points) in enumerate(tqdm(faces, "masks")):
        bare = to_grey(image)
        for wear in range(wears):
            masked, made = put_mask(image, points, number * wears + wear, KINDS)
            rows.append((bare, points, False))
            if made["placement"] != "none":
                rows.append((to_grey(masked), points, True))
    return rows


def split(root: Path, lists: Path, part: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Certain faces of a part of FER+."""
    samples = read_samples(lists / "FERPlus_samples.csv")
    points = read_landmarks(lists / "FERPlus_landmarksfile.pkl")
    paths = samples.path[(samples.split == part) & samples.certain]
    return [(to_grey(read_image(root / path)), points[path][0]) for path in paths if path in points]


def drawn(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Demo faces with the points that dlib finds on them, where it is certain."""
    fits = [(image, fit_crop(image)) for image, _ in tqdm(demo(count, seed=4242, size=128), "faces")]
    return [(image, fit.points) for image, fit in fits if fit.certain]


def crop(example: Example, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, bool]:
    """A look at an example: the crop, the visible points' shifts (42, 2) from PLACE, and whether a mask is worn."""
    picture, points, masked = example
    matrix = similarity(points[SEEN][FIRM], PLACE[SEEN][FIRM])
    wide = rng.choice([1.0, 0.3])  # the box of a detector, or the second look
    turn, scale = wide * rng.normal(0, math.radians(13)), math.exp(wide * rng.normal(0, 0.12))
    spin = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    middle = PLACE[SEEN].mean(0)
    matrix = np.column_stack([spin @ matrix[:, :2], spin @ (matrix[:, 2] - middle) + middle])
    matrix[:, 2] += wide * rng.normal(0, 0.06 * SIDE, 2)
    shifts = (points[SEEN] @ matrix[:, :2].T + matrix[:, 2] - PLACE[SEEN]) / EYES
    seen = warp(picture, matrix, SIDE)
    if rng.random() < 0.5:
        return seen[:, ::-1], shifts[MIRRORED] * (-1, 1), masked
    return seen, shifts, masked


def developed(crops: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Crops with other sharpness, brightness and noise."""
    count = len(crops)
    crops = crops.astype(np.float32)
    soft = np.stack([cv2.blur(crop, (3, 3)) for crop in crops])
    crops = np.clip(crops + rng.uniform(-1, 1.5, (count, 1, 1)) * (crops - soft), 0, 255)
    crops = 255 * (crops / 255) ** np.exp(rng.normal(0, 0.25, (count, 1, 1)))
    return crops + rng.normal(0, 1, crops.shape) * rng.uniform(0, 6, (count, 1, 1))


def batch(
    rows: list[Example], picked: np.ndarray, rng: np.random.Generator, develop: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Crops (N, 1, SIDE, SIDE), shifts (N, 42, 2), masks (N,)."""
    crops, shifts, masked = zip(*(crop(rows[index], rng) for index in picked), strict=True)
    pixels = np.stack(crops)
    pixels = developed(pixels, rng) if develop else pixels
    return (torch.from_numpy(normalised(pixels)), torch.tensor(np.stack(shifts), dtype=torch.float32),
            torch.tensor(masked, dtype=torch.float32))  # fmt: skip


def apart(found: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Distances (N, 42) of the points found, in eye distances."""
    return (found[:, :-1].reshape(shifts.shape) - shifts).square().sum(-1).add(1e-6).sqrt()


def train(rows: list[Example], test: list[Example], steps: int, size: int, rng: np.random.Generator) -> nn.Module:
    """A trained network; prints its errors now and then."""
    model = Network().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    weights = torch.ones(len(SEEN))
    weights[FIRM] = 3  # the jaw is under the mask
    for step in tqdm(range(1, steps + 1), mininterval=20):
        crops, shifts, masked = batch(rows, rng.integers(len(rows), size=size), rng, develop=True)
        found = model(crops)
        loss = (apart(found, shifts) * weights).mean() + 0.05 * F.binary_cross_entropy_with_logits(found[:, -1], masked)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 500 == 0 or step == steps:
            print(f"step {step}: {errors(model, test)}", flush=True)
    return model


@torch.inference_mode()
def errors(model: nn.Module, test: list[Example]) -> str:
    """Errors at one look each, crops of all sizes."""
    model.eval()
    crops, shifts, masked = batch(test, np.arange(len(test)), np.random.default_rng(0), develop=False)
    found = torch.cat([model(part) for part in crops.split(256)])
    off, worn = apart(found, shifts)[:, FIRM].mean(1), masked > 0.5
    right = ((found[:, -1] > 0) == worn).float().mean()
    model.train()
    return (f"upper points off by {off[~worn].mean():.4f} bare, {off[worn].mean():.4f} masked; within 0.05 "
            f"{(off[worn] <= 0.05).float().mean():.1%} masked; mask told {right:.2%} of {len(test)}")  # fmt: skip


def write(model: nn.Module, path: Path) -> None:
    """The network as ONNX with numbers of 16 bits, its batch of any size."""
    with atomic_write(path) as temporary, warnings.catch_warnings():
        # The older of torch's two exporters: it joins convolutions and norms.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model.eval(), (torch.zeros(2, 1, SIDE, SIDE),), str(temporary), input_names=["crop"],
            output_names=["answer"], dynamic_axes={"crop": {0: "n"}, "answer": {0: "n"}}, dynamo=False,
        )  # fmt: skip
        graph = onnx.load(temporary)
        for tensor in list(graph.graph.initializer):
            if tensor.data_type == onnx.TensorProto.FLOAT:
                half = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float16))
                half.name = f"{tensor.name}_half"
                graph.graph.node.insert(
                    0, onnx.helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT)
                )
                graph.graph.initializer.remove(tensor)
                graph.graph.initializer.append(half)
        onnx.checker.check_model(graph)
        onnx.save(graph, temporary)


def main() -> int:
    """Exit code 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="FER+ in Microsoft's layout")
    parser.add_argument("lists", type=Path, help="folder of its FERPlus_samples.csv and FERPlus_landmarksfile.pkl")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("-b", "--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=NETWORK)
    options = parser.parse_args()
    cv2.setNumThreads(1)

    def work() -> None:
        torch.manual_seed(options.seed)
        rng = np.random.default_rng(options.seed)
        rows = examples(split(options.root, options.lists, "train") + drawn(DRAWN), WEARS)
        test = examples(split(options.root, options.lists, "valid"), 1)
        write(train(rows, test, options.steps, options.batch, rng), options.out)

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
