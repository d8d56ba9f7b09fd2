"""How well the built-in encoders do on the frozen synthetic set: python bench/quality_synthetic.py [--seeds 0 1 2] ...

Prints a markdown table: per modality the five figures in percent, means over the seeds, and the image AUROC of each.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from percent import NAMES, percent
from random_features import RandomConvolutions, RandomPointNet

import musc2
from musc2.datasets import synthetic

MODALITIES = ("2D", "3D", "2D+3D")


def row(name: str, encoders: tuple[object, object], modality: str, seeds: Sequence[int], subsets: int) -> str:
    """A row of the table."""
    found = []
    for seed in seeds:
        parts = synthetic.parts(80, seed=seed)
        result = musc2.score(
            parts.rgb if "2D" in modality else None,
            parts.xyz if "3D" in modality else None,
            encoder_2d=encoders[0],
            encoder_3d=encoders[1],
            config=musc2.Config(subset_count=subsets),
        )
        found.append(percent(result.scores, parts.labels, result.maps, parts.masks))
    means = [f"{np.mean([each[kind] for each in found]):.1f}" for kind in NAMES]
    each_seed = ", ".join(f"{each['I-AUROC']:.1f}" for each in found)
    return "| " + " | ".join([name, modality, str(subsets), *means, each_seed]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--random", action="store_true", help="also encoders without any idea of what they look at")
    parser.add_argument("--subsets", type=int, nargs="+", default=[1], help="random parts that score themselves")
    arguments = parser.parse_args()
    encoders: dict[str, tuple[object, object]] = {"texture, shape": ("texture", "shape")}
    if arguments.random:
        encoders["random"] = (RandomConvolutions(), RandomPointNet())
    print("| encoders | modality | subsets | " + " | ".join(NAMES) + " | I-AUROC of each seed |")
    print("|---" * 3 + "|---:" * (len(NAMES) + 1) + "|")
    for name, pair in encoders.items():
        for modality in MODALITIES:
            for subsets in arguments.subsets:
                print(row(name, pair, modality, arguments.seeds, subsets), flush=True)


if __name__ == "__main__":
    main()
