"""Measure the memory that scoring takes beyond its features, and the time of a pair when it spills.

    python -m bench.memory [--parts 2000] [--grid 28] [--channels 384] [--pairs 4096] [--whole]

First checks that distances in a temporary file are the bits of those in memory. Then, with one
thread, whose processor time is taken so that other work on the machine does not count, and made-up
features of one layer in a mapped file: the time of a pair of 100 parts whose
distances are all in memory, and of ``--parts`` parts with ``--memory``. Of the latter, ``--pairs``
pairs are measured, in blocks spread over the set, written to a file that holds the distances of all
pairs, and 64 rows of it are read and reduced; the time of a pair is that of both steps.

With ``--whole``, instead: a call of ``score_tokens`` on two layers of tokens in a file, in which
one block of pairs in 200 is searched, and others get its distances. All else is done.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import torch

from musc2 import Config, _spill, ops, score_tokens
from musc2._panels import pair_lists
from musc2._panels.distance_table import DistanceTable
from musc2._panels.pair_by_pair import measure
from musc2._panels.pair_lists import PairList
from musc2.ops._support import dispatch
from musc2.ops._support.patch_pairs import PatchPairs
from musc2.stages.mutual import Features, row_source

ROWS = 64  # that are read and reduced
FEW = 100  # parts whose distances are in memory
SKIPPED = 200  # blocks of pairs, of which one is searched
MIB = 1 << 20


def check() -> None:
    """Raise unless distances in a file are those in memory."""
    features = Features(z=torch.randn(20, 30, 8, generator=torch.Generator().manual_seed(0)))
    rows = torch.arange(20)
    whole = row_source(features, memory=1 << 30).rows(rows)
    if not torch.equal(row_source(features, memory=1).rows(rows), whole):
        msg = "distances in a temporary file differ from those in memory"
        raise AssertionError(msg)


def features(*shape: int) -> torch.Tensor:
    """Return made-up features in a mapped file."""
    z = _spill.empty(shape, memory=0, content="features")
    generator = torch.Generator().manual_seed(0)
    for part in z:
        part.copy_(torch.randn(shape[1:], generator=generator))
    return z


def few(z: torch.Tensor) -> float:
    """Return the seconds of a pair where all distances are in memory."""
    start = time.process_time()
    d = row_source(Features(z=z), memory=1 << 40).rows(torch.arange(len(z)))
    ops.lowest_mean(d)
    return (time.process_time() - start) / (len(z) * (len(z) - 1) / 2)


def spilled(z: torch.Tensor, pairs: int, memory: int) -> tuple[float, float]:
    """Return the seconds of a pair for measuring and writing, and for reading and reducing."""
    count, patches, _ = z.shape
    table = DistanceTable(count, patches, count, memory // 4)
    _fill(table, count, patches)
    search = PatchPairs(z, memory=min(48 * MIB, memory // 4))
    blocks = list(_spread(count, pairs))
    start = time.process_time()
    measure(search, iter(blocks), table, memory // (32 * patches))
    measured = sum(len(block.pairs) for block in blocks)
    seconds = (time.process_time() - start) / measured
    rows = torch.linspace(0, count - 1, ROWS).long()
    start = time.process_time()
    for own in torch.split(rows, max(1, memory // 2 // (4 * patches * count))):
        ops.lowest_mean(table.rows(own))
    reducing = (time.process_time() - start) / (ROWS * (count - 1) / 2)
    return seconds, reducing


def whole_call(tokens: torch.Tensor, memory: int) -> tuple[float, float, int]:
    """Return the MiB that a call takes beyond its tokens, the seconds of a pair, and how many.

    tokens: (N, layers, h, w, C).
    """
    search = PatchPairs.distances
    kept: list[torch.Tensor] = []
    counts, searched = [0, 0], [0.0, 0]  # of blocks and pairs; seconds and pairs

    def repeated(patches: PatchPairs, pairs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if counts[0] % SKIPPED == 0:
            start = time.process_time()
            kept[:] = search(patches, pairs)
            searched[0] += time.process_time() - start
            searched[1] += len(pairs)
        counts[0] += 1
        counts[1] += len(pairs)
        rows = torch.arange(len(pairs)) % len(kept[0])
        return kept[0][rows], kept[1][rows]

    height, width = tokens.shape[2:4]
    start = time.process_time()
    with peak_memory() as peak, mock.patch.object(PatchPairs, "distances", repeated):
        result = score_tokens(tokens, image_size=(height, width), config=Config(memory=memory))
    if not result.scores.isfinite().all():
        msg = "made-up distances give scores that are not finite"
        raise AssertionError(msg)
    rest = time.process_time() - start - searched[0]
    return peak[0], searched[0] / searched[1] + rest / counts[1], counts[1]


def _fill(table: DistanceTable, count: int, patches: int) -> None:
    """Write some value for each pair, so that the file is as large as it gets."""
    values = torch.rand(count, patches)
    columns = torch.arange(count)
    for row in range(count):
        pairs = torch.stack([torch.full_like(columns, row), columns], 1)
        nowhere = torch.full_like(columns, -1)
        table.write(PairList(pairs, columns, nowhere), values, values)


def _spread(count: int, pairs: int) -> Iterator[PairList]:
    """Yield blocks of about ``pairs`` pairs in all, evenly spread."""
    blocks = list(pair_lists.of_all(count))
    needed = max(1, pairs // pair_lists.BLOCK**2)
    for place in torch.linspace(0, len(blocks) - 1, min(needed, len(blocks))).long().tolist():
        yield blocks[place]


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Yield a list whose item is, after the block, by how many MiB memory grew at most.

    Of the process alone: pages of mapped files, which the system takes back, do not count.
    """
    before, is_over = _anonymous(), threading.Event()
    peak = [0.0]

    def watch() -> None:
        while not is_over.wait(0.01):
            peak[0] = max(peak[0], _anonymous() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        is_over.set()
        watcher.join()


def _anonymous() -> float:
    with open("/proc/self/status") as status:
        [line] = [line for line in status if line.startswith("RssAnon")]
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=int, default=2000)
    parser.add_argument("--grid", type=int, default=28)
    parser.add_argument("--channels", type=int, default=384)
    parser.add_argument("--pairs", type=int, default=4096)
    parser.add_argument("--memory", type=int, default=256, help="MiB (default: 256)")
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    dispatch.set_num_threads(1)
    torch.set_num_threads(1)
    check()
    patches = options.grid**2
    if options.whole:
        tokens = features(options.parts, 2, options.grid, options.grid, options.channels)
        before = few(tokens[:FEW, 0].flatten(1, 2).contiguous())
        peak_mib, seconds, pairs = whole_call(tokens, options.memory * MIB)
        in_memory = (before + few(tokens[:FEW, 0].flatten(1, 2).contiguous())) / 2
        print(f"pairs of both layers: {pairs}; of {FEW} parts: {1000 * in_memory:.2f} ms each")
        print(f"a pair in the call: {1000 * seconds:.2f} ms; ratio {seconds / in_memory:.2f}")
        print(f"memory taken beyond the tokens, MiB, {options.memory} allowed: {peak_mib:.0f}")
        return
    z = features(options.parts, patches, options.channels)
    before = few(z[:FEW])
    with peak_memory() as peak:
        seconds, reducing = spilled(z, options.pairs, options.memory * MIB)
    after = few(z[:FEW])
    in_memory = (before + after) / 2
    print("| what | value |\n| --- | --- |")
    print(f"| features of a layer, MiB | {4 * z.numel() / MIB:.0f} |")
    print(f"| distances of a layer, MiB | {4 * patches * options.parts**2 / MIB:.0f} |")
    print(f"| a pair of {FEW} parts, in memory, ms | {1000 * in_memory:.2f} |")
    print(f"| a pair of {options.parts} parts, measured and written, ms | {1000 * seconds:.2f} |")
    print(f"| read and reduced, ms | {1000 * reducing:.2f} |")
    print(f"| ratio | {(seconds + reducing) / in_memory:.2f} |")
    print(f"| memory taken, MiB, {options.memory} allowed | {peak[0]:.0f} |")


if __name__ == "__main__":
    main()
