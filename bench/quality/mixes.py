"""Sets with a chosen share of defective parts: real, generated, and simulated scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import musc2
from bench.quality.real_sets import real_sets
from bench.quality.subset_scores import SubsetScores
from musc2.datasets import synthetic

SHARES = (0.0, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5)
SIMULATED = ("normal", "lognormal", "gamma", "two kinds", "drift", "near defects")
_COUNT = 40  # parts of a mix of real parts, fewer if a set has fewer good ones
_GENERATED = 24  # parts of a generated set


@dataclass(frozen=True, kw_only=True, eq=False)
class Mix:
    """The scores (N,) of one set of parts, its name, share of defective parts and the truth."""

    name: str
    share: float
    scores: np.ndarray
    labels: np.ndarray


def real(folder: Path, encoder: str, draws: int) -> Iterator[Mix]:
    """Yield scores of drawn parts; each draw is scored on its own, as a set."""
    for name, images in real_sets(folder):
        subsets = SubsetScores(images, encoder)
        subsets.check()
        generator = np.random.default_rng(0)
        for share in SHARES:
            for _ in range(draws):
                rows = _drawn(images.labels, share, generator)
                scores, _ = subsets.score(torch.from_numpy(rows))
                yield _mix(name, share, scores, images.labels[rows])


def generated(draws: int) -> Iterator[Mix]:
    """Yield scores of generated parts, by color and shape."""
    for share in SHARES:
        for seed in range(draws):
            parts = synthetic.parts(_GENERATED, seed=seed, size=112, defective=share)
            result = musc2.score(parts.rgb, parts.xyz, encoder_2d="texture", encoder_3d="shape")
            yield _mix("generated", share, result.scores, parts.labels)


def simulated(name: str, count: int, draws: int) -> Iterator[Mix]:
    """Yield random scores whose normal and defective parts are known."""
    for share in SHARES:
        generator = np.random.default_rng([SIMULATED.index(name), count])
        for _ in range(draws):
            labels = np.arange(count) < round(count * share)
            scores = _normal_scores(name, count, generator)
            low, high = (2.0, 6.0) if name == "near defects" else (6.0, 20.0)
            excess = generator.uniform(low, high, count)
            yield Mix(
                name=name,
                share=share,
                scores=np.where(labels, scores + excess, scores),
                labels=labels,
            )


def save(mixes: Sequence[Mix], path: Path) -> None:
    """Write mixes as JSON lines."""
    rows = []
    for mix in mixes:
        plain = {"scores": mix.scores.tolist(), "labels": mix.labels.tolist()}
        rows.append(json.dumps({"name": mix.name, "share": mix.share, **plain}))
    path.write_text("\n".join(rows) + "\n")


def load(path: Path) -> list[Mix]:
    """Return what ``save`` wrote."""
    mixes = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        arrays = {"scores": np.array(row["scores"]), "labels": np.array(row["labels"])}
        mixes.append(Mix(name=row["name"], share=row["share"], **arrays))
    return mixes


def _normal_scores(name: str, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return scores of normal parts, in spreads of about 1 around 10."""
    if name == "lognormal":
        return 9 + generator.lognormal(0.0, 0.6, count)
    if name == "gamma":
        return 9 + generator.gamma(2.0, 0.7, count)
    scores = generator.normal(10.0, 1.0, count)
    if name == "two kinds":  # of good parts: a quarter looks a little different
        scores += 2.5 * (generator.random(count) < 0.25)
    if name == "drift":
        scores += np.linspace(-1.5, 1.5, count)[generator.permutation(count)]
    return scores


def _drawn(labels: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Return rows of good and defective parts, without repetition."""
    good, bad = np.flatnonzero(~labels), np.flatnonzero(labels)
    count = min(_COUNT, len(good) - 1)
    defective = round(count * share)
    chosen = [generator.choice(good, count - defective, replace=False)]
    chosen.append(generator.choice(bad, defective, replace=False))
    rows = np.concatenate(chosen)
    return rows[generator.permutation(len(rows))]


def _mix(name: str, share: float, scores: torch.Tensor, labels: np.ndarray) -> Mix:
    return Mix(name=name, share=share, scores=scores.double().numpy(), labels=labels.astype(bool))
