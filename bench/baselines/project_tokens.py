"""Project tokens with torch.addmm, whose last bits depend on the batch."""

from __future__ import annotations

import torch


def project_tokens(
    tokens: torch.Tensor, matrix: torch.Tensor, offset: torch.Tensor
) -> torch.Tensor:
    """tokens: (L, C), matrix: (C, D), offset: (D,) -> (L, D)."""
    return torch.addmm(offset, tokens, matrix)
