"""One score of a map or of a cloud's points, docs/method/algorithm.md section 7."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2._transfer import upload


def highest_mean(values: torch.Tensor, share: float = 0.0) -> torch.Tensor:
    """Return the mean of a share of the values, the highest; at least of one, so 0 is the maximum.

    >>> highest_mean(torch.tensor([1.0, 4.0, 2.0, 0.0]), 0.5)
    tensor(3.)
    """
    return highest_means(values[None], share)[0]


def highest_means(values: torch.Tensor, share: float = 0.0) -> torch.Tensor:
    """Return ``highest_mean`` of each item of values (N, ...), (N,)."""
    rows = values.flatten(1)
    count = _count(rows.shape[1], share)
    if count == 1:
        return rows.amax(1)
    return rows.topk(count, sorted=False).values.mean(1)


def highest_means_of_all(values: Sequence[torch.Tensor], share: float = 0.0) -> torch.Tensor:
    """Return ``highest_mean`` of vectors of any lengths, (N,), in a few steps for all together."""
    lengths = torch.tensor([len(own) for own in values])
    counts = torch.tensor([_count(len(own), share) for own in values])
    width, device = int(lengths.max()), values[0].device
    is_used = torch.arange(width) < lengths[:, None]
    rows = values[0].new_full((len(values) * width,), float("-inf"))
    rows[upload(is_used.flatten().nonzero()[:, 0], device)] = torch.cat(list(values))
    highest = rows.reshape(len(values), width).topk(int(counts.max())).values
    own = upload(counts, device)
    beyond = torch.arange(highest.shape[1], device=device) >= own[:, None]
    return highest.masked_fill(beyond, 0.0).sum(1) / own


def _count(length: int, share: float) -> int:
    return min(max(1, round(share * length)), length)
