"""Time the whole call, from files to scores, 50 parts in 2D+3D, against the published formulas.

    python -m bench.whole_call [--parts 50] [--rounds 1] [--measured 3]

Images and xyz maps of 800 x 800 are read from files; ViT-B/8 and Point-MAE have random weights.
The published formulas treat one part after the other, in float32 and plain torch: ``--measured``
parts are timed, each against all, and counted parts / measured times. Before that, both sides run
on 6 whole parts and have to agree.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tifffile
import torch
from PIL import Image

import musc2
from bench.baselines.farthest_points import farthest_points
from bench.baselines.group_points import group_points
from bench.baselines.pipeline import PartTokens
from bench.baselines.pipeline import pipeline as published_method
from bench.baselines.point_mae import point_mae
from bench.clouds import SIDE
from bench.compare import readable
from bench.gpu.synthetic import REAL, networks, parts
from bench.pipeline import PRESETS, STAGES, Seconds, make_parts
from musc2.encoders.point_mae import PointMAE
from musc2.encoders.vit import VisionTransformer
from musc2.ops._support.threads import one_thread
from musc2.progress import StageTimer

FILE_SIDE = REAL.side
ROWS = {
    "read": "read and prepare files; groups of the points",
    "encode": "networks",
    **{stage: title for stage, title in STAGES.items() if stage not in ("group", "inputs")},
    "other": "checks, copies, matches",
}


@dataclass(frozen=True, kw_only=True)
class Files:
    """The files of the parts, and the networks."""

    images: list[Path]
    maps: list[Path]
    image_encoder: VisionTransformer
    point_encoder: PointMAE


def write_files(count: int, folder: Path) -> Files:
    """Write parts that differ by noise, and load networks of random weights."""
    folder.mkdir()
    images, maps = parts(REAL)
    image_paths, map_paths = [], []
    rng = np.random.default_rng(1)
    for number in range(count):
        name = f"{number:03}"
        shifted = images[number % len(images)] + rng.integers(-6, 7, (FILE_SIDE, FILE_SIDE, 1))
        xyz = maps[number % len(maps)].copy()
        xyz[xyz.any(2), 2] += rng.normal(0, 2e-4, int(xyz.any(2).sum())).astype(np.float32)
        image_paths.append(folder / f"{name}.png")
        map_paths.append(folder / f"{name}.tiff")
        Image.fromarray(shifted.clip(0, 255).astype(np.uint8)).save(image_paths[-1])
        tifffile.imwrite(map_paths[-1], xyz)
    image, point = networks(REAL, folder, torch.device("cpu"))
    assert isinstance(image, VisionTransformer)
    assert isinstance(point, PointMAE)
    return Files(
        images=image_paths,
        maps=map_paths,
        image_encoder=replace(image, precision="float32"),
        point_encoder=replace(point, precision="float32"),
    )


def published_tokens(files: Files, items: Sequence[int], timer: StageTimer) -> PartTokens:
    """Return tokens and scans of parts, read and encoded one at a time."""
    image_tokens, point_tokens, clouds, places = [], [], [], []
    for item in items:
        with timer.stage("read"):
            with Image.open(files.images[item]) as opened:
                image = opened.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
            points, places_in_map = scan_of(files.maps[item])
        with one_thread():  # untimed: published_method groups them again
            centers = farthest_points(points, 1024)
            groups, _ = group_points(points, centers)
        with timer.stage("encode"), torch.inference_mode():
            image_tokens.append(files.image_encoder.encode(pixels).tokens)
            around = points[groups] - points[centers][:, None]
            network = files.point_encoder.network
            point_tokens.append(point_mae(network, around, points[centers]))
        clouds.append(points)
        places.append(places_in_map)
    return PartTokens(
        image=torch.cat(image_tokens),
        points=torch.stack(point_tokens),
        xyz=clouds,
        pixels=places,
    )


def scan_of(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the points of a map, brought to SIDE, centered and within 1, and their pixels."""
    rows = np.arange(SIDE) * FILE_SIDE // SIDE
    xyz = tifffile.imread(path)[rows][:, rows].reshape(-1, 3)
    places = np.flatnonzero((xyz != 0).all(1))
    points = xyz[places]
    points = points - points.mean(0, dtype=np.float64).astype(np.float32)
    points /= np.sqrt((points**2).sum(1)).max()
    return torch.from_numpy(points), torch.from_numpy(places)


def candidate(files: Files, config: musc2.Config) -> musc2.Result:
    """Return the result of musc2; networks run where, and as, encoders by name would."""
    has_openvino = importlib.util.find_spec("openvino") is not None
    uses_openvino = has_openvino and config.encoder_runtime == "auto"
    runtime = "openvino" if uses_openvino else "torch"
    own = {"runtime": runtime, "precision": config.encoder_precision}
    return musc2.score(
        files.images,
        files.maps,
        encoder_2d=replace(files.image_encoder, **own),
        encoder_3d=replace(files.point_encoder, **own),
        config=config,
        device="cpu",
    )


def check(files: Files) -> None:
    """Check that the preset ``published`` gives the published scores."""
    items = range(len(files.images))
    tokens = published_tokens(files, items, StageTimer())
    scores, _ = published_method(tokens, items, StageTimer(), stable=True)
    result = candidate(files, musc2.Config.from_preset("published"))
    torch.testing.assert_close(result.scores, scores, rtol=0, atol=1e-3)


def published_seconds(files: Files, measured: int) -> Seconds:
    """Return the seconds of each stage, for all parts."""
    timer, items = StageTimer(), range(measured)
    published_tokens(files, items, timer)
    # The others' tokens have been computed before, and their values change no time.
    published_method(make_parts(len(files.images)), items, timer)
    scale = len(files.images) / measured
    return {stage: scale * spent for stage, spent in timer.seconds.items()}


def run_round(files: Files, measured: int) -> dict[str, Seconds]:
    """Return the seconds of each row, of the baseline and of musc2 with each preset."""
    seconds = {"baseline": published_seconds(files, measured)}
    for preset in PRESETS:
        seconds[preset] = candidate(files, musc2.Config.from_preset(preset)).timings
    return {side: _rows(stages) for side, stages in seconds.items()}


def table(rounds: Sequence[dict[str, Seconds]]) -> str:
    """Return a markdown table of the medians over rounds, of the ratios too."""
    lines = [
        "| stage | published formulas | musc2, musc-v2 | ratio | musc2, published | ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row, title in {**ROWS, "total": "**total**"}.items():
        cells = [readable(statistics.median(own["baseline"][row] for own in rounds))]
        for preset in PRESETS:
            cells.append(readable(statistics.median(own[preset][row] for own in rounds)))
            ratio = statistics.median(own["baseline"][row] / own[preset][row] for own in rounds)
            cells.append(f"{ratio:.1f}" if row != "other" else "")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _rows(stages: Seconds) -> Seconds:
    """Return the seconds of each row of the table and of all."""
    rows = dict.fromkeys(ROWS, 0.0)
    for stage, spent in stages.items():
        row = {"inputs": "read", "load": "read", "group": "read"}.get(stage, stage)
        rows[row if row in rows else "other"] += spent
    return {**rows, "total": sum(rows.values())}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--measured", type=int, default=3, help="parts to time the baseline on")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        check(write_files(6, Path(folder) / "few"))
        files = write_files(arguments.parts, Path(folder) / "all")
        rounds = []
        for _ in range(arguments.rounds):
            rounds.append(run_round(files, arguments.measured))
        runtimes = candidate(_first(files, 2), musc2.Config()).runtimes
    print(f"{arguments.parts} parts, {torch.get_num_threads()} threads, load before {load:.1f},")
    print(f"networks of musc-v2 in {runtimes}, those of the others in torch\n")
    print(table(rounds))


def _first(files: Files, count: int) -> Files:
    return replace(files, images=files.images[:count], maps=files.maps[:count])


if __name__ == "__main__":
    main()
