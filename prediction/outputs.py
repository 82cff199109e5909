"""Answers as a table on the screen, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pre_processing.artefacts import InputError, atomic_write
from pre_processing.copies import OTHERS, SUFFIXES
from pre_processing.errors import shown
from prediction.network import Answer
from prediction.search import Found, Seen
from prediction.sources import VIDEOS

SCREEN = "-"
MASKED = {True: "yes", False: "no", None: "?"}
UNCERTAIN = "points uncertain"  # of a face that is covered, turned far, or none
PRECIOUS = SUFFIXES | OTHERS | VIDEOS | {".onnx", ".pt", ".pth", ".safetensors"}  # a forgotten name after --json
# In the place of a face where a picture that was looked at shows none.
NOBODY = dict.fromkeys(("box", "emotion", "probabilities", "masked", "certain"))
FORMULA = ("=", "+", "-", "@", "\t", "\n")  # spreadsheets take a cell that begins so for a formula


def best(answer: Answer, names: tuple[str, ...]) -> tuple[str, float]:
    """The likeliest emotion and its probability."""
    code = int(answer.probabilities.argmax())
    return names[code], float(answer.probabilities[code])


def by_name(answer: Answer, names: tuple[str, ...]) -> dict[str, Any]:
    """{"emotion", "probabilities": {emotion: probability}} with 4 digits."""
    chances = {name: round(float(chance), 4) for name, chance in zip(names, answer.probabilities, strict=True)}
    return {"emotion": best(answer, names)[0], "probabilities": chances}


def lines(face: Seen, bare: Answer, worn: Answer | None, names: tuple[str, ...]) -> list[str]:
    """A face's answers in a line or two, to stand in a picture."""
    answers = [("", bare)] if worn is None else [("bare: ", bare), ("masked: ", worn)]
    return [f"{title}{name} {chance:.0%}" for title, answer in answers for name, chance in [best(answer, names)]]


def record(found: Found, face: Seen, bare: Answer, worn: Answer | None, names: tuple[str, ...]) -> dict[str, Any]:
    """A face as plain values: file, box [x, y, w, h] in pixels, emotion, probabilities by name, masked true/false/null,
    certain true/false (of its points).

    For a video also frame and seconds; where a mask was put on, put_mask with its kind and the answer under it.
    """
    other = {"put_mask": {"kind": face.kind, **by_name(worn, names)}} if worn is not None else {}
    told = {"masked": face.masked, "certain": face.certain}
    return {**place(found), "box": list(face.box), **by_name(bare, names), **told, **other}


def place(found: Found) -> dict[str, Any]:
    """File of a picture, and for a video frame and seconds."""
    task = found.task
    when = {} if task.frame is None else {"frame": task.frame, "seconds": task.seconds}
    return {"file": task.file, **when}


def check_places(*files: str | None, read: Sequence[Path] = ()) -> None:
    """InputError where one of the files could not be written or would replace a picture, video, weights or a file that is
    `read`, before the work for them is done; `-` is the screen."""
    named = [file if file == SCREEN else Path(file).resolve() for file in files if file]
    if len({*named}) < len(named):
        raise InputError("--json and --csv: give them different files")
    for file in map(Path, filter(None, files)):
        name = shown(file)
        if file.exists() and not file.is_file():
            raise InputError(f"{name}: is a folder or device; give the name of a file")
        if file.suffix.lower() in PRECIOUS:
            raise InputError(
                f"{name}: has the name of a picture, video or weights; give one that ends in .json or .csv"
            )
        if any(file.resolve() == each.resolve() for each in read):
            raise InputError(f"{name}: is read by the same command and would be replaced; give another name")
        try:
            if str(file) != SCREEN:
                file.parent.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=file.parent).close()
        except OSError as error:
            raise InputError(
                f"{name}: cannot be written ({error.strerror}); choose a folder you may write to"
            ) from error


def cell(text: str) -> str:
    """A path for a table: ./ before one that a spreadsheet would take for a formula; it leads to the same file."""
    text = text.replace("\r", "\\r")  # Python's csv does not quote it, and readers end the row there
    return f"./{text}" if text.startswith(FORMULA) else text


def put(file: str, text: str) -> None:
    """Write a text whole or not at all, or print it."""
    if file == SCREEN:
        print(text, end="")
        return
    with atomic_write(file) as temporary:  # a file's name may be no text
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


class Report:
    """Collects faces, and pictures without one; prints a line for each as it comes where there is a `screen`."""

    def __init__(self, names: tuple[str, ...], screen: bool, masks: bool) -> None:
        self.names, self.screen, self.records = names, screen, []
        self.masks, self.begun = masks, False

    def say(self, text: str) -> None:
        """A line of the table, above the progress bar."""
        if not self.screen:
            return
        if not self.begun:
            self.begun = True
            heads = "".join(f"{name:>9}" for name in self.names)
            tqdm.write(f"{'file':<28} {'box: x y w h':<20} {'mask':<14} {'emotion':<9}{heads}", file=sys.stdout)
        tqdm.write(text, file=sys.stdout)

    def add(self, found: Found, faces: list[tuple[Seen, Answer, Answer | None]]) -> None:
        """Take in one picture; what is broken goes to stderr."""
        if found.error:
            tqdm.write(f"error: {shown(found.error)}", file=sys.stderr)
            return
        frame = "" if found.task.frame is None else f" #{found.task.frame}"
        where = f"{shown(found.task.file)}{frame}"
        if not faces:
            self.records.append({**place(found), **NOBODY})
            self.say(f"{where:<28} no face found")
        for face, bare, worn in faces:
            self.records.append(record(found, face, bare, worn, self.names))
            box, doubt = " ".join(map(str, face.box)), "" if face.certain else f"  {UNCERTAIN}"
            self.say(f"{where:<28} {box:<20} {MASKED[face.masked]:<14} {self.cells(bare)}{doubt}")
            if worn is not None:
                self.say(f"{'':<28} {'':<20} {shown(face.kind):<14} {self.cells(worn)}")

    def cells(self, answer: Answer) -> str:
        """An answer for the table: emotion, and percent of each."""
        chances = "".join(f"{100 * chance:8.1f}%" for chance in answer.probabilities)
        return f"{best(answer, self.names)[0]:<9}{chances}"

    def write(self, json_file: str | None, csv_file: str | None) -> None:
        """Write what was asked for, the table even where the other cannot be written; `-` is the screen."""
        try:
            if json_file:
                put(json_file, json.dumps(self.records, indent=1) + "\n")
        finally:
            if csv_file:
                put(csv_file, self.table(shown if csv_file == SCREEN else str))

    def table(self, fit: Callable[[str], str] = str) -> str:
        """The faces as CSV; the columns of a second answer only where masks were put on. `fit` makes names of files so
        for where the table goes; no cell is a formula to a spreadsheet, see `cell`."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        chances = [f"p_{name}" for name in self.names]
        more = ["put_mask", "emotion_masked", *(f"{name}_masked" for name in chances)] if self.masks else []
        writer.writerow(["file", "frame", "x", "y", "width", "height", "masked", "certain", "emotion", *chances, *more])
        for one in self.records:
            row = [
                cell(fit(one["file"])),
                one.get("frame", ""),
                *(one["box"] or [""] * 4),
                *("" if one[key] is None else str(one[key]).lower() for key in ("masked", "certain")),
                one["emotion"],
                *(one["probabilities"] or dict.fromkeys(self.names)).values(),
            ]
            worn = one.get("put_mask")
            if worn:
                row += [cell(fit(worn["kind"])), worn["emotion"], *worn["probabilities"].values()]
            writer.writerow(row)
        return text.getvalue()
