"""200 images of 800 x 800 from disk to (3, 224, 224), and 50 xyz maps, against a loop over the files on one thread."""

import atexit
import functools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tifffile
from contest import Sides, contest
from PIL import Image

from musc2 import inputs


@functools.cache
def folder() -> Path:
    kept = tempfile.TemporaryDirectory()
    atexit.register(kept.cleanup)
    return Path(kept.name)


def picture(rng: np.random.Generator) -> Image.Image:
    """Shapes with grain, as photos of parts have: compresses to about 800 kB as png."""
    smooth = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).resize((800, 800), Image.Resampling.BICUBIC)
    grain = rng.integers(-6, 7, (800, 800, 3))
    return Image.fromarray(np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8))


def loaded(paths: list[Path]) -> Iterator[np.ndarray]:
    for path in paths:
        image = Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
        yield np.array(image).transpose(2, 0, 1).astype(np.float32) / np.float32(255)


def stacked(images: Iterable[np.ndarray], count: int) -> np.ndarray:
    """One array of all, filled as they come, as the encoders' batches are."""
    found = np.empty((count, 3, 224, 224), np.float32)
    for row, image in zip(found, images, strict=True):
        row[:] = image
    return found


def images(ending: str) -> Sides:
    rng = np.random.default_rng(0)
    originals = [folder() / f"{index}.{ending}" for index in range(10)]
    for path in originals:
        picture(rng).save(path)
    paths = originals * 20
    preparation = inputs.Preparation(size=224)

    def ours() -> np.ndarray:
        parts = inputs.prepare(inputs.pair(paths), preparation)
        return stacked((part.image.numpy() for part in parts), len(paths))

    return Sides(
        ours=ours,
        baseline=lambda: stacked(loaded(paths), len(paths)),
        check=np.testing.assert_array_equal,
    )


def published(paths: list[Path]) -> list[np.ndarray]:
    found = []
    rows = np.arange(224) * 800 // 224
    for path in paths:
        xyz = tifffile.imread(path)[rows][:, rows].reshape(-1, 3)
        points = xyz[(xyz != 0).all(1)]
        points = points - points.mean(0, dtype=np.float64).astype(np.float32)
        points /= np.sqrt((points**2).sum(1)).max()
        found.append(points[(points != 0).all(1)])
    return found


def close(ours: list[np.ndarray], baseline: list[np.ndarray]) -> None:
    for one, other in zip(ours, baseline, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def maps() -> Sides:
    rng = np.random.default_rng(0)
    originals = [folder() / f"{index}.tiff" for index in range(10)]
    for path in originals:
        xyz = rng.random((800, 800, 3), dtype=np.float32) + 1
        xyz[:100] = 0
        tifffile.imwrite(path, xyz, photometric="rgb")
    paths = originals * 5
    preparation = inputs.Preparation(size=224, foreground="published")
    samples = inputs.pair(pcd=paths)
    return Sides(
        ours=lambda: [part.cloud.points.numpy() for part in inputs.prepare(samples, preparation)],
        baseline=lambda: published(paths),
        check=close,
    )


test_png = contest("inputs 200 png 800x800", target=1.8, prepare=lambda: images("png"))
test_jpg = contest("inputs 200 jpg 800x800", target=1.8, prepare=lambda: images("jpg"))
test_maps = contest("inputs 50 tiff 800x800x3", target=1.0, prepare=maps)
