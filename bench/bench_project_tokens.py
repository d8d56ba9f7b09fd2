"""The tokens of one image, 784 x 398 to 128 numbers each, against torch.addmm, which gives other bits in batches."""

import torch
from contest import Sides, contest

from musc2.ops import project_tokens


def prepare() -> Sides:
    generator = torch.Generator().manual_seed(0)
    tokens, matrix = (torch.randn(784, 398, generator=generator), torch.randn(398, 128, generator=generator))
    offset = torch.randn(128, generator=generator)
    return Sides(
        ours=lambda: project_tokens(tokens, matrix, offset),
        baseline=lambda: torch.addmm(offset, tokens, matrix),
        check=lambda ours, baseline: torch.testing.assert_close(ours, baseline, rtol=1e-4, atol=1e-3),
    )


test_project_tokens = contest("project_tokens 784x398x128, one thread", target=0.7, prepare=prepare, threads=1)
