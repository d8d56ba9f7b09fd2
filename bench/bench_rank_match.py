"""All entries of one sample's 1,024 x 49 distance matrix, against the stable torch sorts that the formula asks for."""

import torch
from contest import Sides, contest

from musc2.ops import rank_match


def published(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    matched = torch.empty_like(target)
    matched[torch.argsort(target, stable=True)] = torch.sort(source).values
    return matched


def prepare() -> Sides:
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.rand(1024 * 49, generator=generator) for _ in range(2))
    return Sides(
        ours=lambda: rank_match(source, target),
        baseline=lambda: published(source, target),
        check=lambda ours, baseline: torch.testing.assert_close(ours, baseline, rtol=0, atol=0),
    )


test_rank_match = contest("rank_match 50176", target=8.0, prepare=prepare)
