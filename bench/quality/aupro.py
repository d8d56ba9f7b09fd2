"""Measure the published AUPRO and streamed metrics against exact ones.

Prints markdown tables: the speed of ``PixelMetrics``; and the gaps on maps of the built-in encoders
for the synthetic set, in percent, where "streamed" is the largest difference that any metric of
``PixelMetrics`` has.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import musc2
from musc2 import metrics
from musc2.datasets import synthetic

FPR_LIMITS = (0.3, 0.05)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--count", type=int, default=80, help="parts of each seed (default: 80)")


def run(arguments: argparse.Namespace) -> None:
    print("| map | ms | ns per pixel |\n|---|---:|---:|")
    for side in (224, 1024):
        print(speed(side, 200), flush=True)
    columns = ["maps"]
    for limit in FPR_LIMITS:
        columns += [f"AUPRO@{limit:g}", "published", "gap"]
    columns.append("streamed")
    print(f"\n| {' | '.join(columns)} |\n|---" + "|---:" * (len(columns) - 1) + "|")
    for seed in arguments.seeds:
        for modality in ("2D", "3D", "2D+3D"):
            print(gaps(modality, arguments.count, seed), flush=True)


def speed(side: int, count: int) -> str:
    """Return a row with the time per map of ``PixelMetrics``, reading excluded."""
    rng = np.random.default_rng(0)
    maps = rng.random((8, side, side), np.float32)
    mask = np.zeros((side, side), bool)
    mask[: side // 8, : side // 8] = True
    streamed = metrics.PixelMetrics()
    streamed.add(maps[0], mask)
    start = time.perf_counter()
    for index in range(count):
        streamed.add(maps[index % 8], mask)
    seconds = (time.perf_counter() - start) / count
    return f"| {side} x {side} | {1e3 * seconds:.1f} | {1e9 * seconds / side**2:.1f} |"


def gaps(modality: str, count: int, seed: int) -> str:
    """Return a row with both AUPROs at each limit and the largest error of streaming."""
    parts = synthetic.parts(count, seed=seed)
    rgb = parts.rgb if "2D" in modality else None
    xyz = parts.xyz if "3D" in modality else None
    result = musc2.score(rgb, xyz, encoder_2d="texture", encoder_3d="shape")
    maps = result.maps.at("input")
    exact = metrics.pixel_metrics(maps, parts.masks)
    values = []
    for limit in FPR_LIMITS:
        own = exact[f"aupro@{limit:g}"]
        published = metrics.aupro_published(maps, parts.masks, fpr_limit=limit)
        values += [own, published, published - own]
    streamed = metrics.PixelMetrics()
    streamed.add(maps, parts.masks)
    errors = [abs(value - exact[name]) for name, value in streamed.result().items()]
    cells = " | ".join(f"{100 * value:.2f}" for value in values)
    return f"| {modality}, seed {seed} | {cells} | {100 * max(errors):.5f} |"
