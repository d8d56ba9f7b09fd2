"""Mutual distances of a full-size set against what the published code does per image: cdist to all others, then amin.

Also prints, as contests without a target, the rates of torch's own matrix products in the same run: the search can be
no faster than the hardware that they show.
"""

from __future__ import annotations

import pytest
import torch
from contest import Sides, contest

from musc2.ops import nearest_patches


def unit_features(samples: int, patches: int, channels: int) -> torch.Tensor:
    z = torch.randn(samples, patches, channels, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.normalize(z, dim=-1)


def published(z: torch.Tensor) -> torch.Tensor:
    """Against all samples at once, itself included: leaving it out would cost a copy of all the others."""
    d = torch.stack([published_row(one, z) for one in z])
    d[torch.arange(len(z)), :, torch.arange(len(z))] = float("inf")
    return d


def published_row(one: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    n, patches, channels = z.shape
    return torch.cdist(one, z.reshape(-1, channels)).reshape(patches, n, patches).amin(-1)


def prepare(samples: int, patches: int, channels: int, precision: str, tolerance: float) -> Sides:
    z = unit_features(samples, patches, channels)

    def check(ours: torch.Tensor, baseline: torch.Tensor) -> None:
        others = baseline < float("inf")
        torch.testing.assert_close(ours[others], baseline[others], rtol=0, atol=tolerance)

    return Sides(ours=lambda: nearest_patches(z, precision=precision), baseline=lambda: published(z), check=check)


# The tolerance is on the distance found (about 1.2), not on the arithmetic: a low-precision search may report the
# second nearest patch where the two are nearly equally far.
test_float32 = contest(
    "nearest_patches 50x784x768 float32", target=3.2, prepare=lambda: prepare(50, 784, 768, "float32", 1e-5)
)
test_bfloat16 = contest(
    "nearest_patches 50x784x768 bfloat16", target=6.2, prepare=lambda: prepare(50, 784, 768, "bfloat16", 1e-3)
)
test_bfloat16_3d = contest(
    "nearest_patches 50x1024x384 bfloat16", target=6.8, prepare=lambda: prepare(50, 1024, 384, "bfloat16", 2e-3)
)
test_int8 = contest("nearest_patches 50x784x768 int8", target=8.0, prepare=lambda: prepare(50, 784, 768, "int8", 5e-3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_matrix_product_rate(benchmark, dtype):
    torch.set_num_threads(2)
    a = torch.randn(2048, 2048).to(dtype)
    benchmark.extra_info.update(operations=2 * 2048**3)
    benchmark.pedantic(lambda: a @ a.T, rounds=10, warmup_rounds=2)
