"""The plain network that speed is measured against computes what ours computes."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

import models
from benchmarks import original_acnn
from models import units


def make(regions: int) -> tuple[torch.nn.Module, torch.nn.Module, torch.Tensor, torch.Tensor]:
    """Ours, its plain copy, two images and points, some of them far outside."""
    torch.manual_seed(0)
    net = models.build("gacnn", "vgg16", num_regions=regions, imagesize=224, pretrained=False)
    net = net.to(memory_format=torch.channels_last)
    for norm in (module for module in net.modules() if isinstance(module, torch.nn.BatchNorm1d)):
        norm.running_mean.uniform_(-0.1, 0.1)
        norm.running_var.uniform_(0.5, 2)
        torch.nn.init.uniform_(norm.weight, 0.5, 2)
        torch.nn.init.uniform_(norm.bias, -0.1, 0.1)
    points = torch.rand(2, 68, 2) * 224
    points[0, 48], points[1, 36] = torch.tensor([-700.0, 90.0]), torch.tensor([220.0, 900.0])
    return net, original_acnn.copy_of(net), torch.rand(2, 3, 224, 224), points


@pytest.mark.slow
@pytest.mark.parametrize(("regions", "few_cells"), [(24, 256), (20, 0)], ids=["plain-sum", "fast-sum"])
def test_equals_the_original_structure(regions, few_cells, monkeypatch):
    monkeypatch.setattr(units, "FEW_CELLS", few_cells)
    ours, plain, images, points = make(regions)
    with torch.no_grad():
        mine, theirs = ours.eval()(images, points), plain.eval()(images, points)
    assert mine.keys() - {"features"} == theirs.keys()
    for name, value in theirs.items():
        assert mine[name].shape == value.shape
        assert (mine[name] - value).abs().max() <= 1e-5 * value.abs().max(), name
    losses, grads = [], []
    for net in (ours.train(), plain.train()):
        net.head[1].p = 0.0
        loss = F.cross_entropy(net(images, points)["logits"], torch.tensor([0, 3]))
        (grad,) = torch.autograd.grad(loss, (net.backbone.local if net is ours else net.local)[0].weight)
        losses.append(loss.item())
        grads.append(grad)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    # A ReLU whose input rounds to the other side of zero changes a gradient by more than rounding does.
    assert (grads[0] - grads[1]).norm() <= 0.02 * grads[1].norm()


def test_only_what_has_a_plain_version_is_copied():
    with pytest.raises(ValueError, match="gacnn-vgg16 at 224 px"):
        original_acnn.copy_of(models.build("gacnn", "lite0", imagesize=64, pretrained=False))
