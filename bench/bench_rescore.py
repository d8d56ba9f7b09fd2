"""Re-scoring of a full-size set by its neighbors, against the published way: the whole product, masked row by row.

The target is below 1: ours decides neighbors in float64, so that every search and machine takes the same ones, and
the whole stage takes milliseconds.
"""

import torch
from contest import Sides, contest

from musc2.ops import rescore


def published(features: torch.Tensor, scores: torch.Tensor, windows: tuple[int, ...]) -> torch.Tensor:
    scores = (scores - scores.min()) / (scores.max() - scores.min())
    similarity, means = features @ features.T, []
    for k in windows:
        weight = torch.zeros_like(similarity)
        for row, kept in zip(weight, similarity, strict=True):
            best = kept.topk(k).indices
            row[best] = kept[best]
        means.append((weight / weight.sum(1, keepdim=True)) @ scores)
    return torch.stack(means).mean(0)


def prepare() -> Sides:
    generator = torch.Generator().manual_seed(0)
    features = torch.nn.functional.normalize(torch.rand(1000, 768, generator=generator), dim=-1)
    scores = torch.rand(1000, generator=generator)
    return Sides(
        ours=lambda: rescore(features, scores, (1, 7), published=True),
        baseline=lambda: published(features, scores, (1, 7)),
        check=lambda ours, baseline: torch.testing.assert_close(ours, baseline, rtol=1e-4, atol=1e-5),
    )


test_rescore = contest("rescore 1000x768", target=0.3, prepare=prepare)
