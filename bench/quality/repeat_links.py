"""Repeated defects by a graph of images (after CoDeGraph), with p-values instead of thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from bench.quality.distances import LayerDistances

RATE = 0.01  # of false discoveries
MUTUAL = 3  # links that make an edge
LARGEST = 1 / 3  # of the images; a larger community is the normal look


@dataclass(frozen=True, kw_only=True, eq=False)
class RepeatLinks:
    """linked: (N, L, N) bool, the images that a patch is suspiciously close to."""

    linked: torch.Tensor
    alpha: float


def suspicious_links(layer: LayerDistances) -> RepeatLinks:
    """Return the links whose endurance ratio a Beta distribution does not explain."""
    from scipy.special import betainc  # of the extra "bench"

    count = len(layer.d)
    partners = count - 1
    ordered, order = layer.d.sort(-1)
    logs = ordered[..., :partners].clamp_min(1e-12).log()
    ranks = torch.arange(1, partners)
    growth = (logs[..., 1:] - logs[..., :-1]) * ranks
    half = partners // 2
    alpha = math.log(2) / float(growth[..., :half].flatten().median())
    most = max(1, int(LARGEST * partners))
    last = max(most + 1, half)
    tried = np.arange(1, most + 1)
    ratio = torch.exp(alpha * (logs[..., :most] - logs[..., last - 1 : last])).clamp(0, 1).numpy()
    p = betainc(tried, last - tried, ratio) * most
    best = p.argmin(-1)
    lowest = np.minimum(p.min(-1), 1)
    rejected = torch.from_numpy(benjamini_hochberg(lowest.ravel()).reshape(lowest.shape))
    near = torch.arange(count) <= torch.from_numpy(best)[..., None]
    linked = torch.zeros_like(near).scatter(-1, order, near & rejected[..., None])
    return RepeatLinks(linked=linked, alpha=alpha)


def benjamini_hochberg(p: np.ndarray, rate: float = RATE) -> np.ndarray:
    """Return which p-values are discoveries at a false-discovery rate."""
    order = np.argsort(p)
    passed = np.flatnonzero(p[order] <= rate * np.arange(1, len(p) + 1) / len(p))
    rejected = np.zeros(len(p), bool)
    if len(passed):
        rejected[order[: passed[-1] + 1]] = True
    return rejected


def edges(layer: LayerDistances, linked: torch.Tensor) -> torch.Tensor:
    """Return (N, N): how many links of two images are mutual."""
    a, p, b = linked.nonzero(as_tuple=True)
    q = layer.index[a, p, b].long()
    mutual = linked[b, q, a]
    weights = torch.zeros(len(linked), len(linked))
    weights.index_put_((a[mutual], b[mutual]), torch.ones(int(mutual.sum())), accumulate=True)
    return torch.minimum(weights, weights.T)


def communities(weights: torch.Tensor) -> torch.Tensor:
    """Return (N, N) bool: which other images are in the community of an image; too large: none."""
    reach = (weights >= MUTUAL) | torch.eye(len(weights), dtype=torch.bool)
    for _ in range(int(math.log2(len(weights))) + 1):
        reach = (reach.float() @ reach.float()) > 0
    sizes = reach.sum(1)
    small = (sizes > 1) & (sizes <= LARGEST * len(weights))
    return reach & small[:, None] & ~torch.eye(len(weights), dtype=torch.bool)


def left_out(layer: LayerDistances) -> torch.Tensor:
    """Return the distances without those inside the community that a patch leans on."""
    links = suspicious_links(layer)
    together = communities(edges(layer, links.linked))
    leaning = (links.linked & together[:, None]).any(-1, keepdim=True)
    return layer.d.masked_fill(leaning & together[:, None], math.inf)
