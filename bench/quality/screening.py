"""Count the patches that a search in integers leaves open, on folders of real images.

FOLDER is that of ``real_sets``. By the triangle inequality a distance differs from that of the
rounded features by at most the lengths of what rounding took from both. Where that bound of another
patch reaches below the distance of the one that was found, the nearest is not known: such patches
have to be measured for a result that is exact, as the search on a CPU does.
Patches that are equal to the bit count once. Prints, for the features of each layer, how many
patches are open, how many others they are measured against, and how often the search alone finds
another patch than the nearest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from bench.quality.real_sets import real_sets
from musc2 import Config, Scorer

QUERIES = 60  # patches of each part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bits", type=int, choices=(8, 16), default=16)
    parser.add_argument("--encoders", nargs="+", default=["texture", "efficientnet-lite0"])
    parser.add_argument("--parts", type=int, default=10)


def rounded(z: torch.Tensor, bits: int) -> torch.Tensor:
    """Return (L, C) as integers with a scale per patch hold it: the largest is 127, or the norm."""
    if bits == 8:
        scale = z.abs().amax(-1, keepdim=True) / 127
    else:
        scale = z.norm(dim=-1, keepdim=True) / (46_340 - z.shape[-1] ** 0.5)
    scale.clamp_(min=1e-30)
    return (z / scale).round() * scale


def counts(z: torch.Tensor, bits: int) -> tuple[torch.Tensor, float]:
    """Return how many candidates are left for each query and other part, and the share missed."""
    center = z.double().flatten(0, 1).mean(0)
    parts = [torch.unique(part, dim=0).double() - center for part in z]
    packed = [rounded(part, bits) for part in parts]
    errors = [(part - q).norm(dim=-1) for part, q in zip(parts, packed, strict=True)]
    generator = torch.Generator().manual_seed(0)
    left: list[torch.Tensor] = []
    missed = 0
    for own in range(len(z)):
        rows = torch.randperm(len(parts[own]), generator=generator)[:QUERIES]
        for other in range(len(z)):
            if other == own:
                continue
            searched = torch.cdist(packed[own][rows], packed[other])
            exact = torch.cdist(parts[own][rows], parts[other])
            bound = errors[own][rows, None] + errors[other]
            assert bool(((searched - exact).abs() <= bound + 1e-6).all())
            reached = exact.gather(1, searched.argmin(1, keepdim=True))
            left.append((searched - bound <= reached).sum(1))
            # Of patches that are equally near, any will do.
            missed += int((reached[:, 0] > exact.amin(1) + 1e-9).sum())
    numbers = torch.cat(left).double()
    return numbers, missed / len(numbers)


def run(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    print("| set | encoder, layer | channels | open, % | measured | nearest missed, % |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
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
                left, missed = counts(table.z[: len(scorer)].float(), arguments.bits)
                is_open = left > 1
                layer, channels = block.split(".")[2], table.z.shape[2]
                measured = float(left[is_open].mean()) if is_open.any() else 0.0
                print(
                    f"| {name} | {encoder}, {layer} | {channels} | "
                    f"{100 * float(is_open.double().mean()):.1f} | {measured:.1f} | "
                    f"{100 * missed:.2f} |",
                    flush=True,
                )
