"""Near-duplicates: every planted twin is found, none is left across splits, and all of it is counted."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pre_processing import artefacts, splits
from pre_processing.artefacts import InputError
from pre_processing.databases import read
from pre_processing.databases.table import COLUMNS, Table


def correlations(images):
    """(n, n) largest correlation of each image with the other or its mirror image: slow and obvious."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    mirrored = images[:, :, ::-1].reshape(len(images), -1).astype(np.float64)
    return np.maximum(*(np.corrcoef(flat, other)[: len(flat), len(flat) :] for other in (flat, mirrored)))


def faces(count, seed=0, blur=3.0):
    """Random images (count, 24, 24) uint8, with blur 3 about as smooth as photographs."""
    noise = np.random.default_rng(seed).normal(size=(count, 24, 24)).astype(np.float32)
    smooth = np.stack([cv2.GaussianBlur(image, (0, 0), blur) for image in noise])
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def table_of(names, emotions=None):
    rows = [(f"{index:03d}.png", 0, split, "", (), (), ()) for index, split in enumerate(names)]
    samples = pd.DataFrame(rows, columns=list(COLUMNS))
    if emotions is not None:
        samples["emotion"] = emotions
    return Table("FERPlus", Path("faces"), samples, {"contempt": ["x.png", "y.png"]}, True)


@settings(max_examples=60)
@given(st.data(), st.integers(2, 40), st.floats(0.5, 0.99))
def test_pairs_are_those_of_the_obvious_way(data, count, threshold):
    images = faces(count, data.draw(st.integers(0, 2**31)), data.draw(st.sampled_from([0.3, 1.0, 3.0])))
    for target in data.draw(st.lists(st.integers(0, count - 1), max_size=5)):
        source = data.draw(st.integers(0, count - 1))
        share = data.draw(st.floats(0, 0.4))
        blend = (1 - share) * images[source] + share * images[target]
        images[target] = blend[:, ::-1] if data.draw(st.booleans()) else blend
    table = correlations(images)
    expected = {(i, j) for i in range(count) for j in range(i + 1, count) if table[i, j] >= threshold}
    unsure = {(i, j) for i in range(count) for j in range(count) if abs(table[i, j] - threshold) < 1e-5}
    found = set(map(tuple, splits.near_duplicates(images, threshold).tolist()))
    assert found ^ expected <= unsure


def test_planted_twins_are_found_also_between_blocks(monkeypatch):
    monkeypatch.setattr(splits, "BLOCK", 16)
    images = faces(100)
    images[70] = images[3]
    images[71] = images[4][:, ::-1]
    images[99] = np.clip(images[5] * 0.6 + 40, 0, 255)  # another contrast and brightness
    images[15] = images[0]
    noise = np.random.default_rng(1).normal(0, 3, (24, 24))
    images[50] = np.clip(images[49] + noise, 0, 255)
    assert splits.near_duplicates(images).tolist() == [[0, 15], [3, 70], [4, 71], [5, 99], [49, 50]]


def test_blank_and_no_images():
    assert splits.near_duplicates(np.zeros((3, 24, 24), np.uint8)).shape == (0, 2)
    assert splits.near_duplicates(np.zeros((0, 24, 24), np.uint8)).shape == (0, 2)


@settings(max_examples=60)
@given(st.data())
def test_no_twins_across_splits_and_test_whole(data):
    count = data.draw(st.integers(8, 40))
    images = faces(count, data.draw(st.integers(0, 2**31)))
    names = ["train", "valid", "test", *data.draw(st.lists(st.sampled_from(["train", "valid", "test", ""]),
             min_size=count - 3, max_size=count - 3))]  # fmt: skip
    for target, source in data.draw(st.lists(st.tuples(*[st.integers(3, count - 1)] * 2), max_size=30)):
        images[target] = images[source][:, ::-1] if data.draw(st.booleans()) else images[source]
    table = table_of(names, data.draw(st.lists(st.integers(0, 6), min_size=count, max_size=count)))
    kept, audit = splits.drop_near_duplicates(table, images=images)
    rows = kept["path"].str[:3].astype(int).to_numpy()
    close = correlations(images) >= splits.THRESHOLD + 1e-5
    left = np.array(names)
    for one, other in (("test", "train"), ("test", "valid"), ("valid", "train")):
        assert not close[np.ix_(rows[left[rows] == one], rows[left[rows] == other])].any()
    # Only faces with a twin in a split that goes first are gone.
    wider = correlations(images) >= splits.THRESHOLD - 1e-5
    before = {"test": [], "": [], "valid": ["test"], "train": ["test", "valid"]}
    for index in set(range(count)) - set(rows.tolist()):
        assert wider[index][np.isin(left, before[names[index]])].any()
    sums = audit.groupby("what")["count"].sum()
    assert sums["before"] == count
    assert sums["after"] == len(kept) == count - sums[splits.OF_TEST] - sums[splits.OF_VALID]
    assert sums["left out: contempt"] == 2


def test_what_goes_and_what_is_counted(tmp_path):
    names = ["train"] * 5 + ["valid"] * 3 + ["test"] * 2
    images = faces(10)
    images[0] = images[8]  # training face = test face
    images[1] = images[5][:, ::-1]  # training face = mirrored validation face
    images[6] = images[9]  # validation face = test face
    images[3] = images[2]  # repeat inside train
    table = table_of(names, [0, 1, 2, 2, 3, 1, 4, 5, 0, 4])
    kept, audit = splits.drop_near_duplicates(table, images=images)
    assert kept["path"].tolist() == [f"{index:03d}.png" for index in (2, 3, 4, 5, 7, 8, 9)]
    wide = splits.balance(audit)
    assert wide.loc[("train", "Neutral")].tolist() == [1, 1, 0, 0]
    assert wide.loc[("train", "Happy")].tolist() == [1, 0, 1, 0]
    assert wide.loc[("train", "Angry")].tolist() == [2, 0, 0, 2]
    assert wide.loc[("valid", "Sad")].tolist() == [1, 1, 0, 0]
    assert wide["after"].sum() == 7
    others = audit[audit["emotion"] == ""].set_index(["split", "what"])["count"]
    assert others["train", "repeats inside"] == 1
    assert others["test", "faces with a twin in train"] == 1
    assert others["test", "faces with a twin in valid"] == 1
    assert others["valid", "faces with a twin in train"] == 1
    everything, same = splits.drop_near_duplicates(table, keep=True, images=images)
    assert everything.equals(table.samples)
    assert splits.balance(same)[splits.OF_TEST].sum() == 2
    assert (splits.balance(same)["after"] == splits.balance(same)["before"]).all()
    artefacts.write_table(tmp_path / "a" / "FERPlus_audit.csv", audit)
    assert artefacts.read_audit(tmp_path / "a" / "FERPlus_audit.csv").equals(audit)


def test_a_split_without_a_face_left_is_refused():
    images = faces(3)
    images[1] = images[0]
    with pytest.raises(InputError, match="all faces of train have twins"):
        splits.drop_near_duplicates(table_of(["train", "test", "valid"]), images=images)


def test_audit_files_that_are_refused(tmp_path):
    for content in ("", "a,b\n1,2\n", "\xff"):
        (tmp_path / "a.csv").write_text(content, encoding="latin-1")
        with pytest.raises(InputError, match=r"a\.csv"):
            artefacts.read_audit(tmp_path / "a.csv")
    with pytest.raises(InputError, match=r"b\.csv"):
        artefacts.read_audit(tmp_path / "b.csv")


def test_thumbnails(tmp_path):
    image = np.zeros((60, 100, 3), np.uint8)
    image[10:34, 20:44] = faces(1)[0][:, :, None]
    cv2.imwrite(str(tmp_path / "a.png"), image)
    boxes = [(), (20, 10, 44, 34), (200, 200, 300, 300)]
    (whole, box, outside), unreadable, _ = splits.thumbnails(tmp_path, ["a.png"] * 3, boxes)
    assert unreadable == {}
    np.testing.assert_array_equal(box, faces(1)[0])
    np.testing.assert_array_equal(whole, outside)
    np.testing.assert_array_equal(splits.thumbnails(tmp_path, ["a.png"], jobs=0)[0], [whole])
    (tmp_path / "b.png").write_bytes(b"no image")
    assert "b.png" in splits.thumbnails(tmp_path, ["a.png", "b.png"])[1][1]
    inside, half, turned = ((x, y) * np.ones((68, 2)) for x, y in ((99, 59), (50, 30), (59, 99)))
    half[40:] += 200
    points = [inside, half, turned, ()]
    assert splits.thumbnails(tmp_path, ["a.png"] * 4, points=points)[2] == [2]


def test_the_audit_counts_faces_that_are_left_out_later() -> None:
    rows = [("train", "Happy", "after", 5), ("train", "", "people", 3), ("", "", "left out: odd", 2)]
    audit = pd.DataFrame(rows, columns=list(artefacts.AUDIT_COLUMNS))
    samples = pd.DataFrame({"path": ["a", "b", "c"], "split": "train", "emotion": 1, "subject": ["x", "y", "y"]})
    found = splits.without(audit, samples, {"a": "odd", "b": "no face found", "elsewhere": "odd"})
    counts = {
        (row.split, row.emotion, row.what): row.count_ for row in found.rename(columns={"count": "count_"}).itertuples()
    }
    assert counts == {
        ("train", "Happy", "after"): 3,
        ("train", "", "people"): 1,
        ("", "", "left out: odd"): 3,
        ("", "", "left out: no face found"): 1,
    }
    assert splits.without(audit, samples, {}) is audit


def test_planted_twin_among_real_faces(small_ferplus):
    table = read("F", small_ferplus)
    train, valid = (table.samples[table.samples["split"] == name]["path"].tolist() for name in ("train", "valid"))
    face = cv2.imread(str(small_ferplus / valid[0]), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(small_ferplus / train[0]), np.ascontiguousarray(face[:, ::-1]))
    kept, _ = splits.drop_near_duplicates(table)
    assert train[0] not in set(kept["path"])
    assert valid[0] in set(kept["path"])


@pytest.mark.slow
def test_real_counts(ferplus_root):
    """231, 35 and 227 faces are pixel-identical across splits; none is left, and Test is whole."""
    table = read("F", ferplus_root)
    names = table.samples["split"].to_numpy(str)
    pixels = np.array([hash(cv2.imread(str(ferplus_root / path), cv2.IMREAD_UNCHANGED).tobytes())
                       for path in table.samples["path"]])  # fmt: skip
    crossings = (("test", "train"), ("test", "valid"), ("valid", "train"))
    shared = [np.isin(pixels[names == one], pixels[names == other]).sum() for one, other in crossings]
    assert shared == [231, 35, 227]
    kept, audit = splits.drop_near_duplicates(table)
    assert kept["split"].value_counts().to_dict() == {"train": 24026, "valid": 3106, "test": 3122}
    chosen = table.samples["path"].isin(kept["path"]).to_numpy()
    for one, other in crossings:
        assert not np.isin(pixels[chosen & (names == one)], pixels[chosen & (names == other)]).any()
    counts = audit.set_index(["split", "what"])["count"]
    assert counts["test", "faces with a twin in train"].item() == 341
    # Exactly identical repeats are 976; those at .96 are more.
    assert (names == "train").sum() - len(set(pixels[names == "train"])) == 976
    assert counts["train", "repeats inside"].item() == 1501
