"""Chunks of work come back whole from any number of processes, and the bar counts their tasks."""

from __future__ import annotations

from operator import add

import pytest

from pre_processing.chunks import in_chunks


@pytest.mark.parametrize("jobs", [1, 2, 0, -1])
@pytest.mark.parametrize("ordered", [True, False])
def test_every_task_is_done_once(jobs: int, ordered: bool, capsys: pytest.CaptureFixture) -> None:
    found = list(in_chunks(add, [0, 1, 2, 3, 4], 2, jobs, [9], ordered=ordered, done=4, desc="numbers"))
    assert (found if ordered else sorted(found)) == [[0, 1, 9], [2, 3, 9], [4, 9]]
    said = capsys.readouterr().err
    assert "numbers: 100%" in said
    assert "9/9" in said


def test_without_tasks_nothing_is_done() -> None:
    assert list(in_chunks(list, [], 2, -1, disable=True)) == []
