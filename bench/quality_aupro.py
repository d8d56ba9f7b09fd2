"""How far the published AUPRO and streamed figures are from exact ones: python bench/quality_aupro.py [--seeds 0 1 2]

Prints markdown tables: the speed of ``PixelMetrics``; and the gaps on maps of the built-in encoders for the synthetic
set, in percent, where "streamed" is the largest difference that any figure of ``PixelMetrics`` has.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import musc2
from musc2 import metrics
from musc2.datasets import synthetic


def row(seed: int, modality: str) -> str:
    parts = synthetic.parts(80, seed=seed)
    rgb, xyz = (given if kind in modality else None for kind, given in (("2D", parts.rgb), ("3D", parts.xyz)))
    maps = musc2.score(rgb, xyz, encoder_2d="texture", encoder_3d="shape").maps
    exact = metrics.pixel_metrics(maps, parts.masks)
    found = []
    for limit in (0.3, 0.05):
        published = metrics.aupro_published(maps, parts.masks, limit=limit)
        found += [exact[f"aupro@{limit:g}"], published, published - exact[f"aupro@{limit:g}"]]
    streamed = metrics.PixelMetrics()
    streamed.add(maps, parts.masks)
    gap = max(abs(value - exact[name]) for name, value in streamed.result().items())
    return (
        f"| {modality}, seed {seed} | " + " | ".join(f"{100 * value:.2f}" for value in found) + f" | {100 * gap:.5f} |"
    )


def stream(side: int, count: int) -> str:
    """Seconds per map of ``PixelMetrics``, reading excluded."""
    rng = np.random.default_rng(0)
    maps, mask = rng.random((8, side, side), np.float32), np.zeros((side, side), bool)
    mask[: side // 8, : side // 8] = True
    figures = metrics.PixelMetrics()
    figures.add(maps[0], mask)
    start = time.perf_counter()
    for index in range(count):
        figures.add(maps[index % 8], mask)
    each = (time.perf_counter() - start) / count
    return f"| {side} x {side} | {1e3 * each:.1f} | {1e9 * each / side**2:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    print("| map | ms | ns per pixel |\n|---|---:|---:|")
    for side in (224, 1024):
        print(stream(side, 200), flush=True)
    print(
        "\n| maps | AUPRO@0.3 | published | gap | AUPRO@0.05 | published | gap | streamed |\n|---" + "|---:" * 7 + "|"
    )
    for seed in arguments.seeds:
        for modality in ("2D", "3D", "2D+3D"):
            print(row(seed, modality), flush=True)


if __name__ == "__main__":
    main()
