"""The ops on point groups, for 64 samples with 1,024 groups each: pool_centers, spread_points, link_patches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from gpu.bench import Bench
from gpu.points import EXACT, batch, offsets_of

from bench_pool_centers import published as pooled
from musc2 import ops

SIDE, GRID, CHANNELS = 224, 28, 384


def works(bench: Bench) -> Iterator[Callable[[], dict[str, Any]]]:
    """What to measure: each gives its record."""
    clouds = batch(bench, shuffled=False)
    chosen = ops.farthest_points(clouds.flatten(0, 1), 1024, offsets=offsets_of(clouds)).long()
    centers = torch.stack([cloud[own] for cloud, own in zip(clouds, chosen, strict=True)])
    yield partial(pool, bench, centers)
    yield partial(spread, bench, clouds, centers)
    yield partial(link, bench, len(clouds))


def pool(bench: Bench, centers: torch.Tensor) -> dict[str, Any]:
    """A quarter of the centers curved, against the published formula in torch, a sample after the other."""
    samples, count, _ = centers.shape
    generator = torch.Generator().manual_seed(0)
    tokens = torch.nn.functional.normalize(torch.randn(samples, count, CHANNELS, generator=generator), dim=-1)
    tokens, curvature = tokens.to(bench.device), torch.linspace(0, 0.0133, count).to(bench.device)
    packed = (tokens.flatten(0, 1), centers.flatten(0, 1), curvature.repeat(samples))

    def ours() -> torch.Tensor:
        return ops.pool_centers(*packed, offsets=offsets_of(centers))

    def published() -> torch.Tensor:
        return torch.cat([pooled(own, places, curvature) for own, places in zip(tokens, centers, strict=True)])

    _check_most(ours(), published(), rtol=1e-4, atol=1e-6)
    name = f"pool_centers {samples} x {count}x{CHANNELS} degrees 1 3 5"
    return bench.contest(name, ours, {"cdist and topk": published})


def spread(bench: Bench, clouds: torch.Tensor, centers: torch.Tensor) -> dict[str, Any]:
    """Against the published formula in torch, a sample after the other."""
    values = torch.rand(centers.shape[:2], generator=torch.Generator().manual_seed(0)).to(bench.device)
    packed = [each.flatten(0, 1) for each in (clouds, centers, values)]

    def ours() -> torch.Tensor:
        return ops.spread_points(*packed, offsets=offsets_of(clouds), center_offsets=offsets_of(centers))

    def published() -> torch.Tensor:
        return torch.cat([interpolated(*sample) for sample in zip(clouds, centers, values, strict=True)])

    _check_most(ours()[:, None], published()[:, None], rtol=1e-4, atol=1e-5)
    name = f"spread_points {len(clouds)} x {clouds.shape[1]}x{centers.shape[1]}"
    return bench.contest(name, ours, {"cdist and topk": published})


def interpolated(points: torch.Tensor, centers: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """(P,) means of the nearest three values, weighted by 1 / d^2."""
    distance, index = torch.cdist(points, centers, compute_mode=EXACT).topk(3, largest=False)
    weights = 1 / (distance.square() + 1e-8)
    return (weights * values[index]).sum(1) / weights.sum(1)


def link(bench: Bench, samples: int) -> dict[str, Any]:
    """Against a stable sort of all samples' patches at once, and a search for where each begins."""
    pixels = torch.randint(0, SIDE * SIDE, (samples, 1024), generator=torch.Generator().manual_seed(0)).to(bench.device)

    def ours() -> ops.Links:
        offsets = offsets_of(pixels)
        return ops.link_patches(pixels.flatten(), size=(SIDE, SIDE), grid=(GRID, GRID), offsets=offsets)

    def sorting() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        patch = pixels // SIDE * GRID // SIDE * GRID + pixels % SIDE * GRID // SIDE
        ordered, groups = patch.sort(dim=1, stable=True)
        every = torch.arange(GRID * GRID + 1, device=pixels.device).expand(samples, -1).contiguous()
        return patch, torch.searchsorted(ordered, every), groups

    found = ours()
    for theirs, mine in zip(sorting(), (found.patch, found.start, found.groups), strict=True):
        assert torch.equal(mine.long().reshape(theirs.shape), theirs)
    return bench.contest(f"link_patches {samples} x 1024 in {GRID}x{GRID}", ours, {"sort": sorting})


def _check_most(ours: torch.Tensor, theirs: torch.Tensor, rtol: float, atol: float) -> None:
    """All rows but those few where a rounded distance decides which neighbor is the last."""
    share = torch.isclose(ours, theirs, rtol=rtol, atol=atol).all(1).float().mean()
    assert share > 0.999, f"{share:.5f} of the rows agree"
