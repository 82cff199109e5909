"""What the report says of the hypothesis follows from the intervals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report_job import invent

from pre_processing.emotions import EMOTIONS
from report import tables, verdict
from training import hypothesis

pytestmark = pytest.mark.usefixtures("few_resamples")


def test_an_emotion_that_is_never_answered_has_an_area(tmp_path: Path) -> None:
    study = invent(tmp_path, "some")
    masked = tables.find(study, "unmasked", "seen")
    for row in masked["confusion"]:
        row[EMOTIONS.index("Disgust")] = 0
    assert verdict.answered(study).endswith(("and never Disgust.", "and never Fear and Disgust."))
    rows = {row[0]: row[1:4] for row in tables.areas(study)["rows"]}
    sides = study["costs"]["shift"]["auc"]["Disgust"]
    assert rows["Disgust"] == [
        f"{100 * sides[side]['value']:.1f}".replace("-", "\u2212") for side in ("bare", "masked", "drop")
    ]


@pytest.mark.parametrize(
    ("lead", "drop", "said"),
    [
        ("supported", "supported", "both hold"),
        ("undecided", "contradicted", "neither is found"),
        ("supported", "undecided", "only the lead holds"),
        ("contradicted", "supported", "only the smaller loss holds"),
    ],
)
def test_the_area_says_what_both_ways_to_weigh_the_others_say(tmp_path: Path, lead: str, drop: str, said: str) -> None:
    study = invent(tmp_path, "all")

    def say(pair: str, area: str, **words: str) -> None:
        study["verdict"][pair][area] = {
            reading: dict.fromkeys(hypothesis.GROUPS, word) for reading, word in words.items()
        }

    for area in ("auc", "auc_alike"):
        say("information", area, absolute=lead, drop=drop)
        say("shift", area, absolute="undecided", drop="undecided")
    assert f"(networks trained for each), {said}." in verdict.by_area(study)
    assert f"(networks trained for each), {said}" in verdict.short(study)
    say("shift", "auc", absolute="contradicted", drop="contradicted")
    assert "contradicted" not in verdict.by_area(study)
    say("shift", "auc_alike", absolute="undecided", drop="contradicted")
    assert verdict.by_area(study).endswith("; in a network that never saw a mask the smaller loss is contradicted.")
    say("shift", "auc_alike", absolute="contradicted", drop="contradicted")
    assert verdict.by_area(study).endswith("; in a network that never saw a mask both are contradicted.")
    say("information", "auc_alike", absolute="undecided", drop="undecided")
    assert "neither is found" in verdict.by_area(study)
    assert "the lead is contradicted (shift) and undecided (information" in verdict.alike(study)
    for pair in tables.PAIRS:
        say(pair, "auc", absolute="undecided", drop="undecided")
    study["verdict"]["shift"]["auc"]["absolute"]["all"] = "contradicted"
    assert "behind masks is contradicted (shift) and undecided (information, one network), and that" in verdict.area(
        study
    )
    assert "less from them is undecided in all pairs. Without" in verdict.area(study)


def test_verdicts_with_one_word_stand_together(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for pair, word in (("shift", "contradicted"), ("information", "supported"), ("both", "supported")):
        study["verdict"][pair]["drop"]["all"] = word
        study["verdict"][pair]["drop"]["without_disgust"] = "undecided"
    said = "is contradicted (shift) and supported (information, one network); without Disgust undecided in all pairs."
    assert verdict.verdict(study).endswith(said)


def test_the_plain_verdict_follows_the_words_of_all_pairs(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")

    def said(absolute: str, drop: str) -> str:
        for pair in tables.PAIRS:
            study["verdict"][pair] |= {"absolute": {"all": absolute}, "drop": {"all": drop}}
        return verdict.plain(study)

    assert "takes less from them is not supported" in said("supported", "contradicted")
    for value, words in ((0.1, "with masks as without them"), (-0.1, "by recall, behind masks;")):
        study["costs"]["both"]["groups"]["all"]["bare"]["ci95"][0] = value
        assert words in said("supported", "undecided")
    for pair in tables.PAIRS:
        low = 0.1 if pair == "shift" else -0.1
        study["costs"][pair]["kept"]["all"]["difference"] = {"value": 0.2, "ci95": [low, 0.3]}
    part = ", and as a share of it only in networks trained on bare faces."
    assert said("supported", "undecided").endswith(f"not supported in points of recall{part}")
    study["costs"]["shift"]["kept"]["all"]["difference"]["ci95"][0] = -0.1
    assert said("supported", "undecided").endswith("in points of recall, nor as a share of it.")
    assert "The hypothesis holds: behind masks" in said("supported", "supported")
    assert said("undecided", "contradicted") == "The hypothesis is not supported."
    assert said("undecided", "supported") == "The hypothesis is supported in part."


def test_the_short_verdict_tells_where_disgust_hides_a_greater_loss(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for pair in tables.PAIRS:
        part = study["verdict"][pair]
        part["drop"]["without_disgust"] = "undecided"
        for area in ("auc", "auc_alike"):
            part[area]["drop"]["without_disgust"] = "contradicted"
    study["verdict"]["both"]["drop"]["without_disgust"] = "contradicted"
    assert verdict.short(study).endswith(
        "; without Disgust, which has few faces, a mask takes more from the four by this area in all pairs and by recall in networks trained on both."
    )
    apart = "more from the four by this area in all pairs and by recall in networks trained on both."
    assert verdict.by_area(study, apart=True).endswith(apart)
    assert "Disgust" not in verdict.by_area(study)
    study["verdict"]["both"]["auc_alike"]["drop"]["without_disgust"] = "undecided"
    assert "by this area in networks trained on bare faces and networks trained for each and" in verdict.short(study)
    for pair in tables.PAIRS:
        study["verdict"][pair]["auc"]["drop"]["without_disgust"] = "undecided"
        study["verdict"][pair]["drop"]["without_disgust"] = "supported"
    assert "without Disgust" not in verdict.short(study)


def test_the_emotions_that_lose_most_by_area_are_named(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for number, part in enumerate(study["costs"]["information"]["auc"].values()):  # Neutral first
        part["drop"]["value"] = 0.07 - number / 100
    assert verdict.area(study).endswith(
        "takes most from Neutral (7.0 points) and Happy (6.0 points), and 3.0 points on average from the other 5."
    )


def test_losses_are_compared_with_those_of_people(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    recall = study["costs"]["information"]["recall"]
    for name, rank in verdict.PEOPLE_LOSE.items():
        recall[name]["drop"]["value"] = rank / 100
    assert "the networks’ order of loss is Disgust (7.0 points), Fear (6.0 points), Surprise" in verdict.order(study)
    assert (
        "with people’s is 1.00 (p < 0.001) by Spearman for 7 emotions, and 1.00 (p 0.003) without Disgust."
        in verdict.order(study)
    )
    recall["Disgust"]["drop"]["value"] = 0
    assert re.search(
        r"is 0\.\d\d \(p 0\.\d{3}\) by Spearman for 7 emotions, and 1\.00 \(p 0\.003\) without", verdict.order(study)
    )
    part = study["costs"]["information"]["groups_certain"]
    part |= {"n": 1234, "all": {reading: {"value": 0.1, "ci95": [0.05, 0.15]} for reading in ("absolute", "drop")}}
    assert (
        "on the 1,234 faces with certain ones the lead behind masks is 10.0 points (5.0\u201315.0)"
        in verdict.certain_fits(study)
    )


def test_the_lead_over_the_emotion_that_is_not_rare_stands_apart(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    study["costs"]["information"]["groups"]["sad"] = {
        "absolute": {"value": 0.05, "ci95": [0.01, 0.1]},
        "bare": {"value": 0.13, "ci95": [0.09, 0.17]},
    }
    assert "lead by 5.0 points (1.0\u201310.0), and on bare faces by 13.0 points (9.0\u2013" in verdict.over_sad(study)
    assert re.search(r"against it the lead is .*, and a smaller loss .*\.$", verdict.over_sad(study))
    study["verdict"]["shift"]["absolute"]["sad"] = "contradicted"
    assert "the lead is contradicted (shift)" in verdict.over_sad(study)


def test_shares_that_are_kept_are_told_by_pair(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    study["costs"]["shift"]["kept"]["all"] = {
        name: {"value": value, "ci95": [value - 0.05, value + 0.05]}
        for name, value in (("better", 0.62), ("worse", 0.17), ("difference", 0.45))
    }
    assert "62 against 17\u202f% (shift; difference 45 points, 40\u201350)" in verdict.kept(study)
