"""Measure encoders on folders of real images.

FOLDER holds sets, each with one category in the layout of MVTec AD: SET/CATEGORY/test/KIND/* with
the kind "good", and SET/CATEGORY/ground_truth/KIND/NAME_mask.png. Prints a markdown table of
metrics in percent and the time of the whole call for each part, a row for each encoder and set and
one for the mean of the sets, and how the mean image AUROC of each encoder differs from that of the
first, with an interval.

NAME@SIZE is an encoder at another input size than its own: efficientnet-lite0@448. The scores of
encoders with commas between them are fused: efficientnet-lite0,efficientnet-lite0@448.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

import musc2
from bench.quality.images import SIDE, LabeledImages, read
from bench.quality.table import cells, header, percentages
from musc2 import metrics
from musc2.config_fields import parse

RESAMPLES = 1000
LEVEL = 0.95


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoders", nargs="+", default=["texture", "efficientnet-lite0"])
    parser.add_argument("--preset", default="musc-v2")
    parser.add_argument("--degrees", type=int, nargs="+", help="default: the encoder's own")
    parser.add_argument("--window", default="none", help="search_window: none, auto or a number")
    parser.add_argument("--precision", default="auto", help="encoder_precision")
    parser.add_argument(
        "--most", type=int, help="parts of each set, evenly spread over its kinds (default: all)"
    )


def run(arguments: argparse.Namespace) -> None:
    sets = {name: thinned(images, arguments.most) for name, images in real_sets(arguments.folder)}
    config = musc2.Config.from_preset(arguments.preset)
    config = config.replace(
        search_window=parse(arguments.window), encoder_precision=arguments.precision
    )
    if arguments.degrees is not None:
        config = config.replace(aggregate_degrees=tuple(arguments.degrees))
    print(header("encoder", "set", after=("raw I-AUROC", "ms a part")))
    first: dict[str, torch.Tensor] = {}
    differences: list[str] = []
    for encoder in arguments.encoders:
        scores: dict[str, torch.Tensor] = {}
        rows: list[dict[str, float]] = []
        for name, images in sets.items():
            result, values = measure(images, encoder, config)
            scores[name] = result.scores
            rows.append(values)
            print(row(encoder, name, values), flush=True)
        means = {column: statistics.mean(values[column] for values in rows) for column in rows[0]}
        print(row(encoder, "mean", means), flush=True)
        first = first or scores
        if scores is not first:
            low, middle, high = difference(sets, first, scores)
            differences.append(f"{encoder}: {middle:+.1f} [{low:+.1f}, {high:+.1f}]")
    if differences:
        print(f"\nMean image AUROC minus that of {arguments.encoders[0]}, {LEVEL:.0%} interval of")
        print(f"{RESAMPLES} resamples of the parts: {'; '.join(differences)}")


def real_sets(folder: Path) -> Iterator[tuple[str, LabeledImages]]:
    """Yield each set in ``folder`` by its name."""
    for test in sorted(folder.glob("*/*/test")):
        yield test.parent.parent.name, read(test.parent)


def thinned(images: LabeledImages, most: int | None) -> LabeledImages:
    """Return at most ``most`` of the images, evenly spread over the sorted paths."""
    count = len(images.paths)
    if most is None or most >= count:
        return images
    rows = np.linspace(0, count - 1, most).round().astype(int)
    paths = [images.paths[row] for row in rows]
    return LabeledImages(paths=paths, labels=images.labels[rows], masks=images.masks[rows])


def measure(
    images: LabeledImages, encoder: str, config: musc2.Config
) -> tuple[musc2.Result, dict[str, float]]:
    """Return the result of ``musc2.score`` and its metrics in percent, maps at SIDE x SIDE."""
    start = time.perf_counter()
    result = musc2.score(images.paths, encoder_2d=encoder, config=config)
    milliseconds = 1000 * (time.perf_counter() - start) / len(result)
    maps = []
    for values in result.maps:
        resized = interpolate(values[None, None], (SIDE, SIDE), mode="bilinear", antialias=True)
        maps.append(resized[0, 0])
    values = percentages(result.scores, images.labels, torch.stack(maps), images.masks)
    raw = auroc(result.raw_scores.numpy(), images.labels)
    return result, values | {"raw": raw, "ms": milliseconds}


def difference(
    sets: Mapping[str, LabeledImages],
    first: Mapping[str, torch.Tensor],
    second: Mapping[str, torch.Tensor],
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return by how much the second's mean image AUROC is above the first's, in percent.

    The result is (lower end, difference, upper end). first, second: the scores of each set. The
    interval is a paired bootstrap: good and defective parts of each set are resampled on their own,
    the same for both.
    """

    def gain(rows: Mapping[str, np.ndarray]) -> float:
        gains = []
        for name, chosen in rows.items():
            labels = sets[name].labels[chosen]
            before = auroc(first[name].numpy()[chosen], labels)
            gains.append(auroc(second[name].numpy()[chosen], labels) - before)
        return statistics.mean(gains)

    generator = np.random.default_rng(seed)
    gains = []
    for _ in range(RESAMPLES):
        gains.append(gain({name: resampled(own.labels, generator) for name, own in sets.items()}))
    low, high = np.quantile(gains, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    everything = {name: np.arange(len(own.labels)) for name, own in sets.items()}
    return float(low), gain(everything), float(high)


def resampled(labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return rows drawn with replacement, as many of each label as there are."""
    kinds = [np.flatnonzero(labels == value) for value in (False, True)]
    return np.concatenate([generator.choice(rows, len(rows)) for rows in kinds])


def auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the image AUROC in percent."""
    return 100 * metrics.image_metrics(scores, labels, only=["auroc"])["auroc"]


def row(encoder: str, name: str, values: Mapping[str, float]) -> str:
    """Return one row of the table."""
    return f"| {encoder} | {name} | {cells(values)} | {values['raw']:.1f} | {values['ms']:.1f} |"
