"""Ablations: the network for bare and masked faces with one thing changed at a time, all on the same small budget.

    python -m training.ablations
    python -m training.ablations --list
    python -m training.ablations --only bf16

Networks are trained for a few epochs on a fixed quarter of FER+ Train and measured on Valid, bare and behind masks of the seen and
the unseen kinds; Test is not looked at. What is done is skipped, and a run that was cut off goes on: the same command again. Figures
go to Results/ablations.json, the answers of the network that others are compared with to Results/ablations, weights and all
else to checkpoint_ferplus/ablations, which is nobody's to keep.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import main_trainer
from pre_processing import artefacts
from pre_processing.artefacts import InputError, atomic_write, write_object
from pre_processing.mask_kinds import SECOND
from training import cells, door, options, predictions
from training.analysis import ABLATIONS, read_noted, rounded
from training.cells import NOT_RUN, RUN, TRAINER
from training.options import Parser
from training.pairs import difference

FOLDER = Path("checkpoint_ferplus/ablations")
EPOCHS, EVERY = 5, 4  # of Train's faces every fourth one
TESTS = {
    "bare": ("--condition", "unmasked"),
    "seen": ("--test_mask_kinds", "seen"),
    "unseen": ("--test_mask_kinds", "unseen"),
}
TEACHER = "checkpoint_ferplus/7U-gacnn-lite0-s0/best.pt"  # trained on all of Train, bare
HELD = "other ablations run here already; wait for them, or stop them with Ctrl-C"
GO_ON = "stopped: python -m training.ablations goes on from here"


class Variation(NamedTuple):
    """What is changed, in words, and how: options of the training, of all tests, and of the tests behind masks.

    Where `trained` is False the network is the base's, and only the tests are others. mirror: whether tests look at the mirror
    image as well.
    """

    what: str
    options: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    masked_tests: tuple[str, ...] = ()
    trained: bool = True
    mirror: bool = True


BASE = "base"
VARIATIONS = {
    BASE: Variation("base: votes, averaged weights, mirror, fp32"),
    "bf16": Variation("trained and tested in bf16", ("--precision", "bf16"), tests=("--precision", "bf16")),
    "one_view": Variation("tested without the mirror image", trained=False, mirror=False),
    "white_over": Variation("tested under a second mask, white surgical", masked_tests=("--second_mask", SECOND), trained=False),
    "kn95_over": Variation("tested under a second mask, KN95", masked_tests=("--second_mask", "kn95"), trained=False),
    "hard": Variation("one emotion as target, not the votes", ("--targets", "hard")),
    "smoothed": Variation("one emotion as target, smoothed by 0.1", ("--targets", "hard", "--label_smoothing", "0.1")),
    "last": Variation("last weights, not their average", ("--ema", "0")),
    "as_they_come": Variation("faces drawn as they come", ("--balance", "0")),
    "all_alike": Variation("each emotion drawn equally often", ("--balance", "1")),
    "patches": Variation("patches alone (pACNN)", ("--model", "pacnn")),
    "plain": Variation("plain trunk with a linear layer (CNN)", ("--model", "cnn")),
    "upper": Variation("20 regions of the upper face, not 24", ("--num_regions", "20")),
    "same_masks": Variation("each face always in the same mask, or bare", ("--same_masks",)),
    "invented": Variation("half of the masks of invented kinds", ("--mask_kinds", "seen,invented")),
    "teacher": Variation("a teacher: half of the target", ("--teacher", TEACHER)),
    "teacher_features": Variation("a teacher, and its features", ("--teacher", TEACHER, "--teacher_features", "1")),
    "consistent": Variation("two looks that agree: twice the work", ("--consistency", "1")),
    "together": Variation("invented masks, teacher, looks that agree", ("--teacher", TEACHER, "--teacher_features", "1", "--consistency", "1", "--mask_kinds", "seen,invented")),
    "bare": Variation("trained on bare faces only", ("--mask_share", "0")),
    "masked": Variation("trained on masked faces only", ("--mask_share", "1")),
    "larger": Variation("faces of 160 px, not 112", ("--imagesize", "160")),
    "lite2": Variation("EfficientNet-Lite2, not Lite0", ("--backbone", "lite2")),
}  # fmt: skip


class Ablation:
    """One variation: its commands, and where they leave what."""

    def __init__(self, name: str, base: tuple[str, ...], quarter: Path) -> None:
        self.name, self.varied = name, VARIATIONS[name]
        self.folder = FOLDER / name
        self.weights = (self.folder if self.varied.trained else FOLDER / BASE) / "weights"
        chosen = options.parse(list(base))
        there = ("--results", str(self.folder))
        self.train = [*base, *self.varied.options, "--epochs", str(EPOCHS), "--train_list", str(quarter), "--test_list",
                      str(chosen.valid_list), *there, "--model_dir", str(self.weights)]  # fmt: skip
        test = ["--root_path", str(chosen.root_path), "--DB", chosen.DB, "--num_classes", str(chosen.num_classes),
                "--main_folder", str(chosen.main_folder), "-j", str(chosen.workers), "-e", "--resume",
                str(self.weights / "best.pt"), "--test_list", str(chosen.valid_list), *there]  # fmt: skip
        if chosen.mirror and self.varied.mirror:
            test.append("--mirror")
        test += self.varied.tests
        masked = self.varied.masked_tests
        # Validation may have had masks on a share of the faces only: all tests are made anew from best.pt.
        self.tests = {
            name: [*test, *how, *(masked if name != "bare" else ()), "--tag", name] for name, how in TESTS.items()
        }

    @property
    def lines(self) -> list[str]:
        """The commands of this variation, as one would type them."""
        every = [*([self.train] if self.varied.trained else []), *self.tests.values()]
        return [TRAINER + shlex.join(argv) for argv in every]

    @property
    def trained(self) -> bool:
        """Whether the training of today's command is done."""
        return self._noted("trained")

    def _noted(self, name: str) -> bool:
        file = self.folder / name
        return file.is_file() and file.read_text(encoding="utf-8") == self.lines[0]

    def run(self) -> int:
        """Train where that is not done, and test; the first exit code that is not DONE."""
        if self.varied.trained and not self.trained:
            begun = self._noted("begun") and (self.weights / "last.pt").is_file()
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "begun").write_text(self.lines[0], encoding="utf-8")
            if code := main_trainer.main([*self.train, *(["--resume", "auto"] if begun else ["--overwrite"])]):
                return code
            (self.folder / "begun").replace(self.folder / "trained")
        return next(
            (code for argv in self.tests.values() if (code := main_trainer.main([*argv, "--overwrite"]))), door.DONE
        )

    def answers(self, test: str) -> tuple[predictions.Predictions, dict[str, Any]]:
        """Predictions and figures of one test."""
        files = self.files(test)
        if len(files) != 1:
            raise InputError(f"{self.folder}: {len(files)} tests there, not one; remove the folder and run again")
        figures = cells.read_figures(files[0])
        return predictions.read(files[0].parent, figures), figures

    def files(self, test: str) -> list[Path]:
        """metrics.json of a test, in whatever folder its condition put it."""
        return sorted(self.folder.glob(f"*Datasets/FERPlus/*/runs/*-{test}-trained-on-*/metrics.json"))


def row(one: Ablation, base: Callable[[str], predictions.Predictions] | None) -> dict[str, Any]:
    """Figures of a variation that was run; with `base` differences from its answers to each test, in fractions."""
    found: dict[str, Any] = {"name": one.name, "what": one.varied.what, "status": RUN, "lines": one.lines}
    for test in one.tests:
        own, figures = one.answers(test)
        found |= {key: figures[key] for key in ("git", "software", "best_epoch")}
        kept = {key: figures[key] for key in ("n", "accuracy", "ci95", "macro_recall", "precision_used")}
        found[test] = {**kept, "difference": difference(own, base(test))[3] if base else None}
    return found


def base_line() -> tuple[str, ...]:
    """The options of Scripts.txt's first line that trains a network for seven emotions on bare and masked faces."""
    for cell in cells.read():
        if cell.parent is None and cell.chosen.num_classes == 7 and cell.train.split("+")[0] == "both":
            return cell.argv
    raise InputError(f"{cells.SCRIPTS}: no line trains one network on bare and masked faces; restore the file")


def quarter_of(train_list: Path) -> Path:
    """A list of every fourth face of Train, written beside the ablations."""
    target = FOLDER / "quarter_trainList.txt"
    artefacts.write_list(target, artefacts.read_list(train_list)[::EVERY])
    return target


class Table:
    """Results/ablations.json: a row for each variation, in their order."""

    def __init__(self, file: Path, everything: dict[str, Ablation]) -> None:
        self.file, self.everything, self.kept = file, everything, file.with_suffix("")
        noted = read_noted(file) if file.is_file() else {}
        self.rows = {row["name"]: row for row in noted.get("rows", []) if row["status"] == RUN}

    def state(self, name: str) -> str:
        """RUN where the file has figures that these very commands gave, else NOT_RUN."""
        known = self.rows.get(name)
        return RUN if known and known["lines"] == self.everything[name].lines else NOT_RUN

    def add(self, name: str) -> None:
        """Note a variation that was run, and write the file."""
        one, before = self.everything[name], self.rows.get(name)
        self.rows[name] = row(one, None if name == BASE else self.base)
        if name == BASE:
            if before:
                self.forget(before)
            for test in one.tests:
                answers, target = one.files(test)[0].with_name(predictions.FILE), self.kept / test / predictions.FILE
                with atomic_write(target) as temporary:
                    shutil.copyfile(answers, temporary)
        self.write()

    def base(self, test: str) -> predictions.Predictions:
        """The answers that others are compared with, as they were kept."""
        classes = options.parse(list(base_line())).num_classes
        return predictions.read(self.kept / test, {"num_classes": classes, **self.rows[BASE][test]})

    def has_base(self) -> bool:
        """Whether there is what others are compared with."""
        try:
            return self.state(BASE) == RUN and all(self.base(test) for test in TESTS)
        except InputError:  # missing, or of another run than the row
            return False

    def forget(self, before: dict[str, Any]) -> None:
        """Drop the rows that were compared with other answers of the base than today's; `before` is its row then."""
        now = self.rows[BASE]
        if any(
            rounded(before[test][key]) != rounded(now[test][key])
            for test in TESTS
            for key in ("accuracy", "macro_recall")
        ):
            self.rows = {BASE: now}

    def write(self) -> None:
        # In today's words, whatever they were when it was run.
        rows = [(self.rows[name] if self.state(name) == RUN else {"name": name, "status": NOT_RUN})
                | {"what": VARIATIONS[name].what} for name in self.everything]  # fmt: skip
        content = {"command": "python -m training.ablations", "epochs": EPOCHS, "every": EVERY, "rows": rows}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_object(self.file, rounded(content))


def work(argv: list[str]) -> bool:
    """Run what is wanted and not done; whether none failed."""
    parser = Parser(prog="python -m training.ablations", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(VARIATIONS), action="append", help="this variation; may be given again")
    parser.add_argument("--list", action="store_true", help="say what is done and what each changes, run nothing")
    asked = parser.parse_args(argv)
    base = base_line()
    chosen = options.parse(list(base))
    everything = {name: Ablation(name, base, FOLDER / "quarter_trainList.txt") for name in VARIATIONS}
    file = chosen.main_folder / ABLATIONS
    wanted = [name for name in VARIATIONS if name in (asked.only or VARIATIONS)]
    if asked.list:
        table, failed = Table(file, everything), []
    else:
        table, failed = locked(file, everything, wanted, chosen.train_list)
    for name in wanted:
        print(f"{name}: {'failed' if name in failed else table.state(name)}: {VARIATIONS[name].what}")
    return not failed


def locked(file: Path, everything: dict[str, Ablation], wanted: list[str], train_list: Path) -> tuple[Table, list[str]]:
    """Run what is wanted and not done, while nobody else does; the table, and what failed."""
    with door.alone(FOLDER / "ablations.lock", HELD):
        quarter_of(train_list)
        table = Table(file, everything)
        return table, run([name for name in wanted if table.state(name) != RUN], everything, table)


def run(todo: list[str], everything: dict[str, Ablation], table: Table) -> list[str]:
    """Run variations and note their figures; those that failed. KeyboardInterrupt where the user stops it.

    The base comes first where its answers are needed, or its network by a variation that only tests it otherwise.
    """
    needed = any(not VARIATIONS[name].trained for name in todo) and not everything[BASE].trained
    if todo and (needed or not table.has_base()):
        todo = [BASE, *(name for name in todo if name != BASE)]
    failed = []
    for name in todo:
        print(f"\n{name}: {VARIATIONS[name].what}", flush=True)
        code = everything[name].run()
        if code == door.STOPPED:
            raise KeyboardInterrupt
        if code == door.DONE:
            table.add(name)
        else:
            failed.append(name)
            if name == BASE:
                break
    return failed


def main(argv: list[str] | None = None) -> int:
    """Exit code of training.door; 1 also where a variation failed."""
    return door.run_parts(lambda: work(sys.argv[1:] if argv is None else argv), GO_ON)


if __name__ == "__main__":
    sys.exit(main())
