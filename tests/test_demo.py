"""The demo database: the same from the same seed, people in one split only, read and prepared without a detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mask_photos import contents
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import main_trainer
from pre_processing import artefacts, databases, demo, landmarks, prepare, render
from pre_processing.crop import apply_matrix, crop_matrix, read_image
from pre_processing.drawing.scene import Scene
from pre_processing.emotions import EMOTIONS
from pre_processing.errors import InputError
from pre_processing.meanface import HIDDEN, VISIBLE

FACES = 40


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo database."""
    return demo.write(tmp_path_factory.mktemp("drawn") / "demo", FACES, 5, size=96, jobs=1)


def test_the_same_seed_draws_the_same_files_however_many_processes(drawn: Path, tmp_path: Path) -> None:
    for jobs in (2, 0):
        assert contents(demo.write(tmp_path / f"again{jobs}", FACES, 5, size=96, jobs=jobs)) == contents(drawn)
    other = contents(demo.write(tmp_path / "other", FACES, 6, size=96, jobs=1))
    assert all(other[name] != data for name, data in contents(drawn).items())


def test_the_first_faces_do_not_depend_on_how_many_follow(drawn: Path, tmp_path: Path) -> None:
    fewer, more = contents(demo.write(tmp_path / "fewer", 30, 5, size=96, jobs=1)), contents(drawn)
    assert more[demo.LABELS].startswith(fewer.pop(demo.LABELS))
    assert fewer.items() <= more.items()
    assert len(fewer) == 30


def test_the_table_says_what_was_drawn(drawn: Path) -> None:
    table = databases.read("D", drawn)
    assert (table.name, len(table.samples), table.dropped) == ("Demo", FACES, {})
    for row in table.samples.iloc[::7].itertuples():
        person, index = int(row.subject[1:]), int(Path(row.path).stem)
        emotion = demo.emotions_of(5, person)[index]
        image, points = render.draw(render.make_person(5, person), render.make_photo(5, person, index, emotion), 96)
        assert row.emotion == emotion
        assert np.array_equal(read_image(drawn / row.path), image)
        assert row.landmarks == pytest.approx(points, abs=1e-3)
        assert (row.landmarks.dtype, row.landmarks.shape) == (np.float32, (68, 2))


def test_every_person_shows_every_emotion_and_is_in_one_split(drawn: Path) -> None:
    samples = databases.read("D", drawn).samples
    assert set(samples["split"]) == {"train", "valid", "test"}
    assert (samples.groupby("subject")["split"].nunique() == 1).all()
    whole = samples.groupby("subject").filter(lambda rows: len(rows) == 7)
    assert (whole.groupby("subject")["emotion"].nunique() == 7).all()
    assert samples["subject"].nunique() == 6
    orders = samples.sort_values("path").groupby("subject")["emotion"].apply(tuple)
    assert len(set(orders[:5])) == 5, "nobody can read the emotion from the file's name"


def test_nothing_is_drawn_over_and_nothing_is_left_half(drawn: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    before = contents(drawn)
    assert demo.main([str(drawn), "--faces", "40"]) == 2
    assert contents(drawn) == before
    assert demo.main([str(tmp_path / "few"), "--faces", "5"]) == 2
    assert demo.main([str(tmp_path / "odd"), "--seed", "-1"]) == 2
    assert demo.main([str(tmp_path / "odd"), "--size", "8"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("error: ") for line in lines] == 4 * [True]
    assert str(drawn) in lines[0]
    assert "--faces 5" in lines[1]
    (tmp_path / "file").touch()
    assert demo.main([str(tmp_path / "file" / "demo"), "--faces", "40", "-j", "1"]) == 2
    assert "cannot be written" in capsys.readouterr().err
    (tmp_path / "file").unlink()
    monkeypatch.setattr(render, "draw", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        demo.write(tmp_path / "half", 40, jobs=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        (lambda text: text.replace("path,emotion", "path,feeling"), "first line"),
        (lambda text: text.replace(",Happy,", ",Glee,", 1), "line "),
        (lambda text: text.replace(",train,", ",training,", 1), "line "),
        (lambda text: text[:-9] + "\n", f"line {FACES + 1}"),
        (lambda text: text[:-9] + "nan\n", f"line {FACES + 1}"),
        (lambda text: "", "first line"),
    ],
)
def test_damaged_labels_are_one_line(damage, where: str, drawn: Path, tmp_path: Path) -> None:
    (tmp_path / demo.LABELS).write_text(damage((drawn / demo.LABELS).read_text()))
    with pytest.raises(InputError, match=where) as error:
        databases.read("D", tmp_path)
    assert str(tmp_path / demo.LABELS) in str(error.value)
    assert "\n" not in str(error.value)


def test_another_folder_and_missing_images_are_named(drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match=r"photo\.jpg.*faces\.csv.*python -m"):
        databases.read("D", tmp_path)
    lines = (drawn / demo.LABELS).read_text().splitlines(keepends=True)
    (tmp_path / demo.LABELS).write_text("".join(lines[:3]))
    path = lines[1].partition(",")[0]
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes((drawn / path).read_bytes())
    table = databases.read("D", tmp_path)
    assert list(table.samples["path"]) == [path]
    assert {reason: len(paths) for reason, paths in table.dropped.items()} == {"image missing": 1}


def test_prepare_uses_the_drawn_points_and_both_conditions_differ_by_the_mask(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landmarks, "extract", lambda *a, **k: pytest.fail("a detector was asked"))
    masked, out = tmp_path / "masked", tmp_path / "out"
    options = ["--DB", "D", "--root_path", str(drawn), "--masked_root", str(masked), "--out", str(out), "-j", "1"]
    assert prepare.main(options) == 0
    truth = {row.path: row.landmarks for row in databases.read("D", drawn).samples.itertuples()}
    bare, covered = (
        artefacts.read_landmarks(artefacts.ListPaths(out, condition, "Demo").landmarks)
        for condition in ("unmasked", "masked")
    )
    assert bare.keys() == covered.keys() == truth.keys()
    assert all(np.array_equal(bare[path][0], truth[path]) for path in truth)
    assert all(np.array_equal(covered[p][0][list(VISIBLE)], truth[p][list(VISIBLE)]) for p in truth)
    samples = artefacts.read_samples(artefacts.ListPaths(out, "masked", "Demo").samples)
    assert samples["certain"].all()
    assert (samples.groupby("subject")["split"].nunique() == 1).all()
    for path in list(truth)[::5]:
        x, y = np.round(truth[path][48:60]).astype(int).T
        before, after = (read_image(root / path)[y, x].astype(int) for root in (drawn, masked))
        assert (np.abs(before - after).max(1) > 3).mean() > 0.8, path


def test_only_faces_without_shipped_points_go_to_the_detector(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = databases.read("D", drawn)
    samples = table.samples.copy()
    bare = samples["path"][3]
    samples["landmarks"] = [() if path == bare else points for path, points in samples[["path", "landmarks"]].values]
    asked = []

    def extract(root, paths, **options):
        asked.extend(paths)
        return landmarks.Landmarks({}, {}, {bare: landmarks.NO_FACE})

    monkeypatch.setattr(landmarks, "extract", extract)
    found = prepare.find_landmarks(table, samples, tmp_path)
    assert asked == [bare]
    assert found.failures == {bare: landmarks.NO_FACE}
    assert set(found.points) == set(found.certain) == set(samples["path"]) - {bare}
    assert all(found.certain.values())


@pytest.fixture(scope="module")
def crowd() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points in crop pixels (n, 68, 2), emotions and splits of 400 people; nothing is painted."""
    points, labels, splits = [], [], []
    for number in range(400):
        person = render.make_person(0, number)
        for index, emotion in enumerate(demo.emotions_of(0, number)):
            at = Scene(person, render.make_photo(0, number, index, emotion), render.SIZE).points
            at = at + np.random.default_rng((number, index)).normal(0, 0.5, at.shape)
            points.append(apply_matrix(crop_matrix(at, 100), at))
            labels.append(emotion)
            splits.append(demo.SPLITS[number % len(demo.SPLITS)])
    return np.array(points), np.array(labels), np.array(splits)


def test_masks_cost_most_where_the_mouth_tells_the_emotion(crowd) -> None:
    points, labels, splits = crowd
    recall = {}
    for name, chosen in (("all", range(68)), ("visible", VISIBLE), ("hidden", HIDDEN)):
        features = points[:, list(chosen)].reshape(len(points), -1)
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.01)
        model.fit(features[splits != "test"], labels[splits != "test"])
        truth = labels[splits == "test"]
        hit = model.predict(features[splits == "test"]) == truth
        recall[name] = np.array([hit[truth == code].mean() for code in range(7)])
    assert 0.65 < recall["all"].mean() < 0.9, "can be learnt, and not by heart"
    assert 0.45 < recall["visible"].mean() < recall["all"].mean() - 0.08
    loss = pd.Series(recall["all"] - recall["visible"], EMOTIONS)
    by_mouth, by_eyes = loss[["Happy", "Disgust"]], loss[["Angry", "Surprise", "Sad", "Fear"]]
    assert by_mouth.mean() > by_eyes.mean() + 0.04, loss
    surprise = EMOTIONS.index("Surprise")
    assert recall["visible"][surprise] > 0.7, "brows and eyes show surprise"


@pytest.mark.slow
def test_a_small_network_learns_from_the_pictures_and_is_sometimes_wrong(tmp_path: Path) -> None:
    root = demo.write(tmp_path / "demo", 700, 1, size=112, jobs=1)
    done = prepare.prepare("D", root, tmp_path / "Results", tmp_path / "masked", jobs=1)
    assert len(done.samples) > 690, "hardly any near-duplicates among drawn people"
    options = ["--DB", "D", "--root_path", str(root), "--main_folder", str(tmp_path / "Results"), "--model", "cnn"]
    options += ["--imagesize", "64", "--epochs", "4", "-b", "32", "--optimizer", "adamw", "--schedule", "cosine"]
    assert main_trainer.main([*options, "-j", "0", "--device", "cpu"]) == 0
    run = tmp_path / "Results/UnmaskedDatasets/Demo/SevenEmotions/runs/cnn-lite0-s0"
    figures = pd.read_json(run / "metrics.json", typ="series")
    assert 0.3 < figures["accuracy"] < 0.95, "chance is 0.14"
