from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import checks
from musc2.ops._support import arrays, similar_samples, threads

OP = "rescore"
_SPARE = 8  # candidates beyond the most neighbors, so that rounding in the search rarely matters
_BLOCK = 1 << 23  # float64 values that a block of rows may take


def rescore(
    features: arrays.Array,
    scores: arrays.Array,
    neighbors: Sequence[int] = (1, 7),
    *,
    min_max: bool = False,
) -> torch.Tensor:
    """Return each score averaged with those of the most similar samples (RsCon, RsCIN).

    features: (N, C) float32, scores: (N,) float32 -> (N,) float32

    For each k in ``neighbors`` a sample takes its k most similar samples (inner product, the lowest
    index first on ties, itself always among them) and the mean of their scores, weighted by the
    similarities clipped at 0; then these means are averaged. A k beyond N means all N; where all
    weights are 0 the score stays. Features are used as they are.

    min_max=True: scores are min-max scaled, similarities not clipped, and the sample itself
    counts only if it is among its k most similar. Constant scores, which cannot be scaled, stay
    as they are.

    >>> rescore(torch.eye(2), torch.tensor([0.25, 1.0]))
    tensor([0.2500, 1.0000])
    """
    vectors = arrays.finite_tensor(OP, "features", features, "N, C")
    values = arrays.finite_tensor(OP, "scores", scores, "N")
    arrays.check_same_device(OP, features=vectors, scores=values)
    if vectors.numel() == 0 or len(values) != len(vectors):
        shapes = f"{tuple(vectors.shape)} and {tuple(values.shape)}"
        requirement = "must be (N, C) and (N,), not empty"
        checks.refuse(OP, "features and scores", requirement, shapes)
    min_max = checks.switch(OP, "min_max", min_max)
    counts = [min(k, len(values)) for k in checks.wholes(OP, "neighbors", neighbors, 1)]
    with threads.serial_torch():
        index, weight = _nearest_samples(vectors, max(counts))
        exact = _scaled(values.double()) if min_max else values.double()
        means = [_mean(index[:, :k], weight[:, :k], vectors, exact, min_max) for k in counts]
        return torch.stack(means).mean(0).float()


def _mean(
    index: torch.Tensor,
    weight: torch.Tensor,
    features: torch.Tensor,
    scores: torch.Tensor,
    min_max: bool,
) -> torch.Tensor:
    if not min_max:
        index, weight = _with_itself(index, weight, features)
        weight = weight.clamp(min=0)
    total = weight.sum(1)
    mean = (weight * scores[index]).sum(1) / total.where(total != 0, total.new_ones(()))
    return mean.where(total != 0, scores)


def _with_itself(
    index: torch.Tensor, weight: torch.Tensor, features: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return neighbors and weights in which each sample that was missing comes last."""
    own = torch.arange(len(index), device=index.device)
    missing = ~(index == own[:, None]).any(1)
    index, weight = index.clone(), weight.clone()
    index[:, -1] = torch.where(missing, own, index[:, -1])
    weight[:, -1] = torch.where(missing, features.double().square().sum(-1), weight[:, -1])
    return index, weight


def _scaled(scores: torch.Tensor) -> torch.Tensor:
    low, high = scores.aminmax()
    return (scores - low) / (high - low) if high > low else scores


def _nearest_samples(features: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return index and float64 inner product (N, count) of the most similar samples, descending.

    The lowest index wins ties. A float32 search proposes candidates, float64 decides. A row whose
    left-out samples might still belong in, by the bound on the rounding of the search, is compared
    with all samples, so every search gives the same answer.
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
    """Return the products (N, K) of samples and candidates, equal for equal samples."""
    block = max(1, _BLOCK // (candidates.shape[1] * features.shape[1]))
    products = features.new_empty(candidates.shape)
    for start in range(0, len(features), block):
        rows = slice(start, start + block)
        products[rows] = (features[candidates[rows]] * features[rows, None]).sum(-1)
    return products


def _among_all(
    features: torch.Tensor, rows: torch.Tensor, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the ``count`` samples most similar to ``rows``; equal samples get equal products."""
    distinct, copy_of = torch.unique(features, dim=0, return_inverse=True)
    index = rows.new_empty(len(rows), count)
    weight = features.new_empty(len(rows), count)
    block = max(1, _BLOCK // len(features))
    for start in range(0, len(rows), block):
        batch = slice(start, start + block)
        products = (features[rows[batch]] @ distinct.T)[:, copy_of]
        best, order = products.sort(dim=-1, descending=True, stable=True)
        index[batch], weight[batch] = order[:, :count], best[:, :count]
    return index, weight
