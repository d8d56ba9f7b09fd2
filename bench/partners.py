"""Measure how scores against some random others differ from those against all others.

    python -m bench.partners [--parts 300 1000] [--partners 16 32 64 128 256]

Made-up plates of 64 x 64 pixels with ``texture``. First checks that N - 1 others give the bits of
all. Then, for each N and R: the root mean square of the relative error of raw scores, of patches
and of parts; the image AUROC; and the seconds of the whole call, processor time of one thread, of
which the images take as much whatever R is. Subsets of R + 1 parts stand beside it.
"""

from __future__ import annotations

import argparse
import time

import torch

from musc2 import Config, Result, datasets, metrics, score
from musc2.ops._support import dispatch

PLAIN = Config(input_size=64, score_unit="distance", rescore=False, memory=4 << 30)


def scored(parts: datasets.synthetic.Parts, config: Config) -> tuple[Result, float]:
    """Return the result and the processor seconds of the call."""
    start = time.process_time()
    result = score(parts.rgb, encoder_2d="texture", config=config)
    return result, time.process_time() - start


def error(result: Result, exact: Result, name: str) -> float:
    """Return the root mean square of the relative error in percent."""
    first, second = getattr(result, name), getattr(exact, name)
    return 100 * float(((first - second) / second).square().mean().sqrt())


def table(count: int, partners: list[int]) -> None:
    """Print the rows of ``count`` parts."""
    parts = datasets.synthetic.parts(count, size=64)
    exact, seconds = scored(parts, PLAIN)
    forms = [("all", exact, seconds)]
    for number in partners:
        if number >= count - 1:
            continue
        random = scored(parts, PLAIN.replace(references_per_part=number))
        subsets = scored(parts, PLAIN.replace(subset_count=count // (number + 1)))
        forms += [(f"R = {number}", *random), (f"subsets of {number + 1}", *subsets)]
    for name, result, own in forms:
        of_patches = error(result, exact, "patch_scores_2d")
        of_parts = error(result, exact, "raw_scores")
        scores = result.raw_scores.numpy()
        auroc = 100 * metrics.image_metrics(scores, parts.labels, only=["auroc"])["auroc"]
        cells = f"{of_patches:.2f} | {of_parts:.2f} | {auroc:.1f} | {own:.1f}"
        print(f"| {count} | {name} | {cells} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=int, nargs="+", default=[300, 1000])
    parser.add_argument("--partners", type=int, nargs="+", default=[16, 32, 64, 128, 256])
    options = parser.parse_args()
    dispatch.set_num_threads(1)
    torch.set_num_threads(1)
    parts = datasets.synthetic.parts(12, size=64)
    if not torch.equal(
        scored(parts, PLAIN)[0].scores,
        scored(parts, PLAIN.replace(references_per_part=11))[0].scores,
    ):
        msg = "11 others of 12 parts give other scores than all"
        raise AssertionError(msg)
    print("| N | compared with | patches, % | parts, % | AUROC | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count in options.parts:
        table(count, options.partners)


if __name__ == "__main__":
    main()
