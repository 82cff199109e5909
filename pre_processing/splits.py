"""No photograph in two splits: near-duplicates are found, dropped and counted.

Two faces are near-duplicates where their grey thumbnails of 24x24 pixels, one of them possibly mirrored, correlate by
at least .96. Those of Test leave Train and Valid, those of Valid leave Train; Test stays whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from pre_processing.artefacts import atomic_write
from pre_processing.crop import read_image
from pre_processing.databases.table import Table
from pre_processing.emotions import EMOTIONS
from pre_processing.errors import InputError

SIDE = 24
THRESHOLD = 0.96
COARSE = 8  # frequencies a direction that the first, cheap comparison uses
BLOCK = 2048
SLACK = 1e-4  # rounding of float32 sums
OF_TEST, OF_VALID = "near-duplicate of test", "near-duplicate of valid"
AUDIT_COLUMNS = ("split", "emotion", "what", "count")


def thumbnails(root: str | Path, paths: Iterable[str], boxes: Iterable[tuple[int, ...]] | None = None) -> np.ndarray:
    """Grey thumbnails (n, 24, 24) uint8 of images below `root`, or of their boxes (left, top, right, bottom; () = all).

    Raises InputError that names an unreadable image.
    """
    paths = list(paths)
    boxes = [()] * len(paths) if boxes is None else list(boxes)
    result = np.empty((len(paths), SIDE, SIDE), np.uint8)
    pairs = zip(paths, boxes, strict=True)
    for index, (path, box) in enumerate(tqdm(pairs, "thumbnails", total=len(paths), disable=None)):
        image = read_image(Path(root) / path)
        if box:
            left, top, right, bottom = (max(0, int(edge)) for edge in box)
            part = image[top:bottom, left:right]
            image = part if part.size else image
        result[index] = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return result


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
    above (Cauchy-Schwarz), and only pairs whose bound reaches the threshold are computed in full.
    """
    count = len(images)
    if count < 2:
        return np.empty((0, 2), np.int64)
    full = spectra(images)
    low = full[:, :COARSE, :COARSE].reshape(count, -1)
    rest = np.sqrt(np.maximum(0, (full**2).sum((1, 2)) - (low**2).sum(1)))[:, None]
    coarse = np.concatenate([low, rest], axis=1)
    signs = np.where(np.arange(full.shape[2]) % 2, -1, 1).astype(np.float32)
    low_mirrored = (full * signs)[:, :COARSE, :COARSE].reshape(count, -1)
    coarse_mirrored = np.concatenate([low_mirrored, rest], axis=1)
    found: set[tuple[int, int]] = set()
    for other, sign in ((coarse, None), (coarse_mirrored, signs)):
        for start in tqdm(range(0, count, BLOCK), "comparing", disable=None, leave=False):
            for left, right in candidates(coarse[start : start + BLOCK], other, start, threshold):
                mate = full[right] if sign is None else full[right] * sign
                exact = np.einsum("nhw,nhw->n", full[left], mate) >= threshold
                found.update(zip(left[exact].tolist(), right[exact].tolist(), strict=True))
    return np.array(sorted(found), np.int64).reshape(-1, 2)


def candidates(
    rows: np.ndarray, others: np.ndarray, start: int, threshold: float
) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Index pairs i < j whose products reach the threshold; `rows` are those from `start` on."""
    for begin in range(start, len(others), BLOCK):
        bound = rows @ others[begin : begin + BLOCK].T
        left, right = np.nonzero(bound >= threshold - SLACK)
        left, right = left + start, right + begin
        later = left < right
        yield left[later], right[later]


def drop_near_duplicates(
    table: Table, keep: bool = False, threshold: float = THRESHOLD, images: np.ndarray | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(samples without near-duplicates across splits, audit table) of a reader's table.

    Train and Valid lose those of Test, Train those of Valid (of all of Valid, as it was read). With `keep` all samples
    stay, and the audit still counts them. Faces without a split and repeats inside a split stay, the latter counted.
    `images`: thumbnails (n, 24, 24) of the table's rows where they are already there.
    """
    samples = table.samples.reset_index(drop=True)
    if images is None:
        images = thumbnails(table.root, samples["path"], None if table.precropped else samples["box"])
    pairs = near_duplicates(images, threshold)
    reasons = reasons_to_drop(samples["split"].to_numpy(str), pairs)
    kept = samples if keep else samples[reasons == ""].reset_index(drop=True)
    for split in set(samples["split"]) - set(kept["split"]):
        raise InputError(f"{table.root}: all faces of {split} have twins in another split; keep near-duplicates")
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
    twin comes earlier in the same split; they stay) and "faces with a twin in <split>"; by reason only what the reader
    left out ("left out: <reason>").
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
    rows += [("", "", f"left out: {reason}", len(paths)) for reason, paths in sorted(table.dropped.items())]
    return pd.DataFrame(rows, columns=list(AUDIT_COLUMNS))


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


def write_audit(path: str | Path, audit: pd.DataFrame) -> None:
    """Write an audit table as CSV."""
    with atomic_write(path) as temporary:
        audit.to_csv(temporary, index=False, lineterminator="\n")


def read_audit(path: str | Path) -> pd.DataFrame:
    """The table that write_audit wrote; InputError for another file."""
    try:
        audit = pd.read_csv(path, keep_default_na=False, dtype={"split": str, "emotion": str, "what": str})
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not an audit table ({error}); prepare the database again") from error
    if tuple(audit.columns) != AUDIT_COLUMNS:
        raise InputError(f"{path}: its columns are not {', '.join(AUDIT_COLUMNS)}; prepare the database again")
    return audit
