"""Calls of pool_grid, pool_centers, link_patches, rank_match and lowest_mean."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn.functional import normalize

from bench.clouds import SIDE
from bench.gpu.cases import DTYPES, Arrays, Case, Size, case, ends, scans
from bench.gpu.comparisons import close, equal
from musc2 import ops


def cases(size: Size) -> Iterator[Case]:
    """Yield the cases of pool_grid, pool_centers, link_patches, rank_match and lowest_mean."""
    generator = torch.Generator().manual_seed(2)
    count, channels = size.clouds * size.centers, size.channels // 2
    to_centers, patches = ends(size.clouds, size.centers), size.grid[0] * size.grid[1]
    places = scans(size)[:, : size.centers].flatten(0, 1)

    def tokens(dtype: torch.dtype) -> Arrays:
        shape = (size.samples, *size.grid, size.channels)
        return ((0.05 * torch.randn(shape, generator=generator)).to(dtype),)

    def pooled(features: torch.Tensor, middles: torch.Tensor, bend: torch.Tensor) -> Arrays:
        return (ops.pool_centers(features, middles, bend, offsets=to_centers),)

    def centers() -> Arrays:
        features = normalize(torch.randn(count, channels, generator=generator), dim=-1)
        return features, places, torch.linspace(0, 0.0133, count)

    def links(pixels: torch.Tensor) -> Arrays:
        result = ops.link_patches(pixels, size=(SIDE, SIDE), grid=size.grid, offsets=to_centers)
        return result.patch, result.start, result.groups

    def rows(columns: int) -> Arrays:
        shape = size.compared, columns
        source = torch.rand(shape, generator=generator)
        source[:, :: size.samples] = float("inf")
        return source, torch.randint(0, 1000, shape, generator=generator).float()

    def distances() -> Arrays:
        d = torch.rand(size.samples, patches, size.samples, generator=generator)
        d[torch.arange(size.samples), :, torch.arange(size.samples)] = float("inf")
        return (d,)

    for name, dtype in DTYPES.items():
        yield case(
            f"pool_grid {size.name}, {name}",
            lambda dtype=dtype: tokens(dtype),
            lambda grids: (ops.pool_grid(grids),),
            close(2e-6, 6e-7),
        )
    yield case(f"pool_centers {size.name}", centers, pooled, close(2e-6, 6e-7))
    yield case(
        f"link_patches {size.name}",
        lambda: (torch.randint(0, SIDE * SIDE, (count,), generator=generator),),
        links,
        equal,
    )
    for name, columns in (("short", patches), ("long", max(1100, patches * size.samples))):
        yield case(
            f"rank_match {size.name}, {name} rows",
            lambda columns=columns: rows(columns),
            lambda source, target: (ops.rank_match(source, target),),
            equal,
        )
    yield case(
        f"lowest_mean {size.name}", distances, lambda d: (ops.lowest_mean(d),), close(2e-6, 0.0)
    )
