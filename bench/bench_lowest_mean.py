"""The mean of the lowest 30 %, for every patch of a full-size set, against torch.topk."""

import torch
from contest import Sides, contest

from musc2.ops import lowest_mean


def prepare() -> Sides:
    d = torch.rand(50, 784, 50, generator=torch.Generator().manual_seed(0))
    d[torch.arange(50), :, torch.arange(50)] = float("inf")
    return Sides(
        ours=lambda: lowest_mean(d),
        baseline=lambda: d.topk(14, dim=-1, largest=False).values.mean(-1),
        check=lambda ours, baseline: torch.testing.assert_close(ours, baseline),
    )


test_lowest_mean = contest("lowest_mean 50x784x50", target=5.0, prepare=prepare)
