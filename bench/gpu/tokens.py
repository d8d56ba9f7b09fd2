"""pool_grid on a set of images, against its instruction floor and the unfolded formula; lowest_mean against topk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from gpu.bench import Bench, Goal
from gpu.machine import peak_clock

from bench_pool_grid import unfolded
from musc2 import ops

LANES = 128  # float32 operations that an SM begins in a cycle, compute 8.0, 9.0 and 10.0
# Per value of a token, when a pair of patches is compared once (docs/gpu.md): 12 neighbors to compare with, by a
# subtraction and a multiply-add, and 25 to add up.
OPERATIONS = 12 * 2 + 25


def floor_ms(values: int) -> float:
    """How long the arithmetic of pool_grid alone takes this GPU at its highest clock."""
    lanes = LANES * torch.cuda.get_device_properties(0).multi_processor_count
    return values * OPERATIONS / (lanes * peak_clock()) * 1e3


def works(bench: Bench) -> Iterator[Callable[[], dict[str, Any]]]:
    """What to measure: each gives its record."""
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        yield partial(pool, bench, dtype)
    yield partial(lowest, bench)


def pool(bench: Bench, dtype: torch.dtype) -> dict[str, Any]:
    """Against the published formula in torch, ten images at a time so that it fits into memory."""
    generator = torch.Generator().manual_seed(0)
    tokens = (0.05 * torch.randn(bench.size(150, 2), 28, 28, 768, generator=generator)).to(bench.device, dtype)

    def published() -> torch.Tensor:
        return torch.cat([unfolded(some.float()) for some in tokens.split(10)])

    torch.testing.assert_close(ops.pool_grid(tokens), published(), rtol=1e-4, atol=1e-6)

    def goals(ms: float, _: Mapping[str, float]) -> list[Goal]:
        if bench.rehearsal:
            return []
        return [Goal(what="share of the instruction floor", value=floor_ms(tokens.numel()) / ms, at_least=0.6)]

    name = f"pool_grid {len(tokens)}x28x28x768 {str(dtype).removeprefix('torch.')}"
    return bench.contest(name, lambda: ops.pool_grid(tokens), {"unfold": published}, goals)


def lowest(bench: Bench) -> dict[str, Any]:
    """The mean of the lowest 30 % of each row, against torch.topk."""
    samples = bench.size(150, 6)
    d = torch.rand(samples, 784, samples, generator=torch.Generator().manual_seed(0)).to(bench.device)
    d[torch.arange(samples), :, torch.arange(samples)] = float("inf")
    count = int(0.3 * (samples - 1))

    def published() -> torch.Tensor:
        return d.topk(count, largest=False).values.mean(-1)

    torch.testing.assert_close(ops.lowest_mean(d), published(), rtol=1e-5, atol=0)
    return bench.contest(f"lowest_mean {samples}x784x{samples}", lambda: ops.lowest_mean(d), {"topk": published})
