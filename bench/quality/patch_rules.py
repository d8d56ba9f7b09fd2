"""Rules that turn the distances of a set into scores (N, L) of its patches."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from bench.quality import repeat_links
from bench.quality.distances import Distances, LayerDistances
from musc2 import ops
from musc2.by_modality import ByModality
from musc2.stages import layers as layer_stage

LayerRule = Callable[[LayerDistances], torch.Tensor]
SHARE = 0.3


def flat(share: float) -> LayerRule:
    """Return the rule of the mean of the lowest distances."""
    return lambda layer: ops.lowest_mean(layer.d, (0.0, share))


def memories(size: int) -> LayerRule:
    """Return the expectation of the minimum over random memories of ``size`` other parts."""

    def scores(layer: LayerDistances) -> torch.Tensor:
        partners = len(layer.d) - 1
        total = math.comb(partners, size)
        ranks = range(1, partners - size + 2)
        weights = torch.tensor([math.comb(partners - rank, size - 1) / total for rank in ranks])
        return layer.d.sort(-1).values[..., : len(weights)] @ weights

    return scores


def similar(share: float) -> LayerRule:
    """Return the rule that only the most similar parts, by the mean of all distances, count."""

    def scores(layer: LayerDistances) -> torch.Tensor:
        between = layer.d.mean(1)
        count = max(1, int(share * len(between)))
        far = torch.ones_like(between, dtype=torch.bool)
        far.scatter_(1, (between + between.T).topk(count, largest=False).indices, False)
        return ops.lowest_mean(layer.d.masked_fill(far[:, None], math.inf), (0.0, SHARE))

    return scores


def difference_norm(layer: LayerDistances) -> torch.Tensor:
    """Return the norm of the mean difference to the matches in the nearest parts."""
    count = max(1, int((len(layer.d) - 1) * SHARE))
    parts = layer.d.topk(count, largest=False, dim=-1).indices
    patches = layer.index.gather(-1, parts).long()
    norms = []
    for own, near, patch in zip(layer.z, parts, patches, strict=True):
        norms.append((own[:, None] - layer.z[near, patch]).mean(1).norm(dim=-1))
    return torch.stack(norms)


def principal(variance: float) -> LayerRule:
    """Return the rule of the squared residual beyond the main components of all patches."""

    def scores(layer: LayerDistances) -> torch.Tensor:
        z = layer.z.flatten(0, 1).double()
        z = z - z.mean(0)
        values, vectors = torch.linalg.eigh(z.T @ z)
        shares = values.flip(0).cumsum(0) / values.sum()
        basis = vectors.flip(1)[:, : int((shares < variance).sum()) + 1]
        residual = z.square().sum(1) - (z @ basis).square().sum(1)
        return residual.clamp(min=0).reshape(layer.z.shape[:2]).float()

    return scores


def without_repeats(layer: LayerDistances) -> torch.Tensor:
    """Return the lowest mean without the community of parts with the same defect."""
    return ops.lowest_mean(repeat_links.left_out(layer), (0.0, SHARE))


def fused(distances: Distances, rule: LayerRule, fusion: str = "mean") -> torch.Tensor:
    """Return the scores (N, L) of all layers by a rule of ``stages.layers``."""
    scored = [ByModality(image=rule(layer)) for layer in distances.layers]
    rules = ByModality(image=fusion)
    scores = layer_stage.together(scored, rules, layer_stage.units(scored)).image
    if scores is None:
        msg = "fused: no scores"
        raise ValueError(msg)
    return scores


def without_worst(distances: Distances, share: float) -> torch.Tensor:
    """Return the scores of a second pass, in which the most anomalous parts are no references."""
    peaks = fused(distances, flat(SHARE)).amax(1)
    dropped = torch.zeros(len(peaks), dtype=torch.bool)
    dropped[peaks.topk(round(share * len(peaks))).indices] = True

    def second(layer: LayerDistances) -> torch.Tensor:
        return ops.lowest_mean(layer.d.masked_fill(dropped, math.inf), (0.0, SHARE))

    return fused(distances, second)


def blended(distances: Distances, variance: float) -> torch.Tensor:
    """Return the mean of the ranks of the lowest mean and of the principal residual."""
    total = torch.zeros(())
    for rule in (flat(SHARE), principal(variance)):
        scores = fused(distances, rule)
        total = total + scores.flatten().argsort().argsort().reshape(scores.shape).float()
    return total / 2
