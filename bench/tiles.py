"""Measure tiles on generated boards: time, peak memory, and whether a small defect is found.

    python -m bench.tiles [--boards 6] [--tile 256] [--sizes 6000x8000] [--bank]

Each set has one board with a defect of 20 pixels; boards are shifted by up to 4 pixels. Found: the
board has the highest score, and its map is highest within a patch of the defect. Each row is a
process of its own, whose peak memory is that of the whole process. With --bank the boards without a
defect become a bank; the other one is scored against it and with score(references=), after a check
that both give the same score.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image

import musc2
from bench.boards import Boards
from musc2 import _cpu

SIZES = ("2000x8000", "200x5000", "6000x8000", "9000x12000")
ODD = 1  # the board with the defect
SIDE = 20
THREADS = 2


def write_boards(folder: Path, size: tuple[int, int], count: int) -> tuple[int, int]:
    """Write boards as png files and return the (row, column) of the defect."""
    corner = (size[0] * 5 // 8 + 7, size[1] * 3 // 8 + 11)
    boards = Boards(size, defects={ODD: corner}, side=SIDE)
    for number in range(count):
        Image.fromarray(boards(number)).save(folder / f"{number}.png", compress_level=1)
    return corner


def measure(folder: Path, corner: tuple[int, int], encoder: str, tile: int | None) -> str:
    """Return seconds, peak memory and what was found, as cells of a table."""
    torch.set_num_threads(THREADS)
    _cpu.set_num_threads(THREADS)
    Image.MAX_IMAGE_PIXELS = None
    start = time.perf_counter()
    result = musc2.score(folder, encoder_2d=encoder, config=musc2.Config(tile=tile))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    values = result.maps[ODD]
    row, column = divmod(int(values.argmax()), values.shape[1])
    off = max(abs(row - corner[0]), abs(column - corner[1]))
    others = torch.cat([result.scores[:ODD], result.scores[ODD + 1 :]])
    is_highest = bool(result.scores[ODD] > others.max())
    reach = SIDE / 2 + (tile or max(values.shape)) / 28
    verdict = "yes" if is_highest and off <= reach else "no"
    ratio = float(result.scores[ODD] / others.max())
    return f"{seconds:.0f} s | {peak:.2f} GB | {verdict} | {ratio:.2f} | {off}"


def measure_bank(folder: Path, encoder: str, tile: int) -> str:
    """Return the seconds of one board against the others, by both ways, as cells of a table."""
    torch.set_num_threads(THREADS)
    _cpu.set_num_threads(THREADS)
    Image.MAX_IMAGE_PIXELS = None
    config = musc2.Config(tile=tile)
    files = sorted(folder.iterdir())
    new = [files.pop(ODD)]
    start = time.perf_counter()
    scorer = musc2.Scorer.fit(
        files, config=config, encoder_2d=encoder, storage="float16", references_are_good=True
    )
    fitted = time.perf_counter()
    result = scorer.score(new)
    scored = time.perf_counter()
    expected = musc2.score(
        new,
        references={"rgb": files},
        references_are_good=True,
        config=config,
        encoder_2d=encoder,
    )
    anew = time.perf_counter() - scored
    # Half precision, and a border that the new board shows less of.
    torch.testing.assert_close(result.scores, expected.scores, rtol=0.02, atol=0)
    own = scored - fitted
    threshold = scorer.threshold.value
    verdict = "yes" if float(result.scores[0]) > threshold else "no"
    return f"{fitted - start:.0f} s | {own:.1f} s | {anew:.0f} s | {anew / own:.1f} | {verdict}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boards", type=int, default=6)
    parser.add_argument("--tile", type=int, default=256)
    parser.add_argument("--encoder", default="efficientnet-lite0")
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="height x width")
    parser.add_argument("--bank", action="store_true", help="score one board against a bank")
    arguments = parser.parse_args()
    if arguments.bank:
        print("| size | tile | learn | a board, bank | score(references=) | ratio | suspicious |")
    else:
        print("| size | tile | time | peak | found | score / highest other | pixels off |")
    print("|---|---|---:|---:|---:|---:|---:|")
    spawn = multiprocessing.get_context("spawn")
    for text in arguments.sizes:
        height, width = map(int, text.split("x"))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            corner = write_boards(folder, (height, width), arguments.boards)
            for tile in (arguments.tile,) if arguments.bank else (None, arguments.tile):
                with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
                    if arguments.bank:
                        task = pool.submit(measure_bank, folder, arguments.encoder, tile)
                    else:
                        task = pool.submit(measure, folder, corner, arguments.encoder, tile)
                    print(
                        f"| {height} x {width} | {tile or 'whole'} | {task.result()} |", flush=True
                    )


if __name__ == "__main__":
    main()
