"""Which other parts a part is compared with, where these are not all others.

A table (N, K) int64 lists the partners of each of N samples: numbers below N are samples, those
from N on references, -1 is none. A part itself and its copies are never listed, unless it has no
other partner.
"""

from __future__ import annotations

import numpy as np
import torch

from musc2.by_modality import ByModality
from musc2.ops._support import similar_samples
from musc2.ops._support.magnitude import unit
from musc2.stages.mutual import Features

_SPARE = 16  # proposals of the search beyond those needed, which exact similarities decide among


def random_partners(
    samples: int, references: int, count: int, seed: int, copies: torch.Tensor | None
) -> torch.Tensor | None:
    """Return ``count`` random partners of each sample; None if these are all others.

    All parts sit around a table in random order, and a part is compared with those next to it, as
    many on either side. So a pair serves both parts, and any set of partners of a part is as likely
    as any other. copies: (N, N + R) bool.
    """
    total = samples + references
    if count >= total - 1:
        return None
    order = torch.from_numpy(np.random.default_rng(seed).permutation(total))
    seats = torch.empty_like(order)
    seats[order] = torch.arange(total)
    needed = min(count + _most_copies(copies), total - 1)
    steps = torch.arange(2, needed + 2) // 2
    steps[1::2] *= -1  # 1, -1, 2, -2, ...
    return _without_copies(order[(seats[:samples, None] + steps) % total], count, copies)


def similar_partners(
    features: ByModality[Features], count: int, copies: torch.Tensor | None
) -> torch.Tensor | None:
    """Return the ``count`` most similar parts of each sample; None if these are all others.

    Parts are compared by their mean feature, that of each modality of length 1.
    """
    means = torch.cat(list(map(_mean_features, features.values())), dim=1)
    samples, total = len(features.values()[0].z), len(means)
    if count >= total - 1:
        return None
    needed = min(count + _most_copies(copies), total - 1)
    proposed = similar_samples.propose(means, min(needed + 1 + _SPARE, total))[:samples]
    proposed = proposed.sort(1).values.cpu()
    own = torch.arange(samples)[:, None]
    exact = means.double().cpu()
    similarity = (exact[:samples, None] * exact[proposed]).sum(-1)
    similarity[proposed == own] = float("-inf")
    ranks = similarity.argsort(dim=1, descending=True, stable=True)
    return _without_copies(proposed.gather(1, ranks)[:, :needed], count, copies)


def is_partner(table: torch.Tensor) -> torch.Tensor:
    """Return (N, N) bool: which samples a table lists for each sample."""
    samples = len(table)
    listed = torch.zeros(samples, samples + 1, dtype=torch.bool)
    within = (table >= 0) & (table < samples)
    listed.scatter_(1, table.where(within, samples), value=True)
    return listed[:, :samples]


def _mean_features(part: Features) -> torch.Tensor:
    """Return (N + R, C): means over the patches, minus that of all parts, of length 1."""
    means = [part.z.float().mean(1)]
    if part.references is not None:
        means.append(part.references.float().mean(1))
    joined = torch.cat(means)
    return unit(joined - joined.mean(0))


def _most_copies(copies: torch.Tensor | None) -> int:
    return 0 if copies is None else int(copies.sum(1).max())


def _without_copies(
    candidates: torch.Tensor, count: int, copies: torch.Tensor | None
) -> torch.Tensor:
    """Return the first ``count`` candidates of each sample that are no copies, then -1."""
    if copies is None:
        return candidates[:, :count]
    is_copy = copies.cpu().gather(1, candidates)
    first = is_copy.long().argsort(dim=1, stable=True)[:, :count]
    table, is_copy = candidates.gather(1, first), is_copy.gather(1, first)
    alone = is_copy.all(1, keepdim=True)
    return table.masked_fill(is_copy & ~alone, -1)
