"""Scores at points and the layers of maps, docs/method/algorithm.md section 7.

``musc2.maps`` renders the maps themselves, when they are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch

from musc2 import ops
from musc2.cloud import Cloud, center_points
from musc2.maps import PointLayer


def point_scores(scores: torch.Tensor, clouds: Sequence[Cloud]) -> list[torch.Tensor]:
    """scores: (N, G) at the centers -> N vectors (P,).

    Each point takes the inverse-distance mean of its 3 nearest centers.
    """
    groups = scores.shape[1]
    lengths = [len(cloud.points) for cloud in clouds]
    spread = ops.spread_points(
        torch.cat([cloud.points for cloud in clouds]).to(scores.device),
        center_points(clouds).to(scores.device),
        scores.flatten(),
        offsets=[0, *accumulate(lengths)],
        center_offsets=list(range(0, groups * len(clouds) + 1, groups)),
    )
    return list(torch.split(spread, lengths))


def point_layer(
    scores: list[torch.Tensor],
    clouds: Sequence[Cloud],
    *,
    sigma: float = 4.0,
    quantized: bool = False,
) -> PointLayer:
    """scores: (P,) per sample -> what its map is rendered from. Clouds must have pixels."""
    pixels, sizes = [], []
    for cloud in clouds:
        if cloud.pixels is not None and cloud.size is not None:
            pixels.append(cloud.pixels)
            sizes.append(cloud.size)
    return PointLayer(scores=scores, pixels=pixels, sizes=sizes, sigma=sigma, quantized=quantized)


def scatter(values: torch.Tensor, rows: torch.Tensor | None, count: int) -> torch.Tensor:
    """values: (P,) of the points ``rows`` of a cloud -> (count,), 0 at the others."""
    scattered = torch.zeros(count)
    scattered[slice(None) if rows is None else rows] = values
    return scattered
