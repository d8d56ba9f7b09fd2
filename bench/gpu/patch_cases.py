"""Calls of nearest_patches: types, precisions, references, windows, panels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch.nn.functional import normalize

from bench.gpu.cases import DTYPES, Arrays, Case, Size, case
from bench.gpu.comparisons import matches
from musc2 import ops

# Of what features are rounded to for a search.
HALF_LAST_PLACE = {"float32": 2.0**-22, "bfloat16": 2.0**-9, "float16": 2.0**-12}


@cache
def unit_features(size: Size) -> torch.Tensor:
    """Return (samples, patches, channels) random features of length 1."""
    generator = torch.Generator().manual_seed(3)
    shape = (size.samples, size.grid[0] * size.grid[1], size.channels)
    return normalize(torch.randn(shape, generator=generator), dim=-1)


def cases(size: Size) -> Iterator[Case]:
    """Yield the cases of nearest_patches: types, precisions, references, windows, panels."""
    patches, rows = size.grid[0] * size.grid[1], size.some(size.samples)

    def features(dtype: torch.dtype) -> Arrays:
        return (unit_features(size).to(dtype),)

    def mutual(z: torch.Tensor, **options: Any) -> Arrays:
        d, index = ops.nearest_patches(z, return_index=True, **options)
        return d[rows], index[rows]

    def exact(z: torch.Tensor, **options: Any) -> Arrays:
        d, index = ops.nearest_patches(
            z[rows], references=z, precision="float32", return_index=True, **options
        )
        for row, sample in enumerate(rows):
            d[row, :, sample], index[row, :, sample] = float("inf"), -1
        return d, index

    def against(z: torch.Tensor, precision: str) -> Arrays:
        return ops.nearest_patches(z[rows], references=z, precision=precision, return_index=True)

    def mutual_case(label: str, dtype: str, precision: str, error: float, **options: Any) -> Case:
        reach = {name: value for name, value in options.items() if name != "memory"}
        return case(
            f"nearest_patches {size.name}, {label}",
            lambda: features(DTYPES[dtype]),
            lambda z: mutual(z, precision=precision, **options),
            matches(error),
            lambda z: exact(z, **reach),
        )

    def described(dtype: str, precision: str) -> str:
        return f"{dtype}, {precision} search"

    for precision, error in HALF_LAST_PLACE.items():
        yield mutual_case(described("float32", precision), "float32", precision, error)
    for dtype in ("bfloat16", "float16"):
        yield mutual_case(described(dtype, dtype), dtype, dtype, 0.0)
    yield case(
        f"nearest_patches {size.name}, references",
        lambda: features(torch.float32),
        lambda z: against(z, "bfloat16"),
        matches(HALF_LAST_PLACE["bfloat16"]),
        lambda z: against(z, "float32"),
    )
    yield mutual_case("window", "float32", "float32", 0.0, search_window=2, grid=size.grid)
    memory = size.samples * patches * size.channels // 2
    yield mutual_case("panels", "float32", "bfloat16", HALF_LAST_PLACE["bfloat16"], memory=memory)
