"""FER2013 as fer2013.csv and as Kaggle's folders, with its own labels and with those of FER+."""

import csv
import re
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from pre_processing import artefacts, prepare
from pre_processing.artefacts import InputError
from pre_processing.databases import read
from pre_processing.emotions import EMOTIONS, FERPLUS
from pre_processing.partition import partition

OWN = ["Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral"]  # FER2013's codes 0 to 6
USAGES = ["Training"] * 9 + ["PublicTest"] * 3 + ["PrivateTest"] * 3
FOLDERS = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}
SPLITS = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (len(USAGES), 48, 48), dtype=np.uint8)


@pytest.fixture
def pixels(tmp_path, images):
    """A folder with a fer2013.csv of 15 random images, codes 0 to 6 in turn."""
    root = tmp_path / "fer"
    root.mkdir()
    with open(root / "fer2013.csv", "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["emotion", "pixels", "Usage"])
        for index, usage in enumerate(USAGES):
            writer.writerow([index % 7, " ".join(map(str, images[index].ravel())), usage])
    return root


@pytest.fixture
def kaggle(tmp_path):
    """Kaggle's folders with one training, one public and one private face of each emotion."""
    root = tmp_path / "kaggle"
    for number, emotion in enumerate(["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]):
        for part, usages in (("train", ["Training"]), ("test", ["PublicTest", "PrivateTest"])):
            (root / part / emotion).mkdir(parents=True)
            for usage in usages:
                (root / part / emotion / f"{usage}_{number + 90000000}.jpg").touch()
    return root


def write_ratings(root, rows):
    with open(root / "fer2013new.csv", "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["Usage", "Image name", *FERPLUS])
        writer.writerows(rows)


def ratings(winner="fear"):
    """Rows of fer2013new.csv that give every face to `winner`.

    As in the real file the third row has no name, which shifts the numbers after it, and two rows share one name.
    """
    votes = [10 if name == winner else 0 for name in FERPLUS]
    rows = [[usage, f"fer{index - (index > 2):07d}.png", *votes] for index, usage in enumerate(USAGES)]
    rows[2][1] = ""
    rows[8][1] = rows[5][1]
    return rows


def test_own_labels_of_the_csv(pixels, images, tmp_path):
    table = read("F", pixels)
    assert table.root == pixels.parent / "fer-images"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/link").symlink_to(pixels)  # as to a folder that cannot be written to
    assert read("F", tmp_path / "elsewhere/link").root == tmp_path / "elsewhere/link-images"
    assert re.match(r"FER2013's own labels, not FER\+'s, .* put fer2013new\.csv beside fer2013\.csv", table.labels)
    assert not table.dropped
    by_path = table.samples.set_index("path")
    for index, usage in enumerate(USAGES):
        path = f"{FOLDERS[usage]}/row{index:07d}.png"
        assert EMOTIONS[by_path.loc[path, "emotion"]] == OWN[index % 7]
        assert by_path.loc[path, "split"] == SPLITS[usage]
        assert by_path.loc[path, "votes"] == ()
        np.testing.assert_array_equal(cv2.imread(str(table.root / path), cv2.IMREAD_UNCHANGED), images[index])
    assert len(list(table.root.rglob("*.*"))) == len(USAGES)
    assert read("F", pixels / "fer2013.csv").samples.equals(table.samples)


def test_a_second_unpacking_mends_what_is_broken_and_touches_nothing_else(pixels):
    root = read("F", pixels).root
    broken, lost, whole = (root / "FER2013Train" / f"row{index:07d}.png" for index in range(3))
    content = broken.read_bytes()
    broken.write_bytes(content[:50])
    lost.unlink()
    before = whole.stat()
    read("F", pixels)
    assert broken.read_bytes() == content
    assert lost.exists()
    assert (whole.stat().st_ino, whole.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_ferplus_labels_for_the_csv(pixels, images):
    write_ratings(pixels, ratings())
    table = read("F", pixels)
    assert "fer2013new.csv" in table.labels
    assert set(table.samples["emotion"]) == {EMOTIONS.index("Fear")}
    assert len(table.samples) == len(USAGES) - 2
    assert table.dropped == {"no image name": ["fer2013new.csv, line 4"], "listed twice": ["fer2013new.csv, line 10"]}
    assert set(table.samples["votes"]) == {(0, 0, 0, 0, 0, 10, 0)}
    assert table.samples["split"].value_counts().to_dict() == {"train": 7, "valid": 3, "test": 3}
    # A face is joined to its labels by its row, whatever the number in its name.
    for index in (0, 1, 3, 5, 9, 14):
        path = f"{FOLDERS[USAGES[index]]}/fer{index - (index > 2):07d}.png"
        np.testing.assert_array_equal(cv2.imread(str(table.root / path), cv2.IMREAD_UNCHANGED), images[index])
    assert sorted(str(path.relative_to(table.root)) for path in table.root.rglob("*.png")) == list(
        table.samples["path"]
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ratings()[:-1], "15 rows.*14 rows"),
        ([ratings()[-1], *ratings()[1:]], "do not have the same rows"),
        ([["Test", *ratings()[0][1:]]], "line 2: Usage 'Test'"),
    ],
)
def test_labels_of_other_rows_are_refused(pixels, rows, message):
    write_ratings(pixels, rows)
    with pytest.raises(InputError, match=message):
        read("F", pixels)
    assert not (pixels.parent / "fer-images").exists()


GOOD = " ".join(["7"] * 2304)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "first line must be emotion,pixels,Usage"),
        ("emotion,pixels\n", "first line must be emotion,pixels,Usage"),
        (f"emotion,pixels,Usage\n0,{GOOD},Training\n7,{GOOD},Training\n", "line 3"),
        (f"emotion,pixels,Usage\n0,{GOOD},Test\n", "line 2"),
        (f"emotion,pixels,Usage\n0,{GOOD} 7,Training\n", "line 2: not 2304 grey values"),
        (f"emotion,pixels,Usage\n0,{GOOD[:-1]}256,Training\n", "line 2: not 2304 grey values"),
        (f"emotion,pixels,Usage\n0,{GOOD[:-1]}-1,Training\n", "line 2: not 2304 grey values"),
        (f"emotion,pixels,Usage\n0,{GOOD[:-1]}x,Training\n", "line 2: not 2304 grey values"),
        (f"emotion,pixels,Usage\n0,{GOOD[:900]}", "line 2"),
        ("emotion,pixels,Usage\n", "no usable face"),
    ],
)
def test_broken_pixel_files_are_named(tmp_path, text, where):
    (tmp_path / "fer").mkdir()
    (tmp_path / "fer" / "fer2013.csv").write_text(text)
    with pytest.raises(InputError, match=where):
        read("F", tmp_path / "fer")
    assert not (tmp_path / "fer-images").exists()


def test_kaggle_folders(kaggle):
    table = read("F", kaggle)
    assert table.root == kaggle
    assert table.counts().to_numpy().tolist() == [[1] * 7] * 3
    by_path = table.samples.set_index("path")
    assert EMOTIONS[by_path.loc["train/angry/Training_90000000.jpg", "emotion"]] == "Angry"
    assert by_path.loc["test/surprise/PublicTest_90000006.jpg", "split"] == "valid"
    assert by_path.loc["test/surprise/PrivateTest_90000006.jpg", "split"] == "test"
    assert not table.dropped


def test_kaggle_strays_are_counted(kaggle):
    (kaggle / "train" / "sad" / ".DS_Store").touch()
    (kaggle / "train" / "sad" / "PrivateTest_5.jpg").touch()
    (kaggle / "test" / "sad" / "Training_5.jpg").touch()
    table = read("F", kaggle)
    assert len(table.samples) == 21
    assert table.dropped == {
        "not an image": ["train/sad/.DS_Store"],
        "file name does not begin with Training": ["train/sad/PrivateTest_5.jpg"],
        "file name does not begin with PublicTest or PrivateTest": ["test/sad/Training_5.jpg"],
    }


def test_kaggle_names_cannot_be_joined_with_ferplus_labels(kaggle):
    write_ratings(kaggle, ratings())
    with pytest.raises(InputError, match=r"do not tell which row of fer2013new\.csv a face is; put fer2013\.csv there"):
        read("F", kaggle)


def test_incomplete_kaggle_folders_are_refused(kaggle):
    for image in (kaggle / "test" / "fear").iterdir():
        image.unlink()
    (kaggle / "test" / "fear").rmdir()
    with pytest.raises(InputError, match="holds test/, train/; expected is"):
        read("F", kaggle)


def test_preparing_says_where_faces_were_unpacked(pixels, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(prepare, "prepare", lambda db, root, out, masked, **_: prepare.Prepared(
        pd.DataFrame({"split": [], "subject": [], "certain": []}), pd.DataFrame(columns=artefacts.AUDIT_COLUMNS).astype({"what": str}),
        pd.DataFrame({"placement": []}), {}, {}, read(db, root)))  # fmt: skip
    for root in (pixels, pixels / "fer2013.csv"):
        assert prepare.main(["--DB", "F", "--root_path", str(root), "--out", str(tmp_path)]) == 0
        said = capsys.readouterr().out
        assert f"give --root_path {pixels.parent / 'fer-images'} to what trains" in said
        assert f"masked copies: {pixels.parent / 'fer-masked'}" in said
        assert said.startswith("labels: FER2013's own labels, not FER+'s"), "a forgotten or misnamed file is noticed"
        write_ratings(pixels, ratings())
        assert prepare.main(["--DB", "F", "--root_path", str(root), "--out", str(tmp_path)]) == 0
        assert capsys.readouterr().out.startswith("labels: FER+ votes of fer2013new.csv")
        (pixels / "fer2013new.csv").unlink()


def test_folders_with_labels_alone_give_way_to_the_csv(pixels):
    """As they lie in Microsoft's repository, beside fer2013new.csv."""
    for folder in FOLDERS.values():
        (pixels / folder).mkdir()
        (pixels / folder / "label.csv").write_text("fer0000000.png,10,0,0,0,0,0,0,0,0,0\n")
    write_ratings(pixels, ratings())
    table = read("F", pixels)
    assert "fer2013new.csv" in table.labels
    assert table.samples["split"].value_counts().to_dict() == {"train": 7, "valid": 3, "test": 3}
    (pixels / "FER2013Test" / "fer0000000.png").touch()
    with pytest.raises(InputError, match="no image of FERPlus's train split"):
        partition(read("F", pixels))


def test_a_folder_around_it_and_an_archive_are_named(pixels, kaggle, tmp_path):
    for place in (pixels, kaggle):
        around = tmp_path / f"{place.name}-around"
        shutil.copytree(place, around / "deep" / "archive")
        for root in (around, around / "deep"):
            with pytest.raises(InputError, match=f"give --root_path {re.escape(str(around / 'deep' / 'archive'))}$"):
                read("F", root)
    around = tmp_path / f"{pixels.name}-around"  # where fer2013.tar.gz was unpacked beside it
    write_ratings(around, ratings())
    with pytest.raises(InputError, match=r"archive: move fer2013new\.csv there and give --root_path"):
        read("F", around)
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "fer2013.tar.gz").touch()
    with pytest.raises(InputError, match=r"holds fer2013\.tar\.gz; unpack fer2013\.tar\.gz where it lies; expected is"):
        read("F", tmp_path / "packed")
