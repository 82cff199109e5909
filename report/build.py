"""Report.pdf from the typst sources beside this file and from Results: ``python -m report.build [Report.pdf]``.

The same sources and results give the same file: it carries no date, and its fonts come with typst.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import typst

from pre_processing.artefacts import atomic_write
from report import facts, pictures
from training import door

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def build(root: Path) -> bytes:
    """The report on the project at `root`, as PDF; InputError where results are missing."""
    found = facts.gather(root)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return typeset(folder, found | draw(folder, found["method"]))


def draw(folder: Path, method: dict[str, Any]) -> dict[str, Any]:
    """Write the report's pictures into `folder`; the facts about them."""
    return {
        "gallery": pictures.gallery(folder),
        "network_face": pictures.network_face(folder, method["regions"], method["imagesize"]),
        "gate_face": pictures.gate_face(folder, method["regions"]),
    }


def typeset(folder: Path, found: dict[str, Any]) -> bytes:
    """PDF of the sources and these facts, in the folder of the pictures; RuntimeError where typst warns of anything."""
    for source in (*HERE.glob("*.typ"), *HERE.glob("*.bib")):
        shutil.copy(source, folder)
    shutil.copytree(HERE / "sections", folder / "sections", dirs_exist_ok=True)
    (folder / "facts.json").write_text(json.dumps(found), encoding="utf-8")
    made, warnings = typst.compile_with_warnings(folder / "report.typ", root=folder, ignore_system_fonts=True)
    if warnings:
        raise RuntimeError("\n".join(str(warning) for warning in warnings))
    return made


def main(argv: list[str] | None = None) -> int:
    """Write the report; the exit code of training.door."""
    parser = argparse.ArgumentParser(
        prog="python -m report.build", description="Build Report.pdf from report/ and Results/."
    )
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "Report.pdf")
    args = parser.parse_args(argv)

    def work() -> None:
        made = build(ROOT)
        with atomic_write(args.out) as temporary:
            temporary.write_bytes(made)
        print(f"{args.out}: {len(made) / 1e6:.2f} MB")

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
