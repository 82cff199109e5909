"""Report.pdf is made from Results: its figures are theirs, what was not run shows none, and every page is in order."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
import study_job

from pre_processing.emotions import EMOTIONS
from pre_processing.errors import InputError
from report import build, facts, numbers, sentences, tables, verdict
from training import analysis, cells, statistics

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "report"
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


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 200)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("report")
    return folder, build.draw(folder, facts.method(facts.main_command(ROOT / "Scripts.txt")))


@pytest.fixture(scope="module")
def made(pictures: tuple[Path, dict]) -> bytes:
    """The report on this project as it is."""
    folder, drawn = pictures
    return build.typeset(folder, facts.gather(ROOT) | drawn)


def text_of(pdf: bytes | Path) -> str:
    """All text without any space, so that lines may end anywhere."""
    with pypdfium2.PdfDocument(pdf) as document:
        pages = [page.get_textpage().get_text_bounded() for page in document]
    return re.sub(r"[\s\ufffe\u00ad]", "", "".join(pages))


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def check_pages(pdf: bytes) -> None:
    """Six to ten pages, and no letter in their margins."""
    with pypdfium2.PdfDocument(pdf) as document:
        assert 6 <= len(document) <= 10
        for number, page in enumerate(document, 1):
            width, height = page.get_size()
            text = page.get_textpage()
            boxes = np.array(
                [text.get_charbox(i) for i in range(text.count_chars()) if text.get_text_range(i, 1).strip()]
            )
            assert boxes[:, 0].min() > 45, f"page {number}"
            assert boxes[:, 2].max() < width - 45, f"page {number}"
            assert boxes[:, 1].min() > 25, f"page {number}"
            assert boxes[:, 3].max() < height - 45, f"page {number}"


@pytest.mark.slow
def test_the_committed_report_is_made_of_the_committed_sources_and_results(made: bytes) -> None:
    assert text_of(ROOT / "Report.pdf") == text_of(made), "python -m report.build makes it again"
    check_pages(made)


@pytest.mark.slow
def test_its_figures_are_those_of_the_results(made: bytes) -> None:
    study, text = json.loads((ROOT / facts.FILES["study"]).read_text(encoding="utf-8")), text_of(made)
    check_figures(study, text)


def check_figures(study: dict, text: str) -> None:
    """Accuracies with intervals of all cells of the first seed, counts, recalls, gaps and verdicts are in the text."""
    done = [cell for cell in study["cells"] if cell["status"] == "run"]
    assert f"Ofthe{len(study['cells'])}cellsofthematrix{len(done)}" in text or len(done) == len(study["cells"])
    for cell in done:
        if cell["seed"] == 0:
            low, high = cell["ci95"]
            assert f"{100 * cell['accuracy']:.1f}({100 * low:.1f}–{100 * high:.1f})" in text, cell["id"]
    for pair in ("shift", "information", "both"):
        if study["costs"][pair]["status"] == "run":
            for group in study["costs"][pair]["groups"].values():
                assert squeezed(numbers.with_span(group["absolute"])) in text
            assert study["verdict"][pair]["drop"]["all"] in text
    main = tables.find(study, "unmasked", "bare")
    for estimate in main["recall"].values() if main else ():
        assert squeezed(numbers.with_span(estimate)) in text


@pytest.mark.slow
@pytest.mark.parametrize("which", ["none", "some", "both", "all"])
def test_it_can_be_made_whatever_was_run(which: str, tmp_path: Path, pictures: tuple[Path, dict]) -> None:
    folder, drawn = pictures
    study = invent(tmp_path, which)
    pdf = build.typeset(folder, facts.gather(tmp_path) | drawn)
    check_pages(pdf)
    text = text_of(pdf)
    check_figures(study, text)
    missing = sum(cell["status"] != "run" and cell["seed"] == 0 for cell in study["cells"])
    assert text.count("notrun") >= missing


def test_a_cell_that_was_not_run_shows_no_figure(tmp_path: Path) -> None:
    study = invent(tmp_path, "some")
    shown = {}
    for classes in (7, 4):
        part = tables.matrix(study, classes)
        figures = [value for row in part["rows"] for value in row[2:]]
        shown[classes] = [value for value in figures if value not in (None, tables.NO_CELL)]
        missing = [c for c in study["cells"] if (c["num_classes"], c["seed"], c["status"]) == (classes, 0, "not run")]
        assert figures.count(None) == len(missing)
    assert len(shown[7]) == len(MAIN)
    assert not shown[4]
    assert all(value is None for row in tables.mcnemar(study) for value in row[4:])
    for rows in tables.hypothesis(study).values():
        assert all(value is None for row in rows[2:] for value in row[2:])
        assert all(value is not None for row in rows[:2] for value in row)


def test_nothing_is_claimed_where_nothing_was_run(tmp_path: Path) -> None:
    said = facts.gather(tmp_path)["text"] if invent(tmp_path, "none") else {}
    for name in (
        "seeds",
        "headline",
        "abstract_cost",
        "verdict",
        "unseen",
        "calibration",
        "exceptions",
        "kept",
        "order",
        "window",
        "emotions",
        "lost",
        "ablations",
    ):
        assert not re.search(r"\d", said[name]), said[name]


def test_the_network_for_both_takes_the_places_of_what_was_not_run(tmp_path: Path) -> None:
    study = invent(tmp_path, "both")
    found = facts.gather(tmp_path)
    assert found["pairs"] == ["one network", "shift"]
    assert found["text"]["headline"].startswith("One network for both reaches")
    assert "in one network trained on both" in found["text"]["abstract_cost"]
    matrices = [part["title"] for part in found["confusions"] if part["rows"]]
    assert matrices == ["trained on both, tested bare", "trained on both, tested masked"]
    lost = study["costs"]["both"]["lost"]["Happy"]["n"]
    assert [row[1] for row in found["lost"] if row[0] == "Happy"] == [str(lost)]
    assert all(None not in row[1:4] and row[4:] == [None] * 3 for row in found["mcnemar"])


def test_a_precision_that_is_not_defined_is_not_called_not_run(tmp_path: Path) -> None:
    study = invent(tmp_path, "some")
    tables.find(study, "unmasked", "seen")["precision"]["Fear"] = {"value": None, "ci95": None}
    rows = {row[0]: row[1:] for row in tables.by_emotion(study, "precision")["rows"]}
    assert rows["Fear"][1] == tables.NO_CELL
    assert rows["Fear"][2] is None
    assert re.match(r"\d", rows["Fear"][0])


def test_an_emotion_that_is_never_answered_has_no_sensitivity(tmp_path: Path) -> None:
    study = invent(tmp_path, "some")
    masked = tables.find(study, "unmasked", "seen")
    for row in masked["confusion"]:
        row[EMOTIONS.index("Disgust")] = 0
    rows = {row[0]: row[1:4] for row in tables.d_prime(study)["rows"]}
    assert rows["Disgust"][0] != tables.NO_CELL
    assert rows["Disgust"][1:] == [tables.NO_CELL] * 2
    assert tables.NO_CELL not in rows["Happy"]
    assert verdict.answered(study).endswith(("and never Disgust.", "and never Fear and Disgust."))


def test_shares_are_not_given_of_a_few_faces() -> None:
    assert tables._where({"n": 6, "to": {"Neutral": 0.5, "Sad": 1 / 3, "Fear": 1 / 6}}) == ["6", "Neutral 3, Sad 2"]
    assert tables._where({"n": 40, "to": {"Neutral": 0.75, "Sad": 0.25}}) == ["40", "Neutral 75\u202f%, Sad 25\u202f%"]


def test_ablations_tell_what_was_run_and_what_made_a_difference() -> None:
    study = {"ablations": invented_ablations()}
    found = tables.ablations(study)
    even = "0.0 (\u22121.1 to 1.1)"
    assert found["rows"][1] == ["more of it", "81.2", even, "72.3", "2.3 (1.2\u20133.4)", "65.0", even]
    assert (found["n"], found["left"]) == ("3,106", 1)
    assert "Behind seen masks better: more of it (2.3 points)." in sentences.ablations(study)
    assert "On bare faces" not in sentences.ablations(study)


def test_gates_are_told_by_what_a_mask_hides() -> None:
    study = {"gates": invented_gates()}
    assert tables.gates(study, 24)["rows"][-1] == ["All", "0.40", "0.40", "0.50", "0.60", "0.20", "0.50"]
    said = sentences.gates(study)
    assert (
        "hides goes from 0.40 on bare faces to 0.20 below a mask, by 50\u202f%; that of the others from 0.40 to 0.60"
        in said
    )
    with pytest.raises(InputError, match="20 regions"):
        tables.gates({"gates": invented_gates(20)}, 24)


def test_verdicts_with_one_word_stand_together(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for pair, word in (("shift", "contradicted"), ("information", "supported"), ("both", "supported")):
        study["verdict"][pair]["drop"]["all"] = word
    drop = verdict.verdict(study).partition("That a mask takes less")[2].partition(" In d′")[0]
    assert re.search(
        r"is contradicted \(.*shift [^;]*\) and supported \(.*information .*; one network [^;]*\)\.$", drop
    )


def test_the_plain_verdict_follows_the_words_of_all_pairs(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")

    def said(absolute: str, drop: str) -> str:
        for pair in tables.PAIRS:
            study["verdict"][pair] |= {"absolute": {"all": absolute}, "drop": {"all": drop}}
        return verdict.plain(study)

    assert "not supported as something that masks do" in said("supported", "contradicted")
    for value, words in ((0.1, "with masks as without them"), (-0.1, "of emotions, behind masks,")):
        study["costs"]["both"]["groups"]["all"]["bare"]["ci95"][0] = value
        assert words in said("supported", "undecided")
    assert "holds, as a ranking" in said("supported", "supported")
    assert said("undecided", "contradicted") == "The hypothesis is not supported."
    assert said("undecided", "supported") == "The hypothesis is supported in part."


def test_other_ways_of_training_are_told_by_what_they_are_worth(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    for cell, text in (
        ("unmasked+duplicates-bare", sentences.duplicates),
        ("masked+init_from-seen", sentences.after_bare),
    ):
        part = next(part for part in study["variations"] if part["cell"] == f"7-gacnn-lite0-s0-{cell}")
        part |= {"accuracy": 0.8111, "accuracy_beside": 0.8, "gain": {"value": 0.0111, "ci95": [0.001, 0.02]}}
        said = text(study)
        assert all(figure in said for figure in ("81.1\u202f%", "80.0\u202f%", "1.1 (0.1\u20132.0) points"))
    assert tables.trained("masked+init_from") == "masked faces, after bare ones"
    assert not sentences.after_bare({"variations": []})
    assert not re.search(r"\d", sentences.duplicates({"variations": []}))


def test_attention_is_set_beside_what_has_none(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    plain = tables.find(study, "masked", "seen", model="cnn")
    plain |= {"accuracy": 0.7111, "ci95": [0.69, 0.73]}
    assert "71.1\u202f% (69.0\u201373.0) behind masks where gACNN" in sentences.control(study)
    assert "was not run" not in sentences.control(study)
    study["cells"] = [cell for cell in study["cells"] if cell["model"] != "cnn"]
    assert sentences.control(study).endswith("nothing here shows what attention is worth.")
    study["ablations"]["rows"].append({**study["ablations"]["rows"][1], "name": "plain"})
    assert "as an ablation only: on Valid its difference in points is 0.0" in sentences.control(study)


def test_means_do_not_hide_an_emotion_that_falls_below(tmp_path: Path) -> None:
    study = invent(tmp_path, "all")
    recall = study["costs"]["shift"]["recall"]
    for emotion, value in zip(EMOTIONS, (0.6, 0.5, 0.2, 0.7, 0.3, 0.1, 0.0), strict=True):
        recall[emotion]["masked"]["value"] = value
        recall[emotion]["bare"]["value"] = 0.8
    assert "in the pair “shift” Angry (20.0\u202f%) lies below Sad (30.0\u202f%)" in verdict.exceptions(study)
    assert "62\u202f% against 17\u202f% (shift)" in verdict.kept(study)


def test_every_reference_is_cited_and_every_citation_has_one() -> None:
    entries = set(re.findall(r"^@\w+\{(\w+),", (REPORT / "references.bib").read_text(encoding="utf-8"), re.MULTILINE))
    prose = "".join(path.read_text(encoding="utf-8") for path in REPORT.rglob("*.typ"))
    literature = json.loads((REPORT / "literature.json").read_text(encoding="utf-8"))
    cited = set(re.findall(r"@([a-z]+\d{4}\w*)", prose)) | {
        row["key"] for part in ("methods", "people") for row in literature[part]
    }
    assert cited == entries


def test_without_results_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"study\.json: no such file; python -m training\.analysis"):
        facts.gather(tmp_path)
    (tmp_path / "Results").mkdir()
    (tmp_path / facts.FILES["study"]).write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        facts.gather(tmp_path)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.8512, "85.1"), (-0.0123, "\u22121.2"), (-0.0001, "0.0"), (1.0, "100.0"), (None, None)]
)
def test_fractions_are_shown_in_percent(value: float | None, shown: str | None) -> None:
    assert numbers.percent(value) == shown


def test_intervals_with_a_minus_use_a_word() -> None:
    assert numbers.span([0.1, 0.25]) == "10.0–25.0"
    assert numbers.span([-0.1, 0.25]) == "\u221210.0 to 25.0"


def test_figures_of_benchmarks_are_read_from_their_tables(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    lines = ["<!-- acnn_speed cpu -->", "AMD (avx2), 2 of 2 cores, load when started 2.0, Python 3.11.7, torch 2.14.1.", "",
             "| network | numbers | times the original | x | times the original |", "| --- | --- | --: | --: | --: |",
             "| ours | fp32 | 2.71 | 6.43 | 1.23 |", "<!-- end of acnn_speed cpu -->",
             "<!-- acnn_speed gpu -->", "Missing.", "<!-- end of acnn_speed gpu -->"]  # fmt: skip
    readme.write_text("\n".join(lines))
    assert facts.benchmark_tables(readme) == {
        "acnn_speed cpu": [{"network": "ours", "numbers": "fp32", "times the original": "2.71", "x": "6.43"}]
    }
    assert (
        facts.machine(readme, "acnn_speed cpu", "model_speed_lite0 cpu")
        == "AMD (avx2), 2 of 2 cores, Python 3.11.7, torch 2.14.1"
    )
