"""An exported network computes what the trained one does, for any number of faces, in one file."""

from __future__ import annotations

import json

import onnxruntime
import pytest
import torch
from small_weights import LATER, content_of

import models
from training import checkpoint, export

CONFIG = {"backbone": "lite0", "num_classes": 7, "num_regions": 20, "imagesize": 64}


@pytest.fixture
def trained(tmp_path):
    """A checkpoint of a network whose statistics are not those of the start: (path, network)."""

    def make(model: str, **more):
        torch.manual_seed(0)
        net = models.build(model, **CONFIG, pretrained=False)
        with torch.no_grad():
            for _ in range(3):
                net.train()(torch.rand(4, 3, 64, 64), torch.rand(4, 68, 2) * 64)
        path = tmp_path / "best.pt"
        checkpoint.save(path, content_of(net, **more))
        return path, net.eval()

    return make


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gacnn", "pacnn", "cnn"])
def test_onnxruntime_agrees_for_any_number_of_faces(trained, tmp_path, model):
    path, net = trained(model)
    assert export.main([str(path), str(tmp_path / "net.onnx")]) == 0
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert (
        names == {"gacnn": ["logits", "gates", "global_gate"], "pacnn": ["logits", "gates"], "cnn": ["logits"]}[model]
    )
    for faces in (1, 2, 9, 40):
        images, points = torch.rand(faces, 3, 64, 64), torch.rand(faces, 68, 2) * 100 - 18  # some outside
        with torch.no_grad():
            expected = net(images, points)
        feed = {"images": images.numpy()} | ({"points": points.numpy()} if model != "cnn" else {})
        found = dict(zip(names, session.run(None, feed), strict=True))
        for name in names:
            assert found[name].shape == expected[name].shape
            assert abs(torch.from_numpy(found[name]) - expected[name]).max() <= 1e-4
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["config"]) == net.config
    assert json.loads(metadata["emotions"])[:2] == ["Neutral", "Happy"]


def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, capsys):
    (tmp_path / "x.pt").write_text("no checkpoint")
    assert export.main([str(tmp_path / "x.pt"), str(tmp_path / "net.onnx")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "net.onnx").exists()


def test_another_epoch_than_the_best_is_not_exported(trained, tmp_path, capsys):
    path, _ = trained("cnn", **LATER)
    assert export.main([str(path), str(tmp_path / "net.onnx")]) == 2
    assert "give the best.pt beside it" in capsys.readouterr().err
    assert not (tmp_path / "net.onnx").exists()


def test_nothing_but_an_onnx_file_is_replaced(trained, tmp_path, capsys):
    path, _ = trained("cnn")
    before = path.read_bytes()
    assert export.main([str(path), str(path)]) == 2
    assert "best.pt: give a name that ends in .onnx" in capsys.readouterr().err
    assert path.read_bytes() == before
