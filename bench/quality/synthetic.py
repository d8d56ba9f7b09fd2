"""Measure the built-in encoders on the frozen synthetic set.

Prints a markdown table: five metrics in percent for each modality, means over the seeds, and the
image AUROC of each seed.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence

import musc2
from bench.quality.random_features import RandomConvolutions, RandomPointNet
from bench.quality.table import COLUMNS, cells, header, percentages
from musc2.datasets import synthetic

MODALITIES = ("2D", "3D", "2D+3D")
Pair = tuple[object, object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--count", type=int, default=80, help="parts of each seed (default: 80)")
    parser.add_argument(
        "--random", action="store_true", help="also encoders that ignore what they look at"
    )
    parser.add_argument(
        "--subsets", type=int, nargs="+", default=[1], help="random subsets, scored on their own"
    )


def run(arguments: argparse.Namespace) -> None:
    encoders: dict[str, Pair] = {"texture, shape": ("texture", "shape")}
    if arguments.random:
        encoders["random"] = (RandomConvolutions(), RandomPointNet())
    print(header("encoders", "modality", "subsets", after=("I-AUROC of each seed",)))
    for name, pair in encoders.items():
        for modality in MODALITIES:
            for subsets in arguments.subsets:
                of_seeds = []
                for seed in arguments.seeds:
                    of_seeds.append(measure(pair, modality, subsets, arguments.count, seed))
                print(f"| {name} | {modality} | {subsets} | {row(of_seeds)} |", flush=True)


def measure(encoders: Pair, modality: str, subsets: int, count: int, seed: int) -> dict[str, float]:
    """Return the metrics of generated parts in percent."""
    parts = synthetic.parts(count, seed=seed)
    result = musc2.score(
        parts.rgb if "2D" in modality else None,
        parts.xyz if "3D" in modality else None,
        encoder_2d=encoders[0],
        encoder_3d=encoders[1],
        config=musc2.Config(subset_count=subsets),
    )
    return percentages(result.scores, parts.labels, result.maps.at("input"), parts.masks)


def row(of_seeds: Sequence[dict[str, float]]) -> str:
    """Return the cells of the means, and the image AUROC of each seed."""
    means = {}
    for column in COLUMNS:
        means[column] = statistics.fmean(values[column] for values in of_seeds)
    image_auroc = ", ".join(f"{values['I-AUROC']:.1f}" for values in of_seeds)
    return f"{cells(means)} | {image_auroc}"
