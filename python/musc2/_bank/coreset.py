"""A share of each part's patches that stands for all of them."""

from __future__ import annotations

import torch

from musc2.ops._support import threads


def coresets(z: torch.Tensor, share: float) -> torch.Tensor:
    """Return the features (n, M, C) of the patches that stand for the L of each part, (n, L, C).

    M is the share of L, at least 1. Greedy: the patch farthest from the part's mean, then always
    the one that is farthest from those chosen; the lowest index wins ties.
    """
    count = max(1, round(share * z.shape[1]))
    with threads.one_thread():  # on which the last bits of sums depend
        return torch.stack([part[_greedy(part.float(), count)] for part in z])


def _greedy(features: torch.Tensor, count: int) -> torch.Tensor:
    norms = features.square().sum(1)
    distances = (features - features.mean(0)).square().sum(1)
    chosen: list[int] = []
    for _ in range(count):
        patch = int(distances.argmax())
        squares = norms + norms[patch] - 2 * (features @ features[patch])
        distances = torch.minimum(distances, squares) if chosen else squares
        distances[patch] = float("-inf")
        chosen.append(patch)
    return torch.tensor(chosen, device=features.device)
