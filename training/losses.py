"""What is added to the cross entropy where a face is looked at twice."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from models.regions import hidden_regions


def divergence(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Symmetric KL divergence () of the softmax of two logits (B,K), mean over both directions and the batch.

    So two looks at one thing are drawn together in R-Drop, there through dropout alone: Liang et al., "R-Drop: Regularized
    dropout for neural networks", NeurIPS 2021.
    """
    one, other = one.log_softmax(1), other.log_softmax(1)
    return ((one.exp() - other.exp()) * (one - other)).sum(1).mean() / 2


def unlikeness(own: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """How differently two networks find the faces of a batch alike, by features (B,R,F) of regions that no mask hides; ().

    For each region and face the inner products with all faces of the batch, scaled to length 1; the squared distance of
    these between the networks, mean over regions and faces: 0 to 4, in which features of other networks need no common
    axes. Similarity-preserving knowledge distillation: Tung, Mori, ICCV 2019, with the mean over faces for 1/B^2.
    """
    seen = [index for index, hidden in enumerate(hidden_regions(own.shape[1])) if not hidden]
    rows = [part[:, seen].float().transpose(0, 1) for part in (own, taught)]
    one, other = (normalize(part @ part.mT, dim=2) for part in rows)
    return (one - other).square().sum(2).mean()
