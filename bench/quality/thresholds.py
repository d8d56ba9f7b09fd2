"""Compare rules that decide which parts are suspicious.

FOLDER holds sets in the layout of MVTec AD, as for real_sets; mixes of their parts with a chosen
share of defective ones are scored as sets of their own. Without FOLDER: simulated scores only.
Prints markdown tables. A cell is "alarms / misses": the percentage of sets with a false alarm, and
the percentage of defective parts that are missed. The last column is the percentage of sets in
which the default says that there is a clear cut.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bench.quality import mixes
from bench.quality.mixes import SHARES, SIMULATED, Mix
from bench.quality.real_sets import real_sets
from bench.quality.subset_scores import SubsetScores
from bench.quality.threshold_rules import REFERENCE_RULES, RULES, Rule
from musc2 import verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--encoder", default="efficientnet-lite0")
    parser.add_argument("--draws", type=int, default=20, help="sets of each share (default: 20)")
    parser.add_argument("--counts", type=int, nargs="+", default=[24, 50, 200])
    parser.add_argument("--generated", type=int, default=0, help="generated sets of each share")
    parser.add_argument("--references", type=int, default=20, help="good parts as references")
    parser.add_argument("--cache", type=Path, help="a file that keeps the scores of real parts")


def run(arguments: argparse.Namespace) -> None:
    groups: dict[str, list[Mix]] = {}
    for mix in _measured(arguments):
        groups.setdefault(mix.name, []).append(mix)
    for count in arguments.counts:
        for name in SIMULATED:
            groups[f"{name}, {count}"] = list(mixes.simulated(name, count, arguments.draws))
    print("| set | rule | " + " | ".join(f"{share:.1%}" for share in SHARES) + " | clear |")
    print("|---|---|" + "---:|" * (len(SHARES) + 1))
    for name, own in groups.items():
        for text, rule in RULES.items():
            cells = [cell(rule, _of_share(own, share)) for share in SHARES]
            clear = clear_cuts(own) if text == "first break" else ""
            print(f"| {name} | {text} | {' | '.join(cells)} | {clear} |", flush=True)
    if arguments.folder is not None:
        compare_references(arguments)


def cell(rule: Rule, own: Sequence[Mix]) -> str:
    """Return "alarms / misses" in percent over sets of one share."""
    if not own:
        return "-"
    alarms, missed, defective = 0, 0, 0
    for mix in own:
        is_suspicious = mix.scores > rule(mix.scores)
        alarms += int((is_suspicious & ~mix.labels).any())
        missed += int((~is_suspicious & mix.labels).sum())
        defective += int(mix.labels.sum())
    misses = f"{100 * missed / defective:.0f}" if defective else "-"
    return f"{100 * alarms / len(own):.0f} / {misses}"


def clear_cuts(own: Sequence[Mix]) -> str:
    """Return for how many sets the default says that there is a clear cut, in percent."""
    clear = [verdict.threshold(mix.scores).is_clear for mix in own]
    return f"{100 * np.mean(clear):.0f}"


def compare_references(arguments: argparse.Namespace) -> None:
    """Print how rules on the scores of known-good parts do on parts compared with those alone."""
    print(f"\n| set | rule on {arguments.references} references | sets with a false alarm "
          "| false alarms | misses |\n|---|---|---:|---:|---:|")  # fmt: skip
    for name, images in real_sets(arguments.folder):
        subsets = SubsetScores(images, arguments.encoder)
        good, bad = np.flatnonzero(~images.labels), np.flatnonzero(images.labels)
        draws = []
        generator = np.random.default_rng(0)
        for _ in range(arguments.draws):
            references = generator.choice(good, min(arguments.references, len(good) - 8), False)
            parts = [np.setdiff1d(good, references), bad]
            own = torch.from_numpy(references)
            scores = [subsets.against(torch.from_numpy(rows), own).numpy() for rows in parts]
            draws.append((subsets.against(own, own).numpy(), *scores))
        for text, rule in REFERENCE_RULES.items():
            print(f"| {name} | {text} | {reference_cells(rule, draws)} |", flush=True)


def reference_cells(rule: Rule, draws: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> str:
    """Return the cells of one rule, in percent, over (references, good parts, defective parts)."""
    sets, alarms, misses = [], [], []
    for references, good, bad in draws:
        value = rule(references)
        sets.append((good > value).any())
        alarms.append((good > value).mean())
        misses.append((bad <= value).mean())
    return " | ".join(f"{100 * np.mean(values):.0f}" for values in (sets, alarms, misses))


def _measured(arguments: argparse.Namespace) -> list[Mix]:
    """Return the mixes of real and generated parts, from the cache if there is one."""
    cache = arguments.cache
    if cache is not None and cache.exists():
        return mixes.load(cache)
    measured = list(mixes.generated(arguments.generated))
    if arguments.folder is not None:
        measured += mixes.real(arguments.folder, arguments.encoder, arguments.draws)
    if cache is not None:
        mixes.save(measured, cache)
    return measured


def _of_share(own: Sequence[Mix], share: float) -> list[Mix]:
    return [mix for mix in own if mix.share == share]
