"""Prose from the tables of benchmarks/README.md: speeds, and what points found behind a mask are worth."""

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
    return f"A new mask on each face of a batch lengthens a training step, loading included, from {steps['bare']} to {steps['masks (seen)']} ms on a CPU."


def found_points(benchmarks: dict[str, list[dict[str, str]]]) -> str:
    """What unseen kinds and a second mask over them come to with points that were found behind the mask."""
    row = next((row for row in benchmarks.get("second_mask cpu", []) if row["masks"] == "unseen"), None)
    if row is None:
        return ""
    worn, over = (
        {who: float(row[f"{who}: {what}"]) for who in ("study", "predict.py")} for what in ("as worn", "second over it")
    )
    gains = {who: f"{over[who] - worn[who]:.1f}" for who in worn}
    return (f"With points found behind the mask, in the bare face’s box, the shipped network recognises {worn['predict.py']}, not {worn['study']}\u202f% of {row['n']} faces of Valid "
            f"behind unseen kinds, and a second mask adds {gains['predict.py']}, not {gains['study']} points.")  # fmt: skip
