"""nearest_patches against the rate of a large matrix product and against the published loop, and how it grows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from gpu.bench import Bench, Goal

from bench_nearest_patches import published, unit_features
from musc2 import ops
from musc2.ops._support import arrays, gpu
from musc2.ops.nearest_patches import GPU_SCRATCH, PRECISIONS

SIZES = ((150, 784, 768), (100, 1024, 384))


class Kind(NamedTuple):
    """What is searched, and how: by which blocks of a cluster on Hopper (MUSC2_HOPPER), 0 as on any GPU."""

    dtype: torch.dtype
    precision: str
    hopper: str
    # The shares of the matrix product's rate that are asked for.
    searching: float | None = None  # alone
    measuring: float | None = None  # as well

    def name(self, size: Sequence[int]) -> str:
        """For people."""
        kind = f"{str(self.dtype).removeprefix('torch.')}, {self.precision} search"
        return f"nearest_patches {'x'.join(map(str, size))} {kind}, MUSC2_HOPPER={self.hopper}"


KINDS = (
    *(Kind(torch.bfloat16, "bfloat16", hopper, searching=0.75) for hopper in ("1", "2", "4")),
    Kind(torch.bfloat16, "bfloat16", "0", searching=0.55),
    Kind(torch.float16, "float16", "2"),
    *(Kind(torch.float32, "bfloat16", hopper, measuring=0.5) for hopper in ("2", "4")),
    Kind(torch.float32, "bfloat16", "0"),
    Kind(torch.float32, "float32", "0"),
)


def works(bench: Bench) -> Iterator[Callable[[], dict[str, Any]]]:
    """What to measure: each gives its record."""
    product = matrix_product(bench)
    yield lambda: product
    for size in SIZES:
        samples, patches, channels = (bench.size(*each) for each in zip(size, (6, 49, 64), strict=True))
        z = unit_features(samples, patches, channels).to(bench.device)
        half = z.half()
        baseline = bench.milliseconds(lambda half=half: published(half))
        for kind in KINDS:
            yield partial(search, bench, z.to(kind.dtype), kind, product["tflops"], baseline)
    yield partial(growth, bench)


def matrix_product(bench: Bench) -> dict[str, Any]:
    """The rate that torch reaches in the same run."""
    side = bench.size(8192, 256)
    a, b = (torch.randn(side, side, device=bench.device).bfloat16() for _ in range(2))
    ms = bench.milliseconds(lambda: a @ b)
    return {"name": f"torch bfloat16 matrix product {side}", "ms": ms, "tflops": 2 * side**3 / ms * 1e-9}


def search(bench: Bench, z: torch.Tensor, kind: Kind, rate: float, baseline: float) -> dict[str, Any]:
    """Shares of ``rate``, in TFLOP/s, are of the operations that are done: those of half the ordered pairs."""
    samples, patches, channels = z.shape
    os.environ["MUSC2_HOPPER"] = kind.hopper

    def ours() -> torch.Tensor:
        return ops.nearest_patches(z, precision=kind.precision)

    check(z, ours())
    extra = bench.extra_bytes(ours) / 2**20
    alone = bench.milliseconds(searched_alone(z, kind.precision))

    def share(ms: float) -> float:
        return samples * (samples - 1) * patches**2 * channels / ms * 1e-9 / rate

    def goals(ms: float, _: Mapping[str, float]) -> list[Goal]:
        asked = kind.searching or kind.measuring
        return [
            Goal(what="share of the matrix product's rate, search alone", value=share(alone), at_least=kind.searching),
            Goal(what="share of it with exact distances", value=share(ms), at_least=kind.measuring),
            Goal(what="times as fast as the published loop", value=baseline / ms, at_least=asked and 5.0),
            Goal(what="extra MiB", value=extra, at_most=256.0),
        ]

    record = bench.contest(kind.name(z.shape), ours, {}, goals)
    return record | {
        "ms_search_alone": alone,
        "baselines_ms": {"published loop, float16": baseline},
        "ratios": {"published": baseline / record["ms"]},
    }


def searched_alone(z: torch.Tensor, precision: str) -> Callable[[], object]:
    """The search without measuring distances, which only the kernel itself can be asked for."""
    kernels = gpu.launcher(z)
    if kernels is None:
        return lambda: ops.nearest_patches(z, precision=precision)
    samples, patches, channels = z.shape
    kind, code = arrays.TYPES[z.dtype], PRECISIONS[precision]
    sizes = (samples, patches, channels, True, samples, patches, code, GPU_SCRATCH, kind)
    scratch = kernels.scratch("nearest_patches", *sizes)
    searched = (z.data_ptr(), samples, patches, channels, 0, samples, patches, code, GPU_SCRATCH)
    return lambda: kernels.nearest_patches(*searched, 0, 0, kind, scratch.data_ptr())


def check(z: torch.Tensor, found: torch.Tensor) -> None:
    """Three samples against float64: as far as the search may take the second nearest for the nearest."""
    wide = z.double()
    for i in {0, len(z) // 2, len(z) - 1}:
        for j in {0, 1, len(z) // 3, len(z) - 1} - {i}:
            exact = torch.cdist(wide[i], wide[j]).amin(1)
            torch.testing.assert_close(found[i, :, j].double(), exact, rtol=0, atol=2e-3)


def growth(bench: Bench) -> dict[str, Any]:
    """Time over N^2, from 50 samples to 800."""
    os.environ["MUSC2_HOPPER"] = "2"
    counts = [bench.size(count, count // 25) for count in (50, 100, 200, 400, 800)]
    patches, channels = bench.size(784, 49), bench.size(768, 64)
    z = torch.nn.functional.normalize(torch.randn(counts[-1], patches, channels, device=bench.device), dim=-1)
    narrow = z.bfloat16()
    times = {count: bench.milliseconds(searched(narrow[:count])) for count in counts}
    shares = [ms / count**2 for count, ms in times.items()]
    worst = max(abs(share / shares[-1] - 1) for share in shares)
    return {
        "name": f"nearest_patches growth Nx{patches}x{channels} bfloat16",
        "ms": times[counts[-1]],
        "ms_of_samples": times,
        "goals": [Goal(what="largest departure from N^2", value=worst, at_most=0.05).record()],
    }


def searched(z: torch.Tensor) -> Callable[[], torch.Tensor]:
    """The search, to be timed."""
    return lambda: ops.nearest_patches(z, precision="bfloat16")
