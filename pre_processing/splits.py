"""No photograph in two splits: near-duplicates are found, dropped and counted.

Two faces are near-duplicates where their grey thumbnails of 24x24 pixels, one of them possibly mirrored, correlate by
at least .96 (.99 where persons are known). Those of Test leave Train and Valid, those of Valid leave Train; Test stays whole.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from pre_processing.artefacts import AUDIT_COLUMNS
from pre_processing.chunks import in_chunks
from pre_processing.crop import read_image
from pre_processing.databases.table import Table
from pre_processing.emotions import EMOTIONS
from pre_processing.errors import InputError

SIDE = 24
THRESHOLD = 0.96
# Where people are known and each is in one split only, a twin is one photograph stored twice. Faces of different people
# in one studio reach .96: 3 of the 276 pairs of the Face Research Lab London Set's 24 sample portraits (at most .972).
SAME_PHOTO = 0.99
COARSE = 8  # frequencies a direction that the first, cheap comparison uses
BLOCK = 2048
SLACK = 1e-4  # rounding of float32 sums
CHUNK = 512  # images read by one process at a time
UNREADABLE, PEOPLE = "unreadable image", "people"
OF_TEST, OF_VALID = "near-duplicate of test", "near-duplicate of valid"


def thumbnails(
    root: str | Path,
    paths: Iterable[str],
    boxes: Iterable[Sequence[float]] | None = None,
    jobs: int = 1,
    points: Iterable[Sequence] | None = None,
) -> tuple[np.ndarray, dict[int, str], list[int]]:
    """Grey thumbnails (n, 24, 24) uint8 of images below `root`, or of their boxes (left, top, right, bottom; () = all),
    {index: reason} of the unreadable images, whose thumbnails are blank, and the indices of those of whose `points`, (68, 2)
    or (), most lie outside of them. `jobs`: processes, 0 or less: all cores."""
    paths = list(paths)
    none = [()] * len(paths)
    photos = list(zip(paths, none if boxes is None else boxes, none if points is None else points, strict=True))
    result, unreadable, strayed = np.zeros((len(photos), SIDE, SIDE), np.uint8), {}, []
    chunks = in_chunks(_read_chunk, photos, CHUNK, jobs, Path(root), ordered=True, desc="thumbnails", disable=None)
    for at, (chunk, failed, outside) in zip(range(0, len(photos), CHUNK), chunks, strict=True):
        result[at : at + CHUNK] = chunk
        unreadable.update({at + index: reason for index, reason in failed.items()})
        strayed += [at + index for index in outside]
    return result, unreadable, strayed


def _read_chunk(
    photos: list[tuple[str, Sequence[float], Sequence]], root: Path
) -> tuple[np.ndarray, dict[int, str], list[int]]:
    result, unreadable, strayed = np.zeros((len(photos), SIDE, SIDE), np.uint8), {}, []
    for index, (path, box, points) in enumerate(photos):
        try:
            image = read_image(root / path)
        except InputError as error:
            unreadable[index] = str(error)
            continue
        if len(points):
            points = np.asarray(points)
            inside = ((points >= 0) & (points < image.shape[1::-1])).all(1)
            strayed += [index] if inside.mean() < 0.5 else []
        if len(box):
            left, top, right, bottom = (max(0, int(edge)) for edge in box)
            part = image[top:bottom, left:right]
            image = part if part.size else image
        result[index] = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return result, unreadable, strayed


def look(table: Table, jobs: int = -1) -> tuple[Table, np.ndarray]:
    """The table without unreadable images, and the thumbnails (n, 24, 24) of the others.

    Unreadable images are left out and listed by path in `dropped`; InputError where no image is readable. Points that the
    database ships for another picture than this one (source photos, turned ones) are taken away, to be fitted, and counted on
    stderr.
    """
    samples = table.samples.reset_index(drop=True)
    boxes = None if table.precropped else samples["box"]
    images, unreadable, strayed = thumbnails(table.root, samples["path"], boxes, jobs, samples["landmarks"])
    if len(samples) and len(unreadable) == len(samples):
        raise InputError(unreadable[0])
    if strayed:
        outside = {*strayed}
        samples["landmarks"] = [() if index in outside else points for index, points in enumerate(samples["landmarks"])]
        first = samples["path"][strayed[0]]
        print(
            f"{len(strayed)} faces whose points lie outside of their pictures, such as {first}, get fitted ones",
            file=sys.stderr,
        )
    if not unreadable:
        return replace(table, samples=samples), images
    good = ~samples.index.isin(unreadable)
    dropped = {**table.dropped, UNREADABLE: samples.loc[~good, "path"].tolist()}
    return replace(table, samples=samples[good].reset_index(drop=True), dropped=dropped), images[good]


def spectra(images: np.ndarray) -> np.ndarray:
    """Cosine transforms (n, H, W) float32 of images made zero-mean and unit-norm; all zero for a blank image.

    The transform is orthonormal: products of spectra are correlations, and a mirrored image has the same spectrum with
    the sign of its odd horizontal frequencies changed.
    """
    images = np.asarray(images, np.float32)
    images = images - images.mean((1, 2), keepdims=True)
    norms = np.sqrt((images**2).sum((1, 2), keepdims=True))
    images /= np.where(norms > SLACK, norms, np.inf)
    return np.stack([cv2.dct(image) for image in images])


def near_duplicates(images: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """Pairs (m, 2) of indices i < j, sorted, of near-duplicates among grey images (n, H, W), H and W even.

    A pair's correlation is that of the images or of one with the other mirrored, whichever is larger. Blank images are
    nobody's duplicates. All pairs are compared: low frequencies and the norm of the rest bound a correlation from
    above (Cauchy-Schwarz), and only pairs whose bound reaches the threshold are computed in full. Beside the images
    this needs about 260 bytes an image, and as much again for each near-duplicate.
    """
    blocks = [slice(start, start + BLOCK) for start in range(0, len(images), BLOCK)]
    found = [np.empty((0, 2), np.int64)]
    coarse = [outline(spectra(images[block])) for block in blocks]
    for number, block in enumerate(tqdm(blocks, "comparing", disable=None, leave=False)):
        full = spectra(images[block])
        signs = mirror_signs(full.shape[2])
        for other in range(number, len(blocks)):
            for own, rows in ((full, coarse[number]), (full * signs, outline(full * signs))):
                left, right = np.nonzero(rows @ coarse[other].T >= threshold - SLACK)
                if number == other:
                    left, right = left[left < right], right[left < right]
                exact = correlate(own, left, images[blocks[other]], right) >= threshold
                start = blocks[number].start, blocks[other].start
                found.append(np.stack([left[exact], right[exact]], axis=1) + start)
    return np.unique(np.concatenate(found), axis=0)


def mirror_signs(width: int) -> np.ndarray:
    """(width,) factors that turn an image's spectrum into that of its mirror image."""
    return np.where(np.arange(width) % 2, -1, 1).astype(np.float32)


def outline(full: np.ndarray) -> np.ndarray:
    """(n, COARSE^2 + 1) low frequencies of spectra (n, H, W), and the norm of the rest."""
    low = full[:, :COARSE, :COARSE].reshape(len(full), -1)
    rest = np.sqrt(np.maximum(0, (full**2).sum((1, 2)) - (low**2).sum(1)))
    return np.column_stack([low, rest])


def correlate(rows: np.ndarray, left: np.ndarray, images: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Correlation (m,) of the spectra rows[left] with images[right]; only the images needed are transformed."""
    if not len(left):
        return np.empty(0, np.float32)
    needed, at = np.unique(right, return_inverse=True)
    others = spectra(images[needed])
    result = np.empty(len(left), np.float32)
    for start in range(0, len(left), BLOCK):  # many pairs at once would need much memory
        part = slice(start, start + BLOCK)
        result[part] = np.einsum("nhw,nhw->n", rows[left[part]], others[at[part]])
    return result


def threshold_for(samples: pd.DataFrame) -> float:
    """Correlation from which on faces are near-duplicates: .99 where the person of every face is known, else .96."""
    return SAME_PHOTO if (samples["subject"] != "").all() else THRESHOLD


def drop_near_duplicates(
    table: Table, keep: bool = False, images: np.ndarray | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(samples without near-duplicates across splits, audit table) of a reader's table.

    Train and Valid lose those of Test, Train those of Valid (of all of Valid, as it was read). With `keep` all samples
    stay, and the audit still counts them. Faces without a split and repeats inside a split stay, the latter counted.
    `images`: thumbnails (n, 24, 24) of the table's rows where they are already there, see `look`.
    """
    if images is None:
        table, images = look(table)
    samples = table.samples.reset_index(drop=True)
    pairs = near_duplicates(images, threshold_for(samples))
    reasons = reasons_to_drop(samples["split"].to_numpy(str), pairs)
    kept = samples if keep else samples[reasons == ""].reset_index(drop=True)
    for split in set(samples["split"]) - set(kept["split"]):
        raise InputError(f"{table.root}: all faces of {split} have twins in another split; give --keep_duplicates")
    return kept, audit_table(table, samples, pairs, reasons, keep)


def reasons_to_drop(splits: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Reason (n,) for each face to be left out, "" for none; Test goes before Valid."""
    reasons = np.full(len(splits), "", dtype=object)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    for stays, leaves, reason in (("valid", ["train"], OF_VALID), ("test", ["train", "valid"], OF_TEST)):
        reached = both[splits[both[:, 0]] == stays, 1]
        reasons[reached[np.isin(splits[reached], leaves)]] = reason
    return reasons


def audit_table(
    table: Table, samples: pd.DataFrame, pairs: np.ndarray, reasons: np.ndarray, keep: bool
) -> pd.DataFrame:
    """Long table (split, emotion, what, count) of all that happened to the faces.

    what: "before"; "near-duplicate of test" and "... of valid"; "after"; by split only "repeats inside" (faces whose
    twin comes earlier in the same split; they stay), "faces with a twin in <split>" and, where they are known, "people"
    (after); by reason only what the reader left out ("left out: <reason>").
    """
    splits = samples["split"].to_numpy(str)
    rows: list[tuple[str, str, str, int]] = []
    stays = np.ones(len(samples), bool) if keep else reasons == ""
    for what, chosen in (
        ("before", stays | True),
        (OF_TEST, reasons == OF_TEST),
        (OF_VALID, reasons == OF_VALID),
        ("after", stays),
    ):
        sizes = samples[chosen].groupby(["split", "emotion"]).size()
        for split in sorted(set(splits)):
            rows += [(split, name, what, int(sizes.get((split, code), 0))) for code, name in enumerate(EMOTIONS)]
    rows += [(*row[:1], "", *row[1:]) for row in twin_counts(splits, pairs)]
    known = samples[stays & (samples["subject"] != "")]
    rows += [(split, "", PEOPLE, count) for split, count in known.groupby("split")["subject"].nunique().items()]
    rows += [("", "", f"left out: {reason}", len(paths)) for reason, paths in sorted(table.dropped.items())]
    return pd.DataFrame(rows, columns=list(AUDIT_COLUMNS))


def without(audit: pd.DataFrame, samples: pd.DataFrame, failures: Mapping[str, str]) -> pd.DataFrame:
    """The audit table of `samples` once those among `failures` ({path: reason}) are left out as well."""
    lost = samples["path"].isin(failures)
    if not lost.any():
        return audit
    audit = audit.set_index(["split", "emotion", "what"])["count"]
    for (split, code), faces in samples[lost].groupby(["split", "emotion"]):
        audit[split, EMOTIONS[code], "after"] -= len(faces)
    known = samples[~lost & (samples["subject"] != "")]
    for split, people in known.groupby("split")["subject"].nunique().items():
        audit[split, "", PEOPLE] = people
    for reason, count in samples.loc[lost, "path"].map(failures).value_counts().sort_index().items():
        audit["", "", f"left out: {reason}"] = audit.get(("", "", f"left out: {reason}"), 0) + count
    return audit.reset_index()[list(AUDIT_COLUMNS)]


def twin_counts(splits: np.ndarray, pairs: np.ndarray) -> list[tuple[str, str, int]]:
    """(split, what, faces) for repeats inside each split and for twins between two."""
    first, second = splits[pairs[:, 0]], splits[pairs[:, 1]]
    rows = [
        (name, "repeats inside", len(set(pairs[(first == name) & (second == name), 1]))) for name in sorted(set(splits))
    ]
    both = np.concatenate([pairs, pairs[:, ::-1]])
    for one, other in (("test", "train"), ("test", "valid"), ("valid", "train")):
        matches = (splits[both[:, 0]] == one) & (splits[both[:, 1]] == other)
        rows.append((one, f"faces with a twin in {other}", len(set(both[matches, 0]))))
    return rows


def balance(audit: pd.DataFrame) -> pd.DataFrame:
    """Wide view for people: a row for each split and emotion, columns before, both reasons, after."""
    by_emotion = audit[audit["emotion"] != ""]
    order = ["before", OF_TEST, OF_VALID, "after"]
    return by_emotion.pivot_table("count", ["split", "emotion"], "what", "sum", sort=False)[order].astype(int)
