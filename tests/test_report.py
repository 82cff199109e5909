"""Report.pdf is made from Results: its figures are theirs, what was not run shows none, and every page is in order."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from report_job import MAIN, ROOT, invent

from pre_processing.errors import InputError
from report import build, facts, numbers, tables
from training import analysis

REPORT = ROOT / "report"


pytestmark = pytest.mark.usefixtures("few_resamples")


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
    """Six to ten pages, no letter in their margins, and no text over other text, as where floats leave columns no room."""
    with pypdfium2.PdfDocument(pdf) as document:
        assert 6 <= len(document) <= 10
        for number, page in enumerate(document, 1):
            width, height = page.get_size()
            text = page.get_textpage()
            boxes = np.array(
                [text.get_charbox(i) for i in range(text.count_chars()) if text.get_text_range(i, 1).strip()]
            )
            centres = np.round((boxes[:, :2] + boxes[:, 2:]) / 2)
            assert len(np.unique(centres, axis=0)) > 0.99 * len(centres), f"page {number}: text lies over text"
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


def test_the_committed_study_is_made_of_the_committed_runs() -> None:
    study = json.loads((ROOT / facts.FILES["study"]).read_text(encoding="utf-8"))
    for cell in study["cells"]:
        if cell["status"] == "run":
            run = json.loads((ROOT / cell["folder"] / "metrics.json").read_text(encoding="utf-8"))
            for figure in ("n", "confusion", "git", "precision_used"):
                assert cell[figure] == run[figure], (cell["id"], figure)
            assert cell["macro_recall"]["value"] == pytest.approx(run["macro_recall"], abs=1e-6), cell["id"]
            for figure in ("accuracy", "ci95", "valid_accuracy"):
                assert cell[figure] == pytest.approx(run[figure], abs=1e-6), (cell["id"], figure)
    for name in ("gates", "ablations"):
        noted = json.loads((ROOT / f"Results/{name}.json").read_text(encoding="utf-8"))
        assert noted.items() <= study[name].items()


def check_figures(study: dict, text: str) -> None:
    """Accuracies of all cells of the first seed, counts, recalls, gaps and verdicts are in the text."""
    done = [cell for cell in study["cells"] if cell["status"] == "run"]
    assert f"Ofthe{len(study['cells'])}cellsofthematrix{len(done)}" in text or len(done) == len(study["cells"])
    for cell in done:
        if cell["seed"] == 0:
            low, high = cell["ci95"]
            told = f"{100 * cell['accuracy']:.1f}({100 * low:.1f}–{100 * high:.1f})"
            assert told in text or "-under-" in cell["test"], cell["id"]
    for name in analysis.FALLS:
        part = study["unseen"][name]
        for fall in (part, part["second"], part["mean"]):
            if fall["status"] == "run":
                seen, unseen = (numbers.percent(fall[f"accuracy_{kinds}"]) for kinds in ("seen", "unseen"))
                assert squeezed(f"{seen}{unseen}{numbers.with_span(fall['drop'])}") in text, name
    for pair in ("shift", "information", "both"):
        if study["costs"][pair]["status"] == "run":
            for measure in ("groups", "groups_auc"):
                for name in ("all", "without_disgust"):
                    group = study["costs"][pair][measure][name]
                    for kind in ("bare", "absolute", "drop"):
                        assert squeezed(numbers.with_span(group[kind])) in text, (pair, measure, kind)
            rows = [row for table in tables.hypothesis(study).values() for row in table if row[0] == tables.PAIRS[pair]]
            for _, group, bare, lead, first, drop, second in rows:
                assert squeezed(f"{group}{bare}{lead}{first}{drop}{second}") in text
    main = tables.over_seeds(study, "unmasked", "bare")
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
    missing = sum(
        cell["status"] != "run" and cell["seed"] == 0 and "-under-" not in cell["test"] for cell in study["cells"]
    )
    assert text.count("notrun") >= missing


def test_a_cell_that_was_not_run_shows_no_figure(tmp_path: Path) -> None:
    study = invent(tmp_path, "some")
    shown = {}
    for classes in (7, 4):
        part = tables.matrix(study, classes)
        figures = [value for row in part["rows"] for value in row[2:]]
        shown[classes] = [value for value in figures if value not in (None, tables.NO_CELL)]
        planned = [cell for cell in study["cells"] if "-under-" not in cell["test"]]
        missing = [c for c in planned if (c["num_classes"], c["seed"], c["status"]) == (classes, 0, "not run")]
        assert figures.count(None) == len(missing)
    assert len(shown[7]) == len(MAIN)
    assert not shown[4]
    assert all(value is None for row in tables.mcnemar(study) for value in row[4:])
    for rows in tables.hypothesis(study).values():
        assert all(value is None for row in rows[2:] for value in row[2:])
        assert all(value is not None for row in rows[:2] for value in row)


def test_the_network_for_both_takes_the_places_of_what_was_not_run(tmp_path: Path) -> None:
    study = invent(tmp_path, "both")
    found = facts.gather(tmp_path)
    assert found["pairs"] == ["one network", "shift"]
    assert found["text"]["abstract"].startswith("One network for both recognises")
    assert "in one network trained on both" in found["text"]["costs_by_pair"]
    matrices = [part["title"] for part in found["confusions"] if part["rows"]]
    assert matrices == ["both → bare", "both → masked"]
    lost = study["costs"]["both"]["lost"]["Happy"]["n"]
    assert [row[1] for row in found["lost"] if row[0] == "Happy"] == [str(lost)]
    assert all(None not in row[1:4] and row[4:] == [None] * 3 for row in found["mcnemar"])


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
