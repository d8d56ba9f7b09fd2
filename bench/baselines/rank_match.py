"""Match ranks with stable sorts in torch."""

from __future__ import annotations

import torch


def rank_match(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """source, target: (n,) -> (n,), the values of ``source`` in the order of ``target``."""
    matched = torch.empty_like(target)
    matched[torch.argsort(target, stable=True)] = torch.sort(source).values
    return matched
