from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2.errors import InputError
from musc2.ops._support import arrays, similar_samples, threads

_SPARE = 8  # candidates beyond the largest number of neighbors, so that rounding in the search rarely matters
_BLOCK = 1 << 23  # float64 values that a block of rows may take


def rescore(
    features: arrays.Array, scores: arrays.Array, neighbors: Sequence[int] = (1, 7), *, min_max: bool = False
) -> torch.Tensor:
    """features: (N, C) float32, scores: (N,) float32 -> (N,) float32, each score averaged with those of its neighbors.

    For each window k a sample takes its k most similar samples (inner product, lowest index first on ties, itself
    always among them) and the mean of their scores, weighted by the similarities clipped at 0; neighbors are then
    averaged. A window beyond N means all N; where all weights are 0 the score stays. Features are used as they are.

    ``min_max=True``: scores are min-max scaled, similarities not clipped, and the sample itself counts only if it is
    among its k best. Constant scores, which cannot be scaled, stay as they are.

    >>> rescore(torch.eye(2), torch.tensor([0.25, 1.0]))
    tensor([0.2500, 1.0000])
    """
    values = arrays.finite("rescore", "features", arrays.tensor("rescore", "features", features, "N, C"))
    own = arrays.finite("rescore", "scores", arrays.tensor("rescore", "scores", scores, "N"))
    arrays.check_same_device("rescore", features=values, scores=own)
    if values.numel() == 0 or len(own) != len(values):
        msg = (
            f"rescore: features and scores must be (N, C) and (N,), not empty, got {tuple(values.shape)} and {len(own)}"
        )
        raise InputError(msg)
    if isinstance(neighbors, int) or len(neighbors) == 0:
        msg = f"rescore: neighbors must be a sequence of whole numbers, at least one, got {neighbors!r}"
        raise InputError(msg)
    sizes = [min(arrays.whole("rescore", "neighbors", count, 1), len(own)) for count in neighbors]
    with threads.serial_torch():
        index, weight = _nearest_samples(values, max(sizes))
        exact = _scaled(own.double()) if min_max else own.double()
        means = [_window_mean(index[:, :k], weight[:, :k], values, exact, min_max) for k in sizes]
        return torch.stack(means).mean(0).float()


def _window_mean(
    index: torch.Tensor, weight: torch.Tensor, features: torch.Tensor, scores: torch.Tensor, min_max: bool
) -> torch.Tensor:
    if not min_max:
        itself = torch.arange(len(index), device=index.device)
        missing = ~(index == itself[:, None]).any(1)
        index, weight = index.clone(), weight.clone()
        index[missing, -1] = itself[missing]
        weight[missing, -1] = features[missing].double().square().sum(-1)
        weight = weight.clamp(min=0)
    total = weight.sum(1)
    mean = (weight * scores[index]).sum(1) / total.where(total != 0, total.new_ones(()))
    return mean.where(total != 0, scores)


def _scaled(scores: torch.Tensor) -> torch.Tensor:
    low, high = scores.aminmax()
    return (scores - low) / (high - low) if high > low else scores


def _nearest_samples(features: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Index and float64 inner product (N, count) of the most similar samples, descending, lowest index on ties.

    A float32 search proposes candidates, float64 decides. A row whose left-out samples might still belong in, by the
    bound on the search's rounding, is compared with all samples, so every search gives the same answer.
    """
    proposed = min(count + _SPARE, len(features))
    largest = features.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    candidates = similar_samples.propose(features / largest, proposed).sort(-1).values
    exact = features.double()
    products = _products(exact, candidates)
    weight, order = products.sort(dim=-1, descending=True, stable=True)
    index = candidates.gather(1, order)
    if proposed < len(features):
        norm = exact.norm(dim=-1)
        rounding = similar_samples.rounding(features) * norm * norm.max()
        unsure = (weight[:, count - 1] - weight[:, -1] <= rounding).nonzero()[:, 0]
        index, weight = index[:, :count], weight[:, :count]
        if len(unsure):
            index[unsure], weight[unsure] = _among_all(exact, unsure, count)
    return index[:, :count], weight[:, :count]


def _products(features: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """Inner products (N, K) of each sample with its candidates, in blocks. Equal samples get equal products."""
    block = max(1, _BLOCK // (candidates.shape[1] * features.shape[1]))
    products = features.new_empty(candidates.shape)
    for start in range(0, len(features), block):
        part = slice(start, start + block)
        products[part] = (features[candidates[part]] * features[part, None]).sum(-1)
    return products


def _among_all(features: torch.Tensor, rows: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``count`` most similar of all samples for the given rows; equal samples get equal products."""
    distinct, copy_of = torch.unique(features, dim=0, return_inverse=True)
    index = rows.new_empty(len(rows), count)
    weight = features.new_empty(len(rows), count)
    block = max(1, _BLOCK // len(features))
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        products = (features[rows[part]] @ distinct.T)[:, copy_of]
        best, order = products.sort(dim=-1, descending=True, stable=True)
        index[part], weight[part] = order[:, :count], best[:, :count]
    return index, weight
