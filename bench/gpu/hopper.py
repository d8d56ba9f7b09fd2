"""Compare Hopper's own search with the portable one, then time it: a stage of ``first_call``.

A process for each size of cluster, because instructions that never ran on a GPU may hang it.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import torch
from torch.nn.functional import normalize

from bench.gpu import patches
from bench.gpu.bench import Bench
from bench.gpu.checks import Checks
from bench.gpu.comparisons import match, search_error
from bench.gpu.patch_cases import HALF_LAST_PLACE
from bench.gpu.timings import ROUNDS
from musc2.ops import nearest_patches

# Samples, patches, channels: ends of tiles in all places, many samples in a tile, full size.
SHAPES = (
    (3, 129, 24),
    (40, 1, 9),
    (300, 50, 100),
    (6, 1024, 384),
    (4, 1370, 1536),
    (9, 784, 768),
)
REHEARSED = SHAPES[:2]


def agreement(
    checks: Checks, name: str, shape: tuple[int, int, int], precision: str
) -> dict[str, Any]:
    """Return how the two searches compare for random features of a shape; int8 with float32."""
    generator = torch.Generator().manual_seed(0)
    z = normalize(torch.randn(shape, generator=generator), dim=-1)

    def search(blocks: str, precision: str) -> tuple[torch.Tensor, torch.Tensor]:
        with patches.searching_by(blocks), checks.kernels():
            sent = z.to(checks.device)
            d, index = nearest_patches(sent, precision=precision, return_index=True)
            checks.wait(name)
        return d.cpu(), index.cpu()

    is_int8 = precision == "int8"
    portable = search(patches.PORTABLE, "float32" if is_int8 else precision)
    by_clusters = search(checks.arguments.blocks, precision)
    error = int8_error(z) if is_int8 else HALF_LAST_PLACE[precision]
    return match(by_clusters, portable, search_error(z, error))


def int8_error(z: torch.Tensor) -> float:
    """Return the share of the greatest length that rounding to int8 may take from a patch."""
    rows = z.reshape(-1, z.shape[-1])
    rows = rows - rows.mean(0)
    return float(rows.abs().max() / 254 * z.shape[-1] ** 0.5 / rows.norm(dim=-1).max())


def main() -> None:
    """Run the comparisons, then the timings."""

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--blocks", required=True, choices=patches.CLUSTERS)

    checks = Checks(str(__doc__), add_arguments)
    if not checks.rehearsal and torch.cuda.get_device_capability() != (9, 0):
        why = f"skipped: {torch.cuda.get_device_name()} is not of compute capability 9.0"
        checks.record("everything", ok=None, error=why)
        return
    for shape in REHEARSED if checks.rehearsal else SHAPES:
        for precision in ("bfloat16", "int8"):
            name = f"agrees on {'x'.join(map(str, shape))}, {precision}"
            checks.check(name, partial(agreement, checks, name, shape, precision))
    bench = Bench(checks.device, checks.rehearsal, rounds=ROUNDS, baselines=False)
    for work in patches.works(bench, [checks.arguments.blocks]):
        checks.check(work.name, work.run)


if __name__ == "__main__":
    main()
