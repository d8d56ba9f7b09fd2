"""What this GPU can do at most: the rates of a large copy and of large matrix products by torch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from bench.gpu.bench import Bench
from bench.gpu.works import Work


def works(bench: Bench) -> Iterator[Work]:
    """Yield what to measure."""
    yield Work("copy", partial(copy, bench))
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        name = str(dtype).removeprefix("torch.")
        yield Work(f"matrix product, {name}", partial(matrix_product, bench, dtype))


def copy(bench: Bench) -> dict[str, Any]:
    """Return the rate of a copy on the device, where bytes read and bytes written both count."""
    source = torch.randn(bench.size(2**30, 2**16), device=bench.device)
    target = torch.empty_like(source)
    ms = bench.milliseconds(lambda: target.copy_(source))
    return {"size": f"{source.nbytes} bytes", "ms": ms, "tb_per_s": 2 * source.nbytes / ms * 1e-9}


def matrix_product(bench: Bench, dtype: torch.dtype = torch.bfloat16) -> dict[str, Any]:
    """Return the rate of a product of random values, float32 without TF32."""
    side = bench.size(8192, 256)
    a = torch.randn(side, side, device=bench.device).to(dtype)
    b = torch.randn(side, side, device=bench.device).to(dtype)
    ms = bench.milliseconds(lambda: a @ b)
    return {"size": f"{side} cubed", "ms": ms, "tflops": 2 * side**3 / ms * 1e-9}
