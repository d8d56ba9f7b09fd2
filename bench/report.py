"""Size and time of what a result writes: the report of generated sets, pictures of photos.

    python -m bench.report [--parts 24 100 500] [--photos 20] [--out DIR]

The sets hold 24 scored plates of 800 x 800 pixels, the good ones again and again. Opening times are
those of Chromium, which is driven as in the tests; without it they are left out. Photos have 12
million pixels.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import musc2
from musc2.maps import Layer, Maps, PatchLayer, PointLayer
from musc2.report import export

PLATES, DEFECTIVE = 24, 4
ROUNDS = 3
PHOTO = (3000, 4000)
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SHOWN = "document.querySelector('#detail')?.dataset.shown"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.report")
    parser.add_argument("--parts", type=int, nargs="+", default=[24, 100, 500])
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--out", type=Path, help="keep the files in this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out or Path(temporary)
        if arguments.parts:
            print("| parts | report, MB | written, s | list painted, s | first part shown, s |")
            print("|---:|---:|---:|---:|---:|")
            base = scored_plates()
            for count in arguments.parts:
                print(report_row(tiled(base, count), out / f"report-{count}"), flush=True)
        if arguments.photos:
            print(f"\n{photo_line(arguments.photos, out / 'photos')}")


def scored_plates() -> musc2.Result:
    """Return the result of plates with images and scans, of which the first few are defective."""
    parts = musc2.datasets.synthetic.parts(PLATES, size=800, defective=DEFECTIVE / PLATES)
    order = np.argsort(~np.asarray(parts.labels, bool), kind="stable")
    rgb, xyz = parts.rgb[order], parts.xyz[order]
    return musc2.score(rgb, xyz, encoder_2d="texture", encoder_3d="shape")


def tiled(base: musc2.Result, count: int) -> musc2.Result:
    """Return a result of ``count`` parts: the defective ones once, the good ones repeated."""
    good = PLATES - DEFECTIVE
    rows = [*range(DEFECTIVE), *(DEFECTIVE + index % good for index in range(count - DEFECTIVE))]
    chosen = torch.tensor(rows)
    noise = torch.randn(count, generator=torch.Generator().manual_seed(0))
    factors = 1 + 0.01 * noise
    layers = [taken(layer, rows) for layer in base.maps.layers]
    frames = [base.maps.frames[row] for row in rows]
    named = ("patches", "nearest", "distances", "positions", "nearest_positions")
    matches = dataclasses.replace(
        base.matches,
        modalities=[base.matches.modalities[row] for row in rows],
        parts=base.matches.parts[chosen],
        **{name: getattr(base.matches, name)[chosen] for name in named},
    )
    return dataclasses.replace(
        base,
        scores=base.scores[chosen] * factors,
        raw_scores=base.raw_scores[chosen] * factors,
        maps=Maps(layers, frames),
        maps_2d=Maps(layers[:1], frames),
        maps_3d=Maps(layers[1:], frames),
        patch_scores_2d=base.patch_scores_2d[chosen],
        patch_scores_3d=base.patch_scores_3d[chosen],
        names=[f"plate {index:04}" for index in range(count)],
        paths=[None] * count,
        matches=matches,
        _samples=[base._samples[row] for row in rows],
    )


def taken(layer: Layer, rows: list[int]) -> Layer:
    """Return the layer of some parts, repeated ones too."""
    if isinstance(layer, PatchLayer):
        return PatchLayer(scores=layer.scores[torch.tensor(rows)])
    assert isinstance(layer, PointLayer)
    return dataclasses.replace(
        layer,
        scores=[layer.scores[row] for row in rows],
        pixels=[layer.pixels[row] for row in rows],
        sizes=[layer.sizes[row] for row in rows],
    )


def report_row(result: musc2.Result, folder: Path) -> str:
    """Write the report, open it, and return a row of the table."""
    start = time.perf_counter()
    page = result.report(folder)
    seconds = time.perf_counter() - start
    megabytes = page.stat().st_size / 1e6
    text = page.read_text(encoding="utf-8")
    missing = [name for name in result.names if name not in text]
    if missing:
        msg = f"the report lacks {missing[0]}"
        raise RuntimeError(msg)
    painted, shown = opening_times(page)
    return f"| {len(result)} | {megabytes:.1f} | {seconds:.1f} | {painted} | {shown} |"


def opening_times(page: Path) -> tuple[str, str]:
    """Return the median seconds until the list is painted and until the first part is shown."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests/report"))
    import browser

    if browser.CHROMIUM is None:
        return "-", "-"
    painted, shown = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as profile:
            driver = browser.Browser(Path(profile))
            try:
                start = time.perf_counter()
                driver.open(page, width=1440, height=900)
                driver.wait(SHOWN)
                shown.append(time.perf_counter() - start)
                painted.append(driver.run(PAINTED) / 1000)
            finally:
                driver.close()
    return f"{statistics.median(painted):.1f}", f"{statistics.median(shown):.1f}"


def photo_line(count: int, folder: Path) -> str:
    """Score photos, write their files, and return how long that takes and how large they are."""
    folder.mkdir(parents=True, exist_ok=True)
    plates = musc2.datasets.synthetic.parts(count, size=400).rgb
    for index, plate in enumerate(plates):
        large = Image.fromarray(plate[:300]).resize(PHOTO[::-1], Image.Resampling.BICUBIC)
        large.save(folder / f"{index:03}.jpg", quality=92)
    result = musc2.score(folder, encoder_2d="texture")
    half = float(result.scores.median())
    rows = []
    for name, own in (("none", 1e9), ("half", half)):
        written = folder / name
        seconds = timed(lambda own=own, to=written: export.write(result.with_threshold(own), to))
        size = sum(path.stat().st_size for path in written.rglob("*") if path.is_file()) / 1e6
        rows.append(f"{name} of them suspicious: {seconds:.1f} s, {size:.1f} MB")
    return f"{count} photos of 12 million pixels, tables and pictures: {'; '.join(rows)}"


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
