"""One score of a map or of a cloud's points, docs/method/algorithm.md section 7."""

from __future__ import annotations

import torch


def highest_mean(values: torch.Tensor, share: float = 0.0) -> torch.Tensor:
    """Return the mean of a share of the values, the highest; at least of one, so 0 is the maximum.

    >>> highest_mean(torch.tensor([1.0, 4.0, 2.0, 0.0]), 0.5)
    tensor(3.)
    """
    count = min(max(1, round(share * values.numel())), values.numel())
    if count == 1:
        return values.max()
    return values.flatten().topk(count, sorted=False).values.mean()
