"""The cells of the results matrix: the lines of Scripts.txt for FER+, and what has become of each."""

from __future__ import annotations

import shlex
from argparse import Namespace
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import models
from pre_processing import emotions
from pre_processing.artefacts import InputError, read_object
from training import checkpoint, contents, options, results, selection
from training.checkpoint import plain
from training.trained import trained_on

SCRIPTS = Path(__file__).resolve().parents[1] / "Scripts.txt"
TRAINER = "python main_trainer.py "
DUPLICATES = "-duplicates"  # ends the name of a --main_folder whose lists still have near-duplicates of test faces
BROKEN = "not the figures of a run ({error}); move its folder away and run or test it again"
# What is read of them goes into tables, pictures and pages.
NEEDED = ("accuracy", "n", "num_classes")
FIGURES = {
    "accuracy": contents.number(0, 1, whole=False),
    "valid_accuracy": contents.number(-1, 1, whole=False),
    "n": contents.number(0, 10**9),
    "num_classes": contents.one_of(*emotions.SUBSETS),
    "model": contents.one_of(*models.MODELS),
    "backbone": contents.one_of(*models.BACKBONES),
    "database": contents.one_of(*emotions.DATABASES.values()),
    "train_condition": contents.one_of(*contents.TRAINED_ON),
    "test_condition": contents.one_of(*options.CONDITIONS),
    "test_masks": lambda worn: worn is None or (isinstance(worn, dict) and contents.text(worn.get("kinds"))),
    "config": lambda config: isinstance(config, dict),
}
RUN, NOT_RUN, WANTS_GPU = "run", "not run", "wants a GPU"
# What decides a result, of the options of a training and of a test; processes, folders and the like do not.
TESTED = ("num_classes", "model", "backbone", "num_regions", "imagesize", "seed", "condition", "test_mask_kinds", "second_mask",
          "mirror", "precision", "limit_batches")  # fmt: skip
TRAINED = (*checkpoint.RECIPE, "epochs", "patience", "scratch")


def commands(text: str, start: str = TRAINER) -> list[list[str]]:
    """Options of each command in the text of Scripts.txt that begins with `start`, split as a shell does."""
    words = len(start.split())
    return [shlex.split(line)[words:] for line in text.splitlines() if line.startswith(start)]


@dataclass(frozen=True)
class Cell:
    """A line of Scripts.txt.

    `parent` is the line that trains the network, where this one only tests it; `needs` are lines whose networks it is given.
    """

    argv: tuple[str, ...]
    chosen: Namespace
    parent: Cell | None = None
    needs: tuple[Cell, ...] = ()

    @property
    def line(self) -> str:
        """The command as it stands in Scripts.txt."""
        return TRAINER + shlex.join(self.argv)

    @property
    def train(self) -> str:
        """Training faces: unmasked, masked or both; and after a plus what else is not as usual.

        `duplicates` of test faces among them, another size of face (`160px`), a `teacher`, a network to `init_from`, two looks
        with `consistency`, `same_masks` at every look, kinds of masks beside `seen` ones.
        """
        chosen = vars((self.parent or self).chosen)
        size = chosen["imagesize"]
        more = [
            *(["duplicates"] if keeps_duplicates(chosen) else []),
            *([f"{size}px"] if size != options.IMAGE_SIZE[chosen["backbone"]] else []),
            *(name for name in (*checkpoint.NETWORKS, "consistency", "same_masks") if chosen[name]),
            *(kind for kind in (chosen["mask_kinds"] or "seen").split(",") if kind != "seen"),
        ]
        return "+".join([trained_on(chosen), *more])

    @property
    def test(self) -> str:
        """Test faces: bare, kinds of masks put on them (`seen`, `seen-under-surgical_white`), or masked copies on disk."""
        masks = selection.masks_of("test", self.chosen)
        return masks.worn.replace(" ", "-") if masks else "bare" if self.chosen.condition == "unmasked" else "copies"

    @property
    def name(self) -> str:
        """`7-gacnn-lite0-unmasked-bare`: all seeds of it."""
        c = self.chosen
        return f"{c.num_classes}-{c.model}-{c.backbone}-{self.train}-{self.test}"

    @property
    def id(self) -> str:
        """`7-gacnn-lite0-s0-unmasked-bare`."""
        c = self.chosen
        return f"{c.num_classes}-{c.model}-{c.backbone}-s{c.seed}-{self.train}-{self.test}"

    @property
    def folder(self) -> Path:
        """Where the line leaves its results."""
        return results.run_dir(self.chosen, f"FERPlus-{trained_on(vars(self.parent.chosen))}" if self.parent else None)

    @property
    def weights(self) -> Path:
        """Folder of the checkpoints that the line writes, or tests."""
        return results.checkpoint_dir((self.parent or self).chosen)

    @cached_property
    def figures(self) -> dict[str, Any] | None:
        """metrics.json of the folder, whichever command wrote it; None where there is none."""
        return read_figures(self.folder / "metrics.json")

    def made_by(self, config: dict[str, Any]) -> bool:
        """Whether a run with these options, as metrics.json or a checkpoint has them, is a run of this line."""
        wanted, keys = plain(vars(self.chosen)), TESTED if self.parent else TESTED + TRAINED
        config = checkpoint.LATER | config
        same_faces = keeps_duplicates(config) == keeps_duplicates(wanted)
        return same_faces and all(key in config and config[key] == wanted[key] for key in keys)

    @property
    def own(self) -> bool:
        """Whether the figures in its folder are of this line, and of the very network that its parent trained."""
        if self.figures is None or not self.made_by(self.figures.get("config", {})):
            return False
        if self.parent is None:
            return all(need.own for need in self.needs)
        keys = ("best_epoch", "valid_accuracy")
        return self.parent.own and all(self.figures.get(key) == self.parent.figures.get(key) for key in keys)

    @property
    def waits_for(self) -> Cell | None:
        """The first line that has to be run before this one."""
        return next((cell for cell in (self.parent, *self.needs) if cell and not cell.own), None)

    @property
    def reason(self) -> str | None:
        """Why the line has no results of its own, None where it has them; from results alone."""
        if self.own:
            return None
        if self.figures:
            return "its folder holds a run of another command"
        if (self.parent or self).chosen.backbone == "vgg16":
            return WANTS_GPU
        return f"waits for {self.waits_for.id}" if self.waits_for else "not run yet"


def keeps_duplicates(config: dict[str, Any]) -> bool:
    """Whether a run's lists have near-duplicates of test faces in Train and Valid, by where they lie."""
    return Path(config.get("main_folder", "")).name.endswith(DUPLICATES)


def read_figures(file: Path) -> dict[str, Any] | None:
    """A metrics.json; None where there is none, InputError where it is broken."""
    if not file.is_file():
        return None
    found = read_object(file, BROKEN)
    wrong = [key for key, fine in FIGURES.items() if key in found and not fine(found[key])]
    wrong += [key for key in NEEDED if key not in found]
    if wrong:
        raise InputError(f"{file}: {BROKEN.format(error=f'has no usable {wrong[0]}')}")
    return found


def read(scripts: Path | None = None, folder: Path | None = None) -> list[Cell]:
    """The matrix in the order of the file (Scripts.txt): every line for FER+ that one process runs.

    With `folder`, results and weights are looked for below it and not where the lines say. InputError where a line tests
    weights that no line above it trains.
    """
    scripts = scripts or SCRIPTS
    if not scripts.is_file():
        raise InputError(f"{scripts}: no such file; it belongs beside main_trainer.py")
    trained: dict[Path, Cell] = {}
    found = []
    for argv in commands(scripts.read_text(encoding="utf-8")):
        chosen = options.parse(argv)
        if chosen.DB != "F":
            continue
        if folder:
            chosen.results = folder
        cell = Cell(tuple(argv), chosen)
        if chosen.evaluate:
            cell = tested(cell, trained, scripts)
        else:
            given = [getattr(chosen, name) for name in checkpoint.NETWORKS]
            lines = [of(path, cell, trained, scripts) for path in given if path and not checkpoint.is_weights(path)]
            cell = Cell(cell.argv, chosen, needs=tuple(lines))
            trained[Path(cell.weights.name)] = cell
        found.append(cell)
    return found


def of(path: Path, cell: Cell, trained: dict[Path, Cell], scripts: Path) -> Cell:
    """The line that trains the network at `path`, which `cell` is given."""
    found = trained.get(Path(path.parent.name))
    if found is None:
        raise InputError(f"{scripts}: no line trains {path}, which {cell.line} needs; add one above it")
    return found


def tested(cell: Cell, trained: dict[Path, Cell], scripts: Path) -> Cell:
    """A line with -e with its parent, whose network its options then name."""
    parent = of(cell.chosen.resume, cell, trained, scripts)
    for key in ("model", "backbone", "num_regions", "imagesize", "seed"):
        setattr(cell.chosen, key, getattr(parent.chosen, key))
    return Cell(cell.argv, cell.chosen, parent)
