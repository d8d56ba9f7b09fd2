"""Average the lowest distances with torch.topk."""

from __future__ import annotations

import torch


def lowest_mean(d: torch.Tensor, count: int) -> torch.Tensor:
    """d: (..., R) -> (...), the mean of the ``count`` lowest."""
    return d.topk(count, dim=-1, largest=False).values.mean(-1)
