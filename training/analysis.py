"""Put the figures of all runs of the study together, from files only.

    python -m training.analysis [Results]

Reads metrics.json and predictions.csv.gz of every run for FER+ and writes Results/study.json, which the report and the README
are made from. What no run exists for says "not run". Shares are fractions, intervals 95 %.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pre_processing import emotions
from pre_processing.artefacts import InputError, ListPaths, read_object, read_twins, write_object
from pre_processing.mask_kinds import SECOND
from training import cells, door, ensembles, hypothesis, options, pairs, predictions, statistics
from training.cells import NOT_RUN, RUN, Cell
from training.predictions import by_emotion, resampled_scores
from training.statistics import estimate, over_seeds

FILE, GATES, ABLATIONS = "study.json", "gates.json", "ablations.json"
MAIN = "7-gacnn-lite0"  # the network whose costs are told
FOUR_ONLY = "4-gacnn-lite0"  # the same, trained on four emotions
KEPT = ("command", "git", "config", "software", "n", "accuracy", "ci95", "confusion", "valid_accuracy", "best_epoch",
        "parameters", "test_masks", "precision_used", "device_used")  # fmt: skip
# Pair: title, what is tested bare, what masked, and whether it is one network.
PAIRS = {
    "shift": ("a network trained on bare faces, tested on bare and on masked ones", "unmasked-bare", "unmasked-seen", True),
    "information": ("networks trained and tested on bare, and on masked faces", "unmasked-bare", "masked-seen", False),
    "both": ("one network trained on both, tested on bare and on masked faces", "both-bare", "both-seen", True),
}  # fmt: skip
LARGER, WORN = "both+160px+teacher", "masked+160px+teacher+init_from"  # as training.cells names them
AGREEING = f"{LARGER}+consistency+invented"
LARGEST, ROBUST = (f"7-gacnn-lite2-{train}" for train in (LARGER, AGREEING))
# Networks whose fall from seen to unseen masks is told.
FALLS = {
    f"{MAIN}-masked": "the network trained behind masks",
    f"{MAIN}-both": "the network for both",
    f"{MAIN}-{LARGER}": "the one for both with larger inputs and a teacher",
    LARGEST: "the one for both with larger inputs, a teacher and a larger trunk",
    ROBUST: "the largest with agreeing looks and invented masks",
}
FOUR = "from the 7-emotion network: its probabilities of the four, renormalised, on faces that show one of the four"


class Study:
    """The cells with their predictions, each read once; every method makes one part of study.json."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.matrix = cells.read(folder=results)
        self.done = {cell.id: cell for cell in self.matrix if cell.own}
        self.predictions = {name: predictions.read(cell.folder, cell.figures) for name, cell in self.done.items()}
        self.check_masks()

    def check_masks(self) -> None:
        """InputError where test faces of two cells should wear the same masks and did not."""
        worn: dict[tuple[int, str], tuple[Any, Cell]] = {}
        for cell in self.done.values():
            now, key = (cell.figures.get("test_masks") or {}).get("sha256"), (cell.chosen.num_classes, cell.test)
            before, first = worn.setdefault(key, (now, cell))
            if now != before:
                raise InputError(f"{cell.folder}: test faces wore other masks than in {first.folder}; test both again")

    def seeds_of(self, name: str) -> dict[int, Cell]:
        """Cells of this name that were run, by seed."""
        return {cell.chosen.seed: cell for cell in self.done.values() if cell.name == name}

    def missing(self, *names: str) -> dict[str, str]:
        """`not run` with the reason of the first of these cells that has no results."""
        for name in names:
            lines = [cell for cell in self.matrix if cell.name == name]
            if not any(cell.own for cell in lines):
                reason = f"{lines[0].id}: {lines[0].reason}" if lines else f"no line of Scripts.txt makes {name}"
                return {"status": NOT_RUN, "reason": reason}
        return {"status": NOT_RUN, "reason": f"no seed has all of {', '.join(names)}"}

    @cached_property
    def costs(self) -> dict[str, Any]:
        """What masks cost, by pair of conditions."""
        return {name: {"title": title, **self.cost(f"{MAIN}-{bare}", f"{MAIN}-{masked}", same)}
                for name, (title, bare, masked, same) in PAIRS.items()}  # fmt: skip

    def cost(self, bare: str, masked: str, same_networks: bool) -> dict[str, Any]:
        """One pair, over the seeds that both have."""
        left, right = self.seeds_of(bare), self.seeds_of(masked)
        seeds = sorted(left.keys() & right.keys())
        if not seeds:
            return self.missing(bare, masked)
        sides = [[cells_of[seed].id for seed in seeds] for cells_of in (left, right)]
        found = pairs.cost(*([self.predictions[name] for name in side] for side in sides), same_networks)
        return {"status": RUN, "bare": sides[0], "masked": sides[1], "seeds": seeds, **found}

    def verdict(self) -> dict[str, Any]:
        """What the costs say of the hypothesis."""
        return {name: {"status": RUN, **hypothesis.words(cost["groups"]),
                        **{name: hypothesis.words(cost[f"groups_{name}"]) for name in ("auc", "auc_alike")}} if cost["status"] == RUN else
                {"status": NOT_RUN, "reason": cost["reason"]} for name, cost in self.costs.items()}  # fmt: skip

    def four_from_seven(self) -> list[dict[str, Any]]:
        """4-emotion figures of every 7-emotion network."""
        found = []
        for name, cell in self.done.items():
            if cell.chosen.num_classes == 7:
                twin = "4" + name[1:]
                twin = twin if any(other.id == twin for other in self.matrix) else None
                found.append(
                    {"cell": name, "label": FOUR, "trained_cell": twin, **predictions.four(self.predictions[name])}
                )
        return found

    def unseen(self) -> dict[str, Any]:
        """From kinds of masks that were trained on to others, on the same faces with the same network.

        Under `second`, the same with one more mask over both, of a kind that was trained on; under `mean`, with the mean of both answers;
        under `second_from_worn`, from seen kinds without it to unseen ones with it.
        """
        found: dict[str, Any] = {"target": pairs.UNSEEN_TARGET}
        for network in FALLS:
            drops = []
            for under in ("", f"-under-{SECOND}"):
                names = f"{network}-seen{under}", f"{network}-unseen{under}"
                seen, other = map(self.seeds_of, names)
                seeds = sorted(seen.keys() & other.keys())
                drops.append(self.unseen_drop(seen[seeds[0]].id, other[seeds[0]].id) if seeds else self.missing(*names))
            missing = next((drop for drop in drops if drop["status"] != RUN), None)
            found[network] = {**drops[0], "second": {"kind": SECOND, **drops[1]},
                              **dict.fromkeys(("mean", "second_from_worn"), missing)}  # fmt: skip
            if not missing:
                worn, second = ([self.predictions[drop[kinds]] for kinds in ("seen", "unseen")] for drop in drops)
                looks = zip(worn, second, strict=True)
                found[network]["mean"] = pairs.fall(*(predictions.mean([*both]) for both in looks))
                found[network]["second_from_worn"] = pairs.fall(worn[0], second[1])
        return found

    def largest(self) -> dict[str, Any]:
        """What a mask costs the largest network, which is for both, in accuracy."""
        names = [f"7-gacnn-lite2-s0-{LARGER}-{test}" for test in ("bare", "seen")]
        if not self.predictions.keys() >= {*names}:
            return self.missing(*(f"{LARGEST}-{test}" for test in ("bare", "seen")))
        n, bare, masked, drop = pairs.difference(*(self.predictions[name] for name in names))
        return {"status": RUN, "n": n, "accuracy_bare": bare, "accuracy_masked": masked, "drop": drop}

    def unseen_drop(self, seen: str, unseen: str) -> dict[str, Any]:
        """The drop of one network's accuracy, and what becomes of the faces behind it."""
        first, second = (self.predictions[name] for name in (seen, unseen))
        lost = pairs.lost_faces(first.labels, first.answers, second.answers)
        return {"seen": seen, "unseen": unseen, **pairs.fall(first, second), "lost": lost}

    def apart(self) -> dict[str, Any]:
        """Masks that leave a mouth or a nose in sight, beside those that training showed, by test."""
        found = {}
        for test in ("window", "low"):
            names = f"{MAIN}-masked-{test}", f"{MAIN}-masked-seen"
            own, usual = map(self.seeds_of, names)
            seeds = sorted(own.keys() & usual.keys())
            found[test] = self.missing(*names)
            if seeds:
                both = (self.predictions[cells_of[seeds[0]].id] for cells_of in (own, usual))
                found[test] = {"status": RUN, **pairs.gain(*both)}
        return found

    def variations(self) -> list[dict[str, Any]]:
        """Networks of another kind, or trained in another way, each beside the seeds of its like, on the same faces."""
        # Training for unknown masks, and covering them, on the same faces.
        beside = {name: like(cell) for name, cell in self.done.items()}
        ways = f"7-gacnn-lite2-s0-{AGREEING}-unseen", f"7-gacnn-lite2-s0-{LARGER}-unseen-under-{SECOND}"
        found = []
        for name, usual in [*beside.items(), ways]:
            if usual != name and {name, usual} <= self.done.keys():
                cell, by_seed = self.done[name], self.seeds_of(self.done[usual].name)
                runs = [self.predictions[name], *(self.predictions[by_seed[seed].id] for seed in sorted(by_seed))]
                found.append({"cell": name, "beside": usual, "seeds": sorted(by_seed), **pairs.gain(*runs)})
                if cells.keeps_duplicates(vars((cell.parent or cell).chosen)):
                    found[-1]["twins"] = self.twins(*runs)
        return found

    def twins(self, *runs: predictions.Predictions) -> dict[str, Any]:
        """What near-duplicates in Train are worth on the test faces that have some, and on the others."""
        file = ListPaths(self.results, "unmasked", "FERPlus").twins
        if not file.is_file():
            return {"status": NOT_RUN, "reason": "python -m pre_processing.twins was not run"}
        rows = read_twins(file)
        paths = runs[0].paths
        have = np.isin(paths, rows["path"])
        if have.sum() != len(rows):
            raise InputError(f"{file}: of other faces than were tested; run python -m pre_processing.twins again")
        same = np.isin(paths, rows.loc[rows["same_label"] == rows["twins"], "path"])
        groups = {"twin": have, "same_label": same, "other_label": have & ~same, "none": ~have}
        return {"status": RUN, **{name: pairs.gain(*(predictions.of(run, chosen) for run in runs))
                                  for name, chosen in groups.items() if chosen.any()}}  # fmt: skip

    def ensembles(self) -> dict[str, Any]:
        """Mean answers of the seeds of one network, and of those for both with larger inputs."""
        trained = ("unmasked-bare", "masked-seen", "both-bare", "both-seen", "both-unseen")
        names = [f"{MAIN}-{name}" for name in trained] + [
            f"{FOUR_ONLY}-{name}" for name in ("unmasked-bare", "masked-seen")
        ]
        seeds = {name: self.seeds_of(name) for name in names}
        wanted = {name: [by_seed[seed].id for seed in sorted(by_seed)] for name, by_seed in seeds.items()}
        for test in ("bare", "seen", "unseen"):
            networks = f"{MAIN}-s0-{LARGER}", f"7-gacnn-lite2-s0-{LARGER}", f"7-gacnn-lite2-s0-{AGREEING}"
            wanted[f"160px-{test}"] = [f"{network}-{test}" for network in networks]
        return ensembles.networks(wanted, self.predictions)

    def calibration(self) -> dict[str, Any]:
        """Calibration of every cell that was run."""
        return {name: ensembles.reliability(run) for name, run in self.predictions.items()}

    def seeds(self) -> list[dict[str, Any]]:
        """Means over seeds, for what has lines for several."""
        wanted: dict[str, list[int]] = {}
        for cell in self.matrix:
            wanted.setdefault(cell.name, []).append(cell.chosen.seed)
        several = {name: seeds for name, seeds in wanted.items() if len(seeds) > 1}
        return [{"id": name, "wanted": seeds, **self.mean_of(name)} for name, seeds in several.items()]

    def mean_of(self, name: str) -> dict[str, Any]:
        """Figures of a cell over its seeds."""
        by_seed = self.seeds_of(name)
        if not by_seed:
            return self.missing(name)
        seeds = sorted(by_seed)
        runs = [self.predictions[by_seed[seed].id] for seed in seeds]
        found, drawn = resampled_scores(runs)
        weights = statistics.seed_weights(len(runs))
        mean = statistics.Scores(*(over_seeds(figure) for figure in found))
        means = statistics.Scores(*(over_seeds(figure, weights) for figure in drawn))
        names = emotions.names(runs[0].probabilities.shape[1])
        precisions = sorted({by_seed[seed].figures.get("precision_used") or "fp32" for seed in seeds})
        return {"status": RUN, "seeds": seeds, "precisions": precisions, "accuracies": found.accuracy.tolist(),
                "sd": float(found.accuracy.std(ddof=1)) if len(seeds) > 1 else None,
                "mean": estimate(mean.accuracy, means.accuracy), **by_emotion(mean, means, names)}  # fmt: skip

    def other_runs(self) -> list[dict[str, Any]]:
        """Runs that no line of Scripts.txt makes, or that another command left in a line's place."""
        own = {cell.folder for cell in self.done.values()}
        found = []
        for file in sorted(self.results.glob("*Datasets/FERPlus/*Emotions/runs/*/metrics.json")):
            if file.parent not in own:
                figures = cells.read_figures(file)
                keys = ("command", "num_classes", "condition", "train_condition", "n", "accuracy")
                found.append({"folder": file.parent.as_posix(), **{key: figures.get(key) for key in keys}})
        return found

    def cell(self, cell: Cell) -> dict[str, Any]:
        """One cell of the matrix."""
        c = cell.chosen
        found = {"id": cell.id, "num_classes": c.num_classes, "model": c.model, "backbone": c.backbone, "seed": c.seed,
                 "train": cell.train, "test": cell.test, "evaluation": cell.parent is not None, "line": cell.line,
                 "status": RUN if cell.own else NOT_RUN, "reason": cell.reason, "folder": cell.folder.as_posix()}  # fmt: skip
        if not cell.own:
            return found
        run, names = self.predictions[cell.id], emotions.names(c.num_classes)
        single, drawn = (statistics.Scores(*(figure[index] for figure in scores))
                         for scores, index in zip(resampled_scores([run]), (0, np.s_[:, 0]), strict=True))  # fmt: skip
        counts = np.bincount(run.labels, minlength=len(names)).tolist()
        return {**found, **{key: cell.figures.get(key) for key in KEPT}, "epochs": (cell.parent or cell).chosen.epochs,
                "faces": dict(zip(names, counts, strict=True)), "certain": predictions.certain_subset(run),
                **by_emotion(single, drawn, names)}  # fmt: skip

    def beside(self, name: str, command: str) -> dict[str, Any]:
        """What another command left in the results folder, if it was run."""
        file = self.results / name
        if file.is_file():
            return read_noted(file)
        return {"status": NOT_RUN, "reason": f"{command} was not run"}

    def everything(self) -> dict[str, Any]:
        """study.json."""
        how = {"resamples": statistics.RESAMPLES, "seed": statistics.SEED, "method": statistics.METHOD}
        parts: dict[str, Callable[[], Any]] = {
            "cells": lambda: [self.cell(cell) for cell in self.matrix],
            "other_runs": self.other_runs,
            "costs": lambda: self.costs,
            "largest": self.largest,
            "verdict": self.verdict,
            "four_from_seven": self.four_from_seven,
            "unseen": self.unseen,
            "apart": self.apart,
            "variations": self.variations,
            "two_looks": lambda: ensembles.two_looks(self.predictions),
            "ensembles": self.ensembles,
            "calibration": self.calibration,
            "seeds": self.seeds,
            "gates": lambda: self.beside(GATES, "python -m training.gates CHECKPOINT"),
            "ablations": lambda: self.beside(ABLATIONS, "python -m training.ablations"),
        }
        return {
            "command": f"python -m training.analysis {self.results.as_posix()}",
            "bootstrap": how,
            "groups": {"better": list(hypothesis.BETTER), "worse": list(hypothesis.WORSE)},
            **{name: part() for name, part in parts.items()},
        }


def like(cell: Cell) -> str:
    """The cell that this one is set beside: without looks that agree and what its name has after them, else with Lite0 for
    another trunk, else a gACNN, else trained in the usual way.
    """
    chosen = cell.chosen
    for other, usual in (
        (cell.train, cell.train.partition("+consistency")[0]),
        (chosen.backbone, "lite0"),
        (chosen.model, "gacnn"),
        (cell.train, cell.train.split("+")[0]),
    ):
        if other != usual:
            return cell.id.replace(f"-{other}-", f"-{usual}-")
    return cell.id


def read_noted(file: Path) -> dict[str, Any]:
    """What a command noted in a JSON file of the results folder; InputError where that is broken."""
    return read_object(file, "not what its command writes ({error}); restore it, or remove it and run that again")


def rounded(value: Any) -> Any:
    """The same with six digits that count, so that the file does not depend on a machine's last digit."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def write(results: Path) -> Path:
    """Write study.json into the results folder; its path."""
    if not results.is_dir():
        raise InputError(f"{results}: no such folder; give the folder of the results")
    write_object(results / FILE, rounded(Study(results).everything()), allow_nan=False)
    return results / FILE


def main(argv: list[str] | None = None) -> int:
    """Write study.json for the results folder named (Results); the exit code of training.door."""
    parser = options.Parser(prog="python -m training.analysis", description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", type=Path, default=Path("Results"), help="folder of the results")
    return door.run(lambda: print(write(parser.parse_args(argv).results)))


if __name__ == "__main__":
    sys.exit(main())
