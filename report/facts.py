"""Everything that the report says of Results, benchmarks and code, as one dict of ready strings and numbers."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from models.acnn import ACNN
from models.backbones import STRIDE, Lite0
from models.regions import REGIONS
from models.units import GlobalUnit, PatchUnits
from pre_processing import artefacts
from pre_processing.artefacts import read_object
from pre_processing.emotions import EMOTIONS
from pre_processing.errors import InputError
from pre_processing.mask_kinds import GROUPS, KINDS, SECOND
from pre_processing.meanface import HIDDEN
from report import measured, peers, sentences, tables, unseen, variants, verdict
from report.numbers import count, kind_name, listing, percent
from training import augment, options

FILES = {"study": "Results/study.json", "audit": "Results/UnmaskedDatasets/FERPlus/FERPlus_audit.csv"}


def gather(root: Path) -> dict[str, Any]:
    """All facts of the project at `root`; InputError names a file that is missing or not as it should be."""
    study = read_json(root / FILES["study"], "python -m training.analysis writes it")
    speed = benchmark_tables(root / "benchmarks" / "README.md")
    command = main_command(root / "Scripts.txt")
    net = method(command)
    return {
        "emotions": list(EMOTIONS),
        "text": sentences.all_of(study)
        | variants.all_of(study)
        | verdict.all_of(study)
        | {
            "speed": measured.networks(speed, gpu(root / "benchmarks" / "README.md", "acnn_speed gpu")),
            "unseen": unseen.summary(study),
            "mask_cost": measured.mask_cost(speed),
            "found_points": measured.found_points(speed),
            "peers": peers.falls(root / "Results" / peers.FILE),
        },
        "matrix": {str(classes): tables.matrix(study, classes) for classes in (7, 4)},
        "seeds": tables.seeds(study),
        "by_emotion": {figure: tables.by_emotion(study, figure) for figure in ("recall", "precision", "f1")}
        | {"shown": tables.three_shown(study)},
        "confusions": tables.confusions(study),
        "pairs": [tables.PAIRS[pair] for pair in tables.shown_pairs(study)],
        "costs": tables.costs(study),
        "mcnemar": tables.mcnemar(study),
        "areas": tables.areas(study),
        "differences": tables.differences(study),
        "axis": tables.axis(tables.costs(study)),
        "lost": tables.lost(study),
        "hypothesis": tables.hypothesis(study),
        "calibration": tables.calibration(study),
        "four": tables.four(study),
        "unseen": unseen.table(study),
        "few": tables.FEW,
        "ablations": variants.ablation_table(study),
        "gates": tables.gates(study, net["regions"]),
        "bootstrap": study["bootstrap"],
        "data": data(root / FILES["audit"]),
        "method": net,
        "training": training(command),
        "masks": masks(),
        "speed": network_speeds(speed),
        "machine": {
            "training": machine(
                root / "benchmarks" / "README.md", "acnn_speed cpu", "model_speed_lite0 cpu", "model_speed_vgg16 cpu"
            ),
            "answers": machine(root / "benchmarks" / "README.md", "onnx_speed cpu"),
        },
        "literature": read_json(Path(__file__).with_name("literature.json"), "restore it"),
        "versions": versions(root / "requirements.txt"),
        "other_versions": other_versions(study, versions(root / "requirements.txt")),
    }


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """The object in a JSON file; InputError where there is none."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; {remedy}")
    return read_object(path, f"not JSON ({{error}}); {remedy}")


def data(path: Path) -> dict[str, Any]:
    """Faces by emotion and split, near-duplicates and what was left out, from the audit table."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; python -m pre_processing.prepare --DB F writes it")
    audit = artefacts.read_audit(path)
    counts = {(split, emotion, what): n for split, emotion, what, n in audit.itertuples(index=False)}
    total = {(split, what): sum(counts[split, emotion, what] for emotion in EMOTIONS)
             for split in ("train", "valid", "test") for what in ("before", "after")}  # fmt: skip
    rows = [[emotion, *(count(counts[split, emotion, what]) for split, what in total)] for emotion in EMOTIONS]
    rows.append(["Total", *(count(n) for n in total.values())])
    facts = {f"{split}_{what}": count(n) for (split, what), n in total.items()}
    twins = {"twins_train": ("test", "train"), "twins_valid": ("test", "valid")}
    facts |= {name: count(counts[split, "", f"faces with a twin in {other}"]) for name, (split, other) in twins.items()}
    facts |= {"disgust": count(counts["test", "Disgust", "before"]), "fear": count(counts["test", "Fear", "before"])}
    left_out = {
        what.removeprefix("left out: "): count(n) for (_, _, what), n in counts.items() if what.startswith("left out")
    }
    none = ("unknown emotion", "not a face")
    facts["no_emotion"] = count(sum(n for (_, _, what), n in counts.items() if what.removeprefix("left out: ") in none))
    faces = {row[0]: row[5] for row in rows}  # of Test
    tested, learnt = (
        [counts[split, emotion, what] for emotion in EMOTIONS]
        for split, what in (("test", "before"), ("train", "after"))
    )
    facts |= {"majority": percent(max(tested) / sum(tested)), "four": count(sum(tested[:4])),
              "trained_four": percent(sum(learnt[:4]) / sum(learnt), 0)}  # fmt: skip
    return facts | {"rows": rows, "faces": faces, "left_out": left_out}


def main_command(path: Path) -> str:
    """The first training line of Scripts.txt: the main job."""
    lines = [
        line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("python main_trainer.py")
    ]
    if not lines:
        raise InputError(f"{path}: has no training command; restore it")
    return lines[0]


def method(command: str) -> dict[str, Any]:
    """Sizes of the drawn network, from the code that builds it."""
    config = options.parse(command.split()[2:])
    regions = config.num_regions
    patches = regions * PatchUnits.FEATURES
    net = ACNN(Lite0, config.num_classes, regions, config.imagesize, False, True)
    return {
        "imagesize": config.imagesize, "regions": regions, "upper_regions": min(REGIONS), "stride": STRIDE,
        "coarse_stride": 2 * STRIDE, "trunk": "EfficientNet-Lite0", "local": Lite0.local_channels, "deep": Lite0.deep_channels,
        "fine": net.neck.conv.in_channels - 112, "coarse": 112, "patch": PatchUnits.FEATURES, "global": GlobalUnit.FEATURES,
        "patches": count(patches), "hidden": net.head[0].out_features,
        "classes": config.num_classes, "hidden_points": len(HIDDEN),
        "parameters": f"{sum(weight.numel() for weight in net.parameters()) / 1e6:.1f}",
    }  # fmt: skip


def training(command: str) -> dict[str, str]:
    """Options of the main job, as text."""
    config = options.parse(command.split()[2:])
    names = ("epochs", "batch_size", "lr", "weight_decay", "balance", "ema", "schedule")
    changes = {
        "turn": math.degrees(augment.TURN),
        "shift": 100 * augment.SHIFT,
        "scale": 100 * augment.SCALE,
        "light": 100 * augment.BRIGHTNESS,
    }
    return ({name: f"{getattr(config, name)}" for name in names} | {name: f"{change:.0f}" for name, change in changes.items()}
            | {"command": command})  # fmt: skip


def masks() -> dict[str, Any]:
    """Kinds of masks and their groups."""
    words = {name: [kind_name(kind) for kind in kinds] for name, kinds in GROUPS.items()}
    return {"kinds": len(KINDS), "seen": len(GROUPS["seen"]), "unseen": len(GROUPS["unseen"]), "unseen_names": words["unseen"],
            "low_names": words["low"], "invented": len(GROUPS["invented"]), "second": kind_name(SECOND)}  # fmt: skip


def benchmark_tables(path: Path) -> dict[str, list[dict[str, str]]]:
    """Tables of benchmarks/README.md by the name of their section; a section without a table is left out."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = {}
    for name, body in re.findall(r"<!-- (\w+ [cg]pu) -->(.*?)<!-- end of \1 -->", text, re.DOTALL):
        lines = [
            [cell.strip() for cell in line.strip()[1:-1].split("|")]
            for line in body.splitlines()
            if line.startswith("|")
        ]
        if len(lines) > 2:
            found[name] = [first_of(lines[0], line) for line in lines[2:]]
    return found


def first_of(titles: list[str], cells: list[str]) -> dict[str, str]:
    """Cells by title; of two with one title the first."""
    return dict(reversed([*zip(titles, cells, strict=True)]))


def network_speeds(benchmarks: dict[str, list[dict[str, str]]]) -> list[list[str]]:
    """Rows: network, size, work and speed of each network, in the numbers that train fastest on a CPU."""
    wanted = {"lite0": "fp32", "vgg16": "bf16"}
    columns = ("parameters (M)", "inference (GFLOP a face)", "training (images/s)", "inference (images/s)")
    return [
        [tables.network(row), row["numbers"], *(row[column] for column in columns)]
        for name in ("model_speed_lite0 cpu", "model_speed_vgg16 cpu") for row in benchmarks.get(name, [])
        if row["numbers"] == wanted[row["backbone"]]
    ]  # fmt: skip


def machine(path: Path, *sections: str) -> str | None:
    """Where the CPU's figures of these tables of benchmarks/README.md were measured; None where no table says."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = {}
    for name in sections:
        part = text.partition(f"<!-- {name} -->")[2].partition("<!-- end")[0]
        if line := re.search(r"^(.*\bcores), load.*?, (Python .*)\.$", part, re.MULTILINE):
            found[f"{line[1]}, {line[2]}"] = None
    return "; ".join(found) or None


def gpu(path: Path, section: str) -> str | None:
    """The GPU that a table of benchmarks/README.md was measured on; None where there is no table."""
    part = path.read_text(encoding="utf-8").partition(f"<!-- {section} -->")[2].partition("<!-- end")[0]
    line = re.search(r"^([^,\n]+), Python .*torch", part, re.MULTILINE)
    return line and line[1]


def other_versions(study: dict, pinned: dict[str, str]) -> str:
    """Networks that were computed with another torch than the pinned one, and with which."""
    found: dict[str, dict[str, None]] = {}
    for cell in study["cells"]:
        used = cell.get("software") or {}
        if "torch" in used and used["torch"].split("+")[0] != pinned["torch"]:
            found.setdefault(f"Python {used['python']} and torch {used['torch']}", {})[tables.network(cell)] = None
    return "; ".join(
        f"{listing([*names])} {'was' if len(names) == 1 else 'were'} computed with {used}"
        for used, names in found.items()
    )


def versions(path: Path) -> dict[str, str]:
    """Pinned versions of requirements.txt."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)
