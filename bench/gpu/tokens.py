"""pool_grid against its instruction floor and the unfolded formula, reductions against torch's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from bench.baselines.pool_grid import pool_grid as unfolded
from bench.gpu.bench import Bench
from bench.gpu.machine import peak_clock
from bench.gpu.works import Work
from musc2 import ops

LANES = 128  # float32 operations that an SM begins in a cycle, compute 8.0, 9.0 and 10.0
# Per value of a token, when a pair of patches is compared once (docs/dev/gpu.md): 12 neighbours to
# compare with, by a subtraction and a multiply-add, and 25 to add up.
OPERATIONS = 12 * 2 + 25


def floor_ms(values: int) -> float:
    """Return how long the arithmetic of pool_grid alone takes this GPU at its highest clock."""
    lanes = LANES * torch.cuda.get_device_properties(0).multi_processor_count
    return values * OPERATIONS / (lanes * peak_clock()) * 1e3


def works(bench: Bench) -> Iterator[Work]:
    """Yield what to measure."""
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        name = str(dtype).removeprefix("torch.")
        yield Work(f"pool_grid, {name}", partial(pool, bench, dtype))
    yield Work("lowest_mean", partial(lowest, bench))
    yield Work("rank_match", partial(ranks, bench))


def pool(bench: Bench, dtype: torch.dtype) -> dict[str, Any]:
    """Measure it against the published formula in torch, ten images at a time to fit into memory.

    The share of the instruction floor has no goal: the kernel's own model reaches 54 to 56 %.
    """
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(bench.size(150, 2), 28, 28, 768, generator=generator)
    tokens = (0.05 * random).to(bench.device, dtype)

    def ours() -> torch.Tensor:
        return ops.pool_grid(tokens)

    def published() -> torch.Tensor:
        return torch.cat([unfolded(some.float()) for some in tokens.split(10)])

    def check() -> None:
        torch.testing.assert_close(ours(), published(), rtol=1e-4, atol=1e-6)

    record = bench.contest(f"{len(tokens)}x28x28x768", ours, {"unfold": published}, check)
    if not bench.rehearsal:
        record["share_of_floor"] = floor_ms(tokens.numel()) / record["ms"]
    return record


def lowest(bench: Bench) -> dict[str, Any]:
    """Measure the mean of the lowest 30 % of each row, against torch.topk."""
    samples = bench.size(150, 6)
    random = torch.rand(samples, 784, samples, generator=torch.Generator().manual_seed(0))
    d = random.to(bench.device)
    d[torch.arange(samples), :, torch.arange(samples)] = float("inf")
    count = int(0.3 * (samples - 1))

    def ours() -> torch.Tensor:
        return ops.lowest_mean(d)

    def published() -> torch.Tensor:
        return d.topk(count, largest=False).values.mean(-1)

    def check() -> None:
        torch.testing.assert_close(ours(), published(), rtol=1e-5, atol=0)

    return bench.contest(f"{samples}x784x{samples}", ours, {"topk": published}, check)


def ranks(bench: Bench) -> dict[str, Any]:
    """Measure matching the distances of a batch of samples by rank, against two sorts of torch."""
    samples = bench.size(120, 3)
    generator = torch.Generator().manual_seed(0)
    shape = (2, samples, bench.size(784 * 120, 500))
    source, target = torch.rand(shape, generator=generator).to(bench.device).unbind()

    def ours() -> torch.Tensor:
        return ops.rank_match(source, target)

    def sorts() -> torch.Tensor:
        order = target.sort(dim=1, stable=True).indices
        return torch.empty_like(source).scatter_(1, order, source.sort(dim=1).values)

    def check() -> None:
        torch.testing.assert_close(ours(), sorts(), rtol=0, atol=0)

    return bench.contest(f"{samples}x{shape[2]}", ours, {"torch.sort": sorts}, check)
