"""Cross-validation: one training run a fold, and the mean of their figures.

    python -m pre_processing.prepare --DB C --root_path data/ckplus --fold all
    python -m training.folds --root_path data/ckplus --DB C --condition unmasked

Options are those of main_trainer.py. Each fold is a results folder of its own below <main_folder>/folds/, with its lists
and its run; a fold that is finished is not run again, so that the same command, with or without --resume auto, goes on
after an interruption.
"""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pre_processing.artefacts import InputError, ListPaths, read_list, write_object
from pre_processing.emotions import DATABASES
from training import cells, checkpoint, distributed, door, figures, metrics, options, predictions, results, run
from training.checkpoint import plain

FIGURES = ("n", "accuracy", "macro_recall", "best_epoch", "valid_accuracy")
MADE = ("git", "software", "device_used", "precision_used", "precision_trained", "test_masks")  # of each fold its own
OWN = ("resume", "evaluate", "model_dir", "start_epoch", "train_list", "valid_list", "test_list",
       "train_landmarksfile", "test_landmarksfile", "samples")  # fmt: skip


def fold_folders(chosen: Namespace) -> dict[int, Path]:
    """{fold: its results folder} of the folds that were prepared; InputError where there are none."""
    above = chosen.main_folder / "folds"
    numbers = sorted(int(folder.name) for folder in above.glob("*") if folder.name.isdecimal())
    folders = {fold: above / str(fold) for fold in numbers}
    found = {
        fold: folder
        for fold, folder in folders.items()
        if ListPaths(folder, chosen.condition, DATABASES[chosen.DB]).test.is_file()
    }
    if len(found) < 2:
        raise InputError(f"{above}: {len(found)} folds of {DATABASES[chosen.DB]}, {chosen.condition}, but at least 2 are "
                         f"needed; run python -m pre_processing.prepare --DB {chosen.DB} --root_path FOLDER --out {chosen.main_folder} --fold all first")  # fmt: skip
    return found


def shared(argv: list[str]) -> list[str]:
    """What all folds are run with: `argv` without `--resume auto`, which says what is done here anyway.

    InputError where an option is given that each fold has its own of.
    """
    given = options.build_parser().parse_args(argv)
    if given.resume == options.AUTO:
        known = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        known.add_argument("--resume")
        _, argv = known.parse_known_args(argv)
        given.resume = None
    for name in OWN:
        if getattr(given, name):
            raise InputError(f"--{name} cannot be given for all folds at once; leave it out")
    for name in checkpoint.NETWORKS:
        path = getattr(given, name)
        if path and checkpoint.load(path)["config"].get("DB") == given.DB:
            raise InputError(
                f"{path}: learnt from people of the folds that are tested here; give a --{name} of another database"
            )
    return argv


def run_fold(argv: list[str], chosen: Namespace, fold: int, folder: Path) -> Path:
    """Train and test one fold where that is not done yet; the folder of its run."""
    argv = [*argv, "--main_folder", str(folder)]
    if chosen.results != chosen.main_folder:
        argv += ["--results", str(chosen.results / "folds" / str(fold))]
    weights = results.checkpoint_dir(chosen)
    argv += ["--model_dir", str(weights.with_name(f"{weights.name}-fold{fold}"))]
    # Who begins anew goes on without saying so again.
    own, command = options.parse(argv), results.command_line([word for word in argv if word != "--overwrite"])
    target = results.run_dir(own)
    print(f"fold {fold}: {target}", flush=True)
    if not chosen.overwrite:
        check_command(target / f"{results.stem(own)}output.txt", command)
        if (target / "metrics.json").is_file():
            check_tested(target, own.test_list)
            return target
        last = own.model_dir / "last.pt"
        argv += ["--resume", str(last)] if last.is_file() else ["--overwrite"]
    run.train(options.parse(argv), command)
    return target


def check_command(text: Path, command: str) -> None:
    """InputError where a run's text shows that another command began it."""
    if text.is_file() and text.read_text(encoding="utf-8").partition("\n")[0] != command:
        raise InputError(f"{text.parent}: holds the run of another command; give --tag NAME or --overwrite")


def check_tested(target: Path, listed: Path) -> None:
    """InputError where a finished fold has no whole predictions, or tested others than its list names now: who moved to it
    from another fold would be tested twice, or never.
    """
    found = predictions.read(target, cells.read_figures(target / "metrics.json"))
    if not {*found.paths} <= {*read_list(listed)}:
        raise InputError(
            f"{target}: tested faces that {listed} does not name any more; give --overwrite, and all folds begin anew"
        )


def pool(chosen: Namespace, runs: dict[int, Path], command: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """(figures of all folds together, predictions): each face counts in the fold in which it was tested.

    Beside the keys of metrics.json: `folds`, figures of each, and mean and standard deviation over them.
    """
    single = {fold: cells.read_figures(target / "metrics.json") for fold, target in runs.items()}
    table = pd.concat(
        pd.read_csv(target / predictions.FILE).assign(fold=fold) for fold, target in runs.items()
    )  # fmt: skip
    names = tuple(single[min(single)]["recall"])
    codes = {name: code for code, name in enumerate(names)}
    certain = None if table["certain"].isna().any() else table["certain"].to_numpy(bool)
    labels, predicted = (table[column].map(codes).to_numpy(np.int64) for column in ("emotion", "predicted"))
    accuracies = [found["accuracy"] for found in single.values()]
    recalls = [found["macro_recall"] for found in single.values()]
    kinds = {(found.get("test_masks") or {}).get("kinds") for found in single.values()} - {None}
    found = {
        **{key: value for key, value in single[min(single)].items() if key not in MADE},
        **({"test_masks": {"kinds": kinds.pop()}} if len(kinds) == 1 else {}),
        **metrics.summarise(labels, predicted, names, certain),
        "folds": {
            str(fold): {key: found[key] for key in (*FIGURES, *MADE) if key in found} for fold, found in single.items()
        },
        "accuracy_mean": float(np.mean(accuracies)),
        "accuracy_sd": float(np.std(accuracies, ddof=1)),
        "macro_recall_mean": float(np.mean(recalls)),
        "config": plain(vars(chosen)),
        "command": command,
    }
    return {key: value for key, value in found.items() if key not in FIGURES[3:]}, table


def report(found: dict[str, Any]) -> str:
    """The figures as text, the mean over the folds last."""
    names = tuple(found["recall"])
    lines = [f"fold {fold}: accuracy {metrics.percent(one['accuracy'])} %, macro recall "
             f"{metrics.percent(one['macro_recall'])} % (n = {one['n']})" for fold, one in found["folds"].items()]  # fmt: skip
    mean, spread = metrics.percent(found["accuracy_mean"]), metrics.percent(found["accuracy_sd"])
    lines += ["", "all folds together", metrics.report(found, names), ""]
    lines += ["the interval takes faces as independent, but several are of one person"]
    lines += [f"mean accuracy of {len(found['folds'])} folds {mean} % (standard deviation {spread} %)"]
    return "\n".join(lines)


def train(argv: list[str]) -> dict[str, Any]:
    """Run all folds, write what a run leaves for all of them together; the figures of its metrics.json."""
    if distributed.size() > 1:
        raise InputError("training.folds is one process; start main_trainer.py with torchrun for each fold instead")
    argv = shared(argv)
    chosen, command = options.parse(argv), results.command_line(argv).replace("main_trainer.py", "-m training.folds", 1)
    folders = fold_folders(chosen)
    whole = argparse.Namespace(**vars(chosen))
    whole.tag = "-".join(part for part in (chosen.tag, f"{len(folders)}folds") if part)
    target = results.run_dir(whole)
    results.check_publish(target, chosen)
    runs = {fold: run_fold(argv, chosen, fold, folder) for fold, folder in folders.items()}
    chosen = whole
    results.open_folder(target, fresh=True)
    found, table = pool(chosen, runs, command)
    log = results.Log(target, chosen)
    log.say(f"{command}\n{results.title(chosen)}, {len(runs)} folds\n\n{report(found)}")
    figures.confusion_picture(
        target / f"{results.stem(chosen)}.png",
        found,
        tuple(found["recall"]),
        results.title(chosen),
        results.about(chosen, found),
    )
    predictions.write(target, table)
    write_object(target / "metrics.json", found)
    if chosen.publish:
        results.publish(target, chosen)
    return found


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the exit code of training.door."""
    argv = sys.argv[1:] if argv is None else argv

    def work() -> None:
        train(argv)

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
