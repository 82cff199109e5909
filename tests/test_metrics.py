"""Figures are right, plain and honest about what is missing."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pre_processing.emotions import EMOTIONS
from report import table
from training import figures, metrics, options, results
from training.results import DISPLAY

LABELS = np.array([0, 0, 0, 0, 1, 1, 4, 4])
PREDICTED = np.array([0, 0, 0, 1, 1, 1, 4, 5])
CERTAIN = np.array([1, 1, 1, 0, 1, 1, 1, 0], bool)


@pytest.fixture
def found():
    return metrics.summarise(LABELS, PREDICTED, EMOTIONS, CERTAIN)


def test_figures_of_a_case_worked_out_by_hand(found):
    assert found["n"] == 8
    assert found["accuracy"] == 6 / 8
    assert found["recall"]["Neutral"] == 3 / 4
    assert found["precision"]["Happy"] == pytest.approx(2 / 3)
    assert found["macro_recall"] == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    assert found["confusion"][0][:2] == [3, 1]
    assert found["confusion"][4][4:6] == [1, 1]
    assert (found["n_certain"], found["accuracy_certain"]) == (6, 1.0)


def test_an_emotion_without_faces_has_no_recall(found):
    assert found["recall"]["Fear"] is None
    assert found["precision"]["Fear"] == 0
    assert found["precision"]["Angry"] is None
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_nobody_knows_which_landmarks_are_certain():
    found = metrics.summarise(LABELS, PREDICTED, EMOTIONS, None)
    assert found["n_certain"] is None
    assert found["accuracy_certain"] is None


@given(n=st.integers(1, 5000), share=st.floats(0, 1))
def test_the_interval_holds_the_share_and_stays_within_0_and_1(n, share):
    hits = round(n * share)
    low, high = metrics.wilson(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    assert high - low < 2 / n**0.5


def test_the_interval_agrees_with_a_published_value():
    # Newcombe 1998, table I: 81 of 263, Wilson's score interval.
    assert metrics.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_the_text_ends_with_the_accuracy(found):
    lines = metrics.report(found, EMOTIONS).splitlines()
    assert lines[-1].startswith("accuracy 75.0 % (95 % interval ")
    assert lines[-1].endswith("n = 8)")
    neutral = next(line for line in lines if line.startswith("Neutral"))
    assert neutral.split() == ["Neutral", "3", "1", "0", "0", "0", "0", "0", "75.0", "4"]


def test_the_picture_is_a_picture_and_shows_the_numbers(found, tmp_path):
    import matplotlib.image

    figures.confusion_picture(tmp_path / "a.png", found, EMOTIONS, "title")
    other = metrics.summarise(LABELS, LABELS, EMOTIONS, CERTAIN)
    figures.confusion_picture(tmp_path / "b.png", other, EMOTIONS, "title")
    first, second = (matplotlib.image.imread(tmp_path / name) for name in ("a.png", "b.png"))
    assert first.shape == second.shape
    assert min(first.shape[:2]) > 600
    assert np.abs(first - second).max() > 0.5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("argv", "found", "lines"),
    [
        (
            ["--tag", "a"],
            {"train_condition": "unmasked"},
            ["bare faces of FERPlus, 112 px: 7U-gacnn-lite0-s0-a", "bare faces"],
        ),
        (
            ["-e", "--resume", "checkpoint_ferplus/7M-gacnn-lite0-s0-both/best.pt", "--test_mask_kinds", "unseen"],
            {"train_condition": "both", "test_masks": {"kinds": "unseen under kn95"}},
            [
                "bare and masked faces of FERPlus, 112 px: 7M-gacnn-lite0-s0-both",
                "faces behind masks: unseen under kn95",
            ],
        ),
        (
            ["-e", "--resume", "gacnn-lite0-7", "--condition", "masked"],
            {"train_condition": "both", "train_database": "RAF-DB"},
            ["bare and masked faces of RAF-DB, 112 px: gacnn-lite0-7", "masked copies"],
        ),
    ],
)
def test_the_picture_says_what_was_trained_and_tested(argv, found, lines):
    chosen = options.parse(["--root_path", "x", "--DB", "F", "--backbone", "lite0", "--imagesize", "112", *argv])
    trained, tested = results.about(chosen, found).splitlines()
    assert [trained, tested] == [f"trained on {lines[0]}", f"tested on {lines[1]}"]


def publish(results, condition, found):
    folder = results / f"{condition.capitalize()}Datasets" / "FERPlus" / "SevenEmotions"
    folder.mkdir(parents=True)
    run = {"database": "FERPlus", "condition": condition, "num_classes": 7, "model": "gacnn", "backbone": "lite0",
           "train_condition": condition, "test_condition": condition, "command": f"of {condition}"}  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps({**run, **found}))


def test_the_readme_table_is_made_from_what_is_published(found, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n{table.BEGIN}\nold\n{table.END}\nend\n")
    for condition in ("masked", "unmasked"):
        publish(tmp_path / "Results", condition, found)
    assert table.main([str(readme), str(tmp_path / "Results")]) == 0
    text = readme.read_text()
    rows = [line for line in text.splitlines() if line.startswith("| gACNN")]
    assert [row.split(" | ")[2] for row in rows] == ["bare faces", "masked faces"]
    assert "**75.0**" in rows[0]
    assert f"{DISPLAY['gacnn']}-{DISPLAY['lite0']}" in rows[0]
    assert text.startswith("# Title\n")
    assert text.endswith(f"{table.END}\nend\n")
    assert "old" not in text


def test_a_readme_without_markers_is_left_alone(tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n")
    assert table.main([str(readme), str(tmp_path)]) == 2
    assert table.BEGIN in capsys.readouterr().err
    assert readme.read_text() == "# Title\n"
