"""The study's pictures show what study.json has, and nothing of what was not run."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import study_job

from pre_processing.emotions import EMOTIONS
from training import analysis, door, statistics, study_pictures

RUNS = {f"7-gacnn-lite0-s0-{name}": rates for name, rates in (
    ("unmasked-bare", [0.9] * 7), ("unmasked-seen", [0.6] * 7), ("masked-seen", [0.8] * 7))}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "Results"
    folder.mkdir()
    study_job.study(folder, RUNS, [20] * 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "RESAMPLES", 200)
        analysis.write(folder)
    yield folder
    shutil.rmtree(folder)


def test_bars_are_the_drops(results):
    study = json.loads((results / "study.json").read_text())
    costs, (axes,) = study["costs"], study_pictures.drop_picture(study).axes
    assert "FER+, gACNN-Lite0; bars: 1 seed; lines: 95 % intervals" in [text.get_text() for text in axes.texts]
    some = {"shift": {"seeds": [0, 1, 2]}, "both": {"seeds": [0]}}
    assert study_pictures.seeds(some) == "mean of 3 seeds (one network trained on both: 1)"
    shown = [container for container in axes.containers if len(container) == len(EMOTIONS)]
    for bars, name in zip(shown, ("shift", "information"), strict=True):  # no network was trained on both
        drops = [costs[name]["recall"][emotion]["drop"]["value"] for emotion in EMOTIONS]
        assert [bar.get_height() for bar in bars] == pytest.approx(100 * np.array(drops))
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"{name}\nn = 20" for name in EMOTIONS]


def test_matrices_are_of_the_networks_of_either_condition(results):
    study = json.loads((results / "study.json").read_text())
    figure = study_pictures.confusion_picture(study)
    left, right = figure.axes
    assert figure.texts[-1].get_text().endswith("masked faces: FER+, gACNN-Lite0, seed 0")
    cells = {cell["id"]: cell for cell in study["cells"]}
    for axes, title, name in ((left, "bare", "unmasked-bare"), (right, "masked", "masked-seen")):
        counts = np.array(cells[f"7-gacnn-lite0-s0-{name}"]["confusion"])
        assert axes.get_title(loc="left").startswith(title)
        assert np.allclose(axes.images[0].get_array(), counts / 20)


def test_files_are_written_and_nothing_is_drawn_of_nothing(results, tmp_path, capsys):
    assert study_pictures.main([str(results)]) == 0
    assert capsys.readouterr().out.split() == [str(results / name) for name in ("drop.png", "confusion.png")]
    assert study_pictures.main([str(tmp_path)]) == door.BAD_INPUT
    nothing = {
        "costs": {"shift": {"status": "not run"}, "information": {"status": "not run"}, "both": {"status": "not run"}}
    }
    (tmp_path / "study.json").write_text(json.dumps({**nothing, "cells": []}))
    assert study_pictures.write(tmp_path) == []
