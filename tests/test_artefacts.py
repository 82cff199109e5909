"""Lists, landmark files and sample files: what is written is read back, anything else is refused by name."""

import csv
import os
import pickle
import string
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from pre_processing import artefacts
from pre_processing.artefacts import InputError

# Real names hold spaces, commas, quotes and accents.
COMPONENT = st.text(string.ascii_letters + string.digits + " ,;'\"._-äé表\ufeff", min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
PATH = st.lists(COMPONENT, min_size=1, max_size=3).map("/".join).filter(lambda path: not path.startswith("\ufeff"))
POINTS = nps.arrays(np.float32, (68, 2), elements=st.floats(-1e4, 1e4, width=32))
COUNTS = st.integers(0, 10)
SAMPLE = st.tuples(
    st.integers(0, 6),
    st.sampled_from(["train", "valid", "test", ""]),
    st.text(string.printable.replace("\r", "").replace("\n", ""), max_size=6),
    st.one_of(st.just(()), st.tuples(*[st.integers(-5, 4000)] * 4)),
    st.booleans(),
    st.one_of(st.just(()), st.tuples(*[COUNTS] * 7)),
)


def in_folder(action):
    """Call `action` with a fresh file path: hypothesis must not reuse pytest's tmp_path between examples."""
    with tempfile.TemporaryDirectory() as folder:
        result = action(Path(folder) / "file.x")
        return result, os.listdir(folder)


@given(st.sets(PATH, min_size=1, max_size=20))
def test_list_round_trip(paths):
    def action(file):
        artefacts.write_list(file, paths)
        return artefacts.read_list(file), file.read_bytes()

    (back, content), left = in_folder(action)
    assert back == sorted(paths)
    assert content == ("\n".join(sorted(paths)) + "\n").encode()
    assert left == ["file.x"]


@given(st.dictionaries(PATH, st.tuples(POINTS, st.integers(0, 6)), min_size=1, max_size=5))
def test_landmarks_round_trip(faces):
    def action(file):
        artefacts.write_landmarks(file, faces)
        return artefacts.read_landmarks(file), file.read_bytes()

    (back, content), _ = in_folder(action)
    assert back.keys() == faces.keys()
    for path, (points, label) in faces.items():
        assert back[path][0].dtype == np.float32
        np.testing.assert_array_equal(back[path][0], points)
        assert back[path][1] == label
    plain = pickle.loads(content)  # our own file: it must be what other programs expect
    path = next(iter(faces))
    np.testing.assert_array_equal(np.frombuffer(plain[path][0], "<f4").reshape(68, 2), faces[path][0])


@settings(max_examples=40)
@given(st.dictionaries(PATH, SAMPLE, min_size=1, max_size=8))
def test_samples_round_trip(rows):
    columns = [c for c in artefacts.SAMPLE_COLUMNS if c != "path"]
    table = pd.DataFrame(list(rows.values()), columns=columns)
    table.insert(0, "path", list(rows))

    def action(file):
        artefacts.write_samples(file, table)
        return artefacts.read_samples(file)

    back, _ = in_folder(action)
    assert back["emotion"].dtype == np.int64
    assert back["certain"].dtype == bool
    for column in artefacts.SAMPLE_COLUMNS:
        assert back[column].tolist() == table[column].tolist()


BAD_PATHS = ["/etc/passwd", "a/../b", "..", "a//b", "./a", ".", "a/", "C:/a", "C:\\a", "C:a", "a\\b", "a\0b", "a\rb"]


@pytest.mark.parametrize("bad", [*BAD_PATHS, ""])
def test_bad_paths_are_refused_with_file_and_line(tmp_path, bad):
    file = tmp_path / "some_list.txt"
    file.write_bytes(f"good.png\n{bad}\nother.png\n".encode())
    with pytest.raises(InputError, match=r"some_list\.txt, line 2"):
        artefacts.read_list(file)
    with pytest.raises(InputError, match=r"new\.txt"):
        artefacts.write_list(tmp_path / "new.txt", ["good.png", bad])
    assert os.listdir(tmp_path) == ["some_list.txt"]


@pytest.mark.parametrize("bad", BAD_PATHS)
def test_bad_paths_are_refused_in_landmark_files(tmp_path, bad):
    file = tmp_path / "l.pkl"
    file.write_bytes(pickle.dumps({bad: (bytes(544), 0)}))
    with pytest.raises(InputError, match=r"l\.pkl"):
        artefacts.read_landmarks(file)


def test_repeats_and_empty_lists(tmp_path):
    file = tmp_path / "l.txt"
    file.write_text("a\nb\na\n")
    with pytest.raises(InputError, match=r"line 3: 'a' is already on line 1"):
        artefacts.read_list(file)
    for empty in ("", "\n"):
        file.write_text(empty)
        with pytest.raises(InputError, match=r"l\.txt"):
            artefacts.read_list(file)
    file.write_bytes(b"\xff\xfe\n")
    with pytest.raises(InputError, match="UTF-8"):
        artefacts.read_list(file)
    with pytest.raises(InputError, match="empty"):
        artefacts.write_list(file, [])
    with pytest.raises(InputError, match="already"):
        artefacts.write_list(file, ["a", "a"])
    with pytest.raises(InputError, match=r"missing\.txt"):
        artefacts.read_list(tmp_path / "missing.txt")


def test_lists_edited_on_windows_are_read(tmp_path):
    file = tmp_path / "l.txt"
    file.write_bytes(b"\xef\xbb\xbfa/1.png\r\nb.png")
    assert artefacts.read_list(file) == ["a/1.png", "b.png"]


class Touch:
    """Pickles to a call that makes a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


class Numbers(dict):
    """A class of somebody's own."""


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_in_a_landmark_file_is_executed(tmp_path, protocol):
    mark, file = tmp_path / "executed", tmp_path / "l.pkl"
    file.write_bytes(pickle.dumps({"a.png": (Touch(mark), 1)}, protocol=protocol))
    with pytest.raises(InputError, match=r"l\.pkl: not a landmark file"):
        artefacts.read_landmarks(file)
    assert not mark.exists()
    pickle.loads(file.read_bytes())
    assert mark.exists()  # the file really was hostile


HOSTILE = {
    "os.system": b"cos\nsystem\n(S'true'\ntR.",
    "builtins.eval": b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
    "inst": b"(S'true'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'true'\no.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent id": b"Pname\n.",
    "numpy array": pickle.dumps({"a": (np.zeros((68, 2)), 1)}),
    "own class": pickle.dumps(Numbers(a=(bytes(544), 1))),
    "empty": b"",
    "text": b"hello",
    "stack underflow": b"\x80\x04.",
    "list": pickle.dumps([1]),
    "no faces": pickle.dumps({}),
    "two pickles": pickle.dumps({"a": (bytes(544), 1)}) * 2,
    "bytes missing": pickle.dumps({"a": (bytes(543), 1)}),
    "list in place of pair": pickle.dumps({"a": [bytes(544), 1]}),
    "float label": pickle.dumps({"a": (bytes(544), 1.0)}),
    "bool label": pickle.dumps({"a": (bytes(544), True)}),
    "label 7": pickle.dumps({"a": (bytes(544), 7)}),
    "label -1": pickle.dumps({"a": (bytes(544), -1)}),
    "nan": pickle.dumps({"a": (np.full((68, 2), np.nan, "<f4").tobytes(), 1)}),
    "number as path": pickle.dumps({1: (bytes(544), 1)}),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_other_pickles_are_refused(tmp_path, content):
    file = tmp_path / "l.pkl"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"l\.pkl: ") as caught:
        artefacts.read_landmarks(file)
    assert "\n" not in str(caught.value)


def test_every_cut_of_a_landmark_file_is_refused(tmp_path):
    file = tmp_path / "l.pkl"
    artefacts.write_landmarks(file, {"a/b.png": (np.ones((68, 2)), 3), "c.png": (np.zeros((68, 2)), 0)})
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"l\.pkl"):
            artefacts.read_landmarks(file)


@given(st.binary(max_size=60))
def test_noise_is_refused_as_input(noise):
    def action(file):
        file.write_bytes(noise)
        for read in (artefacts.read_landmarks, artefacts.read_samples):
            with pytest.raises(InputError):
                read(file)

    in_folder(action)


@pytest.mark.parametrize("points", [np.zeros((67, 2)), np.full((68, 2), np.inf), np.zeros(0)])
def test_bad_points_are_not_written(tmp_path, points):
    with pytest.raises(InputError, match="68 finite points"):
        artefacts.write_landmarks(tmp_path / "l.pkl", {"a": (points, 1)})
    assert not os.listdir(tmp_path)


SAMPLE_ROW = ["a.png", "1", "train", "S1", "0 0 48 48", "1", "1 2 3 4 0 0 0"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (0, "../a"),
        (1, "7"),
        (1, "x"),
        (2, "Train"),
        (4, "1 2 3"),
        (5, "yes"),
        (6, "1 2"),
        (6, "a b c d e f g"),
        (6, None),
    ],
)
def test_bad_samples_are_refused(tmp_path, column, value):
    file = tmp_path / "s.csv"
    bad = [cell for cell in [*SAMPLE_ROW[:column], value, *SAMPLE_ROW[column + 1 :]] if cell is not None]
    with open(file, "w", newline="") as handle:
        csv.writer(handle).writerows([artefacts.SAMPLE_COLUMNS, bad])
    with pytest.raises(InputError, match=r"s\.csv"):
        artefacts.read_samples(file)
    with open(file, "w", newline="") as handle:
        csv.writer(handle).writerows([artefacts.SAMPLE_COLUMNS, SAMPLE_ROW])
    assert artefacts.read_samples(file)["votes"][0] == (1, 2, 3, 4, 0, 0, 0)


def test_samples_that_cannot_be_written_are_refused(tmp_path):
    table = pd.DataFrame([["a", 1, "", "S\r1", (), True, ()]], columns=list(artefacts.SAMPLE_COLUMNS))
    with pytest.raises(InputError, match="subject of 'a'"):
        artefacts.write_samples(tmp_path / "s.csv", table)
    table["subject"] = "S1"
    with pytest.raises(InputError, match=r"s\.csv: 'a' is already there"):
        artefacts.write_samples(tmp_path / "s.csv", pd.concat([table, table]))
    assert not os.listdir(tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")

    def interrupted():
        with artefacts.atomic_write(file) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_objects_come_back_and_look_the_same_everywhere(tmp_path):
    found = {"n": 3, "accuracy": 0.1 + 0.2, "recall": {"Happy": None}, "command": "über"}
    artefacts.write_object(tmp_path / "new" / "a.json", found)
    wanted = b'{\n "n": 3,\n "accuracy": 0.30000000000000004,\n "recall": {\n  "Happy": null\n },\n "command": "\\u00fcber"\n}\n'
    assert (tmp_path / "new" / "a.json").read_bytes() == wanted
    assert artefacts.read_object(tmp_path / "new" / "a.json", "no object ({error})") == found


def test_files_are_replaced_not_rewritten(tmp_path):
    artefacts.write_list(tmp_path / "a.txt", ["old"])
    os.link(tmp_path / "a.txt", tmp_path / "b.txt")
    artefacts.write_list(tmp_path / "a.txt", ["new"])
    assert artefacts.read_list(tmp_path / "b.txt") == ["old"]  # who has the old file open reads on in it


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "file" / "below.txt", tmp_path / "folder"):
        with pytest.raises(InputError, match=str(place)):
            artefacts.write_list(place, ["a"])
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_names_of_files():
    files = artefacts.ListPaths("Results", "masked", "FERPlus")
    folder = Path("Results/MaskedDatasets/FERPlus")
    assert files.folder == folder == artefacts.condition_dir("Results", "masked", "FERPlus")
    assert [files.train, files.valid, files.test] == [
        folder / f"FERPlus_{split}List.txt" for split in ("train", "valid", "test")
    ]
    assert files.landmarks == folder / "FERPlus_landmarksfile.pkl"
    assert files.samples == folder / "FERPlus_samples.csv"
    assert files.audit == folder / "FERPlus_audit.csv"
    with pytest.raises(InputError, match="masked, unmasked"):
        artefacts.condition_dir("Results", "hidden", "FERPlus")


@pytest.mark.parametrize("name", ["n" * 250 + ".csv", "\u9762" * 82 + ".png"])
def test_files_of_the_longest_names_are_written(tmp_path, name):
    name = name[-250:]
    with artefacts.atomic_write(tmp_path / name) as temporary:
        temporary.write_text("whole")
    assert [file.name for file in tmp_path.iterdir()] == [name]
