"""Prose that states speeds, from the tables of benchmarks/README.md."""

from __future__ import annotations


def networks(benchmarks: dict[str, list[dict[str, str]]], gpu: str | None = None) -> str:
    """What benchmarks/README.md says of training beside the original's structure, and of answers for one face."""
    rows = {(row["network"], row["numbers"]): row for row in benchmarks.get("acnn_speed cpu", [])}
    fast, half = rows.get(("ours", "fp32")), rows.get(("ours", "bf16"))
    text = ""
    if fast and half:
        text = (f"On a CPU a gACNN-VGG16 of the original’s 20 regions trains {fast['times the original']} times as fast as in the original’s structure in single precision, and "
                f"{half['times the original']} times with bfloat16")  # fmt: skip
        there = {
            (row["network"], row["numbers"]): row["times the original"] for row in benchmarks.get("acnn_speed gpu", [])
        }
        text += (
            f"; on an {gpu} {there['ours', 'fp32']} (convolutions in TF32) and {there['ours', 'bf16']} times."
            if gpu and there
            else "."
        )
    engines = {row["engine"]: row for row in benchmarks.get("onnx_speed cpu", [])}
    if "ONNX Runtime fp32" in engines:
        text += f" In ONNX Runtime gACNN-Lite0 answers for one face in {engines['ONNX Runtime fp32']['one face, median (ms)']} ms."
    return text


def mask_cost(benchmarks: dict[str, list[dict[str, str]]]) -> str:
    """Time of a training step with a new mask on each face, beside one without."""
    steps = {row["faces"]: row["step (ms)"] for row in benchmarks.get("mask_training cpu", [])}
    if not steps:
        return ""
    return f"Drawing a new mask on each face of a batch takes a whole step of training, loading included, from {steps['bare']} to {steps['masks (seen)']} ms on a CPU."
