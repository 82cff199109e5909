"""Files that preparing writes and training reads: lists, landmark file, sample file; where they lie.

Nothing read here is executed, and whatever is written appears whole or not at all. Paths in these files are relative to
the folder with the faces and use `/`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from pre_processing import plain_pickle
from pre_processing.emotions import EMOTIONS
from pre_processing.errors import InputError

CONDITIONS = {"masked": "MaskedDatasets", "unmasked": "UnmaskedDatasets"}
POINTS_SHAPE = (68, 2)
POINTS_BYTES = 4 * 68 * 2
SAMPLE_COLUMNS = ("path", "emotion", "split", "subject", "box", "certain", "votes")
SPLITS = ("train", "valid", "test", "")
AUDIT_COLUMNS = ("split", "emotion", "what", "count")
TWINS_COLUMNS = ("path", "twins", "same_label")
FARTHEST = 10**6  # pixels from a photo's corner at which a point or an edge can lie; more votes has no face either
DRIVE = re.compile("[A-Za-z]:")  # on Windows even C:a leaves the folder it is joined to
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # what ends or hides part of a line in files and terminals


def condition_dir(results: str | Path, condition: str, db_name: str) -> Path:
    """Folder of a database's lists for "masked" or "unmasked" faces below the results folder."""
    if condition not in CONDITIONS:
        raise InputError(f"condition {condition!r}: give one of {', '.join(CONDITIONS)}")
    return Path(results) / CONDITIONS[condition] / db_name


@dataclass(frozen=True)
class ListPaths:
    """Paths of the files of one database (its name, e.g. "FERPlus") in one condition."""

    results: str | Path
    condition: str
    db_name: str

    @property
    def folder(self) -> Path:
        """Folder that holds all of them."""
        return condition_dir(self.results, self.condition, self.db_name)

    def split(self, name: str) -> Path:
        """List of "train", "valid" or "test"."""
        return self.folder / f"{self.db_name}_{name}List.txt"

    @property
    def train(self) -> Path:
        """List of training faces."""
        return self.split("train")

    @property
    def valid(self) -> Path:
        """List of validation faces."""
        return self.split("valid")

    @property
    def test(self) -> Path:
        """List of test faces."""
        return self.split("test")

    @property
    def landmarks(self) -> Path:
        """Landmark file."""
        return self.folder / f"{self.db_name}_landmarksfile.pkl"

    @property
    def samples(self) -> Path:
        """Sample file."""
        return self.folder / f"{self.db_name}_samples.csv"

    @property
    def audit(self) -> Path:
        """Audit table of the splits."""
        return self.folder / f"{self.db_name}_audit.csv"

    @property
    def twins(self) -> Path:
        """Table of test faces with near-duplicates in Train."""
        return self.folder / f"{self.db_name}_twins.csv"


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it into place when the block ends, remove it when the block fails.

    Folders are made as needed. Raises InputError where the place cannot be written to.
    """
    path = Path(path)
    # The suffix stays last because image writers choose the format by it. File systems know names of 255 bytes at most.
    stem = os.fsencode(path.stem)[:200].decode("utf-8", "ignore")
    temporary = path.with_name(f".{stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose a folder you may write to") from error
    try:
        yield temporary
        os.replace(temporary, path)
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder; remove it or choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_object(path: Path, wrong: str) -> dict[str, Any]:
    """The object in a JSON file; where it holds none, InputError with `wrong`, in which {error} is filled in."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {wrong.format(error=error)}") from error
    return found


def write_object(path: str | Path, found: dict[str, Any], allow_nan: bool = True) -> None:
    """Write an object as JSON that people can read; ValueError for a number that is none unless `allow_nan`."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1, allow_nan=allow_nan) + "\n", encoding="utf-8")


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table without its index as CSV."""
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def read_twins(path: str | Path) -> pd.DataFrame:
    """The table of pre_processing.twins from its CSV file; InputError for another file."""
    try:
        rows = pd.read_csv(path, dtype={"path": str, "twins": int, "same_label": int})
        if tuple(rows.columns) != TWINS_COLUMNS or not rows["same_label"].between(0, rows["twins"]).all():
            raise ValueError("other columns")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: no table of twins ({error}); python -m pre_processing.twins writes it again"
        ) from error
    return rows


def read_audit(path: str | Path) -> pd.DataFrame:
    """An audit table from its CSV file; InputError for another file."""
    try:
        audit = pd.read_csv(path, keep_default_na=False, dtype={"split": str, "emotion": str, "what": str})
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not an audit table ({error}); prepare the database again") from error
    if tuple(audit.columns) != AUDIT_COLUMNS:
        raise InputError(f"{path}: its columns are not {', '.join(AUDIT_COLUMNS)}; prepare the database again")
    return audit


def read_bytes(path: str | Path, what: str, remedy: str = "prepare the database first") -> bytes:
    """Content of a file; InputError with `what` it should be and what to do where it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {what} cannot be read ({error.strerror}); {remedy}") from error


def path_defect(path: Any) -> str:
    """What is wrong with a relative POSIX path, or an empty string."""
    if not isinstance(path, str) or not path:
        return "an empty line where a relative path should be"
    if CONTROLS.search(path):
        return f"{path!r} holds a line break or another control character; rename the file"
    if path.startswith("/") or DRIVE.match(path):
        return f"{path!r} is absolute; give it relative to the folder with the faces"
    if "\\" in path:
        return f"{path!r} has backslashes; separate folders by /"
    if ".." in path.split("/"):
        return f"{path!r} leads out of the folder with the faces"
    if str(PurePosixPath(path)) != path or path == ".":
        return f"{path!r} is not in its shortest form {str(PurePosixPath(path))!r}"
    try:
        path.encode()
    except UnicodeEncodeError:
        return f"{path!r} is not valid Unicode; rename the file"
    return ""


def write_list(path: str | Path, paths: Iterable[str]) -> None:
    """Write relative paths, sorted, one a line. InputError for none, a repeated or a bad one."""
    lines = sorted(paths)
    check_list(path, lines, first=None)
    with atomic_write(path) as temporary:
        temporary.write_bytes(("\n".join(lines) + "\n").encode())


def read_list(path: str | Path) -> list[str]:
    """Relative paths in the file's order; InputError (with file and line) for an empty list, a bad or repeated path."""
    try:
        text = read_bytes(path, "list").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text; prepare the lists again") from error
    # Not splitlines(): it would part a name at characters that are refused below.
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
    check_list(path, lines)
    return lines


def check_list(path: str | Path, lines: list[str], first: int | None = 1) -> None:
    """InputError for the first bad path, with its line where `first` numbers the first of them."""
    if not lines:
        raise InputError(f"{path}: the list is empty; check that the database has faces for it and prepare it again")
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, first or 1):
        where = f"{path}, line {number}" if first else str(path)
        if defect := path_defect(line):
            raise InputError(f"{where}: {defect}")
        if line in seen:
            raise InputError(
                f"{where}: {line!r} is already {f'on line {seen[line]}' if first else 'there'}; remove one"
            )
        seen[line] = number


def write_landmarks(path: str | Path, faces: dict[str, tuple[np.ndarray, int]]) -> None:
    """Write {relative path: (points (68,2) in pixels of that image, label 0..6)}, sorted by path.

    The file is a pickle of a plain dict {path: (bytes of little-endian float32 (68,2), label)}.
    """
    plain = {key: (np.asarray(points, "<f4").tobytes(), int(label)) for key, (points, label) in sorted(faces.items())}
    for key, value in plain.items():
        if defect := face_defect(key, value):
            raise InputError(f"{path}: {defect}")
    with atomic_write(path) as temporary:
        temporary.write_bytes(pickle.dumps(plain, protocol=4))


def read_landmarks(path: str | Path) -> dict[str, tuple[np.ndarray, int]]:
    """{relative path: (points float32 (68,2), label)}; InputError for other content, none of which is executed."""
    data = read_bytes(path, "landmark file")
    try:
        content = plain_pickle.read(data)
    except Exception as error:  # a hostile or cut file can raise nearly anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: not a landmark file ({reason}); prepare the database again") from error
    if not content:
        raise InputError(f"{path}: not a landmark file (one non-empty dict expected); prepare the database again")
    for key, value in content.items():
        if defect := face_defect(key, value):
            raise InputError(f"{path}: {defect}")
    return {
        key: (np.frombuffer(points, "<f4").reshape(POINTS_SHAPE).astype(np.float32), label)
        for key, (points, label) in content.items()
    }


def face_defect(key: Any, value: Any) -> str:
    """What is wrong with an entry of a landmark file, or an empty string."""
    if defect := path_defect(key):
        return defect
    if type(value) is not tuple or len(value) != 2 or type(value[0]) is not bytes or type(value[1]) is not int:
        return f"{key!r} is not a pair of points and label; prepare the database again"
    if len(value[0]) != POINTS_BYTES or not np.isfinite(np.frombuffer(value[0], "<f4")).all():
        return f"{key!r} does not have 68 finite points; prepare the database again"
    if not 0 <= value[1] < len(EMOTIONS):
        # The label is not told: a number of thousands of digits cannot be printed.
        return f"{key!r} has a label that is not 0 to {len(EMOTIONS) - 1}; prepare the database again"
    return ""


def write_samples(path: str | Path, samples: pd.DataFrame) -> None:
    """Write the columns path, emotion (0..6), split, subject, box, certain, votes of a sample table as CSV.

    box: (left, top, right, bottom) whole pixels or (); certain: bool; votes: 7 whole numbers in the order of EMOTIONS
    or (). Other columns are not kept.
    """
    rows = [
        (row.path, int(row.emotion), row.split, row.subject, join(row.box), int(row.certain), join(row.votes))
        for row in samples[list(SAMPLE_COLUMNS)].itertuples(index=False)
    ]
    check_list(path, [row[0] for row in rows], first=None)
    if broken := [row[0] for row in rows if set(row[3]) & set("\r\n\0")]:
        raise InputError(f"{path}: the subject of {broken[0]!r} holds a line break or a zero; rename the subject")
    with atomic_write(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(SAMPLE_COLUMNS)
        writer.writerows(rows)


def join(numbers: Iterable[int]) -> str:
    """Whole numbers separated by spaces."""
    return " ".join(str(int(number)) for number in numbers)


def read_samples(path: str | Path) -> pd.DataFrame:
    """The table that write_samples wrote, one row a face; InputError with file and line for anything else."""
    try:
        text = read_bytes(path, "sample file").decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a sample file ({error}); prepare the database again") from error
    if not rows or tuple(rows[0]) != SAMPLE_COLUMNS:
        raise InputError(f"{path}: its first line must be {','.join(SAMPLE_COLUMNS)}; prepare the database again")
    parsed = []
    for number, row in enumerate(rows[1:], 2):
        try:
            parsed.append(parse_sample(row))
        except ValueError as error:
            raise InputError(f"{path}, row {number}: {error}; prepare the database again") from error
    check_list(path, [row[0] for row in parsed], first=2)
    table = pd.DataFrame(parsed, columns=list(SAMPLE_COLUMNS))
    return table.astype({"emotion": np.int64, "certain": bool})


def parse_sample(row: list[str]) -> tuple[str, int, str, str, tuple[int, ...], bool, tuple[int, ...]]:
    """One row of a sample file as values; ValueError says what is wrong."""
    if len(row) != len(SAMPLE_COLUMNS):
        raise ValueError(f"{len(row)} columns instead of {len(SAMPLE_COLUMNS)}")
    path, emotion, split, subject, box, certain, votes = row
    numbers, counts = tuple(map(int, box.split())), tuple(map(int, votes.split()))
    if not 0 <= int(emotion) < len(EMOTIONS):
        raise ValueError(f"emotion {emotion:.9} is not 0 to {len(EMOTIONS) - 1}")
    if split not in SPLITS or certain not in ("0", "1"):
        raise ValueError(f"split {split!r} or certain {certain!r} is not known")
    if len(numbers) not in (0, 4) or len(counts) not in (0, len(EMOTIONS)):
        raise ValueError("a box needs 4 numbers and votes 7, or none")
    if not all(abs(edge) <= FARTHEST for edge in numbers) or not all(0 <= count <= FARTHEST for count in counts):
        raise ValueError("a number of the box, or of votes, is out of range")
    return path, int(emotion), split, subject, numbers, certain == "1", counts
