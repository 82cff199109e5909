"""Lists + landmark file + images -> batches of face crops with their landmarks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, WeightedRandomSampler
from torchvision import tv_tensors
from tqdm import tqdm

from pre_processing import artefacts, emotions, meanface
from pre_processing.artefacts import InputError
from pre_processing.crop import crop_face, read_image
from training import wearing
from training.augment import training_transform

KEEP_BYTES = 1 << 30  # up to this size, decoded originals stay in memory: small faces are decoded once

cv2.setNumThreads(0)  # loader processes are forked, and cv2's threads do not survive a fork


class Faces(Dataset):
    """The faces of one list, checked when this object is made.

    An item is a dict: image uint8 (3,S,S) RGB, points float32 (68,2) in pixels of that image, label int, target
    float32 (K,), certain bool (landmarks are trusted), index int (position in .paths).
    Raises InputError where list, landmark file, samples.csv and folder do not agree or an image is unreadable.
    """

    def __init__(
        self,
        root: Path,
        list_file: Path,
        landmark_file: Path,
        samples_file: Path | None = None,
        *,
        num_classes: int = 7,
        imagesize: int = 112,
        condition: str = "unmasked",
        masks: wearing.Masks | None = None,
        augment: bool = False,
        targets: str = "hard",
        limit: int | None = None,
    ) -> None:
        self.root, self.imagesize = Path(root), imagesize
        self.names = emotions.names(num_classes)
        found = read_labelled(self.root, Path(list_file), Path(landmark_file))
        check_labels(Path(landmark_file), found)
        found = {path: face for path, face in found.items() if face[1] < num_classes}
        if not found:
            raise InputError(f"{list_file}: no face of the {num_classes} emotions; prepare the lists again")
        # A trial needs a few faces of every part of the list, not its first emotion or folder.
        kept = list(found) if limit is None else list(found)[:: max(1, len(found) // limit)][:limit]
        self.paths = kept
        self.labels = np.array([found[path][1] for path in kept], dtype=np.int64)
        points = np.stack([found[path][0] for path in kept]).astype(np.float32)
        # What a mask hides must not leak, whoever wrote the landmark file; hiding twice changes nothing.
        self.points = np.asarray(meanface.hide_points(points) if condition == "masked" else points, np.float32)
        self.masks = masks
        self.certain, votes = read_extras(samples_file, kept, self.labels)
        if targets == "votes" and votes is None:
            raise InputError(f"{samples_file or list_file}: has no votes of raters; give --targets hard")
        self.targets = soft_targets(self.labels, votes if targets == "votes" else None, num_classes)
        self.transform = training_transform() if augment else None
        self.images = keep_images(self.root, kept)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict:
        image, points = self.look(index)
        crop, points = crop_face(image, points, self.imagesize)
        if image.ndim == 2:
            crop = crop[..., :1]  # a grey face is changed in one channel and copied to three afterwards
        image = torch.from_numpy(np.ascontiguousarray(crop)).permute(2, 0, 1)
        points = torch.from_numpy(np.asarray(points, np.float32))
        if self.transform:
            keypoints = tv_tensors.KeyPoints(points, canvas_size=(self.imagesize, self.imagesize))
            image, keypoints = self.transform(tv_tensors.Image(image), keypoints)
            image, points = image.as_subclass(torch.Tensor), keypoints.as_subclass(torch.Tensor)
        return {
            "image": image.expand(3, -1, -1).contiguous(),
            "points": points,
            "label": int(self.labels[index]),
            "target": self.targets[index],
            "certain": self.certain is None or bool(self.certain[index]),
            "index": index,
        }

    def look(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Image uint8 as it was decoded, and points (68,2) in it; both masked where this face wears a mask now."""
        image = self.images[index] if self.images else read_image(self.root / self.paths[index])
        points = self.points[index]
        return wearing.put_on(image, points, self.masks, self.paths[index]) if self.masks else (image, points)

    def checksum(self) -> str:
        """16 hex digits for the pixels of all faces as they are looked at."""
        bar = tqdm(range(len(self)), "masks", disable=None, leave=False)
        return wearing.checksum(slim(self.look(index)[0]) for index in bar)

    def counts(self) -> dict[str, int]:
        """Faces of each emotion by name."""
        tally = Counter(self.labels.tolist())
        return {name: tally[code] for code, name in enumerate(self.names)}


def read_labelled(root: Path, list_file: Path, landmark_file: Path) -> dict[str, tuple[np.ndarray, int]]:
    """{path: (points (68,2), label)} in the list's order; InputError where a face is missing somewhere."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give --root_path the folder that holds the faces")
    for file in (list_file, landmark_file):
        if not file.is_file():
            raise InputError(
                f"{file}: no such file; run python -m pre_processing.prepare, or name it on the command line"
            )
    paths, landmarks = artefacts.read_list(list_file), artefacts.read_landmarks(landmark_file)
    lost = [path for path in paths if path not in landmarks]
    if lost:
        raise InputError(f"{landmark_file}: has no landmarks for {lost[0]} and {len(lost) - 1} more of {list_file}; "
                         "use a list and a landmark file of the same preparation")  # fmt: skip
    whole = root.resolve()
    for path in paths:
        file = root / path
        if not file.is_file():
            raise InputError(f"{file}: no such image, but {list_file} names it; give the --root_path of this list")
        if file.is_symlink() and not file.resolve().is_relative_to(whole):
            raise InputError(f"{file}: leads out of {root}; put the image itself there")
    return {path: landmarks[path] for path in paths}


def check_labels(landmark_file: Path, faces: dict[str, tuple[np.ndarray, int]]) -> None:
    """InputError where a face has no emotion of ours, or points that no crop can be made from."""
    for path, (points, label) in faces.items():
        if not 0 <= label < len(emotions.EMOTIONS):
            raise InputError(f"{landmark_file}: {path} has the unknown emotion {label}; prepare the database again")
        if np.ptp(points[list(meanface.VISIBLE)], axis=0).max() < 1:
            raise InputError(f"{landmark_file}: all points of {path} coincide; prepare the database again")


def read_extras(
    samples_file: Path | None, paths: list[str], labels: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(certain (n,) bool, votes (n,7) or None) of samples.csv for these paths; (None, None) without the file."""
    if samples_file is None:
        return None, None
    if not Path(samples_file).is_file():
        raise InputError(f"{samples_file}: no such file; give --samples the samples.csv written beside the lists")
    table = artefacts.read_samples(samples_file).set_index("path")
    lost = [path for path in paths if path not in table.index]
    if lost:
        raise InputError(f"{samples_file}: does not hold {lost[0]}; use lists and samples.csv of the same preparation")
    table = table.loc[paths]
    odd = np.flatnonzero(table["emotion"].to_numpy(np.int64) != labels)
    if len(odd):
        raise InputError(
            f"{samples_file}: another emotion than in the landmark file for {paths[odd[0]]}; prepare again"
        )
    rows = [tuple(votes) for votes in table["votes"]]
    votes = np.array(rows, np.float32) if all(len(row) == len(emotions.EMOTIONS) for row in rows) else None
    return table["certain"].to_numpy(bool), votes


def soft_targets(labels: np.ndarray, votes: np.ndarray | None, num_classes: int) -> torch.Tensor:
    """(n,K) float32 rows that sum to 1: the raters' shares among the K emotions, or one-hot labels without votes."""
    hard = torch.nn.functional.one_hot(torch.from_numpy(labels), num_classes).float()
    if votes is None:
        return hard
    shares = torch.from_numpy(votes[:, :num_classes])
    total = shares.sum(1, keepdim=True)
    return torch.where(total > 0, shares / total.clamp(min=1), hard)


def keep_images(root: Path, paths: list[str]) -> list[np.ndarray] | None:
    """All images decoded (list of uint8 arrays), or None where they are too large to be kept in memory."""
    first = read_image(root / paths[0])
    if first.nbytes * len(paths) > KEEP_BYTES:
        return None
    return [slim(read_image(root / path)) for path in tqdm(paths, "reading", disable=None, leave=False)]


def slim(image: np.ndarray) -> np.ndarray:
    """A grey photo stored as RGB in a third of the memory: (H,W) where all channels are equal, else as it is."""
    grey = image.ndim == 3 and (image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all()
    return np.ascontiguousarray(image[..., 0]) if grey else image


def balanced_sampler(faces: Faces, exponent: float, generator: torch.Generator) -> Sampler:
    """Draws as many faces as there are, with replacement, by n_class^-exponent: 0 as they are, 1 emotions alike."""
    sizes = np.bincount(faces.labels, minlength=len(faces.names)).astype(np.float64)
    weights = sizes[faces.labels] ** -exponent
    return WeightedRandomSampler(torch.from_numpy(weights), len(faces), replacement=True, generator=generator)


def training_loader(
    faces: Faces, batch_size: int, *, balance: float, generator: torch.Generator, workers: int
) -> DataLoader:
    """Batches of one epoch; everything random in it comes from `generator`, or from torch's own with 0 workers."""
    if len(faces) < 2:
        raise InputError("the training list has only one face; batch statistics need two")
    return DataLoader(
        faces,
        batch_size,
        sampler=balanced_sampler(faces, balance, generator),
        num_workers=workers,
        generator=generator,
        drop_last=len(faces) >= batch_size,  # a last batch of one face has no batch statistics
        pin_memory=torch.cuda.is_available(),
    )


def evaluation_loader(faces: Faces, batch_size: int, workers: int) -> DataLoader:
    """Every face once, in the list's order."""
    return DataLoader(faces, batch_size, num_workers=workers, pin_memory=torch.cuda.is_available())
