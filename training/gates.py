"""Where a network looks: the mean gate of each region and of the whole face, on bare and on masked test faces.

    python -m training.gates checkpoint_ferplus/7M-gacnn-lite0-s0-both/best.pt

Writes gates.json into the results folder; the report draws its figures. More options, those of main_trainer.py, say where the
faces are if not where they were in training. A gate weighs what follows it in the network, so it tells what the network lets
through, not what an answer was due to.
"""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.regions import hidden_regions
from pre_processing.artefacts import InputError, read_object, write_object
from training import batches, checkpoint, door, engine, options, selection, trained

FILE = "gates.json"
TESTS = {"bare": ["--condition", "unmasked"], "seen": ["--test_mask_kinds", "seen"]}


def parse(path: Path, config: dict[str, Any], more: list[str], test: str) -> Namespace:
    """Options of a test of the checkpoint at `path` on bare or masked faces."""
    given = {"--root_path": "root_path", "--DB": "DB", "--num_classes": "num_classes", "--main_folder": "main_folder"}
    known = {
        option: config[key] for option, key in given.items() if config.get(key) is not None
    }  # weights know no folders
    argv = [word for option, value in known.items() for word in (option, str(value))]
    chosen = options.parse([*argv, *more, *TESTS[test], "-e", "--resume", str(path)])
    for key in ("imagesize", "num_classes"):
        setattr(chosen, key, config[key])
    return chosen


@torch.inference_mode()
def measure(net: torch.nn.Module, chosen: Namespace) -> dict[str, Any]:
    """Gates of the test faces: {n, all, emotions: {name: ...}}, each {n, gates, spread, global}; means and deviations."""
    faces, device = selection.faces_of("test", chosen), engine.choose_device(chosen.device)
    net = net.eval().to(device, memory_format=torch.channels_last)
    regions, whole, labels = [], [], []
    for batch in batches.evaluation_loader(faces, chosen.batch_size_t, chosen.workers, device.type == "cuda"):
        out = net(*engine.to_device(batch, device))
        regions.append(out["gates"].cpu())
        whole.append(
            out["global_gate"].cpu() if "global_gate" in out else torch.full((len(batch["label"]),), torch.nan)
        )
        labels.append(batch["label"])
    regions, whole, labels = (torch.cat(parts).double().numpy() for parts in (regions, whole, labels))
    by_emotion = {
        name: summary(regions[labels == code], whole[labels == code]) for code, name in enumerate(faces.names)
    }
    return {**summary(regions, whole), "emotions": by_emotion}


def summary(regions: np.ndarray, whole: np.ndarray) -> dict[str, Any]:
    """Mean and standard deviation over faces of gates (n, R), and the mean global gate (n,); None without a face."""
    if not len(regions):
        return {"n": 0, "gates": None, "spread": None, "global": None}
    found = None if np.isnan(whole).any() else round(float(whole.mean()), 4)
    means, spreads = (np.round(figures, 4).tolist() for figures in (regions.mean(0), regions.std(0)))
    return {"n": len(regions), "gates": means, "spread": spreads, "global": found}


def parts(gates: list[float], hidden: list[bool]) -> dict[str, float | None]:
    """Mean gate of the regions that a mask leaves visible and of those that it hides."""
    gates, hidden = np.array(gates), np.array(hidden)
    return {name: round(float(gates[own].mean()), 4) if own.any() else None
            for name, own in (("visible", ~hidden), ("hidden", hidden))}  # fmt: skip


def work(path: Path, more: list[str], command: str) -> Path:
    """Measure and write; the path of gates.json."""
    content = checkpoint.load(path)
    checkpoint.check_best(path, content)
    config, count = content["model_config"], content["model_config"]["num_regions"]
    if config["model"] == "cnn":
        raise InputError(f"{path}: a plain cnn has no gates; give the checkpoint of a gacnn or pacnn")
    net = checkpoint.tested_network(path, content)
    chosen = {test: parse(path, {**content["config"], **config}, more, test) for test in TESTS}
    file = chosen["bare"].results / FILE
    if file.is_file() and not chosen["bare"].overwrite:
        before = read_object(file, "not the gates of a network ({error}); remove it").get("checkpoint")
        if before != path.as_posix():
            raise InputError(f"{file}: holds the gates of {before}; give --results FOLDER, or --overwrite")
    found = {test: measure(net, chosen[test]) for test in TESTS}
    hidden = hidden_regions(count)
    for figures in found.values():
        figures["mean"] = parts(figures["gates"], hidden)
    told = {"status": "run", "command": command, "checkpoint": path.as_posix(), "train": trained.trained_on(content["config"]),
            "model_config": config, "best_epoch": content["best_epoch"], "hidden": hidden, **found}  # fmt: skip
    write_object(file, told)
    return file


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the exit code of training.door."""
    argv = sys.argv[1:] if argv is None else argv

    def told() -> None:
        if {*argv} & {"-h", "--help"}:
            return print(__doc__.strip())
        if not argv or argv[0].startswith("-"):
            raise InputError(
                "give a checkpoint first: python -m training.gates CHECKPOINT [options of main_trainer.py]"
            )
        print(work(Path(argv[0]), argv[1:], f"python -m training.gates {shlex.join(argv)}"))

    return door.run(told)


if __name__ == "__main__":
    sys.exit(main())
