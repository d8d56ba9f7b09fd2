"""Time one part against a bank, beside score(references=), and adding one part to a large bank.

    python -m bench.bank [--count 50] [--rounds 3] [--large 500] [--references 2 10 50 500]

Then the time of one part against banks of several sizes, of images, scans and both, with all
patches, with a tenth of them, and with a search window: ``bench.bank_latency``.

Both sides are compared before they are timed: with the encoders as the bank fitted them they give
the same scores. The large bank holds made-up features, and adding a part is compared with scoring
all of its parts anew.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bench.bank_latency import check, table
from musc2 import Config, Scorer, datasets, score
from musc2._bank.part_features import part_features
from musc2._bank.scoring import among
from musc2._bank.store import Bank
from musc2.by_modality import ByModality
from musc2.encoders import TokenDefaults
from musc2.patch_scores import patch_scores
from musc2.progress import StageTimer
from musc2.tokens import PartSet, Tokens

CASES = {
    "images, efficientnet-lite0": {"encoder_2d": "efficientnet-lite0"},
    "images, texture": {"encoder_2d": "texture"},
    "images and scans, texture + shape": {"encoder_2d": "texture", "encoder_3d": "shape"},
}
GRID, CHANNELS = 14, 64
PLAIN = [ByModality[TokenDefaults](image=TokenDefaults(normalize=True, degrees=(1,)))]
Row = tuple[str, float, float, float]


def one_part(name: str, count: int, rounds: int) -> Row:
    """Return the seconds of one part against ``count`` by a bank and by score(references=)."""
    parts = datasets.synthetic.parts(count + 1, size=224)
    options: dict[str, Any] = CASES[name]
    has_scans = "encoder_3d" in options
    references: dict[str, Any] = {"rgb": parts.rgb[:count]}
    new: list[Any] = [parts.rgb[count:]]
    if has_scans:
        references["pcd"] = parts.xyz[:count]
        new.append(parts.xyz[count:])
    # With good references, all of them are scored for the unit, as all parts of a bank are.
    good = {**options, "references_are_good": True}
    check(Scorer.fit(*references.values(), **good), _named(new), references, good)
    scorer = Scorer.fit(*references.values(), **options)
    banked, anew = [], []
    for _ in range(rounds):
        banked.append(_seconds(lambda: scorer.score(*new)))
        anew.append(_seconds(lambda: score(*new, references=references, **options)))
    return name, statistics.median(banked), statistics.median(anew), _ratio(anew, banked)


def one_more(count: int, rounds: int = 7) -> Row:
    """Return the seconds of adding a part to ``count`` made-up ones, and of scoring all anew.

    The first part that is added makes room for a quarter more; the median is that of the others.
    """
    tokens = _tokens(count + rounds)
    small = _tokens(40)
    bank = _bank(small, 30)
    for index in range(30, 40):
        bank.add(_features(small, [index]), [str(index)], [None])
    [own] = among(bank, PLAIN, StageTimer()).patches
    anew_scores = patch_scores(_view(small), Tokens(), PLAIN[0], Config(), StageTimer()).scores
    torch.testing.assert_close(own.scores.image, anew_scores.image, rtol=0, atol=0)

    bank = _bank(tokens, count)
    added = []
    for index in range(count, count + rounds):
        features = _features(tokens, [index])
        added.append(_seconds(lambda f=features, i=index: bank.add(f, [str(i)], [None])))
    view = _view(tokens[: count + 1])
    anew = [_seconds(lambda: patch_scores(view, Tokens(), PLAIN[0], Config(), StageTimer()))]
    name = f"add one to {count}, {GRID} x {GRID} x {CHANNELS} made-up features"
    return name, statistics.median(added), anew[0], _ratio(anew, added)


def _named(new: list[Any]) -> dict[str, Any]:
    return dict(zip(("rgb", "pcd"), new, strict=False))


def _tokens(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    pattern = torch.randn(1, 1, GRID, GRID, CHANNELS, generator=generator)
    return pattern + 0.5 * torch.randn(count, 1, GRID, GRID, CHANNELS, generator=generator)


def _view(tokens: torch.Tensor) -> Tokens:
    return Tokens(image=tokens)


def _features(tokens: torch.Tensor, rows: list[int]) -> Any:
    return part_features(PartSet(views=[_view(tokens[rows])]), [(0, None)], PLAIN, Config())


def _bank(tokens: torch.Tensor, count: int) -> Bank:
    bank = Bank(config=Config())
    bank.add(_features(tokens, list(range(count))), list(map(str, range(count))), [None] * count)
    return bank


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _ratio(slow: list[float], fast: list[float]) -> float:
    return statistics.median(slow) / statistics.median(fast)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, default=500)
    parser.add_argument("--references", type=int, nargs="*", default=[2, 10, 50, 500])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    print("| what | bank, ms | anew, ms | ratio |\n| --- | --- | --- | --- |")
    rows = [lambda name=name: one_part(name, options.count, options.rounds) for name in CASES]
    rows.append(lambda: one_more(options.large))
    for measure in rows:
        name, fast, slow, ratio = measure()
        print(f"| {name} | {1000 * fast:.0f} | {1000 * slow:.0f} | {ratio:.1f} |", flush=True)
    print()
    if options.references:
        for line in table(options.references, max(options.rounds, 7)):
            print(line, flush=True)
    print(f"load {os.getloadavg()}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
