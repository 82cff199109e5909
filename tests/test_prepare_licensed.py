"""The headless command on small copies of AffectNet, RAF-DB and CK+ in their official layouts."""

from __future__ import annotations

import cv2
import numpy as np
import official_trees as trees
import pytest

from pre_processing import artefacts, landmarks, prepare
from pre_processing.emotions import DATABASES, EMOTIONS

BUILD = {
    "A": trees.affectnet_full,
    "mini": trees.affectnet_mini,
    "kaggle": trees.affectnet_kaggle,
    "R": trees.rafdb,
    "original": lambda folder: trees.rafdb(folder, "original"),
    "C": trees.ckplus,
}
SHIPPED = ("A", "mini", "C")  # with points


def letter(layout):
    return {"mini": "A", "kaggle": "A", "original": "R"}.get(layout, layout)


def read_all(results, condition, name):
    """{split: paths}, landmark file and samples of one condition."""
    files = artefacts.ListPaths(results, condition, name)
    lists = {split: artefacts.read_list(files.split(split)) for split in ("train", "valid", "test")}
    return lists, artefacts.read_landmarks(files.landmarks), artefacts.read_samples(files.samples)


def check_written(results, tree, name, masked_root):
    """Both conditions name the same faces, with the right emotions, in three splits; the samples."""
    lists, points, samples = read_all(results, "unmasked", name)
    other_lists, other_points, other_samples = read_all(results, "masked", name)
    assert lists == other_lists
    assert samples.equals(other_samples)
    listed = sorted(path for paths in lists.values() for path in paths)
    assert len(listed) == len(set(listed))
    assert listed == sorted(samples["path"])
    for split, paths in lists.items():
        assert sorted(paths) == sorted(samples.loc[samples["split"] == split, "path"])
    assert set(points) == set(other_points) == set(listed)
    for path in listed:
        emotion, split = tree.faces[path]
        assert EMOTIONS[points[path][1]] == EMOTIONS[other_points[path][1]] == emotion
        if split:
            assert (path in lists["test"]) == (split == "test")
        bare, covered = (cv2.imread(str(root / path)) for root in (tree.root, masked_root))
        assert bare.shape == covered.shape
        assert np.abs(bare.astype(int) - covered).max() > 10
    audit = artefacts.read_audit(artefacts.ListPaths(results, "masked", name).audit)
    assert audit[audit["what"] == "after"]["count"].sum() == len(listed)
    left_out = audit[audit["what"].str.startswith("left out")].set_index("what")["count"]
    assert {
        f"left out: {reason}": count for reason, count in tree.left_out.items()
    }.items() <= left_out.to_dict().items()
    return samples


@pytest.mark.parametrize("layout", BUILD)
def test_every_layout_is_prepared(layout, tmp_path, monkeypatch, capsys):
    tree, db = BUILD[layout](tmp_path), letter(layout)
    extract, given = landmarks.extract, {}
    if layout in SHIPPED:
        monkeypatch.setattr(landmarks, "extract", lambda *a, **b: pytest.fail("no detector is needed"))
    else:
        monkeypatch.setattr(landmarks, "extract", lambda *a, **b: given.update(b) or extract(*a, **b))
    out, masked = tmp_path / "out", tmp_path / "masked"
    line = ["--DB", db, "--root_path", str(tree.root), "--out", str(out), "--masked_root", str(masked), "-j", "1"]
    assert prepare.main(line) == 0
    samples = check_written(out, tree, DATABASES[db], masked)
    if layout == "original":  # faces of others may be in the photo
        assert given["boxes"].keys() >= set(samples["path"])
    counts = samples["split"].value_counts()
    assert counts["valid"] >= 5
    assert counts["train"] > counts["test"] or db == "C"
    said = capsys.readouterr().out
    assert f"faces: train {counts['train']}, valid {counts['valid']}, test {counts['test']}" in said
    if layout == "A":
        assert "unreadable image: 1" in said
    assert said.startswith("labels: ")
    if layout == "R":
        assert "image missing: 1, such as basic/Image/aligned/train_99998_aligned.jpg\n" in said
    if db == "C":
        assert "people: train 7, valid 1, test 4" in said


def test_all_folds_of_ckplus(tmp_path, capsys):
    tree = trees.ckplus(tmp_path)
    out, masked = tmp_path / "out", tmp_path / "masked"
    line = ["--DB", "C", "--root_path", str(tree.root), "--out", str(out), "--masked_root", str(masked), "-j", "1"]
    assert prepare.main([*line, "--fold", "all"]) == 0
    check_written(out, tree, "CKplus", masked)
    said, tested = capsys.readouterr().out, []
    for fold in range(1, 11):
        samples = check_written(prepare.fold_dir(out, fold), tree, "CKplus", masked)
        assert (samples.groupby("subject")["split"].nunique() == 1).all()
        tested += samples.loc[samples["split"] == "test", "path"].tolist()
        assert f"fold {fold}: train" in said
    assert sorted(tested) == sorted(tree.faces)
    people = samples.groupby("split")["subject"].unique().map(sorted)
    assert people["test"] == ["S037"]
    assert people["valid"] == ["S005", "S042"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--fold", "3"], "nobody knows who is in which photo"),
        (["--rule", "argmax"], "--rule: RAF-DB has no such option"),
        (["--images", "original"], "no such folder"),
        (["--seed", "-1"], "--seed -1: give one from 0 on"),
    ],
)
def test_options_that_do_not_fit_are_one_line_and_write_nothing(more, message, tmp_path, capsys):
    tree = trees.rafdb(tmp_path)
    out = tmp_path / "out"
    assert prepare.main(["--DB", "R", "--root_path", str(tree.root), "--out", str(out), *more]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in error
    assert not out.exists()


def test_fold_numbers():
    parser = prepare.build_parser()
    line = ["--DB", "C", "--root_path", "x"]
    assert parser.parse_args(line).fold == ()
    assert parser.parse_args([*line, "--fold", "3"]).fold == (3,)
    assert parser.parse_args([*line, "--fold", "all"]).fold == tuple(range(1, 11))
    with pytest.raises(SystemExit):
        parser.parse_args([*line, "--fold", "0"])
