"""nearest_patches against the rate of a large matrix product and against the published loop, and how it grows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from gpu.bench import Bench, Goal

from bench_nearest_patches import published, unit_features
from musc2 import ops

SIZES = ((150, 784, 768), (100, 1024, 384))
# The type of the features, the precision of the search, whether Hopper's own instructions may be used (MUSC2_HOPPER),
# and the share of the matrix product's rate that is asked for.
KINDS = (
    (torch.bfloat16, "bfloat16", "1", 0.75),
    (torch.bfloat16, "bfloat16", "0", 0.55),
    (torch.float16, "float16", "1", None),
    (torch.float32, "bfloat16", "1", 0.5),
    (torch.float32, "bfloat16", "0", None),
    (torch.float32, "float32", "0", None),
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
        for dtype, precision, hopper, share in KINDS:
            yield partial(search, bench, z.to(dtype), precision, hopper, share, product["tflops"], baseline)
    yield partial(growth, bench)


def matrix_product(bench: Bench) -> dict[str, Any]:
    """The rate that torch reaches in the same run."""
    side = bench.size(8192, 256)
    a, b = (torch.randn(side, side, device=bench.device).bfloat16() for _ in range(2))
    ms = bench.milliseconds(lambda: a @ b)
    return {"name": f"torch bfloat16 matrix product {side}", "ms": ms, "tflops": 2 * side**3 / ms * 1e-9}


def search(
    bench: Bench, z: torch.Tensor, precision: str, hopper: str, share: float | None, rate: float, baseline: float
) -> dict[str, Any]:
    """The share of ``rate``, in TFLOP/s, is of the operations that are done: those of half the ordered pairs."""
    samples, patches, channels = z.shape
    os.environ["MUSC2_HOPPER"] = hopper

    def ours() -> torch.Tensor:
        return ops.nearest_patches(z, precision=precision)

    check(z, ours())
    extra = bench.extra_bytes(ours) / 2**20

    def goals(ms: float, _: Mapping[str, float]) -> list[Goal]:
        reached = samples * (samples - 1) * patches**2 * channels / ms * 1e-9 / rate
        return [
            Goal(what="share of the matrix product's rate", value=reached, at_least=share),
            Goal(what="times as fast as the published loop", value=baseline / ms, at_least=share and 5.0),
            Goal(what="extra MiB", value=extra, at_most=256.0),
        ]

    name = f"nearest_patches {samples}x{patches}x{channels} {str(z.dtype).removeprefix('torch.')}, {precision} search"
    name += ", MUSC2_HOPPER=1" if hopper == "1" else ""
    record = bench.contest(name, ours, {}, goals)
    return record | {
        "baselines_ms": {"published loop, float16": baseline},
        "ratios": {"published": baseline / record["ms"]},
    }


def check(z: torch.Tensor, found: torch.Tensor) -> None:
    """Three samples against float64: as far as the search may take the second nearest for the nearest."""
    wide = z.double()
    for i in {0, len(z) // 2, len(z) - 1}:
        for j in {0, 1, len(z) // 3, len(z) - 1} - {i}:
            exact = torch.cdist(wide[i], wide[j]).amin(1)
            torch.testing.assert_close(found[i, :, j].double(), exact, rtol=0, atol=2e-3)


def growth(bench: Bench) -> dict[str, Any]:
    """Time over N^2, from 50 samples to 800."""
    os.environ["MUSC2_HOPPER"] = "1"
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
