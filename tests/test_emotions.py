"""Order of the emotions, and every database's codes against its own documentation."""

import pytest

from pre_processing import emotions
from pre_processing.artefacts import InputError

# {our name: the database's own code}, written down here a second time from the databases' readmes.
CODES = [
    (emotions.AFFECTNET, 0, {"Neutral": 0, "Happy": 1, "Sad": 2, "Surprise": 3, "Fear": 4, "Disgust": 5, "Angry": 6}),
    (emotions.RAFDB, 1, {"Surprise": 1, "Fear": 2, "Disgust": 3, "Happy": 4, "Sad": 5, "Angry": 6, "Neutral": 7}),
    (emotions.CKPLUS, 0, {"Neutral": 0, "Angry": 1, "Disgust": 3, "Fear": 4, "Happy": 5, "Sad": 6, "Surprise": 7}),
    (emotions.FERPLUS, 0, {"Neutral": 0, "Happy": 1, "Surprise": 2, "Sad": 3, "Angry": 4, "Disgust": 5, "Fear": 6}),
    (emotions.FER2013, 0, {"Angry": 0, "Disgust": 1, "Fear": 2, "Happy": 3, "Sad": 4, "Surprise": 5, "Neutral": 6}),
]


def test_order_and_subsets():
    assert emotions.names(7) == ("Neutral", "Happy", "Angry", "Surprise", "Sad", "Fear", "Disgust")
    assert emotions.names(4) == ("Neutral", "Happy", "Angry", "Surprise")


@pytest.mark.parametrize("count", [0, 3, 5, 8, -1])
def test_other_numbers_are_refused(count):
    with pytest.raises(InputError, match=f"num_classes {count}"):
        emotions.names(count)


@pytest.mark.parametrize(("table", "first", "expected"), CODES)
def test_codes_of_databases(table, first, expected):
    labels = emotions.by_code(table, first)
    ours = {emotions.EMOTIONS[table[label]]: code for code, label in labels.items() if table[label] is not None}
    assert ours == expected


def test_what_is_left_out():
    left_out = [{name for name, code in table.items() if code is None} for table, _, _ in CODES]
    assert left_out == [
        {"contempt", "none", "uncertain", "no-face"}, set(), {"contempt"}, {"contempt", "unknown", "NF"}, set(),
    ]  # fmt: skip
