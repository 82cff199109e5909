"""A trained network in PyTorch and in ONNX Runtime: ``python benchmarks/onnx_speed.py CHECKPOINT --root_path data/ferplus``.

Further options are those of main_trainer.py and say which faces. int8 is static quantisation, calibrated on faces of the
training list; accuracy is measured on the validation list, which no network here was trained on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime import quantization
from onnxruntime.quantization import shape_inference

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import report
from training import batches, checkpoint, data, engine, export, options, selection

TITLES = ["engine", "file (MB)", "images/s", "one face, median (ms)", "one face, 95th percentile (ms)",
          "accuracy on validation (%)", "difference (points)", "largest difference of logits"]  # fmt: skip
HELD = 0.5  # points of accuracy that int8 may cost


class Calibration(quantization.CalibrationDataReader):
    """Faces one at a time, as the quantiser asks for them."""

    def __init__(self, faces: data.Faces, count: int) -> None:
        chosen = np.linspace(0, len(faces) - 1, count).astype(int)
        self.feeds = iter([to_feed(faces[i]["image"][None], faces[i]["points"][None]) for i in chosen.tolist()])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.feeds, None)


def parse(argv: list[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--batch", type=int, default=64, help="faces a batch")
    parser.add_argument("--calibrate", type=int, default=300, help="faces that int8 is calibrated on")
    parser.add_argument("--singles", type=int, default=200, help="faces whose latency is taken")
    report.add_options(parser, rounds=10)
    return parser.parse_known_args(argv)


def to_feed(images: torch.Tensor, points: torch.Tensor) -> dict[str, np.ndarray]:
    """What an engine takes; grey faces come in one channel."""
    return {"images": images.expand(-1, 3, -1, -1).numpy().astype(np.float32) / 255, "points": points.numpy()}


def quantise(source: Path, path: Path, faces: data.Faces, count: int) -> None:
    """Convolutions but the first, and matrix products, in int8: weights a channel, activations a tensor.

    The first convolution alone would cost 2.6 points on FER+, and saves no time.
    """
    prepared = source.with_name("prepared.onnx")
    shape_inference.quant_pre_process(source, prepared, skip_symbolic_shape=True)
    first = next(node.name for node in onnx.load(prepared).graph.node if node.op_type == "Conv")
    quantization.quantize_static(
        prepared, path, Calibration(faces, count), per_channel=True, nodes_to_exclude=[first],
        op_types_to_quantize=["Conv", "MatMul", "Gemm"],
        activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
    )  # fmt: skip


def session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = threads, 3
    # Idle threads would otherwise spin for some time after a call, on the cores that the engine after it needs.
    settings.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])


def engines(net: torch.nn.Module, files: dict[str, Path], args: argparse.Namespace) -> dict[str, Callable]:
    """Name -> function from a feed to logits (B, K)."""

    @torch.inference_mode()
    def pytorch(precision: str, feed: dict[str, np.ndarray]) -> np.ndarray:
        images = torch.from_numpy(feed["images"]).to(args.device).contiguous(memory_format=torch.channels_last)
        with report.autocast(args.device, precision):
            return net(images, torch.from_numpy(feed["points"]).to(args.device))["logits"].float().cpu().numpy()

    def onnx_runtime(opened: onnxruntime.InferenceSession, feed: dict[str, np.ndarray]) -> np.ndarray:
        return opened.run(["logits"], feed)[0]

    found = {f"PyTorch {precision}": partial(pytorch, precision) for precision in report.DTYPES}
    return found | {
        f"ONNX Runtime {name}": partial(onnx_runtime, session(path, args.threads)) for name, path in files.items()
    }


def feeds_of(faces: data.Faces, size: int) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """(feed, labels) of each batch."""
    for batch in batches.evaluation_loader(faces, size, 0):
        yield to_feed(batch["image"], batch["points"]), batch["label"].numpy()


def measure(found: dict[str, Callable], faces: data.Faces, args: argparse.Namespace) -> dict[str, list[float]]:
    """Columns of the table from images/s on, a list for each engine."""
    logits: dict[str, list[np.ndarray]] = {name: [] for name in found}
    labels, first_feed = [], None
    for feed, label in feeds_of(faces, args.batch):
        labels.append(label)
        first_feed = first_feed or feed
        for name, run_it in found.items():
            logits[name].append(run_it(feed))
    answers, truth = {name: np.concatenate(parts) for name, parts in logits.items()}, np.concatenate(labels)
    rates = report.in_turns({n: partial(run_it, first_feed) for n, run_it in found.items()}, args.rounds, args.device)
    single: dict[str, list[float]] = {name: [] for name in found}
    for i in range(args.singles + 10):
        one = {key: value[i % len(value)][None] for key, value in first_feed.items()}
        for name, run_it in found.items():
            single[name].append(report.seconds(partial(run_it, one), args.device))
    first = next(iter(found))
    right = {name: 100 * (answer.argmax(1) == truth).mean() for name, answer in answers.items()}
    return {
        name: [len(first_feed["images"]) / rates[name], 1000 * np.median(single[name][10:]),
               1000 * np.percentile(single[name][10:], 95), right[name], right[name] - right[first],
               np.abs(answers[name] - answers[first]).max()]
        for name in found
    }  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    args, more = parse(argv)
    torch.set_num_threads(args.threads)
    engine.keep_freed_memory()
    net = checkpoint.tested_network(args.checkpoint, checkpoint.load(args.checkpoint))
    given = options.parse(
        [*more, "--imagesize", str(net.config["imagesize"]), "--num_classes", str(net.config["num_classes"])]
    )
    train_faces, valid_faces = (data_of(split, given) for split in ("train", "valid"))
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.onnx" for name in ("fp32", "int8")}
        export.export(net, files["fp32"])
        quantise(files["fp32"], files["int8"], train_faces, args.calibrate)
        net = net.to(args.device, memory_format=torch.channels_last)
        found = measure(engines(net, files, args), valid_faces, args)
        sizes = {f"ONNX Runtime {name}": path.stat().st_size / 1e6 for name, path in files.items()}
    rows = [[name, sizes.get(name), *values] for name, values in found.items()]
    lost = -found["ONNX Runtime int8"][4]
    report.publish("onnx_speed", args, argv, [
        f"{net.config['model']}-{net.config['backbone']}, {net.config['imagesize']} px, batches of {args.batch} (median of "
        f"{args.rounds} rounds in turns), one face at a time ({args.singles} faces), {len(valid_faces)} faces of the "
        f"validation list; ONNX Runtime {onnxruntime.__version__} on the CPU.", "",
        *report.table(TITLES, rows), "",
        f"int8 {'holds' if lost <= HELD else 'does not hold'} accuracy within {HELD} points.",
    ])  # fmt: skip


def data_of(split: str, given: argparse.Namespace) -> data.Faces:
    """Faces as they are tested: not augmented."""
    faces = selection.faces_of(split, given)
    faces.changing = False
    return faces


if __name__ == "__main__":
    main()
