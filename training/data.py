"""Lists + landmark file + images -> batches of face crops with their landmarks."""

from __future__ import annotations

import contextlib
import copy
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset
from tqdm import tqdm

from pre_processing import artefacts, copies, emotions, meanface
from pre_processing.artefacts import InputError
from pre_processing.crop import crop_face, read_image
from training import augment, distributed, store, wearing
from training.store import Look, Store, rgb, slim

cv2.setNumThreads(0)  # loader processes are forked, and cv2's threads do not survive a fork


class Faces(Dataset):
    """The faces of one list, checked when this object is made.

    An item is a dict: image uint8 (3,S,S) RGB or (1,S,S) where all are grey, points float32 (68,2) in pixels of that
    image, label int, target float32 (K,), certain bool (landmarks are trusted), index int (position in .paths), and for
    training `drawn` float32 (7,), which augment.change takes. `.beside` are faces of the same list by a name: under `other`
    their look at the face comes along as other_image and other_points. Its key is an index, or (index, seed): everything
    random about this look then follows from the seed, in whichever process it happens. With a `cache` folder images are
    decoded once, into a file there, by `workers` processes.
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
        changing: bool = False,
        targets: str = "hard",
        limit: int | None = None,
        cache: Path | None = None,
        workers: int = 0,
    ) -> None:
        self.root, self.imagesize = Path(root), imagesize
        self.names = emotions.names(num_classes)
        found = read_labelled(self.root, Path(list_file), Path(landmark_file))
        check_points(Path(landmark_file), found)
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
            raise InputError(f"{samples_file or list_file}: has no votes of raters; give --targets hard, or put fer2013new.csv beside "
                             "fer2013.csv and prepare again where these are FER2013's own labels")  # fmt: skip
        self.targets = soft_targets(self.labels, votes if targets == "votes" else None, num_classes)
        self.changing = changing
        self.beside: dict[str, Faces] = {}
        self.store = None
        if cache:
            self.store = distributed.first_then_others(
                lambda: self.open_store(Path(cache), Path(list_file).stem, workers)
            )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: int | tuple[int, int]) -> dict:
        if not isinstance(key, tuple):
            return self.item(key)
        generator, (index, seed) = torch.default_generator, key
        before = generator.get_state()
        try:
            generator.manual_seed(seed)
            return self.item(index)
        finally:
            generator.set_state(before)

    def item(self, index: int) -> dict:
        """A face by its position; what is random follows from torch's global generator."""
        image, points = self.seen(index)
        drawn = {"drawn": augment.draw()} if self.changing else {}
        beside = {
            f"{name}_{key}": value
            for name, faces in self.beside.items()
            for key, value in zip(("image", "points"), faces.seen(index), strict=True)
        }
        return {
            "image": image,
            "points": points,
            "label": int(self.labels[index]),
            "target": self.targets[index],
            "certain": self.certain is None or bool(self.certain[index]),
            "index": index,
            **drawn,
            **beside,
        }

    def seen(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Image and points of an item."""
        image, points = self.crop(index)
        if self.store and self.store.grey:
            image = image[..., :1]  # the network's input has it three times, but neither the way there
        image = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        return image.contiguous(), torch.from_numpy(np.asarray(points, np.float32))

    def bare(self) -> Faces:
        """The same faces without masks."""
        without = copy.copy(self)
        without.masks, without.beside = None, {}
        return without

    def crop(self, index: int) -> Look:
        """Crop uint8 (S,S,3) and points (68,2) in it; both masked where this face wears a mask now."""
        if self.store is None or self.store.points is None:
            return Look(*crop_face(*self.look(index), self.imagesize))
        crop = self.store[index]
        if self.masks and not self.masks.fixed:  # the same ones for good are on the stored crops
            crop = Look(*wearing.put_on(*crop, self.masks, self.paths[index]))
        return Look(rgb(crop.image), crop.points)

    def look(self, index: int) -> Look:
        """Photo uint8 as it was decoded, and points (68,2) in it; both masked where this face wears a mask now."""
        stored = self.store is not None and self.store.points is None
        photo = Look(slim(self.store[index].image), self.points[index]) if stored else self.photo(index)
        return Look(*wearing.put_on(*photo, self.masks, self.paths[index])) if self.masks else photo

    def photo(self, index: int) -> Look:
        """Photo uint8 (H,W,3) or (H,W) without a mask, read from its file, and points (68,2) in it."""
        return Look(slim(read_image(self.root / self.paths[index])), self.points[index])

    def still(self, index: int) -> Look:
        """The crop of a face without a mask, or with the one it always wears; what is stored of large photos."""
        fixed = self.masks is None or self.masks.fixed
        return Look(*crop_face(*(self.look if fixed else self.photo)(index), self.imagesize))

    def open_store(self, cache: Path, name: str, workers: int) -> Store:
        """The faces of this list in one file below `cache`: photos where they are small and of one size, else crops."""
        here, state = str(self.root.resolve()), store.files_state(self.root, self.paths)
        masks = self.masks if self.masks and self.masks.fixed else None
        name = f"{name}-{store.fingerprint(here, self.paths)[:8]}"
        photos = f"{name}-photos", store.fingerprint(store.VERSION, state)
        # Fixed masks are on the crops, hence other masks are other files.
        kinds = (masks.kinds, masks.second) if masks else ()
        drawn = (
            masks,
            [copies.stamp(copies.asked(each), 0, ()) for each in kinds if each],
        )  # a picture may be another now
        worn = store.fingerprint(*drawn)[:4] if masks else ""
        crops = f"{name}-{self.imagesize}px{worn}", store.fingerprint(store.VERSION, state, self.points, *drawn)
        for stem, key in (photos, crops):
            if (cache / f"{stem}-{key}.npy").is_file():
                return Store(cache / f"{stem}-{key}.npy")

        def build(stem: str, key: str, read: Callable[[int], Look], points: bool) -> Store:
            return store.open_store(cache / f"{stem}-{key}.npy", f"{stem}-{'?' * len(key)}*", read, len(self),
                                    points=points, workers=workers)  # fmt: skip

        if np.prod(self.photo(0).image.shape[:2]) <= self.imagesize**2:
            with contextlib.suppress(store.Uneven):
                return build(*photos, self.photo, points=False)
        return build(*crops, self.still, points=True)

    def checksum(self) -> str:
        """16 hex digits for the pixels of all faces as they are looked at."""
        bar = tqdm(range(len(self)), "masks", disable=distributed.no_bar(), leave=False)
        return wearing.checksum(slim(self.look(index).image) for index in bar)

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
    for path in paths:
        file = root / path
        if not file.is_file():
            raise InputError(
                f"{file}: no such image, but {list_file} names it; give the --root_path of this list, or the --DB of this folder"
            )
    return {path: landmarks[path] for path in paths}


def check_points(landmark_file: Path, faces: dict[str, tuple[np.ndarray, int]]) -> None:
    """InputError where a face has points that no crop can be made from."""
    for path, (points, _) in faces.items():
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
