"""A result as files: scores, overlays for people, maps for other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from musc2 import checks
from musc2.inputs import list_clouds, list_images
from musc2.paths import below
from musc2.report.overlay import overlay
from musc2.result import Result

Picture = NDArray[np.uint8]


def write(result: Result, folder: Path, background: Callable[[int], Picture] | None = None) -> int:
    """Write the result, overlays/NAME.png and maps/NAME.tiff; return how many of the latter two.

    background: part's index -> (H, W, 3), what its map is drawn over; default: the part's file. The
    values of a map are 16 bits; 65535 is the highest of all maps, which each file's description
    holds: {"highest": ...}. Overlays of a set share their colors, which begin at the 80 % quantile.
    Nothing is written if a name is no path below ``folder``.
    """
    if result.maps is None:
        result.save(folder)
        return 0
    overlays = _files(result.names, folder / "overlays", ".png")
    map_files = _files(result.names, folder / "maps", ".tiff")
    result.save(folder)
    picture = background or (lambda index: read_picture(result, index))
    highest = max(float(values.max()) for values in result.maps)
    low = float(np.median([np.quantile(values.numpy(), 0.8) for values in result.maps]))
    for index, overlay_file in enumerate(overlays):
        values = result.maps[index].numpy()
        under = _resized(picture(index), values.shape)
        drawn = Image.fromarray(overlay(under, values, low=low, high=highest))
        overlay_file.parent.mkdir(parents=True, exist_ok=True)
        drawn.save(overlay_file)
        map_files[index].parent.mkdir(parents=True, exist_ok=True)
        _write_map(map_files[index], values, highest)
    return 2 * len(result.maps)


def read_picture(result: Result, index: int) -> Picture:
    """Return the image of a part, else its depth as gray; black for parts that came as arrays."""
    path = result.paths[index]
    if path is None:
        return np.zeros((1, 1, 3), np.uint8)
    if "2d" not in result.encoders:
        return shade_depth(list_clouds([path])[0].read())
    image = list_images([path])[0].read()
    if isinstance(image, Image.Image):
        return np.asarray(image)
    return np.asarray((image * 255).round(), dtype=np.uint8)


def shade_depth(xyz: NDArray[Any]) -> Picture:
    """xyz: (H, W, 3) -> (H, W, 3): near is bright, background black."""
    z = xyz[..., 2]
    valid = np.isfinite(z) & (z != 0)
    near, far = (0.0, 1.0)
    if valid.any():
        near, far = (float(value) for value in np.quantile(z[valid], (0.01, 0.99)))
    depth = np.clip((np.where(valid, z, far) - near) / max(far - near, 1e-12), 0, 1)
    shade = np.where(valid, 255 - 200 * depth, 0).astype(np.uint8)
    return np.repeat(shade[..., None], 3, axis=2)


def _files(names: Sequence[str], folder: Path, ending: str) -> list[Path]:
    """Return the file of each part below ``folder``; refuse names of which two need one path."""
    files = [below("write", "names", folder, name, ending=ending) for name in names]
    taken = {parent for file in files for parent in file.parents}
    for file in files:
        if file in taken:
            checks.refuse("write", "names", "must belong to different files", f"two for {file}")
        taken.add(file)
    return files


def _write_map(path: Path, values: NDArray[np.float32], highest: float) -> None:
    import tifffile  # here, because it is slow to import

    scaled = values / highest * 65535 if highest > 0 else np.zeros_like(values)
    levels = np.round(scaled).clip(0, 65535).astype(np.uint16)
    description = json.dumps({"highest": highest})
    tifffile.imwrite(path, levels, description=description, metadata=None)


def _resized(picture: Picture, size: tuple[int, ...]) -> Picture:
    if picture.shape[:2] == size:
        return picture
    image = Image.fromarray(picture)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC))
