"""The README's results: what the study found, in words, and a table of the published runs and of the study's main network.

python -m report.table README.md [Results]
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import models
from pre_processing.artefacts import InputError, atomic_write
from pre_processing.emotions import EMOTIONS
from report import peers, sentences, tables, variants, verdict
from training import cells, door, options
from training.analysis import AGREEING, FILE, read_noted
from training.metrics import percent

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
HEAD = ("Model", "Emotions", "Trained on", "Tested on", "Accuracy % (95 % interval)", "Macro recall %", *EMOTIONS)
# Trainings of the study that the table shows; the report's has all.
TRAINED = ("unmasked", "masked", "both", tables.LARGER, AGREEING)
MODELS = tuple(models.MODELS)
TESTS = ("bare", "seen", "unseen")  # tests of the study that the table shows
NOTE = """Recall of each emotion in %; Wilson intervals; seed 0. The epoch with the best validation accuracy was tested. Seen masks are kinds that training
behind masks shows, unseen ones it never does; a test face always wears the same. Differences are of unrounded figures. Each command is in the
run's `metrics.json`. `Report.pdf` has all other networks and tests: the plain CNN, Lite0 with larger inputs, four emotions out of seven,
averaged networks, near-duplicates kept, what ablations said, calibration, gates."""
MARKS = {tables.LARGER: "both †", AGREEING: "both ‡"}  # names too long for a column
LARGER_NOTE = """† At 160 pixels, with a teacher: the network for bare faces answers for the same face without its mask. ‡ So too, but each face is looked at twice,
each time bare or masked by chance, and answers that differ are penalised; half of the masks in training are of invented kinds that no test wears.
The recipes of gACNN-Lite2 are its own, each set once, when the test figures of the others with Lite0 were known."""
VGG16_NOTE = "VGG16 sees 224 pixels, and has a recipe of its own, set once and last of all."


def collect(results: Path) -> list[tuple[str, dict]]:
    """(What it was trained on, metrics.json) of the published runs and of the study's networks, seed 0.

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
        order = MODELS.index(figures["model"]), TRAINED.index(train), figures["backbone"], tested_on(figures)
        return figures["database"], -figures["num_classes"], *order

    return sorted(found.values(), key=place)


def shown(results: Path) -> list[cells.Cell]:
    """Cells of the study that were run and have a place in the table."""
    wanted = [cell for cell in cells.read(folder=results) if cell.chosen.seed == 0 and cell.chosen.model != "cnn"]
    # Of the networks with larger inputs and a teacher the largest is enough here.
    wanted = [cell for cell in wanted if cell.train != tables.LARGER or cell.chosen.backbone != "lite0"]
    return [cell for cell in wanted if cell.train in TRAINED and cell.test in TESTS and cell.own]


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
        tables.network(figures),
        str(figures["num_classes"]),
        MARKS.get(train) or tables.trained(train),
        tested_on(figures),
        f"**{percent(figures['accuracy'])}** ({percent(low)}–{percent(high)})",
        percent(figures["macro_recall"]),
        *(percent(figures["recall"].get(name)) for name in EMOTIONS),
    ]
    return f"| {' | '.join(cells)} |"


def render(results: Path) -> str:
    """Findings and a table of each database in Markdown; says so where no run is published."""
    found = collect(results)
    if not found:
        return "No run is committed yet: not run."
    head = [f"| {' | '.join(HEAD)} |", "|" + " --- |" * len(HEAD)]
    parts = [findings(results)]
    for database in dict.fromkeys(figures["database"] for _, figures in found):
        runs = [run for run in found if run[1]["database"] == database]
        parts += ["\n".join([f"{database}, {faces(runs)}:", "", *head, *(row(*run) for run in runs)])]
    trunks = {figures["backbone"] for _, figures in found}
    notes = [NOTE, *(note for trunk, note in (("lite2", LARGER_NOTE), ("vgg16", VGG16_NOTE)) if trunk in trunks)]
    return "\n\n".join([*filter(None, parts), "\n".join(notes)])


def faces(runs: list[tuple[str, dict]]) -> str:
    """`3,122 test faces of 7 emotions, 2,638 of 4`; networks for the same emotions are tested on the same faces."""
    counts = {figures["num_classes"]: figures["n"] for _, figures in runs}
    first, *more = (f"{n:,} {'test faces ' if not index else ''}of {classes}{' emotions' if not index else ''}"
                    for index, (classes, n) in enumerate(counts.items()))  # fmt: skip
    return ", ".join([first, *more])


def findings(results: Path) -> str:
    """What the study found, a point each, from study.json; nothing where there is none."""
    file = results / FILE
    if not file.is_file():
        return ""
    study = read_noted(file)
    parts = (
        ("What a mask costs", f"{sentences.headline(study)} {sentences.remains(study)}"),
        ("Verdict", f"{verdict.plain(study)} {verdict.by_area(study, apart=True)}"),
        ("A package in use", peers.falls(results / peers.FILE)),
        ("Attention", variants.control(study)),
        ("Masks never seen", variants.robust_in_short(study)),
        ("Aims", variants.aims(study)),
        ("What was run", sentences.missing(study)),
    )
    texts = (f"**{name}.** {text.strip()}" for name, text in parts if text.strip())
    return "\n".join(textwrap.fill(text, 140, initial_indent="- ", subsequent_indent="  ") for text in texts)


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
    parser = options.Parser(prog="python -m report.table", description=__doc__.splitlines()[0])
    parser.add_argument("readme", nargs="?", type=Path, default=Path("README.md"), help="the page to update")
    parser.add_argument("results", nargs="?", type=Path, default=Path("Results"), help="folder of the results")

    def work() -> None:
        asked = parser.parse_args(argv)
        update(asked.readme, asked.results)

    return door.run(work)


if __name__ == "__main__":
    sys.exit(main())
