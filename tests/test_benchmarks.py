"""The benchmark scripts count right, run, and write only their own part of benchmarks/README.md."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

import pytest
import small_job
import small_weights
import torch
from torch import nn

from benchmarks import all as everything
from benchmarks import mask_speed, masks_end_to_end, model_speed, report, second_mask
from pre_processing.crop import read_image


def test_a_script_replaces_its_own_table_only(tmp_path):
    readme = tmp_path / "README.md"
    before = report.README.read_text(encoding="utf-8")
    readme.write_text(before, encoding="utf-8")
    for lines in (["first"], ["second"]):
        report.write("acnn_speed", "cpu", lines, readme)
    after = readme.read_text(encoding="utf-8")
    head, rest = before.split("<!-- acnn_speed cpu -->")
    tail = rest.split("<!-- end of acnn_speed cpu -->")[1]
    assert after == f"{head}<!-- acnn_speed cpu -->\n\nsecond\n\n<!-- end of acnn_speed cpu -->{tail}"
    with pytest.raises(ValueError, match="other cpu"):
        report.write("other", "cpu", [], readme)
    assert readme.read_text(encoding="utf-8") == after


def test_every_table_has_its_place():
    text = report.README.read_text(encoding="utf-8")
    for name in (
        "acnn_speed",
        "onnx_speed",
        "mask_training",
        *(f"model_speed_{backbone}" for backbone in ("lite0", "vgg16")),
    ):
        for kind in ("cpu", "gpu"):
            assert text.count(f"<!-- {name} {kind} -->") == text.count(f"<!-- end of {name} {kind} -->") == 1


@pytest.mark.parametrize("groups", [1, 8])
def test_operations_of_convolutions(groups):
    conv, images = nn.Conv2d(8, 8, 3, padding=1, groups=groups, bias=False), torch.rand(2, 8, 5, 5, requires_grad=True)
    forward = 2 * 2 * 8 * 5 * 5 * 9 * 8 / groups / 1e9
    assert report.gflop(lambda: conv(images)) == pytest.approx(forward)
    assert report.gflop(lambda: conv(images).sum().backward()) == pytest.approx(3 * forward)


def test_steps_take_turns_and_the_first_round_does_not_count():
    order = []
    found = report.in_turns({name: lambda name=name: order.append(name) for name in "ab"}, 3, "cpu")
    assert order == list("ab" * 4)
    assert found.keys() == {"a", "b"}


def test_a_training_step_changes_every_weight_and_inference_none():
    args = model_speed.parse(["--backbone", "lite0", "--imagesize", "64", "-b", "3", "--device", "cpu"])
    net = model_speed.make("gacnn", args)
    train, infer = model_speed.make_steps(net, args)
    before = {name: weight.detach().clone() for name, weight in net.named_parameters()}
    infer("bf16")
    assert all(torch.equal(weight, before[name]) for name, weight in net.named_parameters())
    for precision in report.DTYPES:
        train(precision)
    assert [name for name, weight in net.named_parameters() if torch.equal(weight, before[name])] == []


def test_all_scripts_are_there(tmp_path):
    args = Namespace(write=True, quick=False, threads=2, device=None, checkpoint=tmp_path / "best.pt")
    commands = everything.commands(args, ["--DB", "F"])
    assert len(commands) == len(everything.SCRIPTS) + 2
    for command in commands:
        assert Path(command[1]).is_file()
        assert "--write" in command
    assert all(command[-2:] == ["--DB", "F"] for command in commands[-2:])


def test_networks_are_measured_in_turns_with_large_products():
    order = []
    found, ceilings = report.beside_ceiling({"step": lambda: order.append("step")}, ["fp32"], 2, "cpu")
    assert len(order) == 3
    assert list(found) == ["step"]
    highest, told = report.fastest([{"fp32": 1.0}, ceilings])
    assert highest["fp32"] == max(1.0, ceilings["fp32"]) > 1
    assert told.startswith("Fastest matrix product")


def test_photos_are_masked_as_the_command_does_and_small_ones_are_not_enlarged(tmp_path):
    options = masks_end_to_end.build_parser().parse_args(["-n", "1"])
    files = masks_end_to_end.draw_demo(tmp_path, 2, 240)
    row = dict(zip(masks_end_to_end.TITLES, masks_end_to_end.measure("drawn", files, options), strict=True))
    assert (row["n"], row["long side (px)"], row["masks"], row["with a mask (%)"]) == ("2", "240", "2", 100)
    assert 0 < row["photos/s"] < 1000 / row["fit (ms)"]
    for side, expected in ((120, 120), (350, 240)):
        (tmp_path / str(side)).mkdir()
        assert {max(read_image(file).shape) for file in masks_end_to_end.shrink(files, tmp_path / str(side), side)} == {
            expected
        }


def test_masks_a_second_are_written_where_the_table_is(tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- mask_speed cpu -->\nold\n<!-- end of mask_speed cpu -->\n")
    monkeypatch.setattr(report.write, "__defaults__", (readme,))
    command = ["--faces", "1", "--sizes", "48", "--repeats", "1", "--kind", "kn95,bandana", "--write"]
    assert mask_speed.main(command) == 0
    text = readme.read_text()
    assert re.search(r"\| kn95 \| \d+ \|\n\| bandana \| \d+ \|", text)
    assert f"`python benchmarks/mask_speed.py {' '.join(command)}`" in text
    assert "old" not in text


def test_a_second_mask_is_measured_on_every_face_of_valid(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(small_job.make_job(tmp_path))
    weights = small_weights.ship(tmp_path / "weights") / "gacnn-lite0-7.safetensors"
    assert second_mask.main(["--root_path", "data/faces", "--weights", str(weights)]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0].strip("| ") for row in rows] == list(second_mask.KINDS)
    for row in rows:
        assert int(row[1]) == small_job.COUNTS["valid"]
        assert all(0 <= float(cell.strip("| ")) <= 100 for cell in row[2:])
        assert len(row) == len(second_mask.TITLES)
    assert second_mask.main(["--root_path", "nowhere"]) == 2


def test_no_share_of_a_ceiling_that_counts_in_other_numbers():
    ceilings = {"fp32": 20.0, "bf16": 40.0}
    shares = [
        report.of_ceiling(10.0, ceilings, precision, device) for device in ("cpu", "cuda") for precision in ceilings
    ]
    assert shares == [50.0, 25.0, None, 25.0]  # convolutions on a GPU are computed in TF32, unless one asks for fp32
