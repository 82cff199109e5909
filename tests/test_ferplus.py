"""The FER+ reader: rules, counts by reason, real counts, and layouts that are refused."""

import csv
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pre_processing.artefacts import InputError
from pre_processing.databases import ferplus, read
from pre_processing.emotions import EMOTIONS, FERPLUS

VOTES = st.lists(st.integers(0, 10), min_size=10, max_size=10)
FOLDERS = ("FER2013Train", "FER2013Valid", "FER2013Test")


def tree(root, rows, images=None):
    """An official tree with the same label rows {name: votes} in every folder; images are never opened, so empty."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
        with open(root / folder / "label.csv", "w", newline="") as handle:
            csv.writer(handle).writerows([name, "(0, 0, 48, 48)", *votes] for name, votes in rows)
        for name in images if images is not None else [name for name, _ in rows]:
            (root / folder / name).touch()
    return root


def votes_for(**counts):
    return [counts.get(name, 0) for name in FERPLUS]


def test_columns_and_names_in_our_order(tmp_path):
    rows = [(f"fer{n:07d}.png", votes_for(**{name: 9, "unknown": 1})) for n, name in enumerate(list(FERPLUS)[:7])]
    table = read("F", tree(tmp_path / "f", rows))
    train = table.samples[table.samples["split"] == "train"]
    named = dict(
        zip(["Neutral", "Happy", "Surprise", "Sad", "Angry", "Disgust", "Fear"], train["emotion"], strict=True)
    )
    assert named == {name: EMOTIONS.index(name) for name in named}
    assert [votes[code] for votes, code in zip(train["votes"], train["emotion"], strict=True)] == [9] * 7
    assert all(sum(votes) == 9 and len(votes) == 7 for votes in train["votes"])
    assert train["path"].tolist() == [f"FER2013Train/{name}" for name, _ in rows]
    assert set(train["box"]) == {(0, 0, 48, 48)}
    assert set(train["subject"]) == {""}
    assert table.precropped
    assert table.root == tmp_path / "f"
    assert "majority" in table.labels


# Worked by hand from the rule: single votes go; the winner needs more than half of the rest.
CASES = [
    (votes_for(neutral=6, sadness=4), "neutral", "neutral"),
    (votes_for(neutral=5, sadness=5), "no majority", "neutral"),
    (votes_for(neutral=4, sadness=3, anger=3), "no majority", "neutral"),
    (votes_for(neutral=4, sadness=3, anger=1, fear=1, disgust=1), "neutral", "neutral"),
    (votes_for(happiness=1, sadness=1, NF=1), "no vote given twice", "happiness"),
    (votes_for(anger=4, unknown=4, fear=2), "no majority", "anger"),
    (votes_for(unknown=6, fear=4), "unknown emotion", "unknown emotion"),
    (votes_for(NF=10), "not a face", "not a face"),
    (votes_for(contempt=7, neutral=3), "contempt", "contempt"),
    (votes_for(), "no vote given twice", "no vote"),
    (votes_for(disgust=2), "disgust", "disgust"),
]


@pytest.mark.parametrize(("votes", "by_majority", "by_argmax"), CASES)
def test_rules(votes, by_majority, by_argmax):
    for rule, expected in (("majority", by_majority), ("argmax", by_argmax)):
        code, reason = ferplus.winner(votes, rule)
        assert (code, reason) == ((FERPLUS[expected], "") if FERPLUS.get(expected) is not None else (None, expected))


@given(VOTES)
def test_majority_implies_argmax(votes):
    code, reason = ferplus.winner(votes, "majority")
    plain, _ = ferplus.winner(votes, "argmax")
    assert (code is None) == bool(reason)
    if code is not None:
        column = list(FERPLUS.values()).index(code)
        assert plain == code
        assert votes[column] >= 2
        assert votes[column] > sum(count for count in votes if count > 1) / 2


def test_everything_left_out_is_counted(tmp_path):
    rows = [
        ("keep.png", votes_for(fear=10)),
        ("tie.png", votes_for(fear=5, sadness=5)),
        ("contempt.png", votes_for(contempt=10)),
        ("gone.png", votes_for(fear=10)),
        ("", votes_for(NF=10)),
        ("keep.png", votes_for(sadness=10)),
    ]
    table = read("F", tree(tmp_path / "f", rows, ["keep.png", "tie.png", "contempt.png", "extra.png"]))
    assert len(table.samples) == 3
    assert set(table.samples["emotion"]) == {FERPLUS["fear"]}
    assert {reason: len(paths) for reason, paths in table.dropped.items()} == {
        "no majority": 3, "contempt": 3, "image missing": 3, "no image name": 3, "listed twice": 3,
        "not in the label file": 3,
    }  # fmt: skip
    assert table.dropped["image missing"] == [f"{folder}/gone.png" for folder in FOLDERS]


def test_labels_beside_the_images_win_over_fer2013new(small_ferplus):
    before = read("F", small_ferplus)
    header = ["Usage", "Image name", *FERPLUS]
    usages = {"train": "Training", "valid": "PublicTest", "test": "PrivateTest"}
    with open(small_ferplus / "fer2013new.csv", "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        for row in before.samples.itertuples():
            writer.writerow([usages[row.split], row.path.split("/")[1], *votes_for(fear=10)])
    same = read("F", small_ferplus)
    assert same.samples.equals(before.samples)
    (small_ferplus / "FER2013Test" / "label.csv").unlink()
    mixed = read("F", small_ferplus)
    test = mixed.samples[mixed.samples["split"] == "test"]
    assert set(test["emotion"]) == {FERPLUS["fear"]}
    assert len(test) == (before.samples["split"] == "test").sum()
    assert "fer2013new.csv" in mixed.labels
    train = [table.samples[table.samples["split"] == "train"].reset_index(drop=True) for table in (before, mixed)]
    assert train[0].equals(train[1])


def test_published_counts(ferplus_root):
    """Train 25,045, Valid 3,191, Test 3,137 with contempt: the numbers that published work on FER+ gives."""
    table = read("F", ferplus_root)
    counts = table.samples["split"].value_counts()
    assert [counts[split] for split in ("train", "valid", "test")] == [24925, 3175, 3122]
    test = table.counts().loc["test"]
    assert dict(zip(EMOTIONS, test, strict=True)) == {
        "Neutral": 1083, "Happy": 892, "Angry": 269, "Surprise": 394, "Sad": 382, "Fear": 86, "Disgust": 16,
    }  # fmt: skip
    contempt = [sum(path.startswith(folder) for path in table.dropped["contempt"]) for folder in FOLDERS]
    assert [a + b for a, b in zip([24925, 3175, 3122], contempt, strict=True)] == [25045, 3191, 3137]
    rows = sum(len(paths) for paths in table.dropped.values()) + len(table.samples)
    assert rows == 28558 + 3579 + 3573
    revised = ferplus.read_new_labels(ferplus_root / "fer2013new.csv")
    kept = [split for split, name, votes in revised if name and ferplus.majority(votes) in list(FERPLUS)[:8]]
    assert [kept.count(split) for split in ("train", "valid", "test")] == [25060, 3199, 3153]
    assert len(read("F", ferplus_root, rule="argmax").samples) == 28217 + 3529 + 3517


def test_label_files_without_boxes(small_ferplus):
    """As Microsoft's generate_training_data.py writes them: 11 columns."""
    before = read("F", small_ferplus).samples
    for file in small_ferplus.glob("*/label.csv"):
        with open(file, newline="") as handle:
            rows = [row[:1] + row[2:] for row in csv.reader(handle)]
        with open(file, "w", newline="") as handle:
            csv.writer(handle).writerows(rows)
    after = read("F", small_ferplus).samples
    assert set(after["box"]) == {()}
    assert after.drop(columns="box").equals(before.drop(columns="box"))


def test_no_image_is_opened(small_ferplus):
    for image in small_ferplus.glob("*/*.png"):
        image.write_bytes(b"not an image")
    assert len(read("F", small_ferplus).samples)


def test_layouts_that_are_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        read("F", tmp_path / "nowhere")
    with pytest.raises(InputError, match="no reader for database 'X'"):
        read("X", tmp_path)
    with pytest.raises(InputError, match="holds nothing; expected is FER2013Train"):
        read("F", tmp_path)
    (tmp_path / "happy").mkdir()
    with pytest.raises(InputError, match="holds happy/; expected is FER2013Train"):
        read("F", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not a folder"):
        read("F", tmp_path / "file")


def test_trees_that_are_refused(tmp_path):
    rows = [("a.png", votes_for(fear=10))]
    root = tree(tmp_path / "f", rows)
    with pytest.raises(InputError, match=r"--rule most: give one of majority, argmax"):
        read("F", root, rule="most")
    (root / "FER2013Test" / "label.csv").unlink()
    with pytest.raises(InputError, match=r"FER2013Test/label\.csv: no such file"):
        read("F", root)
    shutil.rmtree(root / "FER2013Test")
    with pytest.raises(InputError, match="lacks FER2013Test"):
        read("F", root)
    with pytest.raises(InputError, match=r"no usable face of FERPlus.*3 image missing.*; looked for FER2013"):
        read("F", tree(tmp_path / "g", rows, images=[]))


@pytest.mark.parametrize(
    "line",
    [
        "b.png,0 0 48 48,1,2,3,4,0,0,0,0,0,0",
        '../b.png,"(0, 0, 48, 48)",1,2,3,4,0,0,0,0,0,0',
        '/b.png,"(0, 0, 48, 48)",1,2,3,4,0,0,0,0,0,0',
        'b.png,"(0, 0, 48, 48)",1,2,3,4,0,0,0,0,0',
        "b.png,1,2,3,4,0,0,0,0,0",
        'b.png,"(0, 0, 48)",1,2,3,4,0,0,0,0,0,0',
        'b.png,"(0, 0, 48, 48)",1,2,3,4,0,0,0,0,0,x',
        'b.png,"(0, 0, 48, 48)",1,2,3,4,0,0,0,0,0,-1',
    ],
)
def test_broken_label_files_are_named_with_line(tmp_path, line):
    root = tree(tmp_path / "f", [("a.png", votes_for(fear=10))])
    labels = root / "FER2013Valid" / "label.csv"
    labels.write_text(labels.read_text() + line + "\n")
    with pytest.raises(InputError, match=r"FER2013Valid/label\.csv, line 2: "):
        read("F", root)


@given(st.binary(max_size=80))
def test_noise_as_label_file(tmp_path_factory, noise):
    root = tree(tmp_path_factory.mktemp("noise") / "f", [("a.png", votes_for(fear=10))])
    (root / "FER2013Train" / "label.csv").write_bytes(noise)
    try:
        table = read("F", root)
    except InputError:
        return
    assert "train" not in set(table.samples["split"])  # a file without rows
    assert np.isin(["FER2013Train/a.png"], table.dropped["not in the label file"]).all()
