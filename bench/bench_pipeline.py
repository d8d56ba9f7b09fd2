"""The method without its networks, 50 parts in 2D+3D at full size, against the published formulas in plain torch.

    python bench/bench_pipeline.py [--rounds 3] [--measured 5] [--markdown bench/results/pipeline-cpu.md]

From clouds and tokens to scores: grouping, aggregation, mutual scoring, cross-modal enhancement, maps, re-scoring.
The published way takes minutes, one sample after the other: ``--measured`` samples of the 50 are timed, each against
all 50, and counted 50 / measured times. Both sides are run on 6 whole samples before, and have to agree.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
from pathlib import Path

import numpy as np
import torch
from clouds import SIDE, scan
from published import Parts, published

import musc2
from compare import readable
from musc2.progress import Progress
from musc2.stages.group import group_clouds

SAMPLES, LAYERS, GRID, CHANNELS, GROUPS, POINT_CHANNELS = 50, 3, (28, 28), 768, 1024, 384
STAGES = {
    "group": "grouping: farthest points, curvature, groups",
    "aggregate": "aggregation, 2D and 3D",
    "mutual": "mutual scoring, 2D and 3D",
    "enhance": "cross-modal enhancement",
    "maps": "maps",
    "rescore": "re-scoring",
    "inputs": "checks of arguments",
}
PRESETS = ("musc-v2", "published")


def parts(count: int) -> Parts:
    """Tokens of length 1 or so around a pattern that all samples share, and scans of one surface."""
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)

    def tokens(*shape: int) -> torch.Tensor:
        pattern = torch.randn(1, *shape, generator=generator)
        noise = torch.randn(count, *shape, generator=generator)
        return noise.mul_(0.3).add_(pattern).mul_(shape[-1] ** -0.5)

    scans = [scan(rng) for _ in range(count)]
    return Parts(
        image=tokens(LAYERS, *GRID, CHANNELS),
        point=tokens(LAYERS, GROUPS, POINT_CHANNELS),
        points=[torch.from_numpy(points) for points, _ in scans],
        pixels=[torch.from_numpy(pixels) for _, pixels in scans],
    )


def ours(given: Parts, config: musc2.Config) -> tuple[musc2.Result, dict[str, float]]:
    """The result, and the seconds of each stage."""
    clock = Progress()
    with clock("group"):
        clouds = [
            group_clouds(
                [points], [pixels], [(SIDE, SIDE)], unique=config.group_unique, skip_radius=config.group_skip_radius
            )[0][0]
            for points, pixels in zip(given.points, given.pixels, strict=True)
        ]
    result = musc2.score_tokens(given.image, given.point, clouds, config=config)
    return result, {**clock.seconds, **result.timings}


def check(given: Parts) -> None:
    """Ours with the preset ``published`` gives the published values, also when it searches in low precision."""
    scores, maps = published(given, range(len(given.image)), Progress(), stable=True)
    exact = musc2.Config.from_preset("published")
    for config in (exact, exact.replace(search_precision="auto")):
        result = ours(given, config)[0]
        torch.testing.assert_close(result.image, scores, rtol=0, atol=1e-3)
        difference = (result.maps - maps).abs() / maps.max()  # of 8 bits, of which the last may differ
        assert float((difference > 1e-5).float().mean()) < 1e-2
        assert float(difference.max()) < 1e-2


def one_round(given: Parts, measured: int) -> dict[str, dict[str, float]]:
    """The seconds of each stage, of the baseline and of ours with each preset."""
    clock = Progress()
    published(given, range(measured), clock)
    baseline = {stage: seconds * len(given.image) / measured for stage, seconds in clock.seconds.items()}
    return {"baseline": baseline} | {preset: ours(given, musc2.Config.from_preset(preset))[1] for preset in PRESETS}


def table(rounds: list[dict[str, dict[str, float]]]) -> str:
    """Medians over rounds, of the ratios too."""
    lines = [
        "| stage | published formulas | ours, musc-v2 | ratio | ours, published | ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for stage, name in {**STAGES, "total": "**total**"}.items():
        seconds = {
            side: [sum(one[side].values()) if stage == "total" else one[side].get(stage, 0.0) for one in rounds]
            for side in rounds[0]
        }
        cells = [readable(statistics.median(seconds["baseline"])) if stage != "inputs" else ""]
        for preset in PRESETS:
            ratios = [b / o for b, o in zip(seconds["baseline"], seconds[preset], strict=True)]
            ratio = f"{statistics.median(ratios):.1f}" if stage != "inputs" else ""
            cells += [readable(statistics.median(seconds[preset])), ratio]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def machine() -> str:
    """Cores and model of the CPU."""
    models = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line]
    return f"{os.cpu_count()} cores of {models[0]}"


def page(rounds: list[dict[str, dict[str, float]]], measured: int, load: float) -> str:
    totals = [[sum(one["baseline"].values()) / sum(one[preset].values()) for one in rounds] for preset in PRESETS]
    spread = "; ".join(
        f"{preset} {' '.join(f'{ratio:.1f}' for ratio in ratios)}"
        for preset, ratios in zip(PRESETS, totals, strict=True)
    )
    return f"""# The pipeline without its networks, on CPU

{datetime.date.today():%d %B %Y}, {machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}.
`python bench/bench_pipeline.py --rounds {len(rounds)} --measured {measured}`; load average before: {load:.1f}.

{SAMPLES} parts in 2D+3D: {LAYERS} layers of {GRID[0] * GRID[1]} image tokens of {CHANNELS} numbers and {GROUPS:,} point
tokens of {POINT_CHANNELS}, clouds of 20,000 points, maps of {SIDE} x {SIDE}.

The baseline is the published formulas in plain torch (`bench/published.py`), with scikit-learn's kd-tree for
neighbors. It treats one sample after the other, so {measured} samples were timed, each against all {SAMPLES}, and
counted {SAMPLES / measured:g} times. Before that both sides ran on 6 samples without short cuts, and ours with the
preset `published` gave the same scores and maps (rank matching with a stable sort on both sides). The default preset
`musc-v2` searches in bfloat16 where the CPU has it, and reports distances in float32.

Medians of {len(rounds)} rounds in which both sides took turns:

{table(rounds)}

Total ratio of each round: {spread}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measured", type=int, default=5, help="samples of the 50 that the baseline is timed on")
    parser.add_argument("--markdown", type=Path, help="also write the page to this file")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    check(parts(6))
    given = parts(SAMPLES)
    rounds = [one_round(given, arguments.measured) for _ in range(arguments.rounds)]
    found = page(rounds, arguments.measured, load)
    print(found)
    if arguments.markdown:
        arguments.markdown.parent.mkdir(exist_ok=True)
        arguments.markdown.write_text(found)


if __name__ == "__main__":
    main()
