"""Run the study: the lines of Scripts.txt for FER+, one after another, on whatever processor there is.

    python -m training.study
    python -m training.study --list
    python -m training.study --only gacnn-lite0-s1

What is done is skipped, a run that was cut off goes on, and so does the study: the same command again. A network is tested
on other faces once its training is done; VGG16 waits for a GPU. Then `python -m training.analysis` puts all figures together.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

import main_trainer
from pre_processing.artefacts import InputError
from training import cells, checkpoint, door, results
from training.cells import Cell
from training.options import Parser

HELD = "another study runs here already; wait for it, or stop it with Ctrl-C"
WEIGHTS = " (results ship, weights do not): run the line that trains it, with --overwrite"
GO_ON = "stopped: python -m training.study goes on from here"


def state(cell: Cell, gpu: bool) -> str:
    """`done`, `ready`, `cut off`, or why the line cannot be run now."""
    reason, last = cell.reason, cell.weights / "last.pt"
    if reason is None:
        return "done"
    if cell.figures:
        return f"not run: {reason}; remove {cell.folder}, or move it"
    if reason == cells.WANTS_GPU and not gpu:
        return f"not run: {reason}"
    if cell.waits_for:
        return f"not run: waits for {cell.waits_for.id}"
    if cell.parent and not (cell.weights / "best.pt").is_file():
        return f"not run: {cell.weights / 'best.pt'} is missing{WEIGHTS}"
    if not cell.parent and last.is_file():
        same = cell.made_by(checkpoint.load(last)["config"])
        return "cut off" if same else f"not run: {last} is of another command; remove it, or move it"
    for need in cell.needs:
        if not (need.weights / "best.pt").is_file():
            return f"not run: {need.weights / 'best.pt'} is missing{WEIGHTS}"
    if cells.keeps_duplicates(vars(cell.chosen)) and not cell.chosen.train_list.is_file():
        return (
            f"not run: {cell.chosen.train_list} is missing; the command above the line in {cells.SCRIPTS.name} makes it"
        )
    return "ready"


def run(cell: Cell, gpu: bool) -> str:
    """Run the line if it can be; what became of it. KeyboardInterrupt where the user stops it."""
    found = state(cell, gpu)
    if found == "done" and cell.chosen.publish:
        publish(cell)
    if found not in ("ready", "cut off"):
        return found
    print(f"\n{cell.id}: {'goes on' if found == 'cut off' else 'starts'}\n{cell.line}", flush=True)
    code = main_trainer.main([*cell.argv, *(["--resume", "auto"] if found == "cut off" else [])])
    if code == door.STOPPED:
        raise KeyboardInterrupt
    cell.__dict__.pop("figures", None)  # read before the run
    return "done" if code == door.DONE else f"failed: exit code {code}, its message stands above"


def publish(cell: Cell) -> None:
    """Publish what is done: a kill may have come before its copies. What the user shows in its stead stays, and is told."""
    if shown := results.other_shown(cell.folder):
        figures = cells.read_figures(shown)
        print(f"{cell.id}: not published: {shown} shows the run of {figures.get('command', 'another command')}; remove it to "
              "show this line's")  # fmt: skip
    else:
        results.publish(cell.folder, cell.chosen)


def study(chosen: list[Cell]) -> bool:
    """Run the cells in their order, then say what became of each; whether none failed."""
    gpu, became = torch.cuda.is_available(), {}
    for cell in chosen:
        became[cell.id] = run(cell, gpu)
        print(f"{cell.id}: {became[cell.id]}", flush=True)
    print(f"\n{summary(became)}")
    return not any(text.startswith("failed") for text in became.values())


def summary(became: dict[str, str]) -> str:
    """How many are done, and why the others are not."""
    rest = [f"  {name}: {text}" for name, text in became.items() if text != "done"]
    return "\n".join([f"{len(became) - len(rest)} of {len(became)} done", *rest])


def select(text: str | None) -> list[Cell]:
    """The cells whose name or command contains `text`; InputError where none does."""
    found = [cell for cell in cells.read() if text is None or text in cell.id or text in cell.line]
    if not found:
        raise InputError(f"--only {text}: no line of {cells.SCRIPTS} has that; --list shows them all")
    return found


def work(argv: list[str]) -> bool:
    """List the cells, or run them; whether none failed."""
    parser = Parser(prog="python -m training.study", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="TEXT", help="lines whose name or command contains TEXT")
    parser.add_argument("--list", action="store_true", help="show each line's state, run nothing")
    asked: argparse.Namespace = parser.parse_args(argv)
    chosen = select(asked.only)
    if asked.list:
        print(summary({cell.id: state(cell, torch.cuda.is_available()) for cell in chosen}))
        return True
    lock = Path(chosen[0].chosen.results) / "cache" / "study.lock"
    with door.alone(lock, HELD):
        return study(chosen)


def main(argv: list[str] | None = None) -> int:
    """Exit code of training.door; 1 also where a line failed."""
    return door.run_parts(lambda: work(sys.argv[1:] if argv is None else argv), GO_ON)


if __name__ == "__main__":
    sys.exit(main())
