"""No person and no photograph in two splits, whatever the database comes with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import official_trees as trees
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_splits import correlations, faces

from pre_processing import databases, splits
from pre_processing.artefacts import InputError
from pre_processing.databases.table import COLUMNS, Table
from pre_processing.emotions import EMOTIONS
from pre_processing.partition import FOLDS, fold_of, partition

# Faces of each emotion in RAF-DB's official splits.
RAFDB = {"Surprise": (1290, 329), "Fear": (281, 74), "Disgust": (717, 160), "Happy": (4772, 1185), "Sad": (1982, 478),
         "Angry": (705, 162), "Neutral": (2524, 680)}  # fmt: skip
# Faces of each emotion that AffectNet's training.csv lists; its validation.csv has 500 of each. A tenth is used here.
AFFECTNET = {"Neutral": 74874, "Happy": 134415, "Sad": 25459, "Surprise": 14090, "Fear": 6378, "Disgust": 3803,
             "Angry": 24882}  # fmt: skip


def table_of(rows):
    """Table of (emotion, split, subject) rows."""
    full = [(f"{index:06d}.png", *row, (), (), ()) for index, row in enumerate(rows)]
    return Table("CKplus", Path("faces"), pd.DataFrame(full, columns=list(COLUMNS)), {}, True)


def official(counts):
    rows = [(EMOTIONS.index(name), split, "")
            for name, pair in counts.items() for split, count in zip(("train", "test"), pair, strict=True)
            for _ in range(count)]  # fmt: skip
    return table_of(rows)


def sizes(samples):
    return pd.crosstab(samples["emotion"], samples["split"])


def test_valid_of_rafdb_is_a_small_copy_of_test():
    counts = sizes(partition(official(RAFDB)).samples)
    assert counts["test"].sum() == 3068
    assert counts["valid"].sum() + counts["train"].sum() == 12271
    assert counts["valid"].sum() == 1137
    assert (counts["valid"] / counts["test"]).between(0.36, 0.38).all()
    assert (counts["valid"] <= 0.1 * (counts["valid"] + counts["train"]) + 0.5).all()


def test_valid_of_affectnet_is_balanced_as_its_test():
    counts = sizes(partition(official({name: (count // 10, 50) for name, count in AFFECTNET.items()})).samples)
    assert (counts["test"] == 50).all()
    assert (counts["valid"] == 38).all()


def test_carving_follows_the_seed_and_not_the_order_of_rows():
    table = official(RAFDB)
    first, again, other = (partition(table, seed=seed).samples for seed in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)
    mixed = Table("RAF-DB", table.root, table.samples.sample(frac=1, random_state=3), {}, True)
    pd.testing.assert_frame_equal(partition(mixed).samples.sort_index(), first)


def test_three_official_splits_stay():
    table = table_of([(0, "train", ""), (0, "valid", ""), (0, "test", "")])
    assert partition(table, seed=5).samples.equals(table.samples)


def test_folds_are_sampled_from_sorted_subjects_in_steps_of_ten():
    names = [f"S{number:03d}" for number in range(5, 128)]
    groups = fold_of(pd.Series(names[::-1] * 2))
    assert groups.tolist()[:123] == [number % 10 + 1 for number in range(123)][::-1]
    assert sorted(groups[:123].value_counts()) == [12] * 7 + [13] * 3


@settings(max_examples=12)
@given(st.data(), st.integers(10, 30))
def test_no_person_and_no_photograph_in_two_splits(data, people):
    """With and without folds, official splits and twins; each face is tested in exactly one fold."""
    count = data.draw(st.integers(people, 70))
    subjects = [f"S{number % people:03d}" for number in range(count)]
    images = faces(count, data.draw(st.integers(0, 2**31)))
    for target, source in data.draw(st.lists(st.tuples(*[st.integers(0, count - 1)] * 2), max_size=10)):
        images[target] = images[source][:, ::-1] if data.draw(st.booleans()) else images[source]
    table = table_of([(data.draw(st.integers(0, 6)), "", subject) for subject in subjects])
    close = correlations(images) >= splits.SAME_PHOTO + 1e-5
    tested = []
    for fold in (None, *range(1, FOLDS + 1)):
        parted = partition(table, fold=fold)
        try:
            samples, audit = splits.drop_near_duplicates(parted, images=images)
        except InputError:  # a split that lost all its faces to twins
            tested += parted.samples.loc[parted.samples["split"] == "test", "path"].tolist() if fold else []
            continue
        assert (samples.groupby("subject")["split"].nunique() == 1).all()
        assert set(samples["split"]) == {"train", "valid", "test"}
        rows, left = samples["path"].str[:6].astype(int).to_numpy(), samples["split"].to_numpy(str)
        assert not (close[np.ix_(rows, rows)] & (left[:, None] != left)).any()
        counted = audit[audit["what"] == splits.PEOPLE].set_index("split")["count"]
        assert counted.to_dict() == samples.groupby("split")["subject"].nunique().to_dict()
        whole = parted.samples.loc[parted.samples["split"] == "test", "path"].tolist()
        assert samples.loc[left == "test", "path"].tolist() == whole
        tested += whole if fold else []
    assert sorted(tested) == table.samples["path"].tolist()


@settings(max_examples=30)
@given(st.data())
def test_no_photograph_in_two_splits_where_valid_is_carved(data):
    count = data.draw(st.integers(20, 60))
    images = faces(count, data.draw(st.integers(0, 2**31)))
    for target, source in data.draw(st.lists(st.tuples(*[st.integers(0, count - 1)] * 2), max_size=20)):
        images[target] = images[source][:, ::-1] if data.draw(st.booleans()) else images[source]
    emotions = [0, 0, 0, 0, *data.draw(st.lists(st.integers(0, 2), min_size=count - 4, max_size=count - 4))]
    names = ["train", "train", "train", "test", *data.draw(st.lists(st.sampled_from(["train", "train", "test"]),
             min_size=count - 4, max_size=count - 4))]  # fmt: skip
    parted = partition(table_of([(code, name, "") for code, name in zip(emotions, names, strict=True)]))
    assert (parted.samples["split"] == "valid").any()
    assert ((parted.samples["split"] == "test") == (np.array(names) == "test")).all()
    try:
        samples, _ = splits.drop_near_duplicates(parted, images=images)
    except InputError:  # a split that lost all its faces to twins
        return
    close = correlations(images) >= splits.THRESHOLD + 1e-5
    rows, left = samples["path"].str[:6].astype(int).to_numpy(), samples["split"].to_numpy(str)
    assert not (close[np.ix_(rows, rows)] & (left[:, None] != left)).any()


def test_people_who_look_alike_are_not_taken_for_one_photograph():
    images = faces(30)
    noise = np.random.default_rng(1).normal(0, 9, (24, 24))
    images[1] = np.clip(images[0] + noise, 0, 255)  # of two people, in test and valid
    assert 0.96 < correlations(images)[0, 1] < 0.99
    table = table_of([(0, "", f"S{number % 15:03d}") for number in range(30)])
    kept, _ = splits.drop_near_duplicates(partition(table, fold=1), images=images)
    assert len(kept) == 30
    strangers = Table("RAF-DB", table.root, partition(table, fold=1).samples.assign(subject=""), {}, True)
    kept, _ = splits.drop_near_duplicates(strangers, images=images)
    assert len(kept) == 29


def test_what_cannot_be_split_by_people_is_refused(tmp_path):
    with pytest.raises(InputError, match="9 people, but 10 are needed"):
        partition(table_of([(0, "", f"S{number:03d}") for number in range(9)]))
    with pytest.raises(InputError, match="folds need people"):
        partition(official(RAFDB), fold=1)
    with pytest.raises(InputError, match="--fold 11: give 1 to 10"):
        partition(table_of([(0, "", f"S{number:03d}") for number in range(10)]), fold=11)
    both = [(0, split, "S005") for split in ("train", "valid", "test")]
    with pytest.raises(InputError, match="S005 is in two splits"):
        partition(table_of(both))


def test_ckplus_in_its_layout(tmp_path):
    table = partition(databases.read("C", trees.ckplus(tmp_path).root))
    people = table.samples.groupby("split")["subject"].unique().map(sorted).to_dict()
    assert people == {
        "test": ["S005", "S010", "S042", "S044"],
        "valid": ["S011"],
        "train": ["S014", "S022", "S026", "S032", "S034", "S035", "S037"],
    }
