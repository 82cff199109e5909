"""Invented results of the study for tests of the report: of no, some or all cells."""

from __future__ import annotations

import json
from pathlib import Path

import study_job

from pre_processing.emotions import EMOTIONS
from report import facts
from training import analysis, cells

ROOT = Path(__file__).resolve().parents[1]
FACES = [90, 80, 30, 40, 35, 12, 5]
BARE, WORN, SHIFTED = (
    [0.88, 0.94, 0.8, 0.88, 0.75, 0.5, 0.4], [0.8, 0.77, 0.7, 0.8, 0.65, 0.4, 0.4], [0.86, 0.35, 0.55, 0.6, 0.5, 0.2, 0.2]
)  # fmt: skip
MAIN = {
    "7-gacnn-lite0-s0-unmasked-bare": BARE,
    "7-gacnn-lite0-s0-unmasked-seen": SHIFTED,
}
BOTH = {"7-gacnn-lite0-s0-both-bare": BARE, "7-gacnn-lite0-s0-both-seen": WORN}


def invent(root: Path, which: str) -> dict:
    """A project at `root` with invented results of no, some or all cells, or of the network for both alone; its study."""
    for name in ("Scripts.txt", "requirements.txt", "benchmarks"):
        (root / name).symlink_to(ROOT / name)
    results = root / "Results"
    audit = results / "UnmaskedDatasets/FERPlus/FERPlus_audit.csv"
    audit.parent.mkdir(parents=True)
    audit.write_bytes((ROOT / facts.FILES["audit"]).read_bytes())
    rates = {"none": {}, "some": MAIN, "both": BOTH}.get(which)
    if rates is None:
        rates = {
            cell.id: (BARE if cell.test == "bare" else WORN)[: cell.chosen.num_classes]
            for cell in cells.read(folder=results)
        }
        rates |= {name: SHIFTED[: len(rates[name])] for name in rates if name.endswith("unmasked-seen")}
        (results / analysis.GATES).write_text(json.dumps(invented_gates()))
        (results / analysis.ABLATIONS).write_text(json.dumps(invented_ablations()))
    study_job.study(results, rates, FACES)
    return json.loads(analysis.write(results).read_text(encoding="utf-8"))


def invented_gates(regions: int = 24) -> dict:
    """What training.gates would leave, with gates of 0.40 on bare faces and 0.20 and 0.60 behind masks."""
    hidden = [number >= 10 for number in range(regions)]
    found = {"status": "run", "checkpoint": "best.pt", "train": "both", "hidden": hidden}
    for test, (visible, below) in {"bare": (0.4, 0.4), "seen": (0.6, 0.2)}.items():
        gates = [below if under else visible for under in hidden]
        one = {"n": 10, "gates": gates, "spread": gates, "global": 0.5}
        found[test] = {**one, "emotions": dict.fromkeys(EMOTIONS, one), "mean": {"visible": visible, "hidden": below}}
    return found


def invented_ablations() -> dict:
    """What training.ablations would leave: one change for the better behind masks, one not run."""

    def row(name: str, accuracies: tuple[float, ...], differences: list[dict | None]) -> dict:
        sides = [{"n": 3106, "accuracy": a, "difference": d} for a, d in zip(accuracies, differences, strict=True)]
        tests = dict(zip(("bare", "seen", "unseen"), sides, strict=True))
        return {"name": name, "what": f"{name} of it", "status": "run", **tests}

    better, even = ({"value": value, "ci95": [value - 0.011, value + 0.011]} for value in (0.0234, 0.0))
    base = row("base", (0.8123, 0.7001, 0.6502), [None] * 3)
    more = row("more", (0.8123, 0.7231, 0.6502), [even, better, even])
    return {"epochs": 5, "every": 4, "rows": [base, more, {"name": "less", "what": "less of it", "status": "not run"}]}
