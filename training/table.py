"""The README's results table, made from the metrics.json files one level above the runs.

python -m training.table README.md [Results]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pre_processing.artefacts import InputError, atomic_write
from pre_processing.emotions import EMOTIONS
from training.metrics import percent
from training.results import DISPLAY

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
HEAD = ("Database", "Faces", "Emotions", "Model", "n", "Accuracy % (95 % interval)", "Macro recall %", *EMOTIONS)
NOTE = """Recall of each emotion in %. The epoch with the best validation accuracy was tested once; Wilson intervals.
Masked and unmasked rows of one database have the same faces and splits. Each command is in the `metrics.json` beside its matrix."""


def collect(results: Path) -> list[dict]:
    """The published metrics.json files, in a fixed order: database, emotions (7 first), unmasked before masked."""
    found = [
        json.loads(path.read_text(encoding="utf-8")) for path in results.glob("*Datasets/*/*Emotions/metrics.json")
    ]
    return sorted(found, key=lambda m: (m["database"], -m["num_classes"], m["condition"] == "masked"))


def row(figures: dict) -> str:
    """One line of the table."""
    low, high = figures["ci95"]
    cells = [
        figures["database"],
        figures["condition"],
        str(figures["num_classes"]),
        f"{DISPLAY[figures['model']]}-{DISPLAY[figures['backbone']]}",
        f"{figures['n']:,}",
        f"**{percent(figures['accuracy'])}** ({percent(low)}–{percent(high)})",
        percent(figures["macro_recall"]),
        *(percent(figures["recall"].get(name)) for name in EMOTIONS),
    ]
    return f"| {' | '.join(cells)} |"


def render(results: Path) -> str:
    """The table in Markdown; says so where no run is published."""
    found = collect(results)
    if not found:
        return "No run is committed yet: not run."
    head = [f"| {' | '.join(HEAD)} |", "|" + " --- |" * len(HEAD)]
    return "\n".join([*head, *(row(figures) for figures in found), "", NOTE])


def update(readme: Path, results: Path) -> None:
    """Replace what stands between the markers of `readme`; InputError where they are missing."""
    if not readme.is_file():
        raise InputError(f"{readme}: no such file; give the path of the README")
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"{readme}: the lines {BEGIN} and {END} are missing; put them where the table belongs")
    with atomic_write(readme) as temporary:
        temporary.write_text(f"{before}{BEGIN}\n{render(results)}\n{END}{after}", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Update the README named first from the results folder named second (Results)."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        update(Path(argv[0] if argv else "README.md"), Path(argv[1] if len(argv) > 1 else "Results"))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
