"""Measure banks that keep a share of each part's patches, on folders of real images.

FOLDER is that of ``real_sets``. A random half of each set, good and defective parts alike, is the
bank, and the others are scored against it. Prints the image AUROC of raw scores in percent, how it
differs from that of the whole bank, and the processor time of comparing a part, one thread.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from bench.quality.real_sets import auroc, real_sets
from musc2 import Scorer
from musc2.ops._support import dispatch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoders", nargs="+", default=["texture", "efficientnet-lite0"])
    parser.add_argument("--sizes", nargs="+", type=float, default=[0.25, 0.1, 0.05])


def run(arguments: argparse.Namespace) -> None:
    dispatch.set_num_threads(1)
    torch.set_num_threads(1)
    print("| encoder | set | bank_size | I-AUROC | difference | ms a part |")
    print("| --- | --- | --- | --- | --- | --- |")
    for encoder in arguments.encoders:
        for name, images in real_sets(arguments.folder):
            order = np.random.default_rng(0).permutation(len(images.paths))
            bank, new = np.array_split(order, 2)
            whole = 0.0
            for size in [None, *arguments.sizes]:
                paths = [images.paths[row] for row in bank]
                scorer = Scorer.fit(paths, encoder_2d=encoder, bank_size=size, keep_distances=False)
                start = time.process_time()
                result = scorer.score([images.paths[row] for row in new])
                seconds = time.process_time() - start
                seconds *= result.timings["mutual"] / sum(result.timings.values())
                value = auroc(result.raw_scores.numpy(), images.labels[new])
                whole = value if size is None else whole
                milliseconds = 1000 * seconds / len(new)
                cells = f"{value:.1f} | {value - whole:+.1f} | {milliseconds:.0f}"
                print(f"| {encoder} | {name} | {size or 'all'} | {cells} |", flush=True)
