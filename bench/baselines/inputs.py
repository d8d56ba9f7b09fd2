"""Read images and xyz maps in a loop over the files, on one thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

SIZE = 224  # that inputs are resized to


def images(paths: Sequence[Path]) -> Iterator[np.ndarray]:
    """Yield each image as (3, 224, 224) float32 in [0, 1]."""
    for path in paths:
        image = Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        yield np.array(image).transpose(2, 0, 1).astype(np.float32) / np.float32(255)


def clouds(paths: Sequence[Path]) -> list[np.ndarray]:
    """Return the points (P, 3) of xyz maps of 800 x 800, centered and scaled, as published."""
    point_sets = []
    rows = np.arange(SIZE) * 800 // SIZE
    for path in paths:
        xyz = tifffile.imread(path)[rows][:, rows].reshape(-1, 3)
        points = xyz[(xyz != 0).all(1)]
        points = points - points.mean(0, dtype=np.float64).astype(np.float32)
        points /= np.sqrt((points**2).sum(1)).max()
        point_sets.append(points[(points != 0).all(1)])
    return point_sets
