"""Compare thresholds that turn maps into regions.

FOLDER holds sets in the layout of MVTec AD, as for real_sets. Prints a markdown table for each set:
the F1 of pixels over all parts in percent, and for how many defective and good parts there is a
region, for defective ones on the defect. The first row is the best single threshold, which needs
the truth.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch.nn.functional import interpolate

import musc2
from bench.quality.images import SIDE
from bench.quality.real_sets import real_sets
from bench.quality.threshold_rules import median_mad, otsu
from musc2 import components, verdict

_STEPS = 64  # of the search for a stable number of regions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="efficientnet-lite0")


def run(arguments: argparse.Namespace) -> None:
    print(
        "| set | threshold | F1 | defects hit | good parts with regions |\n|---|---|---:|---:|---:|"
    )
    for name, images in real_sets(arguments.folder):
        result = musc2.score(images.paths, encoder_2d=arguments.encoder)
        resized = [
            interpolate(values[None, None], (SIDE, SIDE), mode="bilinear", antialias=True)[0, 0]
            for values in result.maps
        ]
        maps = np.stack([values.numpy() for values in resized])
        grid = np.quantile(maps[:, ::3, ::3], np.linspace(0.5, 0.9999, 60))
        best = max(grid, key=lambda value: pixel_f1(maps > value, images.masks))
        for text, value in (("best, with the truth", best), *thresholds(result, maps)):
            is_high = maps > np.reshape(value, (-1, 1, 1))
            f1 = pixel_f1(is_high, images.masks)
            hit = (is_high & images.masks).any((1, 2))[images.labels].mean()
            alarms = is_high.any((1, 2))[~images.labels].mean()
            print(f"| {name} | {text} | {f1:.1f} | {hit:.0%} | {alarms:.0%} |", flush=True)


def thresholds(result: musc2.Result, maps: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield rules and their values, one or one per map."""
    yield "99.5 % of the lower half of the parts", np.array(result.map_threshold)
    scores = result.raw_scores.double().numpy()
    yield "mode of the parts' maxima", np.array(verdict.normal_mode(np.sort(scores))[0])
    yield "first break of the parts' maxima", np.array(verdict.threshold(scores).value)
    pixels = maps[:, ::3, ::3].astype(np.float64)
    yield "median + 3 MAD of pixels", np.array(median_mad(3.0)(pixels.ravel()))
    yield "Otsu of pixels", np.array(otsu(pixels.ravel()))
    yield "Otsu of each map", np.array([otsu(values.ravel()) for values in pixels])
    yield "most stable number of regions (MEBin)", stable(maps)


def stable(maps: np.ndarray) -> np.ndarray:
    """Return for each map the middle of the widest range with one number of regions."""
    values = np.linspace(maps.max(), maps.min(), _STEPS)
    chosen = []
    for single in maps:
        counts = [components.connected(single > value).count for value in values]
        edges = [0, *(np.flatnonzero(np.diff(counts)) + 1), _STEPS]
        ranges = [(b - a, a) for a, b in itertools.pairwise(edges) if counts[a]]
        width, start = max(ranges, default=(0, 0))
        chosen.append(values[start + width // 2])
    return np.array(chosen)


def pixel_f1(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Return the F1 of pixels in percent."""
    return 200 * (predicted & truth).sum() / max(predicted.sum() + truth.sum(), 1)
