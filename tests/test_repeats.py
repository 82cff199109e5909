"""What the report says of several seeds, and of averaged answers, follows from the figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_job import invent

from report import repeats, sentences, tables

pytestmark = pytest.mark.usefixtures("few_resamples")


def test_figures_by_emotion_are_means_where_several_seeds_were_run(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    trained = "was trained for seven emotions with 3 seeds on bare faces and on masked faces"
    four = "for four emotions with 3 seeds on bare faces and on masked faces. "
    assert f"{trained} and on both; {four}" in repeats.seeds(study)
    several = next(part for part in study["seeds"] if part["id"] == "7-gacnn-lite0-masked-seen")
    for_both = [part for part in study["seeds"] if part["id"].startswith("7-gacnn-lite0-both-")]
    for part in for_both:
        part["seeds"] = [0]
    several["recall"]["Happy"] = {"value": 0.9911, "ci95": [0.99, 0.993]}
    happy = next(row for row in tables.by_emotion(study, "recall")["rows"] if row[0] == "Happy")
    assert happy[3] == "99.1 (99.0\u201399.3)"
    assert sentences.emotions(study).startswith(
        "gACNN-Lite0 recognises Happy best and Fear worst on bare faces, behind masks and on"
    )
    tables.find(study, "both", "seen")["recall"]["Happy"] = {"value": 0.9, "ci95": [0.8, 1.0]}
    assert (
        sentences.emotions(study)
        == "gACNN-Lite0 recognises Happy best and Fear worst on faces like those it was trained on."
    )
    said = repeats.seeds(study)
    assert f"{trained}; {four}" in said
    assert repeats.spread(study).startswith("4 networks were trained with 3 seeds, the others with one")
    for part in for_both:
        part |= {"seeds": [0, 1], "mean": {"value": 0.8642, "ci95": [0.85, 0.87]}}
    assert f"{trained} and with 2 seeds on both; {four}" in repeats.seeds(study)
    assert repeats.spread(study).startswith(
        "4 networks were trained with 3 seeds, 1 with 2, the others with one; even of 3"
    )
    assert (
        "(means over 3 seeds). One network for both recognises 86.4\u202f% and 86.4\u202f% (means over 2 seeds), our largest "
        in sentences.headline(study)
    )
    assert repeats.means(study, "unmasked", "both") == " (means over 3 and 2 seeds)"
    for_both[0]["seeds"] = [0, 1, 2]  # of one test alone
    assert repeats.trained_with(study) == {"unmasked": 3, "masked": 3, "both": 2}
    for_both[0]["seeds"] = [0]
    assert repeats.trained_with(study) == {"unmasked": 3, "masked": 3}
    several["seeds"] = [0]
    assert "gACNN-Lite0 recognises Surprise best and Fear worst behind masks" in sentences.emotions(study)
    for part in study["seeds"]:
        part["seeds"] = [0]
    assert repeats.seeds(study) == repeats.spread(study)
    assert repeats.spread(study).startswith("One seed was run of each")
    next(part for part in study["seeds"] if part["id"] == "4-gacnn-lite0-masked-seen")["seeds"] = [0, 1]
    assert repeats.seeds(study).startswith("gACNN-Lite0 was trained for four emotions with 2 seeds on masked faces. ")
    assert repeats.spread(study).startswith("1 network was trained with 2 seeds, the others with one")


def test_only_what_has_several_seeds_stands_in_their_table(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for part in study["seeds"]:
        several = part["id"] in ("7-gacnn-lite0-both-bare", "4-gacnn-lite0-masked-seen")
        part |= {"seeds": [0, 2] if several else [0], "mean": {"value": 0.5, "ci95": [0.4, 0.6]}, "sd": 0.0123}
    for row, name in zip(tables.seeds(study), ((7, "both", "bare"), (4, "masked faces", "seen masks")), strict=True):
        assert row == [*name, "2 of 3", "50.0 (40.0\u201360.0)", "1.2"]


def test_seeds_that_were_not_computed_alike_are_told(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    assert "partly" not in repeats.seeds(study)
    study["seeds"][0]["precisions"] = ["bf16", "fp32"]
    assert repeats.seeds(study).endswith("Seeds of one network were computed partly in bf16 and fp32.")


def test_averaged_answers_are_told_by_what_they_add(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for name, part in study["ensembles"].items():
        part |= {
            "accuracy": {"7": 0.8765, "4": 0.9511}.get(name[0], 0.8123),
            "four": {"accuracy": 0.845},
            "best": 0.8,
            "gain": {"value": 0.0111, "ci95": [0.001, 0.02]},
        }
    said, added = repeats.averaged(study), "(1.1, 0.1\u20132.0)"
    assert (
        f"for the 3 seeds of the networks trained for each 87.6\u202f% on bare faces {added} and 87.6\u202f% behind seen masks {added}; for the 3 seeds"
        in said
    )
    assert (
        f"of the network for both 87.6\u202f% on bare faces {added}, 87.6\u202f% behind seen masks {added} and 87.6"
        in said
    )
    assert said.count(f"81.2\u202f% behind seen masks {added} and 81.2\u202f% behind unseen masks {added}") == 1
    assert said.endswith(
        "the last recognise 84.5\u202f% of four emotions. What to average was decided when the figures of most were known."
    )
    assert (
        f"; for the 3 seeds of the networks trained on four emotions 95.1\u202f% on bare faces {added} and 95.1\u202f% behind seen masks {added}; for the 3 networks for both with inputs of 160 pixels 81.2"
        in said
    )
    study["ensembles"]["160px-unseen"]["best"] = 0.8124
    told = "% of four emotions. Behind unseen masks the best of these alone recognises more. What to"
    assert told in repeats.averaged(study)
    study["ensembles"] = {"160px-seen": part}
    assert "seeds" not in repeats.averaged(study)
    assert not repeats.averaged({"ensembles": {}})
