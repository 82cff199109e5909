"""Readers of AffectNet, RAF-DB and CK+ on small trees in their official layouts, quirks included."""

from __future__ import annotations

import cv2
import numpy as np
import official_trees as trees
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pre_processing import databases, prepare, splits
from pre_processing.artefacts import InputError
from pre_processing.databases import affectnet_full
from pre_processing.emotions import EMOTIONS

LAYOUTS = {
    "AffectNet, full": ("A", trees.affectnet_full),
    "AffectNet, smaller": ("A", trees.affectnet_mini),
    "AffectNet, Kaggle": ("A", trees.affectnet_kaggle),
    "RAF-DB, aligned": ("R", trees.rafdb),
    "RAF-DB, original": ("R", lambda folder: trees.rafdb(folder, "original")),
    "CK+": ("C", trees.ckplus),
}
every_layout = pytest.mark.parametrize(("db", "build"), LAYOUTS.values(), ids=LAYOUTS)


def found(table):
    """{path: (emotion by name, split)} of a table."""
    rows = zip(table.samples["path"], table.samples["emotion"], table.samples["split"], strict=True)
    return {path: (EMOTIONS[code], split) for path, code, split in rows}


@every_layout
def test_every_face_its_emotion_and_what_is_left_out(db, build, tmp_path):
    tree = build(tmp_path)
    table = databases.read(db, tree.root)
    assert found(table) == tree.faces
    assert {reason: len(paths) for reason, paths in table.dropped.items()} == tree.left_out
    assert table.root == tree.root
    assert (tree.root / table.samples["path"][0]).is_file()


@every_layout
def test_no_image_is_opened_to_list_it(db, build, tmp_path, monkeypatch):
    tree = build(tmp_path)
    for name in ("imdecode", "imread"):
        monkeypatch.setattr(cv2, name, lambda *a: pytest.fail("an image was opened"))
    for path in tree.faces:
        (tree.root / path).write_bytes(b"")
    assert found(databases.read(db, tree.root)) == tree.faces


def test_the_folder_around_it_will_do(tmp_path):
    tree = trees.affectnet_kaggle(tmp_path)
    assert set(databases.read("A", tmp_path).samples["path"]) == {f"AffectNet/{path}" for path in tree.faces}
    (tmp_path / "around").mkdir()
    (tmp_path / "AffectNet").rename(tmp_path / "around" / "AffectNet")
    assert set(databases.read("A", tmp_path).samples["path"]) == {f"around/AffectNet/{path}" for path in tree.faces}
    tree = trees.rafdb(tmp_path)
    inner = databases.read("R", tree.root / "basic")
    assert {f"basic/{path}" for path in inner.samples["path"]} == set(tree.faces)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_points_and_boxes_that_are_shipped(layout, tmp_path):
    db, build = LAYOUTS[layout]
    tree = build(tmp_path)
    table = databases.read(db, tree.root)
    with_points, with_box = layout in ("AffectNet, full", "AffectNet, smaller", "CK+"), table.precropped is False
    assert table.precropped == (layout in ("AffectNet, smaller", "AffectNet, Kaggle", "RAF-DB, aligned"))
    for row in table.samples.itertuples():
        assert (len(row.landmarks), len(row.box)) == (68 * with_points, 4 * with_box)
        if with_points and with_box:
            left, top, right, bottom = row.box
            assert row.landmarks.dtype == np.float32
            assert (row.landmarks >= (left - 2, top - 2)).all()
            assert (row.landmarks <= (right + 2, bottom + 2)).all()
        if with_points and row.path not in broken_in(tree):
            image = cv2.imread(str(tree.root / row.path), cv2.IMREAD_GRAYSCALE)
            assert row.landmarks.min() > 0
            assert (row.landmarks.max(0) < image.shape[::-1]).all()


def broken_in(tree):
    return {path for path in tree.faces if (tree.root / path).stat().st_size < 100}


@pytest.mark.parametrize("header", ["", trees.HEADER, f"#{trees.HEADER}", f"\ufeff# {trees.HEADER}"])
@pytest.mark.parametrize("lists", ["Manually_Annotated_file_lists", "Manually_Annotated_file_list"])
def test_csv_files_with_and_without_header(header, lists, tmp_path):
    tree = trees.affectnet_full(tmp_path, header=header, lists=lists)
    assert found(databases.read("A", tree.root)) == tree.faces


def test_test_faces_stay_where_train_lists_them_too(tmp_path):
    tree = trees.affectnet_full(tmp_path)
    lists = tree.root / "Manually_Annotated_file_lists"
    again = (lists / "validation.csv").read_text().splitlines()[0].replace(",0,0.25", ",3,0.25")
    with open(lists / "training.csv", "a") as handle:
        handle.write(again + "\n")
    assert found(databases.read("A", tree.root)) == tree.faces


@pytest.mark.parametrize("db", ["A", "R", "C"])
def test_an_unknown_layout_is_one_line_with_what_is_there_and_what_could_be(db, tmp_path):
    (tmp_path / "CK+48" / "anger").mkdir(parents=True)
    (tmp_path / "readme.txt").write_text("")
    with pytest.raises(InputError, match=r"holds CK\+48/, readme\.txt; ") as caught:
        databases.read(db, tmp_path)
    line = str(caught.value)
    assert "\n" not in line
    known = {"A": ("training.csv", "annotations/0_exp.npy", "class001"), "R": ("list_patition_label.txt", "_aligned.jpg"),
             "C": ("cohn-kanade-images/S005", "_emotion.txt")}  # fmt: skip
    assert all(part in line for part in known[db])


@pytest.mark.parametrize(
    ("db", "build", "gone", "message"),
    [
        ("R", trees.rafdb, "basic/Image/aligned", r"basic: lacks Image/aligned or Image/original; unpack Image/aligned\.zip"),
        ("A", trees.affectnet_mini, "val_set/annotations", "AffectNet: lacks val_set/annotations; expected is train_set/"),
        ("C", trees.ckplus, "Emotion", r"CK\+: lacks Emotion; expected is cohn-kanade-images/"),
    ],
)  # fmt: skip
def test_what_a_layout_lacks_is_named(db, build, gone, message, tmp_path):
    tree = build(tmp_path)
    (tree.root / gone).rename(tmp_path / "away")
    if db == "R":
        (tree.root / f"{gone}.zip").touch()
    with pytest.raises(InputError, match=message) as caught:
        databases.read(db, tree.root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("db", "build", "gone", "split"),
    [
        ("R", trees.rafdb, "basic/Image/aligned/train_*", "train"),
        ("A", trees.affectnet_mini, "val_set/images/*", "test"),
    ],
)
def test_a_split_without_an_image_stops_before_anything_is_worked_out(db, build, gone, split, tmp_path, monkeypatch):
    tree = build(tmp_path)
    gone = sorted(tree.root.glob(gone))
    first = gone[0].relative_to(tree.root).as_posix()
    for file in gone[:-1]:
        file.unlink()
    monkeypatch.setattr(prepare, "find_landmarks", lambda *_: pytest.fail("landmarks were searched for"))
    gone[-1].write_bytes(b"no image")
    with pytest.raises(InputError, match=rf"no image of .*'s {split} split is there \(\d+ listed images are missing or "
                       rf"unreadable, such as {first}\); unpack all of it"):  # fmt: skip
        prepare.prepare(db, tree.root, tmp_path / "out", tmp_path / "masked", jobs=1)


BAD = {
    "expression 11": ("A", trees.affectnet_full, "*/training.csv", ",1,0.25", ",11,0.25", r"training\.csv, line \d+: expression"),
    "a column more": ("A", trees.affectnet_full, "*/training.csv", ",1,0.25", ",1,0,0.25", r"training\.csv, line \d+: 10 columns"),
    "out of the folder": ("A", trees.affectnet_full, "*/training.csv", "\n2/", "\n../2/", r"training\.csv, line \d+: .*leads out"),
    "other columns": ("A", trees.affectnet_full, "*/training.csv", "expression", "emotion", r"training\.csv: lacks the column"),
    "code 8": ("R", trees.rafdb, "basic/*/list_*.txt", "2.jpg 2", "2.jpg 8", r"label\.txt, line 2: .*with 1 to 7"),
    "aligned name": ("R", trees.rafdb, "basic/*/list_*.txt", "2.jpg 2", "2_aligned.jpg 2", r"label\.txt, line 2"),
    "half a code": ("C", trees.ckplus, "Emotion/S005/001/*.txt", "1.0", "1.5", r"_emotion\.txt: not one of"),
    "no code": ("C", trees.ckplus, "Emotion/S005/001/*.txt", "   1.0000000e+00", "", r"_emotion\.txt: not one of"),
    "odd points": ("C", trees.ckplus, "Landmarks/S005/001/*06_landmarks.txt", "e+0", "x", r"_landmarks\.txt: not 68"),
    "no points": ("C", trees.ckplus, "Landmarks/S005/001/*06_landmarks.txt", "e+02", "e-02", r"_landmarks\.txt: not 68"),
}  # fmt: skip


@pytest.mark.parametrize(("db", "build", "files", "old", "new", "message"), BAD.values(), ids=BAD)
def test_bad_label_files_are_named(db, build, files, old, new, message, tmp_path):
    tree = build(tmp_path)
    (file,) = tree.root.glob(files)
    text = file.read_bytes()
    assert old.encode() in text
    file.write_bytes(text.replace(old.encode(), new.encode()))
    with pytest.raises(InputError, match=message) as caught:
        databases.read(db, tree.root)
    assert "\n" not in str(caught.value)


class Harmful:
    def __reduce__(self):
        return open, ("executed", "w")


@pytest.mark.parametrize(
    "content", [np.array("happy"), np.array(11), np.array([1, 2]), np.array(1.5), np.array(Harmful(), dtype=object)]
)
def test_label_arrays_that_are_none(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tree = trees.affectnet_mini(tmp_path)
    np.save(tree.root / "train_set" / "annotations" / "3_exp.npy", content)
    with pytest.raises(InputError, match=r"3_exp\.npy: ") as caught:
        databases.read("A", tree.root)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()


def test_points_that_are_none_are_left_to_the_detector(tmp_path):
    tree = trees.affectnet_mini(tmp_path)
    notes = tree.root / "train_set" / "annotations"
    np.save(notes / "0_lnd.npy", np.zeros(136))
    np.save(notes / "1_lnd.npy", np.arange(134.0))
    np.save(notes / "2_lnd.npy", np.full(136, np.nan))
    (notes / "3_lnd.npy").unlink()
    table = databases.read("A", tree.root)
    bare = table.samples.loc[table.samples["landmarks"].map(len) == 0, "path"]
    assert sorted(bare) == [f"train_set/images/{number}.jpg" for number in range(4)]


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 4), st.data())
def test_points_of_csv_files_are_those_of_the_obvious_way(seed, count, data):
    rows = np.random.default_rng(seed).uniform(-2000, 2000, (count, 136))
    texts = [";".join(f"{value:.2f}" for value in row) for row in rows]
    ends = (
        "",
        "1;2",
        ";".join("1" * 136),
        texts[0] + ";1",
        ";" * 135,
        "x;" + texts[0].partition(";")[2],
        "1\n" + texts[0],
    )
    odd = data.draw(st.lists(st.sampled_from(ends), max_size=3))
    for text, points in zip(texts + odd, affectnet_full.to_points(texts + odd), strict=True):
        try:
            expected = np.array([float(part) for part in text.split(";")], np.float32).reshape(68, 2)
        except ValueError:
            expected = np.zeros((68, 2))
        if np.ptp(expected, axis=0).min() >= 1:
            np.testing.assert_allclose(points, expected, atol=1e-3)
        else:
            assert len(points) == 0


def test_kinds_of_images_of_rafdb(tmp_path):
    aligned, original = trees.rafdb(tmp_path / "a"), trees.rafdb(tmp_path / "b", "original")
    with pytest.raises(InputError, match="no such folder"):
        databases.read("R", aligned.root, images="original")
    with pytest.raises(InputError, match="give one of aligned, original"):
        databases.read("R", aligned.root, images="cropped")
    (original.root / "basic" / "Image" / "original").rename(aligned.root / "basic" / "Image" / "original")
    assert found(databases.read("R", aligned.root)) == aligned.faces
    assert found(databases.read("R", aligned.root, images="original")) == original.faces


def test_options_of_other_databases_are_refused(tmp_path):
    tree = trees.affectnet_kaggle(tmp_path)
    with pytest.raises(InputError, match="--rule: AffectNet has no such option"):
        databases.read("A", tree.root, rule="argmax")
    assert len(databases.read("A", tree.root, rule=None).samples) == len(tree.faces)


def test_a_sequence_whose_peak_is_gone_is_left_out(tmp_path):
    tree = trees.ckplus(tmp_path)
    (tree.root / "cohn-kanade-images/S005/001/S005_001_00000006.png").unlink()
    table = databases.read("C", tree.root)
    assert table.dropped["last frame missing or not the labelled one"] == ["cohn-kanade-images/S005/001"]
    assert not [path for path in table.samples["path"] if "S005_001" in path]


def test_short_sequences_keep_their_neutral_frame(tmp_path):
    tree = trees.ckplus(tmp_path)
    folder = tree.root / "cohn-kanade-images/S005/001"
    for number in (2, 3, 4):
        (folder / f"S005_001_{number:08d}.png").unlink()
    samples = databases.read("C", tree.root).samples
    frames = samples[samples["path"].str.contains("S005_001")]
    assert [EMOTIONS[code] for code in frames["emotion"]] == ["Neutral", "Angry", "Angry"]


def test_points_of_another_picture_are_not_taken(tmp_path, capsys):
    tree = trees.ckplus(tmp_path)
    table = databases.read("C", tree.root)
    assert all(len(points) for points in table.samples["landmarks"])
    at = table.samples.columns.get_loc("landmarks")
    table.samples.iat[1, at] = table.samples.iat[1, at] + 5000
    seen, _ = splits.look(table, jobs=1)
    assert [len(points) for points in seen.samples["landmarks"][:3]] == [68, 0, 68]
    path = table.samples["path"][1]
    told = f"1 faces whose points lie outside of their pictures, such as {path}, get fitted ones\n"
    assert capsys.readouterr().err.endswith(told)


def test_unreadable_images_are_left_out_and_listed(tmp_path):
    tree = trees.affectnet_full(tmp_path)
    table, images = splits.look(databases.read("A", tree.root), jobs=1)
    assert set(table.dropped["unreadable image"]) == broken_in(tree)
    assert len(images) == len(table.samples) == len(tree.faces) - 1
    tree = trees.rafdb(tmp_path)
    (tree.root / next(iter(tree.faces))).write_bytes(b"no image")
    table, images = splits.look(databases.read("R", tree.root), jobs=1)
    assert table.dropped["unreadable image"] == [next(iter(tree.faces))]
    assert len(images) == len(table.samples) == len(tree.faces) - 1
    for path in tree.faces:
        (tree.root / path).write_bytes(b"no image")
    with pytest.raises(InputError, match="not a readable image"):
        splits.look(databases.read("R", tree.root), jobs=1)
