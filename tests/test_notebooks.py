"""Every notebook runs from the project's folder and from its own, has the agreed form, and shows no face of a database but the drawn ones."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import official_trees as trees
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "pre_processing"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def code_of(notebook: nbformat.NotebookNode) -> str:
    cells = [
        "\n".join(s for s in c.source.splitlines() if s[:1] != "%") for c in notebook.cells if c.cell_type == "code"
    ]
    return "\n".join(cells)


def execute(path: Path, folder: Path, parameters: dict[str, object]) -> nbformat.NotebookNode:
    """Run a copy in memory, its parameters cell followed by other values."""
    notebook = nbformat.read(path, 4)
    cell = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    assert all(f"{name} = " in cell.source for name in parameters)
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    return NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()


def pictures(notebook: nbformat.NotebookNode) -> int:
    outputs = [o for c in notebook.cells for o in c.get("outputs", []) if "data" in o]
    return sum(any(kind.startswith("image/") for kind in o["data"]) for o in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_form(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    assert [c.metadata.get("tags") for c in notebook.cells].count(["parameters"]) == 1
    headings = [s for c in notebook.cells if c.cell_type == "markdown" for s in c.source.splitlines() if s[:3] == "## "]
    assert [h.split()[1] for h in headings] == [f"{n}." for n in range(1, len(headings) + 1)]
    tree = ast.parse(code_of(notebook))
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Lambda)]
    assert path.stat().st_size < 400_000


# Drawn faces are nobody's.
SILENT = [p for p in NOTEBOOKS if p.stem.startswith("IP_") and p.stem != "IP_Demo"]


@pytest.mark.parametrize("path", SILENT, ids=lambda p: p.stem)
def test_no_face_of_a_database_is_committed(path: Path) -> None:
    assert not [c for c in nbformat.read(path, 4).cells if c.get("outputs")]


@pytest.mark.parametrize("name", ["facial_mask_overlaying", "IP_Demo"])
def test_notebooks_with_free_pictures_keep_their_outputs(name: str) -> None:
    assert pictures(nbformat.read(FOLDER / f"{name}.ipynb", 4)) >= 4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("folder", [ROOT, FOLDER], ids=["root", "own-folder"])
def test_overlay_notebook_runs(folder: Path) -> None:
    assert pictures(execute(FOLDER / "facial_mask_overlaying.ipynb", folder, {})) >= 5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("folder", [ROOT, FOLDER], ids=["root", "own-folder"])
def test_ferplus_notebook_runs(folder: Path, small_ferplus: Path, tmp_path: Path) -> None:
    done = execute(
        FOLDER / "IP_FERPlus.ipynb",
        folder,
        {
            "root_path": str(small_ferplus),
            "masked_root": str(tmp_path / "masked"),
            "out": str(tmp_path / "Results"),
            "results": str(tmp_path / "mine"),
            "limit_batches": 1,
        },
    )
    assert pictures(done) >= 5
    assert (tmp_path / "Results/MaskedDatasets/FERPlus/FERPlus_testList.txt").is_file()
    assert [*(tmp_path / "mine").rglob("7M.png")]
    assert not [*(tmp_path / "Results").rglob("7M.png")]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_demo_notebook_runs(tmp_path: Path) -> None:
    folders = {name: str(tmp_path / name) for name in ("root_path", "masked_root", "out")}
    done = execute(
        FOLDER / "IP_Demo.ipynb", FOLDER, {**folders, "number_of_faces": 35, "epochs": 1, "limit_batches": 1}
    )
    assert pictures(done) >= 4
    for condition in ("MaskedDatasets", "UnmaskedDatasets"):
        assert (tmp_path / "out" / condition / "Demo" / "Demo_testList.txt").is_file()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "database", "build"),
    [
        ("IP_AffectNet", "AffectNet", trees.affectnet_full),
        ("IP_RAF-DB", "RAF-DB", trees.rafdb),
        ("IP_CKplus", "CKplus", trees.ckplus),
    ],
)
def test_notebooks_of_licensed_databases_run(name, database, build, tmp_path: Path) -> None:
    done = execute(
        FOLDER / f"{name}.ipynb",
        FOLDER,
        {
            "root_path": str(build(tmp_path).root),
            "masked_root": str(tmp_path / "masked"),
            "out": str(tmp_path / "Results"),
            "limit_batches": 1,
        },
    )
    assert pictures(done) >= 5
    assert (tmp_path / "Results" / "MaskedDatasets" / database / f"{database}_testList.txt").is_file()
    assert (tmp_path / "Results/folds/10/MaskedDatasets/CKplus").is_dir() == (database == "CKplus")


@pytest.mark.parametrize("name", ["IP_AffectNet", "IP_CKplus", "IP_RAF-DB"])
def test_licensed_databases_have_a_licence_box_and_at_most_80_lines_of_code(name) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    assert "\n> **Licence.** " in notebook.cells[0].source
    assert "http" in notebook.cells[0].source
    assert len([line for line in code_of(notebook).splitlines() if line.strip()]) <= 80
