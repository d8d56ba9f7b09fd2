"""nearest_patches against the rate of a large matrix product and the published loop; its growth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

import torch

from bench.baselines.nearest_patches import nearest_patches as published
from bench.gpu.bench import Bench, Goal
from bench.gpu.ceilings import matrix_product
from bench.gpu.variables import variable
from bench.gpu.works import Work
from musc2 import ops
from musc2.ops._support import arrays, dispatch
from musc2.ops.nearest_patches import GPU_MEMORY, PRECISION_CODES

SIZES = ((150, 784, 768), (100, 1024, 384))
PORTABLE, CLUSTERS = "0", ("2", "4", "1")  # of MUSC2_HOPPER
HOPPER = "MUSC2_HOPPER"


class Kind(NamedTuple):
    """The type of features, and the precision of the search."""

    dtype: torch.dtype
    precision: str

    def __str__(self) -> str:
        return f"{str(self.dtype).removeprefix('torch.')}, {self.precision} search"


KINDS = (
    Kind(torch.bfloat16, "bfloat16"),
    Kind(torch.float16, "float16"),
    Kind(torch.float32, "bfloat16"),
    Kind(torch.float32, "float32"),  # portable only
)
INT8 = Kind(torch.float16, "int8")  # by Hopper's instructions only
HOPPER_KINDS = (*KINDS[:3], INT8)


class Shares(NamedTuple):
    """The shares of the matrix product's rate that are goals, of a search alone and in all."""

    alone: float | None = None
    measured: float | None = None


def shares(kind: Kind, blocks: str) -> Shares:
    """Return the goals of a search by clusters of so many blocks."""
    if kind == KINDS[0]:
        return Shares(alone=0.55 if blocks == PORTABLE else 0.75)
    if kind == KINDS[2] and blocks != PORTABLE:
        return Shares(measured=0.5)
    return Shares()


def searching_by(blocks: str) -> AbstractContextManager[None]:
    """Have Hopper GPUs search by clusters of so many blocks; 0: as any GPU does."""
    return variable(HOPPER, blocks)


def works(bench: Bench, clusters: Sequence[str] = (PORTABLE, *CLUSTERS)) -> Iterator[Work]:
    """Yield what to measure: both sizes by each size of cluster, then the growth."""
    rate = matrix_product(bench)["tflops"]
    for size in SIZES:
        small = zip(size, (6, 49, 64), strict=True)
        shape = [bench.size(full, reduced) for full, reduced in small]
        z = unit_features(bench, shape)
        baseline = _published_ms(bench, z.half()) if bench.baselines else None
        name = "x".join(map(str, size))
        for blocks in clusters:
            for kind in KINDS if blocks == PORTABLE else HOPPER_KINDS:
                work = partial(search, bench, z.to(kind.dtype), kind, blocks, rate, baseline)
                yield Work(f"nearest_patches {name}, {kind}", work)
    for blocks in clusters:
        yield Work("nearest_patches growth", partial(growth, bench, blocks))


def unit_features(bench: Bench, shape: Sequence[int]) -> torch.Tensor:
    """Return random features of length 1, made on the device: on a CPU that takes seconds."""
    generator = torch.Generator(bench.device).manual_seed(0)
    z = torch.randn(*shape, generator=generator, device=bench.device)
    return torch.nn.functional.normalize(z, dim=-1)


def _published_ms(bench: Bench, half: torch.Tensor) -> float:
    return bench.milliseconds(lambda: published(half))


def search(
    bench: Bench, z: torch.Tensor, kind: Kind, blocks: str, rate: float, baseline: float | None
) -> dict[str, Any]:
    """Return shares of ``rate``, in TFLOP/s, of the operations of half the ordered pairs."""
    samples, patches, channels = z.shape
    operations, bounds = samples * (samples - 1) * patches**2 * channels, shares(kind, blocks)

    def ours() -> torch.Tensor:
        return ops.nearest_patches(z, precision=kind.precision)

    with searching_by(blocks):
        check(z, ours(), within=1e-2 if kind == INT8 else 2e-3)
        extra = bench.extra_bytes(ours) / 2**20
        alone, ms = bench.milliseconds(searched_alone(z, kind.precision)), bench.milliseconds(ours)
    tflops_alone, tflops = operations / alone * 1e-9, operations / ms * 1e-9
    goals = [
        Goal(what="share of the matrix product's rate, search alone", value=tflops_alone / rate,
             at_least=bounds.alone),
        Goal(what="share of it with exact distances", value=tflops / rate,
             at_least=bounds.measured),
        Goal(what="extra MiB", value=extra, at_most=256.0),
    ]  # fmt: skip
    if baseline is not None:
        faster = Goal(what="times as fast as the published loop", value=baseline / ms, at_least=5.0)
        goals.append(faster)
    return {
        "size": "x".join(map(str, z.shape)),
        "blocks": blocks,
        "ms": ms,
        "ms_alone": alone,
        "tflops": tflops,
        "tflops_alone": tflops_alone,
        "goals": [goal.record() for goal in goals],
    }


def searched_alone(z: torch.Tensor, precision: str) -> Callable[[], object]:
    """Return the search without measuring distances, which only the kernel itself offers."""
    if not dispatch.on_gpu(z):
        return lambda: ops.nearest_patches(z, precision=precision)
    op, type_code = "nearest_patches", arrays.TYPE_CODES[z.dtype]
    code = PRECISION_CODES[precision]
    keys = z.shape[:2]
    scratch = dispatch.scratch(op, z, *z.shape, True, *keys, code, GPU_MEMORY, type_code)
    arguments = (*z.shape, None, *keys, GPU_MEMORY, None, None)
    return lambda: dispatch.launch(op, z, *arguments, gpu_only=(code, type_code, scratch))


def check(z: torch.Tensor, distances: torch.Tensor, within: float) -> None:
    """Compare three samples with float64: the second nearest may be taken for the nearest."""
    wide = z.double()
    for i in {0, len(z) // 2, len(z) - 1}:
        for j in {0, 1, len(z) // 3, len(z) - 1} - {i}:
            exact = torch.cdist(wide[i], wide[j]).amin(1)
            torch.testing.assert_close(distances[i, :, j].double(), exact, rtol=0, atol=within)


def growth(bench: Bench, blocks: str) -> dict[str, Any]:
    """Return the time over N^2 from 50 samples to 800, without baselines to 400."""
    largest = 800 if bench.baselines else 400
    counts = [bench.size(count, count // 25) for count in (50, 100, 200, 400, 800)]
    counts = [count for count in counts if count <= largest]
    patches, channels = bench.size(784, 49), bench.size(768, 64)
    narrow = unit_features(bench, (counts[-1], patches, channels)).bfloat16()
    times: dict[int, float] = {}
    with searching_by(blocks):
        for count in counts:
            times[count] = bench.milliseconds(searched(narrow[:count]))
    shares = [ms / count**2 for count, ms in times.items()]
    worst = max(abs(share / shares[-1] - 1) for share in shares)
    return {
        "size": f"up to {counts[-1]}x{patches}x{channels}, bfloat16",
        "blocks": blocks,
        "ms": times[counts[-1]],
        "ms_of_samples": times,
        "goals": [Goal(what="largest departure from N^2", value=worst, at_most=0.05).record()],
    }


def searched(z: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Return the search, to be timed."""
    return lambda: ops.nearest_patches(z, precision="bfloat16")
