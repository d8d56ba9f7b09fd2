"""Time the default of images, a part and stage at a time, in torch and in OpenVINO.

    python -m bench.per_part [FOLDER] [--parts 40] [--rounds 3]

FOLDER holds images; without it they are generated boards. Each call is a whole ``musc2.score`` with
efficientnet-lite0. Both runtimes have to put the same part first; they take turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
from pathlib import Path

import torch
from PIL import Image

import musc2
from bench.boards import Boards

SIDE = 512
Stages = dict[str, float]


def written_boards(count: int, folder: Path) -> list[str]:
    """Write boards, one of which has a defect, and return their files."""
    boards = Boards((SIDE, SIDE), defects={1: (200, 300)})
    paths = []
    for number in range(count):
        paths.append(str(folder / f"{number:03}.png"))
        Image.fromarray(boards(number)).save(paths[-1])
    return paths


def images_in(folder: Path, count: int) -> list[str]:
    """Return the first images of a folder."""
    paths = [str(path) for path in sorted(folder.rglob("*")) if path.suffix in (".png", ".jpg")]
    return paths[:count]


def scored(paths: list[str], runtime: str) -> musc2.Result:
    """Return the result of the default in a runtime."""
    config = musc2.Config(encoder_runtime=runtime)
    return musc2.score(paths, encoder_2d="efficientnet-lite0", config=config)


def row(runtime: str, rounds: list[Stages], count: int) -> str:
    """Return a line of the table: medians of each stage, in ms a part."""
    cells = []
    for stage in rounds[0]:
        cells.append(f"{1e3 * statistics.median(own[stage] for own in rounds) / count:.1f}")
    total = 1e3 * statistics.median(sum(own.values()) for own in rounds) / count
    return f"| {runtime} | {' | '.join(cells)} | {total:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--parts", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    runtimes = ["torch"]
    if importlib.util.find_spec("openvino"):
        runtimes.append("openvino")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        if arguments.folder is None:
            paths = written_boards(arguments.parts, Path(temporary))
        else:
            paths = images_in(arguments.folder, arguments.parts)
        firsts = {int(scored(paths, runtime).scores.argmax()) for runtime in runtimes}
        assert len(firsts) == 1, f"the runtimes put parts {sorted(firsts)} first"
        rounds: dict[str, list[Stages]] = {runtime: [] for runtime in runtimes}
        for _ in range(arguments.rounds):
            for runtime in runtimes:
                rounds[runtime].append(scored(paths, runtime).timings)
    stages = list(rounds["torch"][0])
    print(f"{len(paths)} parts, {torch.get_num_threads()} threads, ms a part; load {load:.1f}")
    print(f"| runtime | {' | '.join(stages)} | all |")
    print(f"|---|{'---:|' * (len(stages) + 1)}")
    for runtime in runtimes:
        print(row(runtime, rounds[runtime], len(paths)))


if __name__ == "__main__":
    main()
