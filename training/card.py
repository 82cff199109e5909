"""The card of the shipped weights, written from the files themselves and from the runs' metrics.json, and the answers
that a test holds them to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

import models
from models import pretrained
from pre_processing import artefacts, render
from pre_processing.artefacts import atomic_write
from pre_processing.crop import crop_face
from pre_processing.drawing.points import UNITS
from pre_processing.emotions import DATABASES, EMOTIONS
from pre_processing.mask_kinds import SECOND
from training import metrics, predictions
from training.cells import read_figures

NAME, PREDICTIONS = "README.md", "predictions.json"
FERPLUS = DATABASES["F"]
PERSON = 4  # of the drawn ones
SAME = ("model", "backbone", "seed", "best_epoch", "valid_accuracy")  # by which a run's figures are a checkpoint's

FACES = {"unmasked": "the bare faces", "masked": "the masked faces", "both": "bare and masked faces"}
LEGEND = """Masks: seen kinds were worn in training, unseen ones never; under surgical_white, a white surgical mask is drawn over the one worn. Both looks: the mean of
the answers without and with it, which `predict.py` and the page give for a masked face. Other rows have one look at each face."""
TOP = """# Weights trained on {databases}

Written by `python -m training.weights`; every figure is read from a file. In Python:

```python
from models import load_pretrained

net = load_pretrained("{first}")
print(net.emotions)
```

## Files

"""

LIMITS = """## Limits

- Trained and tested on FER+: faces found on the web by search words for emotions, many of them posed, grey, 48 pixels wide,
  most from Western countries. Other cameras, ages, skin colours and cultures were not measured.
- Labels are what ten raters saw in a picture, not what the person felt.
- Masks in training and test are drawn by formula; real masks were not measured.
- Fear and Disgust are rare (see Data), so their recall is uncertain.
- A face whose points are found wrongly gives an answer too. The probabilities are those of the training data's mix of emotions.
"""
LICENCE = """## Licence

The weights are under the MIT licence, as the code is (`LICENSE` beside the project's README). The faces that they were trained on
are not ours: FER2013's were scraped from the web for research.
"""
ETHICS = """## Ethics

An expression is not a feeling. Meant for research on what masks hide, and for teaching; not for decisions about people: not for
hiring, policing, border control, schools, medicine or advertising, and not for watching people who did not agree to it. In the
European Union, inferring emotions at work and in education is prohibited (Regulation 2024/1689, article 5). A network can remember
something of the faces that it was trained on; those of FER+ were scraped from the web, and no database's faces are passed on.
"""


def tests_of(origin: dict[str, Any], config: dict[str, Any], results: Path) -> list[tuple[Path, dict[str, Any]]]:
    """(folder, metrics) of every whole test of the checkpoint that weights with this provenance were made from."""
    mine = [{**origin, **config}[key] for key in SAME]
    found = []
    for file in sorted(results.glob("*Datasets/*/*Emotions/runs/*/metrics.json")):
        figures = read_figures(file)
        asked = figures.get("config", {})
        whole = asked.get("limit_batches") is None and bool(asked.get("mirror")) == bool(origin.get("mirror"))
        whole = whole and figures["num_classes"] >= config["num_classes"]
        if whole and [figures.get(key) for key in SAME] == mine:
            found.append((file.parent, figures))
    return sorted(found, key=lambda each: (each[1]["test_condition"] == "masked", worn(each[1])))


def worn(figures: dict[str, Any]) -> str:
    """What the test faces of a run wore."""
    masks = figures.get("test_masks")
    return f"masks: {masks['kinds']}" if masks else {"unmasked": "bare"}.get(figures["test_condition"], "masks")


def renormalised(folder: Path, emotions: tuple[str, ...], second: Path | None = None) -> dict[str, Any]:
    """Figures of the first emotions alone, from the predictions of a network for more of them.

    With a `second` folder the answers are the means of two tests of the same faces.
    """

    def read(source: Path) -> pd.DataFrame:
        rows = pd.read_csv(source / predictions.FILE).set_index("path")
        return rows[rows["emotion"].isin(emotions)]

    table, columns = read(folder), [f"p_{name}" for name in emotions]
    chances = [
        rows[columns].div(rows[columns].sum(axis=1), axis=0) for rows in (table, *([read(second)] if second else []))
    ]
    labels = table["emotion"].map(emotions.index).to_numpy(np.int64)
    predicted = sum(each.loc[table.index] for each in chances).to_numpy().argmax(1)
    certain = table["certain"].to_numpy(bool) if table["certain"].notna().all() else None
    return metrics.summarise(labels, predicted, emotions, certain)


def looks(tests: list[tuple[Path, dict[str, Any]]], emotions: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(what the faces wore, figures) of each test, and after those with a second mask of both looks together."""
    single = {worn(figures): folder for folder, figures in tests}
    for folder, figures in tests:
        what = worn(figures)
        yield what, figures if len(emotions) == figures["num_classes"] else renormalised(folder, emotions)
        kinds = what.removesuffix(f" under {SECOND}")
        if kinds != what and kinds in single:
            yield f"{kinds}, both looks", renormalised(single[kinds], emotions, folder)


def figures_table(net: nn.Module, results: Path) -> str:
    """The tests of a network in Markdown; says so where none lies in the results folder."""
    tests = tests_of(net.provenance, net.config, results)
    if not tests:
        return "Not tested yet: no metrics.json of this checkpoint.\n"
    heads = ("Test faces", "n", "Accuracy % (95 % interval)", "Where points are certain % (n)", "Macro recall %",
             *(f"Recall {name} %" for name in net.emotions))  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for what, shown in looks(tests, net.emotions):
        low, high = shown["ci95"]
        certain = (
            "-"
            if shown["n_certain"] is None
            else f"{metrics.percent(shown['accuracy_certain'])} ({shown['n_certain']:,})"
        )
        cells = [what, f"{shown['n']:,}",
                 f"**{metrics.percent(shown['accuracy'])}** ({metrics.percent(low)}–{metrics.percent(high)})", certain,
                 metrics.percent(shown["macro_recall"]),
                 *(metrics.percent(shown["recall"][name]) for name in net.emotions)]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    commands = dict.fromkeys(figures["command"] for _, figures in tests if figures["num_classes"] >= len(net.emotions))
    commands = sorted(commands, key=lambda command: " -e " in command)  # the training, then its tests
    legend = [LEGEND, ""] if any(figures.get("test_masks") for _, figures in tests) else []
    made = "Made by (who repeats it adds `--results mine` to each line)"
    return "\n".join([*lines, "", *legend, made, "", "```", *commands, "```", ""])


def network_part(name: str, net: nn.Module, results: Path) -> str:
    """What one network is and does."""
    made = net.provenance
    masks = (
        f" ({100 * made['mask_share']:g} % of the faces wear masks of the kinds {made['mask_kinds']}, {'the same' if made.get('same_masks') else 'new'} ones at each look)"
        if made.get("mask_kinds")
        else ""
    )
    lines = [
        f"## {name}", "",
        f"Emotions: {', '.join(net.emotions)}. Trained on {FACES[made['train_condition']]} of {made['database']}{masks}, seed {made['seed']}; "
        f"epoch {made['best_epoch']} of {made['epochs']} was best on validation ({metrics.percent(made['valid_accuracy'])} %) and is "
        "the one here. Wilson intervals" + ("; answers are the mean of a face and its mirror image." if made.get("mirror") else "."),
        "",
    ]  # fmt: skip
    if net.kind == "renormalised":
        lines[2] += (
            " It is the network for seven emotions with the other answers left out, not one trained on "
            f"{len(net.emotions)}: figures are its own probabilities, of the faces with these emotions."
        )
    return "\n".join([*lines, figures_table(net, results)])


def data_part(results: Path) -> str:
    """FER+'s faces of each split and emotion, and what was left out, from the audit table that preparing wrote."""
    audit = artefacts.ListPaths(results, "unmasked", FERPLUS).audit
    if not audit.is_file():
        return ""
    table = artefacts.read_audit(audit)
    kept = table[table["what"] == "after"].pivot_table("count", "split", "emotion", "sum")
    lines = ["## Data", "", "FER+ labels (MIT licence) of FER2013's faces. Rule: single votes are dropped, and the winner needs more "
             "than half of what remains. Faces of the seven emotions that were trained and tested on:", "",
             f"| Split | {' | '.join(EMOTIONS)} | All |", "|" + " --- |" * (len(EMOTIONS) + 2)]  # fmt: skip
    for split in ("train", "valid", "test"):
        counts = [int(kept.loc[split, name]) for name in EMOTIONS]
        lines.append(f"| {split} | {' | '.join(f'{count:,}' for count in (*counts, sum(counts)))} |")
    out = table[table["what"].str.startswith(("left out", "near-duplicate"))].groupby("what")["count"].sum()
    lines += ["", *(f"- {what}: {count:,}" for what, count in out.items() if count), ""]
    return "\n".join(lines) + "\n"


def render_card(folder: Path, results: Path) -> str:
    """The card in Markdown."""
    known = pretrained.shipped(folder)
    names = sorted(
        known, key=lambda name: (pretrained.read_texts(folder / f"{name}.safetensors").get("base", ""), name)
    )
    nets = {name: models.load_pretrained(name, folder) for name in names}
    table = ["| Name | Network | Emotions | MB | sha256 |", "| --- | --- | --- | --- | --- |"]
    for name, net in nets.items():
        size = (folder / f"{name}{pretrained.SUFFIX}").stat().st_size / 1e6
        what = f"{net.config['model']}, {net.config['backbone']}, {net.config['imagesize']} px, {net.kind}"
        table.append(f"| {name} | {what} | {len(net.emotions)} | {size:.2f} | `{known[name]}` |")
    databases = dict.fromkeys(net.provenance["database"] for net in nets.values())
    about = " and ".join("FER+" if name == FERPLUS else name for name in databases)
    parts = [TOP.format(databases=about, first=names[0]) + "\n".join(table) + "\n"]
    parts += [network_part(name, net, results) for name, net in nets.items()]
    # What else is known is known of FER+.
    parts += [data_part(results), LIMITS, LICENCE, ETHICS] if [*databases] == [FERPLUS] else [ETHICS]
    return "\n".join(filter(None, parts))


def demo_faces(size: int) -> tuple[Tensor, Tensor]:
    """A drawn person with each emotion: images (7, 3, size, size) in [0, 1], and points (7, 68, 2) in their pixels."""
    person = render.make_person(0, PERSON)
    drawn = (render.draw(person, render.Photo(units=dict.fromkeys(UNITS[code], 0.85))) for code in range(len(EMOTIONS)))
    crops, points = zip(*(crop_face(image, places, size) for image, places in drawn), strict=True)
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(np.stack(points))


@torch.inference_mode()
def predict_demo(net: nn.Module) -> list[list[float]]:
    """Probabilities of the demo faces, rounded to 5 digits."""
    chances = net(*demo_faces(net.config["imagesize"]))["logits"].softmax(1)
    return [[round(chance, 5) for chance in row] for row in chances.tolist()]


def write(folder: Path, results: Path) -> None:
    """Write the card and the answers of the files noted in SHA256SUMS."""
    answers = {name: predict_demo(models.load_pretrained(name, folder)) for name in pretrained.shipped(folder)}
    for name, text in ((NAME, render_card(folder, results)), (PREDICTIONS, json.dumps(answers, indent=1) + "\n")):
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
