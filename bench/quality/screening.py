"""Count the patches that a search in int8 leaves open, on folders of real images.

FOLDER is that of ``real_sets``. By the triangle inequality a distance differs from that of the
rounded features by at most the lengths of what rounding took from both. Where that bound of another
patch reaches below the nearest one's, the nearest is not known: such patches would have to be
measured in float32 for a result that is exact. Prints, for the features of each layer, how many are
left of a patch's candidates in another part, and how often the search alone finds another patch
than the nearest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from bench.quality.real_sets import real_sets
from musc2 import Config, Scorer

QUERIES = 60  # patches of each part
LEVELS = 127


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoders", nargs="+", default=["texture", "efficientnet-lite0"])
    parser.add_argument("--parts", type=int, default=10)


def rounded(z: torch.Tensor) -> torch.Tensor:
    """Return (N, L, C) as int8 with a scale per patch holds it."""
    scale = z.abs().amax(-1, keepdim=True).clamp(min=1e-30) / LEVELS
    return (z / scale).round() * scale


def counts(z: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Return how many candidates are left for each query and other part, and the share missed."""
    z = z.double()
    z = z - z.flatten(0, 1).mean(0)
    q = rounded(z)
    error = (z - q).norm(dim=-1)
    generator = torch.Generator().manual_seed(0)
    left: list[torch.Tensor] = []
    missed = 0
    for own in range(len(z)):
        rows = torch.randperm(z.shape[1], generator=generator)[:QUERIES]
        for other in range(len(z)):
            if other == own:
                continue
            searched = torch.cdist(q[own, rows], q[other])
            exact = torch.cdist(z[own, rows], z[other])
            bound = error[own, rows, None] + error[other]
            assert bool(((searched - exact).abs() <= bound + 1e-6).all())
            left.append((searched - bound <= (searched + bound).amin(1, keepdim=True)).sum(1))
            # Of patches that are equally near, any will do.
            reached = exact.gather(1, searched.argmin(1, keepdim=True))[:, 0]
            missed += int((reached > exact.amin(1) + 1e-9).sum())
    numbers = torch.cat(left).double()
    return numbers, missed / len(numbers)


def run(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    print("| set | encoder, layer | channels | left: median | mean | 95 % | nearest missed, % |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for encoder in arguments.encoders:
        for name, images in real_sets(arguments.folder):
            step = max(1, len(images.paths) // arguments.parts)
            scorer = Scorer.fit(
                images.paths[::step][: arguments.parts],
                encoder_2d=encoder,
                config=Config(search_precision="float32"),
                keep_distances=False,
            )
            for block, table in scorer._bank.blocks.items():
                left, missed = counts(table.z[: len(scorer)].float())
                middle, high = np.percentile(left, [50, 95])
                layer, channels = block.split(".")[2], table.z.shape[2]
                print(
                    f"| {name} | {encoder}, {layer} | {channels} | {middle:.0f} | "
                    f"{left.mean():.1f} | {high:.0f} | {100 * missed:.1f} |",
                    flush=True,
                )
