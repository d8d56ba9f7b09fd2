"""The ops on point groups, for 64 samples with 1,024 groups each.

These are pool_centers, spread_points and link_patches.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from bench.baselines.pool_centers import pool_centers as pooled
from bench.gpu.bench import Bench
from bench.gpu.points import EXACT, batch, chosen, offsets_of
from bench.gpu.works import Work
from musc2 import ops

SIDE, GRID, CHANNELS = 224, 28, 384


def works(bench: Bench) -> Iterator[Work]:
    """Yield what to measure."""
    clouds = batch(bench, shuffled=False)
    pairs = zip(clouds, chosen(clouds), strict=True)
    centers = torch.stack([cloud[own] for cloud, own in pairs])
    yield Work("pool_centers", partial(pool, bench, centers))
    yield Work("spread_points", partial(spread, bench, clouds, centers))
    yield Work("link_patches", partial(link, bench, len(clouds)))


def pool(bench: Bench, centers: torch.Tensor) -> dict[str, Any]:
    """Measure it with a quarter of the centers curved, against the published formula in torch."""
    samples, count, _ = centers.shape
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(samples, count, CHANNELS, generator=generator)
    tokens = torch.nn.functional.normalize(random, dim=-1).to(bench.device)
    curvature = torch.linspace(0, 0.0133, count).to(bench.device)
    packed = (tokens.flatten(0, 1), centers.flatten(0, 1), curvature.repeat(samples))

    def ours() -> torch.Tensor:
        return ops.pool_centers(*packed, offsets=offsets_of(centers))

    def published() -> torch.Tensor:
        pairs = zip(tokens, centers, strict=True)
        return torch.cat([pooled(own, places, curvature) for own, places in pairs])

    def check() -> None:
        _check_most(ours(), published(), rtol=1e-4, atol=1e-6)

    size = f"{samples} x {count}x{CHANNELS} degrees 1 3 5"
    return bench.contest(size, ours, {"cdist and topk": published}, check)


def spread(bench: Bench, clouds: torch.Tensor, centers: torch.Tensor) -> dict[str, Any]:
    """Measure it against the published formula in torch, a sample after the other."""
    random = torch.rand(centers.shape[:2], generator=torch.Generator().manual_seed(0))
    values = random.to(bench.device)
    packed = [array.flatten(0, 1) for array in (clouds, centers, values)]

    def ours() -> torch.Tensor:
        offsets, center_offsets = offsets_of(clouds), offsets_of(centers)
        return ops.spread_points(*packed, offsets=offsets, center_offsets=center_offsets)

    def published() -> torch.Tensor:
        samples = zip(clouds, centers, values, strict=True)
        return torch.cat([interpolated(*sample) for sample in samples])

    def check() -> None:
        _check_most(ours()[:, None], published()[:, None], rtol=1e-4, atol=1e-5)

    size = f"{len(clouds)} x {clouds.shape[1]}x{centers.shape[1]}"
    return bench.contest(size, ours, {"cdist and topk": published}, check)


def interpolated(points: torch.Tensor, centers: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return (P,) means of the nearest three values, weighted by 1 / d^2."""
    distance, index = torch.cdist(points, centers, compute_mode=EXACT).topk(3, largest=False)
    weights = 1 / (distance.square() + 1e-8)
    return (weights * values[index]).sum(1) / weights.sum(1)


def link(bench: Bench, samples: int) -> dict[str, Any]:
    """Measure it against a stable sort of all patches, and a search for where each begins."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, SIDE * SIDE, (samples, 1024), generator=generator).to(bench.device)

    def ours() -> ops.Links:
        offsets = offsets_of(pixels)
        return ops.link_patches(
            pixels.flatten(), size=(SIDE, SIDE), grid=(GRID, GRID), offsets=offsets
        )

    def sorting() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        patch = pixels // SIDE * GRID // SIDE * GRID + pixels % SIDE * GRID // SIDE
        ordered, groups = patch.sort(dim=1, stable=True)
        every = torch.arange(GRID * GRID + 1, device=pixels.device).expand(samples, -1)
        return patch, torch.searchsorted(ordered, every.contiguous()), groups

    def check() -> None:
        links = ours()
        own = (links.patch, links.start, links.groups)
        for theirs, mine in zip(sorting(), own, strict=True):
            assert torch.equal(mine.long().reshape(theirs.shape), theirs)

    return bench.contest(f"{samples} x 1024 in {GRID}x{GRID}", ours, {"sort": sorting}, check)


def _check_most(ours: torch.Tensor, theirs: torch.Tensor, rtol: float, atol: float) -> None:
    """Check all rows but those few where a rounded distance decides which neighbor is the last."""
    share = torch.isclose(ours, theirs, rtol=rtol, atol=atol).all(1).float().mean()
    assert share > 0.999, f"{share:.5f} of the rows agree"
