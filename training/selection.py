"""Which faces a run reads, and which masks they wear: from options to data.Faces."""

from __future__ import annotations

import itertools
from argparse import Namespace
from typing import Any

from pre_processing.artefacts import InputError
from training import data, distributed, results, wearing
from training.options import prepared


def masks_of(split: str, options: Namespace) -> wearing.Masks | None:
    """The masks that bare faces of a split wear."""
    if split == "test":
        if not options.test_mask_kinds:
            return None
        return wearing.Masks(options.test_mask_kinds, fixed=True, second=options.second_mask)
    if options.mask_kinds:
        return wearing.Masks(
            options.mask_kinds, options.mask_share, options.same_masks or split == "valid", options.second_mask
        )
    return None


def faces_of(split: str, options: Namespace) -> data.Faces:
    """The faces of a split; the training ones change at every look.

    InputError where a list, landmark file, samples.csv and photos do not agree or one cannot be read, or no face shows one of the emotions.
    """
    training = split == "train"
    per_batch = options.batch_size if training else options.batch_size_t
    bare = options.mask_kinds or options.test_mask_kinds
    faces = data.Faces(
        options.root_path,
        getattr(options, f"{split}_list"),
        options.test_landmarksfile if split == "test" else options.train_landmarksfile,
        options.samples,
        num_classes=options.num_classes,
        imagesize=options.imagesize,
        condition="unmasked" if bare else options.condition,
        masks=masks_of(split, options),
        changing=training,
        cache=options.cache,
        workers=options.workers,
        targets=options.targets if training else "hard",
        limit=options.limit_batches and options.limit_batches * per_batch,
    )
    if training and options.teacher:
        faces.beside["bare"] = faces.bare()
    if training and options.consistency:
        faces.beside["other"] = faces
    return faces


def frozen_masks(options: Namespace, faces: data.Faces) -> dict[str, Any] | None:
    """What the test faces wear, for metrics.json; InputError where it is not what it was at the first such test.

    Test masks are noted in test_masks.json before anything is trained, so that all runs are tested on the same pixels.
    """
    if not faces.masks or not distributed.first():
        return None
    worn = {"kinds": faces.masks.worn, "faces": len(faces), "sha256": faces.checksum()}
    if options.limit_batches is None:
        wearing.freeze(results.emotions_dir(options).parent / "test_masks.json", worn)
    return worn


def check_apart(train: data.Faces, valid: data.Faces, test: data.Faces, options: Namespace) -> None:
    """InputError where a face is in two of the lists, but for Valid itself in the place of Test, as ablations have it."""
    lists = ((train, options.train_list), (valid, options.valid_list), (test, options.test_list))
    valid_list = prepared(options).valid
    for (faces, file), (others, other) in itertools.combinations(lists, 2):
        shared = set(faces.paths) & set(others.paths)
        if shared and not file == other == valid_list:
            raise InputError(
                f"{other}: {min(shared)} and {len(shared) - 1} more are in {file} as well; give lists of one preparation"
            )
