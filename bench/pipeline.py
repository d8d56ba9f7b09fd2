"""Time the method without its networks, 50 parts in 2D+3D, against the published formulas.

    python -m bench.pipeline [--rounds 3] [--measured 5] [--markdown bench/results/pipeline-cpu.md]

From clouds and tokens to scores: grouping, aggregation, mutual scoring, cross-modal enhancement,
maps, re-scoring. The published formulas take minutes, one sample after the other: ``--measured``
samples of the 50 are timed, each against all 50, and counted 50 / measured times. Before that, both
sides run on 6 whole samples and have to agree.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import musc2
from bench.baselines.pipeline import PartTokens
from bench.baselines.pipeline import pipeline as baseline
from bench.clouds import SIDE, scan
from bench.compare import readable
from musc2.progress import StageTimer
from musc2.stages.group import group_clouds, group_settings

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
Seconds = dict[str, float]
"""Of each stage."""
Round = dict[str, Seconds]
"""Of the baseline and of each preset."""


def make_parts(count: int) -> PartTokens:
    """Return tokens of length 1 or so around a shared pattern, and scans of one surface."""
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)

    def tokens(*shape: int) -> torch.Tensor:
        pattern = torch.randn(1, *shape, generator=generator)
        noise = torch.randn(count, *shape, generator=generator)
        return noise.mul_(0.3).add_(pattern).mul_(shape[-1] ** -0.5)

    xyz, pixels = [], []
    for _ in range(count):
        points, own_pixels = scan(rng)
        xyz.append(torch.from_numpy(points))
        pixels.append(torch.from_numpy(own_pixels))
    return PartTokens(
        image=tokens(LAYERS, *GRID, CHANNELS),
        points=tokens(LAYERS, GROUPS, POINT_CHANNELS),
        xyz=xyz,
        pixels=pixels,
    )


def candidate(parts: PartTokens, config: musc2.Config) -> tuple[musc2.Result, Seconds]:
    """Return the result of musc2 and the seconds of each stage."""
    timer = StageTimer()
    clouds = []
    with timer.stage("group"):
        for xyz, pixels in zip(parts.xyz, parts.pixels, strict=True):
            grouped = group_clouds([xyz], [pixels], [(SIDE, SIDE)], **group_settings(config))
            clouds.append(grouped[0][0])
    result = musc2.score_tokens(parts.image, parts.points, clouds, config=config)
    return result, {**timer.seconds, **result.timings}


def check(parts: PartTokens) -> None:
    """Check that the preset ``published`` gives the published values, in low precision too."""
    scores, maps = baseline(parts, range(len(parts.image)), StageTimer(), stable=True)
    exact = musc2.Config.from_preset("published")
    for config in (exact, exact.replace(search_precision="auto")):
        result = candidate(parts, config)[0]
        torch.testing.assert_close(result.scores, scores, rtol=0, atol=1e-3)
        # Maps have 8 bits, of which the last may differ.
        difference = (result.maps.at("working") - maps).abs() / maps.max()
        assert float((difference > 1e-5).float().mean()) < 1e-2
        assert float(difference.max()) < 1e-2


def run_round(parts: PartTokens, measured: int) -> Round:
    """Return the seconds of each stage, of the baseline and of musc2 with each preset."""
    timer = StageTimer()
    baseline(parts, range(measured), timer)
    scale = len(parts.image) / measured
    seconds = {"baseline": {stage: scale * spent for stage, spent in timer.seconds.items()}}
    for preset in PRESETS:
        seconds[preset] = candidate(parts, musc2.Config.from_preset(preset))[1]
    return seconds


def table(rounds: Sequence[Round]) -> str:
    """Return a markdown table of the medians over rounds, of the ratios too."""
    lines = [
        "| stage | published formulas | musc2, musc-v2 | ratio | musc2, published | ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for stage, title in STAGES.items():
        lines.append(_row(title, [_of_stage(seconds, stage) for seconds in rounds], stage))
    lines.append(_row("**total**", [_totals(seconds) for seconds in rounds], "total"))
    return "\n".join(lines)


def _row(title: str, rounds: Sequence[Seconds], stage: str) -> str:
    """rounds: the seconds of each side. The baseline has no arguments to check."""
    compared = stage != "inputs"
    median = statistics.median(seconds["baseline"] for seconds in rounds)
    cells = [readable(median) if compared else ""]
    for preset in PRESETS:
        cells.append(readable(statistics.median(seconds[preset] for seconds in rounds)))
        ratio = statistics.median(_ratios(rounds, preset)) if compared else None
        cells.append("" if ratio is None else f"{ratio:.1f}")
    return f"| {title} | {' | '.join(cells)} |"


def _of_stage(seconds: Round, stage: str) -> Seconds:
    return {side: stages.get(stage, 0.0) for side, stages in seconds.items()}


def _totals(seconds: Round) -> Seconds:
    return {side: sum(stages.values()) for side, stages in seconds.items()}


def _ratios(rounds: Sequence[Seconds], preset: str) -> list[float]:
    return [seconds["baseline"] / seconds[preset] for seconds in rounds]


def cpu() -> str:
    """Return cores and model of the CPU."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{os.cpu_count()} cores of {line.split(':')[1].strip()}"
    return f"{os.cpu_count()} cores"


def page(rounds: Sequence[Round], measured: int, load: float) -> str:
    """Return the page for bench/results."""
    totals = [_totals(seconds) for seconds in rounds]
    spreads = []
    for preset in PRESETS:
        ratios = " ".join(f"{ratio:.1f}" for ratio in _ratios(totals, preset))
        spreads.append(f"{preset} {ratios}")
    today, threads = datetime.date.today(), torch.get_num_threads()
    return f"""# The pipeline without its networks, on CPU

{today:%d %B %Y}, {cpu()}, {threads} threads, torch {torch.__version__}.
`python -m bench.pipeline --rounds {len(rounds)} --measured {measured}`; load average before: \
{load:.1f}.

{SAMPLES} parts in 2D+3D: {LAYERS} layers of {GRID[0] * GRID[1]} image tokens of {CHANNELS} numbers
and {GROUPS:,} point tokens of {POINT_CHANNELS}, clouds of 20,000 points, maps of {SIDE} x {SIDE}.

The baseline is the published formulas in plain torch (`bench/baselines/pipeline.py`), with
scikit-learn's kd-tree for neighbors. It treats one sample after the other, so {measured} samples
were timed, each against all {SAMPLES}, and counted {SAMPLES / measured:g} times. Before that both
sides ran on 6 samples without short cuts, and musc2 with the preset `published` gave the same
scores and maps (rank matching with a stable sort on both sides).

Medians of {len(rounds)} rounds in which both sides took turns:

{table(rounds)}

Total ratio of each round: {"; ".join(spreads)}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measured", type=int, default=5, help="samples to time the baseline on")
    parser.add_argument("--markdown", type=Path, help="also write the page to this file")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    check(make_parts(6))
    parts = make_parts(SAMPLES)
    rounds = []
    for _ in range(arguments.rounds):
        rounds.append(run_round(parts, arguments.measured))
    text = page(rounds, arguments.measured, load)
    print(text)
    if arguments.markdown:
        arguments.markdown.parent.mkdir(exist_ok=True)
        arguments.markdown.write_text(text)


if __name__ == "__main__":
    main()
