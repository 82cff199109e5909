"""A package that people use today and our networks, on the same bare and masked FER+ test faces.

    python benchmarks/peers.py --root_path data/ferplus --fer VENV/bin/python
    python benchmarks/peers.py --root_path data/ferplus --checkpoint checkpoint_ferplus/7U-gacnn-lite0-s0/best.pt

Each call adds its rows to Results/peers.json; --write puts the table into benchmarks/README.md as well. The package `fer`
carries its weights, but wants TensorFlow, hence an environment of its own:

    python -m venv VENV
    VENV/bin/pip install tensorflow-cpu "opencv-python-headless<5" requests "setuptools<81" pandas "moviepy<2" tqdm matplotlib
    VENV/bin/pip install --no-deps fer==25.10.3
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import report
from pre_processing.artefacts import InputError, write_object
from pre_processing.emotions import EMOTIONS
from training import batches, checkpoint, door, engine, metrics, options, selection, trained
from training.metrics import percent

FILE = "peers.json"
CHILD = Path(__file__).with_name("peers_fer.py")
TESTS = {"bare": ["--condition", "unmasked"], "masked": ["--test_mask_kinds", "seen"]}
CROPS = {"tight crop": 0, "its own padding": 10}  # pixels that fer adds on each side
TRAINED = {"unmasked": "bare", "masked": "masked", "both": "bare and masked"}
CAVEATS = (
    "The whole FER+ picture is given as the face box, so that only the classifier is measured. fer was not trained on masks, and "
    "was fitted to FER2013's labels, not to FER+'s: to beat it on masked faces proves little. The fair control is the network "
    "that was trained on bare faces only. Ours answer with the mean of a face and its mirror image, as always, and fer with one look."
)


def faces_of(args: argparse.Namespace, test: str) -> Any:
    """The test faces, 7 emotions, bare or with the masks that all runs of the study are tested on."""
    given = ["--root_path", str(args.root_path), "--main_folder", str(args.main_folder), *TESTS[test]]
    chosen = options.parse([*given, *(["--limit_batches", str(args.limit_batches)] if args.limit_batches else [])])
    faces = selection.faces_of("test", chosen)
    faces.worn = selection.frozen_masks(chosen, faces)
    return faces


def ask_fer(python: Path, faces: Any, padding: int) -> np.ndarray:
    """Answers of fer (n,) to the photos, each of which is one face; codes of our emotions."""
    with tempfile.TemporaryDirectory() as folder:
        photos, answers = Path(folder, "photos.npy"), Path(folder, "answers.txt")
        np.save(photos, np.stack([grey(faces.look(index).image) for index in range(len(faces))]))
        command = [str(python), str(CHILD), str(photos), str(answers), str(padding)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"{python}: fer failed ({(done.stderr.strip() or 'no message').splitlines()[-1]}); "
                             "make its environment as this script's first lines say")  # fmt: skip
        return np.array([EMOTIONS.index(name) for name in answers.read_text().split()])


def grey(image: np.ndarray) -> np.ndarray:
    """Photo (H, W) or (H, W, 3) as (H, W)."""
    return image if image.ndim == 2 else image[..., 0]


def ask_ours(content: dict[str, Any], path: Path, faces: Any, args: argparse.Namespace) -> np.ndarray:
    """Answers of a checkpoint of ours (n,), on a face and its mirror image where it is always tested so."""
    net = checkpoint.tested_network(path, content)
    faces.imagesize = content["model_config"]["imagesize"]
    loader, device = batches.evaluation_loader(faces, args.batch, 0), engine.choose_device("auto")
    mirror = bool(content["config"].get("mirror"))
    found = engine.evaluate(net.to(device), loader, device, "fp32", "ours", mirror)
    return found["probabilities"].argmax(1)


def figures(faces: Any, answers: np.ndarray) -> dict[str, Any]:
    """{n, accuracy, ci95, macro_recall, recall, masks}."""
    found = metrics.summarise(faces.labels, answers, EMOTIONS, None)
    kept = {key: found[key] for key in ("n", "accuracy", "ci95", "macro_recall", "recall")}
    return {**kept, "masks": faces.worn}


def rows(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """{name: {trained, bare, masked}} of what was asked for."""
    faces, found = {test: faces_of(args, test) for test in TESTS}, {}
    if args.fer:
        for name, padding in CROPS.items():
            asked = {test: figures(part, ask_fer(args.fer, part, padding)) for test, part in faces.items()}
            found[f"fer 25.10.3, {name}"] = {"trained": "FER2013, bare faces", **asked}
    for path in args.checkpoint:
        content = checkpoint.load(path)
        checkpoint.check_best(path, content)
        if content["model_config"]["num_classes"] != len(EMOTIONS):
            raise InputError(f"{path}: a network for {content['model_config']['num_classes']} emotions; give one for 7")
        asked = {test: figures(part, ask_ours(content, path, part, args)) for test, part in faces.items()}
        found[f"ours, {path.parent.name}"] = {
            "trained": f"FER+, {TRAINED[trained.trained_on(content['config'])]} faces",
            **asked,
        }
    return found


def table(content: dict[str, Any]) -> list[str]:
    """Lines of Markdown."""
    lines = []
    for name, row in content["rows"].items():
        cells = [f"{percent(row[test]['accuracy'])} / {percent(row[test]['macro_recall'])}" for test in TESTS]
        cells += [f"{percent(row[test]['recall']['Happy'])}" for test in TESTS]
        lines.append([name, row["trained"], f"{row['bare']['n']:,}", *cells])
    titles = [
        "",
        "trained on",
        "n",
        "bare: accuracy / macro recall %",
        "masked: the same",
        "recall of Happy, bare %",
        "masked %",
    ]
    return [*report.table(titles, lines), "", content["caveats"]]


def work(args: argparse.Namespace, command: str) -> None:
    """Add rows to peers.json, and show the table."""
    if not (args.fer or args.checkpoint):
        raise InputError("nothing to ask: give --fer PYTHON, --checkpoint BEST.pt or both")
    file = args.main_folder / FILE
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"rows": {}}
    added = {name: {**row, "command": command} for name, row in rows(args).items()}
    content = {"caveats": CAVEATS, "rows": {**before["rows"], **added}}
    if not args.limit_batches:  # a trial is shown, never kept
        write_object(file, content)
    lines = table(content)
    print("\n".join(lines))
    if args.write and not args.limit_batches:
        report.write("peers", "cpu", lines)


def main(argv: list[str] | None = None) -> int:
    """Exit code of training.door."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root_path", type=Path, required=True, help="folder with FER+'s images")
    parser.add_argument("--main_folder", type=Path, default=Path("Results"), help="folder of lists and of peers.json")
    parser.add_argument("--fer", type=Path, help="Python of an environment that has fer")
    parser.add_argument(
        "--checkpoint", type=Path, action="append", default=[], help="a best.pt of ours; may be repeated"
    )
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--limit_batches", type=int, help="a trial on some faces")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    argv = sys.argv[1:] if argv is None else argv
    args = parser.parse_args(argv)
    # Where the environment lies says nothing to others.
    told = ["VENV/bin/python" if args.fer and word == str(args.fer) else word for word in argv]
    torch.manual_seed(0)
    return door.run(lambda: work(args, f"python benchmarks/peers.py {shlex.join(told)}"))


if __name__ == "__main__":
    sys.exit(main())
