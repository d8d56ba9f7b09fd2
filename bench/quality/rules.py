"""Measure scoring rules on folders of real images.

FOLDER is as for real_sets. Features and distances of a set are computed once, so that a rule costs
little; --cache keeps them in files for the next time. Prints the image AUROC in percent, before
re-scoring, of each rule and set, how its mean differs from that of the first rule with an interval,
and the same for shares of defective parts and of parts with the same defect.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

from bench.quality import patch_rules as patches
from bench.quality.distances import Distances, distances
from bench.quality.images import SIDE, LabeledImages
from bench.quality.real_sets import LEVEL, RESAMPLES, real_sets
from bench.quality.repeats import repeated

SHARES = (0.05, 0.1, 0.2, 0.4, 0.6)
REPEATED = (0.05, 0.1, 0.2, 0.3, 0.4)
PARTS = 40  # of a mix
DRAWS = 3

ImageScore = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """patch: distances -> (N, L); image: maps (N, H, W) -> (N,)."""

    name: str
    patch: Callable[[Distances], torch.Tensor]
    image: ImageScore


def highest(maps: torch.Tensor) -> torch.Tensor:
    return maps.flatten(1).amax(1)


def top(percent: float) -> ImageScore:
    """Return the mean of the highest values of a map."""

    def score(maps: torch.Tensor) -> torch.Tensor:
        flat = maps.flatten(1)
        return flat.topk(round(flat.shape[1] * percent / 100), dim=1).values.mean(1)

    return score


def blend(maps: torch.Tensor) -> torch.Tensor:
    """Return the geometric mean of the maximum and the top 0.5 %."""
    return (highest(maps) * top(0.5)(maps)).sqrt()


def rules() -> Iterator[Rule]:
    """Yield today's rule first, then one change at a time, then what goes together."""

    def base(measured: Distances) -> torch.Tensor:
        return patches.fused(measured, patches.flat(patches.SHARE))

    yield Rule(name="lowest 30 %, mean of layers, maximum", patch=base, image=highest)
    for percent in (0.1, 0.25, 0.5, 1.0, 2.0):
        yield Rule(name=f"mean of the top {percent:g} %", patch=base, image=top(percent))
    yield Rule(name="maximum and top 0.5 %, geometric mean", patch=base, image=blend)
    layer_rules = {
        "lowest 10 %": patches.flat(0.1),
        "lowest 50 %": patches.flat(0.5),
        "minimum over random memories of 3": patches.memories(3),
        "minimum over random memories of 5": patches.memories(5),
        "half of the parts, the most similar": patches.similar(0.5),
        "norm of the mean difference": patches.difference_norm,
        "principal residual, 99 %": patches.principal(0.99),
        "principal residual, 90 %": patches.principal(0.9),
        "repeated defects left out": patches.without_repeats,
    }
    for name, rule in layer_rules.items():
        yield Rule(name=name, patch=_fused_by(rule, "mean"), image=highest)
    for share in (0.2, 0.4, 0.5):
        yield Rule(name=f"without the worst {share:.0%}", patch=_without(share), image=highest)
    yield Rule(name="ranks with the residual, 90 %", patch=_blended(0.9), image=highest)
    lowest = patches.flat(patches.SHARE)
    for fusion in ("balanced", "highest"):
        for name, image in (("maximum", highest), ("top 0.1 %", top(0.1))):
            yield Rule(
                name=f"layers {fusion}, {name}", patch=_fused_by(lowest, fusion), image=image
            )


def _fused_by(rule: patches.LayerRule, fusion: str) -> Callable[[Distances], torch.Tensor]:
    return lambda measured: patches.fused(measured, rule, fusion)


def _without(share: float) -> Callable[[Distances], torch.Tensor]:
    return lambda measured: patches.without_worst(measured, share)


def _blended(variance: float) -> Callable[[Distances], torch.Tensor]:
    return lambda measured: patches.blended(measured, variance)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", default="efficientnet-lite0", help="NAME or NAME@SIZE")
    parser.add_argument("--cache", type=Path, help="folder of distances, several 100 MB a set")
    parser.add_argument("--only", nargs="+", help="rules, by a part of the name; the first always")
    parser.add_argument("--mixes", action="store_true", help="also the shares of defective parts")


def run(arguments: argparse.Namespace) -> None:
    first, *compared = rules()
    if arguments.only is not None:
        compared = [rule for rule in compared if any(text in rule.name for text in arguments.only)]
    every = [first, *compared]
    print(f"| rule | {' | '.join(['set', 'I-AUROC'])} |\n|---|---|---:|")
    wins: dict[str, list[np.ndarray]] = {rule.name: [] for rule in every}
    mixes: dict[str, dict[str, list[float]]] = {rule.name: {} for rule in every}
    for name, images in real_sets(arguments.folder):
        measured = _cached(images.paths, arguments, name)
        for rule in every:
            own = _pairs(_scores(rule, measured), images.labels)
            wins[rule.name].append(own)
            print(f"| {rule.name} | {name} | {100 * own.mean():.1f} |", flush=True)
        if arguments.mixes:
            _mix(every, measured, images, mixes)
            again = _cached(list(repeated(images, 0)), arguments, f"{name}-repeated")
            _repeat(every, again, mixes)
    _print_means(wins)
    if arguments.mixes:
        _print_mixes(mixes)


def _cached(images: Sequence[object], arguments: argparse.Namespace, name: str) -> Distances:
    cache = arguments.cache
    file = None if cache is None else cache / f"{name}_{arguments.encoder}.npz"
    return distances(images, arguments.encoder, file)


def _scores(rule: Rule, measured: Distances) -> np.ndarray:
    scores = rule.patch(measured)
    grid = scores.reshape(len(scores), 1, *measured.grid)
    maps = interpolate(grid, size=(SIDE, SIDE), mode="bilinear", align_corners=True)[:, 0]
    return rule.image(maps).numpy()


def _pairs(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (defective, good): 1 where the defective part scores higher, 0.5 where as high."""
    bad, good = scores[labels][:, None], scores[~labels]
    return (bad > good) + 0.5 * (bad == good)


def _mix(
    every: Sequence[Rule],
    measured: Distances,
    images: LabeledImages,
    mixes: dict[str, dict[str, list[float]]],
) -> None:
    """Add the AUROC at each share of defective parts; pairs of parts keep their distances."""
    generator = np.random.default_rng(0)
    good, bad = np.flatnonzero(~images.labels), np.flatnonzero(images.labels)
    parts = min(PARTS, int(len(good) / (1 - SHARES[0])), int(len(bad) / SHARES[-1]))
    for share in SHARES:
        for _ in range(DRAWS):
            count = max(1, round(share * parts))
            chosen = [generator.choice(good, parts - count, replace=False)]
            chosen.append(generator.choice(bad, count, replace=False))
            rows = np.concatenate(chosen)
            _add(every, measured.subset(rows), images.labels[rows], f"{share:.0%}", mixes)


def _repeat(
    every: Sequence[Rule], measured: Distances, mixes: dict[str, dict[str, list[float]]]
) -> None:
    """Add the AUROC at each share of parts with the same defect, all compared good."""
    good = len(measured.layers[0].d) // 2
    order = np.random.default_rng(0).permutation(good)[:PARTS]
    for share in REPEATED:
        count = round(share * len(order))
        rows = np.concatenate([order[count:], order[:count] + good])
        _add(every, measured.subset(rows), rows >= good, f"{share:.0%} the same", mixes)


def _add(
    every: Sequence[Rule],
    measured: Distances,
    labels: np.ndarray,
    column: str,
    mixes: dict[str, dict[str, list[float]]],
) -> None:
    for rule in every:
        own = 100 * _pairs(_scores(rule, measured), labels).mean()
        mixes[rule.name].setdefault(column, []).append(float(own))


def _print_means(wins: dict[str, list[np.ndarray]]) -> None:
    first = next(iter(wins.values()))
    print(
        f"\n| rule | mean | above the first, {LEVEL:.0%} interval | worst set |\n"
        "|---|---:|---:|---:|"
    )
    for name, sets in wins.items():
        gains = [
            100 * (own.mean() - before.mean()) for own, before in zip(sets, first, strict=True)
        ]
        low, high = _interval(first, sets)
        mean = 100 * statistics.fmean(float(own.mean()) for own in sets)
        gain = f"{statistics.fmean(gains):+.1f} [{low:+.1f}, {high:+.1f}]"
        print(f"| {name} | {mean:.1f} | {gain} | {min(gains):+.1f} |")


def _interval(first: list[np.ndarray], second: list[np.ndarray]) -> tuple[float, float]:
    """Return a paired bootstrap interval: good and defective parts are resampled on their own."""
    generator = np.random.default_rng(0)
    gains = np.zeros(RESAMPLES)
    for before, after in zip(first, second, strict=True):
        change = after - before
        for number in range(RESAMPLES):
            rows, columns = (generator.integers(0, size, size) for size in change.shape)
            gains[number] += 100 * change[np.ix_(rows, columns)].mean() / len(first)
    low, high = np.quantile(gains, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _print_mixes(mixes: dict[str, dict[str, list[float]]]) -> None:
    columns = list(next(iter(mixes.values())))
    print(f"\n| rule | {' | '.join(columns)} |\n|---{'|---:' * len(columns)}|")
    for name, values in mixes.items():
        cells = [f"{statistics.fmean(values[column]):.1f}" for column in columns]
        print(f"| {name} | {' | '.join(cells)} |")
