"""Calls of the ops that make tokens, pool them, and rank and reduce their distances."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn.functional import normalize

from bench.clouds import SIDE
from bench.gpu.cases import DTYPES, Arrays, Case, Size, case, ends, scans
from bench.gpu.comparisons import close, equal
from musc2 import ops


def cases(size: Size) -> Iterator[Case]:
    """Yield the cases of the ops on images, tokens and distances."""
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

    def images() -> torch.Tensor:
        height, width = size.grid
        return torch.rand(size.samples, 3, 8 * height, 8 * width, generator=generator)

    def dictionary() -> Arrays:
        whitening = torch.randn(108, 48, generator=generator) / 10
        return images(), whitening, torch.randn(256, 48, generator=generator)

    def projection() -> Arrays:
        rows = torch.randn(size.samples * patches, 398, generator=generator)
        matrix = torch.randn(398, 128, generator=generator) / 20
        return rows, matrix, torch.rand(128, generator=generator)

    yield case(
        f"gradient_tokens {size.name}",
        lambda: (images(),),
        lambda pixels: (ops.gradient_tokens(pixels),),
        close(2e-5, 2e-7),
    )
    yield case(
        f"dictionary_tokens {size.name}",
        dictionary,
        lambda *arrays: (ops.dictionary_tokens(*arrays),),
        close(2e-5, 2e-6),
    )
    yield case(
        f"project_tokens {size.name}",
        projection,
        lambda *arrays: (ops.project_tokens(*arrays),),
        close(2e-5, 4e-6),
    )
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
