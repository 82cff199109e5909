"""The study's statistics give known answers, and agree with scikit-learn where it has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_recall_fscore_support, roc_auc_score

from training import hypothesis, pairs, statistics

ANSWERS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


def table(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    labels, answers = np.array(pairs).T
    return labels, answers[:, None]


@settings(max_examples=30)
@given(ANSWERS)
def test_figures_are_those_of_scikit_learn(pairs):
    labels, answers = table(pairs)
    (found,) = map(statistics.scores, statistics.confusions(labels, answers, 4))
    expected = precision_recall_fscore_support(labels, answers[:, 0], labels=range(4), zero_division=np.nan)
    there = np.isin(range(4), labels)
    for figure, other in zip((found.precision, found.recall, found.f1), expected, strict=False):
        assert np.allclose(figure[there], other[there], equal_nan=True)
        assert np.isnan(figure[~there]).all()
    assert found.accuracy == pytest.approx(accuracy_score(labels, answers))
    assert found.macro_recall == pytest.approx(expected[1][there].mean())


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 2), *[st.integers(0, 4)] * 3, st.integers(0, 3)), min_size=3, max_size=40))
def test_areas_are_those_of_scikit_learn(faces):
    labels, *scores, counts = np.array(faces).T
    scores = np.stack(scores, axis=1) / 4
    areas = statistics.areas(labels, scores, counts[None].astype(np.float32))
    (found,), (alike,) = areas
    for code in range(3):
        own = labels == code
        if counts[own].sum() > 0 and counts[~own].sum() > 0:
            assert found[code] == pytest.approx(roc_auc_score(own, scores[:, code], sample_weight=counts), abs=1e-6)
        else:
            assert np.isnan(found[code])
        against = [
            roc_auc_score(own[both], scores[both, code], sample_weight=counts[both])
            for other in range(3)
            if other != code and min(counts[own].sum(), counts[labels == other].sum()) > 0
            for both in [own | (labels == other)]
        ]
        assert alike[code] == pytest.approx(np.mean(against) if against else np.nan, abs=1e-6, nan_ok=True)


def test_an_area_needs_no_threshold():
    """Answering one emotion more readily raises its recall, and neither its area nor that of another that is never answered."""
    labels = np.array([0, 0, 1, 1])
    shy = np.array([[0.9, 0.1], [0.7, 0.3], [0.8, 0.2], [0.6, 0.4]])
    bold = np.stack([shy[:, 0] / 3, 1 - shy[:, 0] / 3], axis=1)
    once = np.ones((1, 4), np.float32)
    assert (shy.argmax(1) == labels).tolist() == [True, True, False, False]
    assert (bold.argmax(1) == labels).tolist() == [False, False, True, True]
    for scores in (shy, bold):
        assert all(found.tolist() == [[0.75, 0.75]] for found in statistics.areas(labels, scores, once))


def test_what_is_not_defined_is_not_judged():
    gap = hypothesis.group_difference(np.full((2, 7), np.nan), np.full((5, 2, 7), np.nan), hypothesis.WORSE)
    assert hypothesis.judge(gap["absolute"]) == hypothesis.UNDEFINED


def test_resampled_areas_spread_as_an_area_does():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [150, 250])
    score = rng.normal(labels, 1)
    counts = statistics.face_counts(labels, 2000)
    assert (counts[:, labels == 0].sum(1) == 150).all()
    assert (counts[:, labels == 1].sum(1) == 250).all()
    drawn = statistics.areas(labels, np.stack([-score, score], axis=1), counts).rest
    area = roc_auc_score(labels, score)
    assert drawn[:, 1].mean() == pytest.approx(area, abs=0.003)
    # DeLong's variance, from the share of the other group that each face beats
    beats = (score[labels == 1][:, None] > score[labels == 0]).astype(float)
    spread = np.sqrt(beats.mean(1).var(ddof=1) / 250 + beats.mean(0).var(ddof=1) / 150)
    assert drawn[:, 1].std() == pytest.approx(spread, rel=0.07)
    assert np.allclose(drawn[:, 0], drawn[:, 1])


def test_seeds_are_drawn_together_for_one_network_and_apart_for_two():
    figures = np.broadcast_to(np.arange(3.0), (statistics.RESAMPLES, 2, 3))
    same, apart = (pairs.resampled_mean(figures, together) for together in (True, False))
    assert np.array_equal(same[:, 0], same[:, 1])
    spread = np.std([0, 1, 2]) / np.sqrt(3)  # of the mean of three draws
    for drawn in (same[:, 0], apart[:, 0], apart[:, 1]):
        assert drawn.std() == pytest.approx(spread, rel=0.03)
    assert (apart[:, 0] - apart[:, 1]).std() == pytest.approx(spread * np.sqrt(2), rel=0.03)


def test_shares_kept_are_of_what_there_was():
    recall = np.array([[0.8] * 4 + [0.4] * 3, [0.4] * 4 + [0.3] * 3])
    found = hypothesis.shares_kept(recall, np.stack([recall] * 3), hypothesis.WORSE)
    assert [found[name]["value"] for name in ("better", "worse", "difference")] == pytest.approx([0.5, 0.75, -0.25])
    assert found["difference"]["ci95"] == pytest.approx([-0.25, -0.25])


@given(ANSWERS)
def test_every_resample_has_as_many_faces_of_each_emotion(pairs):
    labels, answers = table(pairs)
    drawn = statistics.resampled(labels, np.hstack([answers, answers]), 4, resamples=20)
    assert np.array_equal(drawn.sum(3), np.broadcast_to(np.bincount(labels, minlength=4), (20, 2, 4)))
    assert np.array_equal(drawn[:, 0], drawn[:, 1])  # the same faces for all networks
    said = statistics.confusions(labels, answers, 4)[0] > 0
    assert not drawn[:, 0][:, ~said].any()  # nothing that nobody answered


def test_resampled_recall_spreads_as_a_share_does():
    labels = np.repeat([0, 1], [400, 100])
    answers = np.where(np.arange(500) % 5 == 0, 1 - labels, labels)[:, None]
    recall = statistics.scores(statistics.resampled(labels, answers, 2)).recall[:, 0]
    for column, faces in zip(recall.T, (400, 100), strict=True):
        assert column.mean() == pytest.approx(0.8, abs=0.002)
        assert column.std() == pytest.approx(np.sqrt(0.8 * 0.2 / faces), rel=0.03)
    again = statistics.scores(statistics.resampled(labels, answers, 2)).recall[:, 0]
    assert np.array_equal(recall, again)


def test_faces_of_a_pair_stay_together():
    """A drop on the same faces is surer than the difference of two independent shares."""
    labels = np.zeros(1000, int)
    bare = (np.arange(1000) % 2)[:, None]
    masked = np.where(np.arange(1000)[:, None] < 50, 1, bare)
    drawn = statistics.scores(statistics.resampled(labels, np.hstack([bare, masked]), 2)).recall[..., 0]
    drop = drawn[:, 0] - drawn[:, 1]
    assert drop.mean() == pytest.approx(0.025, abs=0.001)
    assert drop.std() == pytest.approx(np.sqrt(0.025 * 0.975 / 1000), rel=0.05)


def test_one_seed_adds_nothing_and_several_spread():
    assert np.array_equal(statistics.seed_weights(1, 5), np.ones((5, 1)))
    weights = statistics.seed_weights(3)
    assert np.allclose(weights.sum(1), 1)
    figures = np.broadcast_to([0.7, 0.8, 0.9], (len(weights), 3))
    assert statistics.over_seeds(figures, weights).std() == pytest.approx(
        np.std([0.7, 0.8, 0.9]) / np.sqrt(3), rel=0.03
    )
    deep = np.broadcast_to(np.array([0.7, 0.8, 0.9])[:, None], (len(weights), 3, 4))
    assert np.allclose(statistics.over_seeds(deep, weights), statistics.over_seeds(figures, weights)[:, None])
    figures = np.where([True, False, False], np.nan, figures)  # as the precision of what one seed never answers
    found = statistics.over_seeds(figures, weights)
    assert np.array_equal(np.isfinite(found), weights[:, 0] == 0)


def test_an_interval_leaves_out_what_is_not_defined():
    drawn = np.array([np.nan, *np.linspace(0, 1, 1001)])
    assert statistics.interval(drawn) == pytest.approx([0.025, 0.975])
    assert statistics.interval(np.array([np.nan])) is None
    assert statistics.estimate(np.nan, drawn) == {"value": None, "ci95": None}


def test_mcnemar_with_known_answer():
    before, after = np.repeat([True, False, True], [1, 9, 5]), np.repeat([False, True, True], [1, 9, 5])
    found = statistics.mcnemar(before, after)
    assert (found["n"], found["b"], found["c"]) == (15, 1, 9)
    assert found["p"] == pytest.approx(2 * (1 + 10) / 2**10)
    assert statistics.mcnemar(before, before)["p"] == 1


def test_holm_with_known_answer():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.6, 0.9]) == [1, 1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_keeps_the_order_and_lies_between_none_and_bonferroni(values):
    found = statistics.holm(values)
    assert all(p <= q <= min(1, p * len(values)) + 1e-12 for p, q in zip(values, found, strict=True))
    assert [found[i] for i in np.argsort(values, kind="stable")] == sorted(found)


def test_calibration_with_known_answer():
    confidence = np.repeat([0.9, 0.5], [10, 10])
    hits = np.concatenate([np.arange(10) < 6, np.arange(10) < 5])  # 0.3 too sure, and just right
    found = statistics.calibration(confidence, hits)
    assert found["ece"] == pytest.approx(0.15)
    full = [part for part in found["bins"] if part["n"]]
    assert [(part["n"], part["accuracy"]) for part in full] == [(10, 0.5), (10, 0.6)]
    assert all(part["low"] < part["confidence"] <= part["high"] for part in full)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_every_face_is_in_one_bin(faces):
    confidence, hits = map(np.array, zip(*faces, strict=True))
    found = statistics.calibration(confidence, hits)
    assert sum(part["n"] for part in found["bins"]) == len(faces)
    assert 0 <= found["ece"] <= 1
