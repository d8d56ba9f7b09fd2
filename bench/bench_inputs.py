"""Benchmark inputs: 200 images and 50 xyz maps of 800 x 800 from disk, against a serial loop."""

from __future__ import annotations

import atexit
import functools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from bench.baselines import inputs as baseline
from bench.case import Case, benchmark
from musc2 import inputs

SIZE, THREADS = baseline.SIZE, 2


@functools.cache
def folder() -> Path:
    """Return a temporary folder that is removed when the process ends."""
    temporary = tempfile.TemporaryDirectory()
    atexit.register(temporary.cleanup)
    return Path(temporary.name)


def photo(rng: np.random.Generator) -> Image.Image:
    """Return shapes with grain, like photos of parts: about 800 kB as png."""
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
    smooth = coarse.resize((800, 800), Image.Resampling.BICUBIC)
    grain = rng.integers(-6, 7, (800, 800, 3))
    return Image.fromarray(np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8))


def stack(images: Iterable[np.ndarray], count: int) -> np.ndarray:
    """Return one array of all, filled as they come, like the encoders' batches."""
    stacked = np.empty((count, 3, SIZE, SIZE), np.float32)
    for row, image in zip(stacked, images, strict=True):
        row[:] = image
    return stacked


def load(samples: Sequence[inputs.Sample], preparation: inputs.Preparation) -> Iterator[Any]:
    """Yield each sample, prepared on as many threads as the benchmark has."""
    ahead = 2 * THREADS
    return inputs.load(samples, preparation, on_error="raise", threads=THREADS, ahead=ahead)


def images(extension: str) -> Case:
    rng = np.random.default_rng(0)
    originals = [folder() / f"{index}.{extension}" for index in range(10)]
    for path in originals:
        photo(rng).save(path)
    paths = originals * 20
    preparation = inputs.Preparation(size=SIZE)

    def candidate() -> np.ndarray:
        prepared = load(inputs.pair(paths), preparation)
        return stack((part.image.numpy() for part in prepared), len(paths))

    return Case(
        candidate=candidate,
        baseline=lambda: stack(baseline.images(paths), len(paths)),
        check=np.testing.assert_array_equal,
    )


def check_clouds(result: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for points, expected_points in zip(result, expected, strict=True):
        np.testing.assert_allclose(points, expected_points, rtol=0, atol=1e-6)


def clouds() -> Case:
    rng = np.random.default_rng(0)
    originals = [folder() / f"{index}.tiff" for index in range(10)]
    for path in originals:
        xyz = rng.random((800, 800, 3), dtype=np.float32) + 1
        xyz[:100] = 0
        tifffile.imwrite(path, xyz, photometric="rgb")
    paths = originals * 5
    preparation = inputs.Preparation(size=SIZE, foreground="nonzero_xyz")
    samples = inputs.pair(pcd=paths)
    return Case(
        candidate=lambda: [part.cloud.points.numpy() for part in load(samples, preparation)],
        baseline=lambda: baseline.clouds(paths),
        check=check_clouds,
    )


test_png = benchmark("inputs 200 png 800x800", target=1.8, prepare=lambda: images("png"))
test_jpg = benchmark("inputs 200 jpg 800x800", target=1.8, prepare=lambda: images("jpg"))
test_maps = benchmark("inputs 50 tiff 800x800x3", target=1.0, prepare=clouds)
