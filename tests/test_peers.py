"""The comparison with a package asks it about the very test faces, and adds to what was measured before."""

from __future__ import annotations

import json
import sys

import pytest
import small_job
from small_weights import LATER, content_of

from benchmarks import peers, report
from pre_processing.emotions import EMOTIONS
from training import checkpoint, door

PEER = """import sys, numpy as np
photos = np.load(sys.argv[1])
assert photos.shape[1:] == (48, 48) and photos.dtype == np.uint8 and sys.argv[3] in ("0", "10")
open(sys.argv[2], "w").write("Happy\\n" * len(photos))
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A peer that takes every face for happy."""
    monkeypatch.chdir(tmp_path)
    small_job.make_job(tmp_path)
    (tmp_path / "peer.py").write_text(PEER)
    monkeypatch.setattr(peers, "CHILD", tmp_path / "peer.py")
    return tmp_path


def test_rows_are_added(job, capsys):
    file = job / "Results" / "peers.json"
    file.write_text(json.dumps({"rows": {"another": {"kept": True}}, "caveats": ""}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peers, "table", lambda content: [*content["rows"]])
        assert peers.main(["--root_path", "data/faces", "--fer", sys.executable]) == 0
    rows = json.loads(file.read_text())["rows"]
    assert list(rows) == ["another", "fer 25.10.3, tight crop", "fer 25.10.3, its own padding"]
    for name in list(rows)[1:]:
        bare, masked = rows[name]["bare"], rows[name]["masked"]
        assert bare["n"] == masked["n"] == small_job.COUNTS["test"]
        assert (bare["recall"]["Happy"], bare["recall"]["Sad"]) == (1, 0)
        assert bare["masks"] is None
        assert masked["masks"]["kinds"] == "seen"


def test_the_table_has_its_place_and_its_caveats():
    row = {"n": 10, "accuracy": 0.5, "macro_recall": 0.25, "recall": dict.fromkeys(EMOTIONS, 0.125)}
    lines = peers.table({"rows": {"one": {"trained": "x", "bare": row, "masked": row}}, "caveats": "but"})
    assert lines[2] == "| one | x | 10 | 50.0 / 25.0 | 50.0 / 25.0 | 12.5 | 12.5 |"
    assert lines[-1] == "but"
    assert report.README.read_text(encoding="utf-8").count("<!-- peers cpu -->") == 1


def test_a_peer_that_fails_is_named(job, capsys):
    (job / "peer.py").write_text("raise SystemExit('no such package')")
    assert peers.main(["--root_path", "data/faces", "--fer", sys.executable]) == door.BAD_INPUT
    assert "no such package" in capsys.readouterr().err
    assert peers.main(["--root_path", "data/faces"]) == door.BAD_INPUT
    assert "nothing to ask" in capsys.readouterr().err
    assert not (job / "Results" / "peers.json").exists()


def test_another_epoch_than_the_best_is_not_compared(job, capsys):
    checkpoint.save(job / "last.pt", content_of(**LATER))
    assert peers.main(["--root_path", "data/faces", "--checkpoint", "last.pt"]) == door.BAD_INPUT
    assert "give the best.pt beside it" in capsys.readouterr().err
