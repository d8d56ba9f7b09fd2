"""pool_grid against its instruction floor and the unfolded formula, the others against torch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from bench.baselines.dictionary_tokens import dictionary_tokens as by_cdist
from bench.baselines.gradient_tokens import gradient_tokens as by_convolutions
from bench.baselines.pool_grid import pool_grid as unfolded
from bench.baselines.project_tokens import project_tokens as by_addmm
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
    yield Work("gradient_tokens", partial(gradients, bench))
    yield Work("dictionary_tokens", partial(dictionary, bench))
    yield Work("project_tokens", partial(project, bench))
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


def pictures(bench: Bench) -> torch.Tensor:
    """Return images of the size that ``texture`` takes."""
    shape = (bench.size(120, 1), 3, bench.size(224, 40), bench.size(224, 48))
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(bench.device)


def gradients(bench: Bench) -> dict[str, Any]:
    """Measure the edges around each cell of a set of images, against convolutions of torch."""
    images = pictures(bench)

    def ours() -> torch.Tensor:
        return ops.gradient_tokens(images)

    def convolutions() -> torch.Tensor:
        with bench.device:
            return by_convolutions(images)

    def check() -> None:
        torch.testing.assert_close(ours(), convolutions(), rtol=1e-3, atol=1e-4)

    return bench.contest(sides(images), ours, {"torch": convolutions}, check)


def dictionary(bench: Bench) -> dict[str, Any]:
    """Measure the distances of a set's patches to 256 words, against torch.cdist."""
    images, generator = pictures(bench), torch.Generator().manual_seed(1)
    whitening = (torch.randn(108, 48, generator=generator) / 10).to(bench.device)
    words = torch.randn(256, 48, generator=generator).to(bench.device)

    def ours() -> torch.Tensor:
        return ops.dictionary_tokens(images, whitening, words)

    def cdist() -> torch.Tensor:
        with bench.device:
            return by_cdist(images, whitening, words)

    def check() -> None:
        torch.testing.assert_close(ours(), cdist(), rtol=1e-3, atol=1e-3)

    return bench.contest(sides(images), ours, {"cdist": cdist}, check)


def project(bench: Bench) -> dict[str, Any]:
    """Measure the projection of a set's tokens, against a product by torch."""
    generator = torch.Generator().manual_seed(2)
    shapes = (bench.size(120 * 784, 30), 398), (398, 128), (128,)
    tokens, matrix, offset = (
        torch.randn(shape, generator=generator).to(bench.device) for shape in shapes
    )

    def ours() -> torch.Tensor:
        return ops.project_tokens(tokens, matrix, offset)

    def addmm() -> torch.Tensor:
        return by_addmm(tokens, matrix, offset)

    def check() -> None:
        torch.testing.assert_close(ours(), addmm(), rtol=1e-4, atol=1e-3)

    return bench.contest(f"{len(tokens)}x398x128", ours, {"torch.addmm": addmm}, check)


def sides(images: torch.Tensor) -> str:
    """Return the number and the size of images as text."""
    return "x".join(map(str, images.shape))


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
