"""The files that a run leaves behind, and where they lie."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from models import BACKBONES
from pre_processing import emotions
from pre_processing.artefacts import InputError, atomic_write, read_object, write_object
from training import distributed, figures, metrics, predictions
from training.checkpoint import plain

DISPLAY = {"gacnn": "gACNN", "pacnn": "pACNN", "cnn": "CNN", **{name: trunk.title for name, trunk in BACKBONES.items()}}
FACES = {"unmasked": "bare faces", "masked": "masked faces", "both": "bare and masked faces"}
NUMBER = {4: "Four", 7: "Seven"}
CHECKPOINTS = ("last.pt", "best.pt")
# Tests of one network that differ in these are not one.
TEST = ("limit_batches", "mirror", "test_mask_kinds", "second_mask", "precision")
WRITTEN = ("metrics.json", "log.jsonl", predictions.FILE)


def emotions_dir(options: Namespace) -> Path:
    """`<results>/MaskedDatasets/FERPlus/SevenEmotions` and its like."""
    condition = f"{options.condition.capitalize()}Datasets"
    return options.results / condition / emotions.DATABASES[options.DB] / f"{NUMBER[options.num_classes]}Emotions"


def run_name(options: Namespace) -> str:
    """`gacnn-lite0-s0`, and the tag where there is one."""
    return "-".join(filter(None, (f"{options.model}-{options.backbone}-s{options.seed}", options.tag)))


def checkpoint_dir(options: Namespace) -> Path:
    """Folder of this run's last.pt and best.pt: checkpoint_ferplus/7M-gacnn-lite0-s0 beside the results."""
    database = emotions.DATABASES[options.DB].lower().replace("-", "")
    return options.results.parent / f"checkpoint_{database}" / f"{stem(options)}-{run_name(options)}"


def run_dir(options: Namespace, trained_on: str | None = None) -> Path:
    """Folder of this run; an evaluation of an older checkpoint has its own, ending in what that was trained on."""
    parts = [run_name(options), f"trained-on-{trained_on}" if trained_on else None]
    return emotions_dir(options) / "runs" / "-".join(part for part in parts if part)


def stem(options: Namespace) -> str:
    """`7M`: number of emotions and condition, as the original study named its files."""
    return f"{options.num_classes}{options.condition[0].upper()}"


def title(options: Namespace) -> str:
    """Title of the confusion picture."""
    made = (
        f"{emotions.DATABASES[options.DB]}, {options.condition}, {options.num_classes} emotions: "
        f"{DISPLAY[options.model]}-{DISPLAY[options.backbone]}"
    )
    return options.title or made


def about(options: Namespace, found: dict[str, Any]) -> str:
    """Two lines below the title, from a run's figures: which network was trained on what, and tested on what."""
    network = f"{stem(options)}-{run_name(options)}"
    if options.evaluate:  # options are the test's then
        path = Path(options.resume)
        network = (path.parent.name if path.suffix == ".pt" else "") or path.stem
    faces = FACES.get(found.get("train_condition"), "faces")
    database = found.get("train_database", emotions.DATABASES[options.DB])
    masks = (found.get("test_masks") or {}).get("kinds")
    worn = (
        "bare faces"
        if options.condition == "unmasked"
        else f"faces behind masks: {masks}"
        if masks
        else "masked copies"
    )
    return f"trained on {faces} of {database}, {options.imagesize} px: {network}\ntested on {worn}"


def check_free(folder: Path) -> None:
    """InputError where the folder holds a run that a new one would replace."""
    if any((folder / name).is_file() for name in ("last.pt", "metrics.json")):
        go_on = f"--resume {folder / 'last.pt'}, " if (folder / "last.pt").is_file() else ""
        raise InputError(f"{folder}: holds a run already; give {go_on}--tag NAME or --overwrite")


def check_publish(folder: Path, options: Namespace) -> None:
    """InputError where --publish would replace the figures of another run than that of `folder`."""
    if options.publish and not options.overwrite and (shown := other_shown(folder)):
        raise InputError(f"{shown}: shows another run; remove it or add --overwrite, or leave out --publish")


def other_shown(folder: Path) -> Path | None:
    """The published metrics.json where it is of another run than that of `folder`; None where it is of this one, or missing."""
    shown, own = folder.parent.parent / "metrics.json", folder / "metrics.json"
    if not shown.is_file() or (own.is_file() and own.read_bytes() == shown.read_bytes()):
        return None
    return shown


def check_same_test(folder: Path, options: Namespace, valid_accuracy: float) -> None:
    """InputError where the folder holds another test than the one that is asked for, or of another network.

    `valid_accuracy` of the network that is asked for tells it from another of its name.
    """
    file = folder / "metrics.json"
    if options.overwrite or not file.is_file():
        return
    found = read_object(file, "not a run's figures ({error}); remove it, or give --tag NAME")
    was, asked = found.get("config", {}), plain(vars(options))
    other = [key for key in TEST if key in was and was[key] != asked[key]]
    other += [
        key
        for key in ("test_list", "test_landmarksfile", "resume")
        if key in was and file_of(was[key]) != file_of(asked[key])
    ]
    if other:
        raise InputError(
            f"{folder}: holds the test with --{other[-1]} {was.get(other[-1])}; give --tag NAME or --overwrite"
        )
    if not math.isclose(found.get("valid_accuracy") or -1, valid_accuracy, rel_tol=1e-5):
        raise InputError(
            f"{folder}: holds the test of another {options.resume} than this one; give --tag NAME or --overwrite"
        )


def file_of(path: str | None) -> tuple[str, ...]:
    """Folder and name of a file, wherever the project lies."""
    return Path(path or "").parts[-2:]


def open_folder(folder: Path, *, fresh: bool) -> None:
    """Make a folder for a run, where `fresh` without what an earlier one left; InputError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); give another --results folder") from error
    for half in folder.glob(".*"):  # what a killed process was writing
        if re.fullmatch(r"\.[\w.]+\.[0-9a-f]{8}\.\w+", half.name):
            half.unlink()
    if fresh:
        for old in (*WRITTEN, *CHECKPOINTS):
            (folder / old).unlink(missing_ok=True)
        for old in (*folder.glob("[47][MU]output.txt"), *folder.glob("[47][MU].png")):
            old.unlink()
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)


class Log:
    """Says things on the screen and in `<N><M|U>output.txt`, so that nobody has to redirect anything.

    Of many processes only the first one speaks and writes.
    """

    def __init__(self, folder: Path, options: Namespace) -> None:
        self.file, self.lines = folder / f"{stem(options)}output.txt", folder / "log.jsonl"

    def say(self, text: str = "") -> None:
        """Print and keep `text`."""
        if not distributed.first():
            return
        print(text, flush=True)
        with open(self.file, "a", encoding="utf-8") as handle:
            handle.write(text + "\n")

    def record(self, epoch: dict[str, Any]) -> None:
        """A line of log.jsonl."""
        if not distributed.first():
            return
        with open(self.lines, "a", encoding="utf-8") as handle:
            handle.write(json.dumps(epoch) + "\n")

    def drop_after(self, epoch: int) -> None:
        """Forget lines of log.jsonl beyond `epoch`: a resumed run repeats those epochs."""
        if distributed.first() and self.lines.is_file():
            lines = self.lines.read_text(encoding="utf-8").splitlines(keepends=True)
            # A line without its end was cut off when the disk was full.
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["epoch"] <= epoch]
            with atomic_write(self.lines) as temporary:
                temporary.write_text("".join(kept), encoding="utf-8")


def epoch_line(record: dict[str, Any]) -> str:
    """A record of log.jsonl for the eye."""
    return (
        f"epoch {record['epoch']:3d}  lr {record['lr']:.2e}  train loss {record['train_loss']:.4f} "
        f"accuracy {100 * record['train_accuracy']:.2f} %  valid loss {record['valid_loss']:.4f} "
        f"accuracy {100 * record['valid_accuracy']:.2f} %  macro recall {100 * record['valid_macro_recall']:.2f} %  "
        f"{record['seconds']:.0f} s, {record['images_per_second']:.0f} faces/s, waiting {100 * record['waiting']:.0f} %"
    )


class Board:
    """TensorBoard beside log.jsonl; does nothing where tensorboard is not installed, or in other processes than the first."""

    def __init__(self, folder: Path) -> None:
        self.writer = None
        if not distributed.first():
            return
        try:
            from torch.utils.tensorboard import SummaryWriter  # slow to import, and not needed to evaluate
        except ImportError:
            return
        self.writer = SummaryWriter(folder / "tensorboard")

    def add(self, epoch: dict[str, Any]) -> None:
        """Every number of an epoch's record."""
        for name, value in epoch.items():
            if self.writer and name != "epoch":
                self.writer.add_scalar(name, value, epoch["epoch"])

    def close(self) -> None:
        """Write what is left."""
        if self.writer:
            self.writer.close()


def git_state() -> str | None:
    """Commit that this code is of, with `-dirty` where files were changed; None outside a repository."""
    try:
        command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        answer = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def command_line(argv: list[str]) -> str:
    """The command that makes this run again, by as many processes: batch normalisation depends on their number."""
    count = distributed.size()
    launcher = ["python"] if count == 1 else ["torchrun", "--nproc_per_node", str(count)]
    return shlex.join([*launcher, "main_trainer.py", *argv])


def write(folder: Path, options: Namespace, answers: dict, faces: Any, extra: dict[str, Any]) -> dict[str, Any]:
    """metrics.json, predictions.csv.gz and the picture of a tested model; returns the figures.

    `answers` as engine.evaluate gives them, `faces` the test faces, `extra` more keys for metrics.json.
    """
    predicted = answers["probabilities"].argmax(1)
    certain = None if faces.certain is None else answers["certain"]
    found = {
        "database": emotions.DATABASES[options.DB],
        "condition": options.condition,
        "test_condition": options.condition,
        "num_classes": options.num_classes,
        "model": options.model,
        "backbone": options.backbone,
        "seed": options.seed,
        **metrics.summarise(answers["label"], predicted, faces.names, certain),
        "git": git_state(),
        "config": plain(vars(options)),
        "software": software(),
        **extra,
    }
    predictions.write(folder, predictions.table(answers, predicted, faces))
    write_object(folder / "metrics.json", found)
    figures.confusion_picture(
        folder / f"{stem(options)}.png", found, faces.names, title(options), about(options, found)
    )
    return found


def software() -> dict[str, str]:
    """Versions that numbers depend on."""
    import torch
    import torchvision

    return {"python": sys.version.split()[0], "torch": torch.__version__, "torchvision": torchvision.__version__}


def publish(folder: Path, options: Namespace) -> None:
    """Copy what is read one level above the runs: these are what the README's table shows."""
    target = folder.parent.parent
    for name in ("metrics.json", f"{stem(options)}output.txt", f"{stem(options)}.png"):
        if (folder / name).is_file():
            with atomic_write(target / name) as temporary:
                shutil.copyfile(folder / name, temporary)
