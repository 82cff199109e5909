"""The README's results: what the study found, in words, and a table of the published runs and of the study's main network.

python -m report.table README.md [Results]
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from pre_processing.artefacts import InputError, atomic_write
from pre_processing.emotions import EMOTIONS
from pre_processing.mask_kinds import SECOND
from report import sentences, tables, variants, verdict
from training import cells
from training.analysis import FILE, read_noted
from training.metrics import percent
from training.results import DISPLAY

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
HEAD = (
    "Database",
    "Trained on",
    "Tested on",
    "Emotions",
    "Model",
    "n",
    "Accuracy % (95 % interval)",
    "Macro recall %",
    *EMOTIONS,
)
# Trainings of the study that the table shows.
TRAINED = (*tables.TRAINED, tables.LARGER)
BACKBONES = ("lite0", "lite2")
# Tests of the study that the table shows.
TESTS = ("bare", "seen", "unseen", *(f"{kinds}-under-{SECOND}" for kinds in ("seen", "unseen")))
NOTE = """Recall of each emotion in %. The epoch with the best validation accuracy was tested once; lowest seed, Wilson intervals. Seen masks are kinds that
training behind masks shows, unseen ones it never does; test faces always wear the same. Rows of one database with the same emotions have the same faces.
Another over them: a white surgical mask lies over the one worn, so that kinds that training never showed look like one that it did; it
was devised after the fall on Test was known, and its kind chosen on Valid behind the unseen kinds, which are so not unseen to that choice.
Each command is in the run's `metrics.json`."""


def collect(results: Path) -> list[tuple[str, dict]]:
    """(What it was trained on, metrics.json) of the published runs and of the study's gACNN of either Lite trunk, lowest seed.

    Each once, in a fixed order.
    """
    files = [
        *((None, file) for file in results.glob("*Datasets/*/*Emotions/metrics.json")),
        *((cell.train, cell.folder / "metrics.json") for cell in shown(results)),
    ]
    found = {}
    for train, file in files:
        figures = cells.read_figures(file)
        found.setdefault((figures["database"], figures["command"]), (train or figures["train_condition"], figures))

    def place(run: tuple[str, dict]) -> tuple:
        train, figures = run
        order = TRAINED.index(train), figures["backbone"], tested_on(figures)
        return figures["database"], -figures["num_classes"], *order

    return sorted(found.values(), key=place)


def shown(results: Path) -> list[cells.Cell]:
    """Cells of the study that were run and have a place in the table."""
    return [cell for cell in cells.read(folder=results) if (cell.chosen.model, cell.chosen.seed) == ("gacnn", 0)
            and cell.chosen.backbone in BACKBONES and cell.train in TRAINED and cell.test in TESTS and cell.own]  # fmt: skip


def tested_on(figures: dict) -> str:
    """`bare faces`, `masked faces` of copies on disk, or the kinds of masks that were put on."""
    worn = figures.get("test_masks")
    kinds, _, second = worn["kinds"].partition(" under ") if worn else ("", "", "")
    return (
        f"{kinds} masks{', another over them' if second else ''}" if worn else tables.TRAINED[figures["test_condition"]]
    )


def row(train: str, figures: dict) -> str:
    """One line of the table."""
    low, high = figures["ci95"]
    cells = [
        figures["database"],
        tables.trained(train),
        tested_on(figures),
        str(figures["num_classes"]),
        f"{DISPLAY[figures['model']]}-{DISPLAY[figures['backbone']]}",
        f"{figures['n']:,}",
        f"**{percent(figures['accuracy'])}** ({percent(low)}–{percent(high)})",
        percent(figures["macro_recall"]),
        *(percent(figures["recall"].get(name)) for name in EMOTIONS),
    ]
    return f"| {' | '.join(cells)} |"


def render(results: Path) -> str:
    """Findings and table in Markdown; says so where no run is published."""
    found = collect(results)
    if not found:
        return "No run is committed yet: not run."
    said = findings(results)
    head = [f"| {' | '.join(HEAD)} |", "|" + " --- |" * len(HEAD)]
    return "\n".join(
        [
            *([said, ""] if said else []),
            *head,
            *(row(*run) for run in found),
            "",
            f"{NOTE}\n{trained_how(found)}".rstrip(),
        ]
    )


def trained_how(found: list[tuple[str, dict]]) -> str:
    """`gACNN-Lite0: 12 epochs in batches of 64, fp32; gACNN-Lite2: ...` of the networks that were trained."""
    said: dict[str, set[str]] = {}
    for _, figures in found:
        config = figures.get("config", {})
        if config.get("epochs") and not config.get("evaluate"):
            name = f"{DISPLAY[figures['model']]}-{DISPLAY[figures['backbone']]}"
            how = f"{config['epochs']} epochs in batches of {config['batch_size']}, {figures.get('precision_used', 'fp32')}"
            said.setdefault(name, set()).add(how)
    told = "; ".join(f"{name}: {' or '.join(sorted(ways))}" for name, ways in said.items())
    return f"{told}." if told else ""


def findings(results: Path) -> str:
    """What the study found, a point each, from study.json; nothing where there is none."""
    file = results / FILE
    if not file.is_file():
        return ""
    study = read_noted(file)
    few = "; ".join(f"{name} {count} faces" for name, count in rarest(study))
    parts = (
        [sentences.abstract_cost(study)],
        [verdict.plain(study), verdict.exceptions(study), verdict.in_d_prime(study)],
        [variants.larger(study)],
        [variants.control(study)],
        [variants.duplicates(study)],
        [
            sentences.progress(study),
            sentences.reasons(study),
            sentences.spread(study),
            f"Rarest in Test: {few}." if few else "",
        ],
    )
    texts = (" ".join(filter(None, part)) for part in parts)
    return "\n".join(textwrap.fill(text, 140, initial_indent="- ", subsequent_indent="  ") for text in texts if text)


def rarest(study: dict) -> list[tuple[str, int]]:
    """The two emotions with the fewest test faces, and how many they have."""
    faces = next(
        (cell["faces"] for cell in study["cells"] if "faces" in cell and cell["num_classes"] == len(EMOTIONS)), {}
    )
    return sorted(faces.items(), key=lambda item: -item[1])[-2:]


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
