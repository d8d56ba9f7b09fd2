"""Measure whether defects are found whatever the density of the scanner.

The same parts, curved plates of which half have a raised or a sunken patch, are scanned as clouds
of several sizes and as square xyz maps of several sides, with the same noise. Prints a markdown
table: mean image AUROC over the seeds, that of each seed, the lowest ratio of a defective part's
score to the highest of a good part, and seconds a part.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

import musc2
from musc2 import metrics

NOISE = 0.0005  # of the width of a part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--count", type=int, default=16, help="parts of each seed (default: 16)")
    parser.add_argument("--points", type=int, nargs="*", default=[5_000, 50_000, 500_000])
    parser.add_argument("--sides", type=int, nargs="*", default=[50, 100, 200, 400, 800])
    parser.add_argument(
        "--height", type=float, nargs=2, default=[0.004, 0.02], help="of defects, in widths"
    )
    parser.add_argument("--max-points", type=int, help="scan_max_points; 0: all points")


def run(arguments: argparse.Namespace) -> None:
    config = musc2.Config()
    if arguments.max_points is not None:
        config = config.replace(scan_max_points=arguments.max_points or None)
    labels = np.arange(arguments.count) % 2 == 1
    print("| scan | I-AUROC | of each seed | lowest ratio | s a part |")
    print("|---|---:|---|---:|---:|")
    scans = [(f"cloud of {points:,}", points, 0) for points in arguments.points]
    scans += [(f"map {side} x {side}", 0, side) for side in arguments.sides]
    for name, points, side in scans:
        aurocs: list[float] = []
        ratios: list[float] = []
        start, generated = time.perf_counter(), 0.0
        for seed in arguments.seeds:
            begin = time.perf_counter()
            parts = []
            for index, label in enumerate(labels):
                height = arguments.height if label else None
                parts.append(part(points, side, 1000 * seed + index, height))
            generated += time.perf_counter() - begin
            scores = musc2.score(None, parts, encoder_3d="shape", config=config).scores.numpy()
            aurocs.append(100 * metrics.auroc(scores, labels))
            ratios.append(float(scores[labels].min() / scores[~labels].max()))
        seconds = time.perf_counter() - start - generated
        of_seeds = ", ".join(f"{auroc:.1f}" for auroc in aurocs)
        print(
            f"| {name} | {statistics.fmean(aurocs):.1f} | {of_seeds} | {min(ratios):.2f} | "
            f"{seconds / len(labels) / len(aurocs):.2f} |",
            flush=True,
        )


def part(points: int, side: int, seed: int, height: list[float] | None) -> np.ndarray:
    """Return a cloud (P, 3) or, if it has no points, an xyz map (side, side, 3) float32."""
    rng = np.random.default_rng([seed, points, side])
    if points:
        u, v = rng.random((2, points))
    else:
        u, v = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side))
    z = 1 + 0.05 * np.sin(6 * u) * np.cos(5 * v) + rng.normal(0, NOISE, u.shape)
    if height is not None:
        z += defect(u, v, height, np.random.default_rng(seed))
    return np.stack([u, v, z], axis=-1).astype(np.float32)


def defect(
    u: np.ndarray, v: np.ndarray, height: list[float], rng: np.random.Generator
) -> np.ndarray:
    """Return the heights of a rectangular patch, the same for every density."""
    column, row = rng.uniform(0.15, 0.85, 2)
    width, length = rng.uniform(0.03, 0.06, 2)
    inside = (np.abs(u - column) < width) & (np.abs(v - row) < length)
    return np.where(inside, rng.uniform(*height) * rng.choice([-1, 1]), 0)
