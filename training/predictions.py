"""predictions.csv.gz of a run, and the figures of one or several runs on the same faces."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pre_processing import emotions
from pre_processing.artefacts import InputError, atomic_write
from training import metrics, statistics
from training.statistics import estimate

FILE = "predictions.csv.gz"


class Predictions(NamedTuple):
    """predictions.csv.gz of a run, by path: paths and labels (n,), answers (n,), probabilities (n, K), certain (n,) or None."""

    file: str
    paths: np.ndarray
    labels: np.ndarray
    answers: np.ndarray
    probabilities: np.ndarray
    certain: np.ndarray | None


def table(answers: dict[str, np.ndarray], predicted: np.ndarray, faces: Any) -> pd.DataFrame:
    """path, emotion, predicted, a probability for each emotion, certain (empty where nobody knows); a row a face.

    `answers` as engine.evaluate gives them, `faces` the ones that were tested.
    """
    rows = pd.DataFrame({
        "path": [faces.paths[index] for index in answers["index"]],
        "emotion": [faces.names[code] for code in answers["label"]],
        "predicted": [faces.names[code] for code in predicted],
    })  # fmt: skip
    for code, name in enumerate(faces.names):
        rows[f"p_{name}"] = answers["probabilities"][:, code].round(4)
    rows["certain"] = answers["certain"].astype(int) if faces.certain is not None else ""
    return rows


def write(folder: Path, rows: pd.DataFrame) -> None:
    """predictions.csv.gz of the folder: equal rows give equal bytes."""
    text = rows.to_csv(index=False, lineterminator="\n")
    with atomic_write(folder / FILE) as temporary:
        temporary.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))


def read(folder: Path, figures: dict[str, Any]) -> Predictions:
    """predictions.csv.gz of the folder, sorted by path; InputError where it is missing, broken, or of another run than the figures."""
    file, names = folder / FILE, emotions.names(figures["num_classes"])
    codes = {name: code for code, name in enumerate(names)}
    try:
        rows = pd.read_csv(file).sort_values("path")
        if not rows[["emotion", "predicted"]].isin(names).all(axis=None):
            raise ValueError("an unknown emotion")
        labels, answers = (rows[column].map(codes).to_numpy(np.int64) for column in ("emotion", "predicted"))
        probabilities = rows[[f"p_{name}" for name in names]].to_numpy(np.float64)
        if not np.isfinite(probabilities).all() or rows["path"].duplicated().any():
            raise ValueError("a face twice, or a probability that is no number")
        if not rows["certain"].dropna().isin([0, 1]).all():
            raise ValueError("certain is neither 0 nor 1")
        certain = None if rows["certain"].isna().any() else rows["certain"].to_numpy(bool)
    except (OSError, EOFError, zlib.error, KeyError, ValueError) as error:
        raise InputError(f"{file}: not the predictions of a run ({error}); test its network again") from error
    if len(rows) != figures["n"] or not np.isclose((labels == answers).mean(), figures["accuracy"]):
        raise InputError(f"{file}: does not belong to metrics.json beside it; test the network again")
    return Predictions(str(file), rows["path"].to_numpy(), labels, answers, probabilities, certain)


def same_faces(runs: list[Predictions]) -> None:
    """InputError where two runs were not tested on the same faces with the same labels."""
    first = runs[0]
    for other in runs[1:]:
        if not (np.array_equal(first.paths, other.paths) and np.array_equal(first.labels, other.labels)):
            raise InputError(f"{other.file}: other faces than in {first.file}; test both on the same lists")


def of(run: Predictions, chosen: np.ndarray) -> Predictions:
    """The answers to some of the faces; chosen: bool (n,)."""
    return run._replace(
        **{name: None if part is None else part[chosen] for name, part in run._asdict().items() if name != "file"}
    )


def mean(runs: list[Predictions]) -> Predictions:
    """The mean of several answers to the same faces."""
    same_faces(runs)
    probabilities = np.mean([run.probabilities for run in runs], axis=0)
    files = " and ".join(run.file for run in runs)
    return runs[0]._replace(file=files, answers=probabilities.argmax(1), probabilities=probabilities)


def resampled_scores(runs: list[Predictions]) -> tuple[statistics.Scores, statistics.Scores]:
    """Figures (S, ...) of runs on the same faces, and of R resamples of these (R, S, ...)."""
    same_faces(runs)
    labels, answers = runs[0].labels, np.stack([run.answers for run in runs], axis=1)
    classes = runs[0].probabilities.shape[1]
    drawn = statistics.resampled(labels, answers, classes)
    return statistics.scores(statistics.confusions(labels, answers, classes)), statistics.scores(drawn)


def by_emotion(found: statistics.Scores, drawn: statistics.Scores, names: tuple[str, ...]) -> dict[str, Any]:
    """Macro recall, and {emotion: {value, ci95}} of the other figures, from values (K,) and resamples (R, K)."""
    tables = {key: {name: estimate(getattr(found, key)[code], getattr(drawn, key)[:, code])
                    for code, name in enumerate(names)} for key in ("recall", "precision", "f1")}  # fmt: skip
    return {"macro_recall": estimate(found.macro_recall, drawn.macro_recall), **tables}


def certain_subset(run: Predictions) -> dict[str, Any] | None:
    """Accuracy on faces whose landmarks are trusted."""
    if run.certain is None or not run.certain.any():
        return None
    hits = (run.labels == run.answers)[run.certain]
    return {"n": len(hits), "accuracy": float(hits.mean()), "ci95": list(metrics.wilson(int(hits.sum()), len(hits)))}


def four(run: Predictions) -> dict[str, Any]:
    """Figures for the first four emotions."""
    kept, names = run.labels < 4, emotions.names(4)
    found = metrics.summarise(run.labels[kept], run.probabilities[kept, :4].argmax(1), names, None)
    return {key: found[key] for key in ("n", "accuracy", "ci95", "macro_recall", "recall", "confusion")}
