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


def agreement(checks: Checks, name: str, shape: tuple[int, int, int]) -> dict[str, Any]:
    """Return how the two searches compare for random features of a shape."""
    generator = torch.Generator().manual_seed(0)
    z = normalize(torch.randn(shape, generator=generator), dim=-1)

    def search(blocks: str) -> tuple[torch.Tensor, torch.Tensor]:
        with patches.searching_by(blocks), checks.kernels():
            sent = z.to(checks.device)
            d, index = nearest_patches(sent, precision="bfloat16", return_index=True)
            checks.wait(name)
        return d.cpu(), index.cpu()

    portable = search(patches.PORTABLE)
    by_clusters = search(checks.arguments.blocks)
    return match(by_clusters, portable, search_error(z, HALF_LAST_PLACE["bfloat16"]))


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
        name = f"agrees on {'x'.join(map(str, shape))}"
        checks.check(name, partial(agreement, checks, name, shape))
    bench = Bench(checks.device, checks.rehearsal, rounds=ROUNDS, baselines=False)
    for work in patches.works(bench, [checks.arguments.blocks]):
        checks.check(work.name, work.run)


if __name__ == "__main__":
    main()
