"""A result as files: scores, pictures for people, maps for other programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from musc2.errors import InputError
from musc2.inputs import Sample
from musc2.paths import below
from musc2.report.overlay import overlay
from musc2.types import Scores


def write(result: Scores, samples: Sequence[Sample], folder: Path) -> int:
    """Writes scores.npz and scores.json, overlays/NAME.png and maps/NAME.tiff; how many of the latter two.

    samples: those of the result's names. A map's values are 16 bits, 65535 the highest of all maps, which each file's
    description gives: {"highest": ...}. Overlays of a set share their colours: they begin at the 80 % quantile of the
    values of all maps. Nothing is written when a name is no path below ``folder``.
    """
    if result.maps is None:
        result.save(folder)
        return 0
    overlays = _paths(samples, folder / "overlays", ".png")
    tiffs = _paths(samples, folder / "maps", ".tiff")
    result.save(folder)
    maps = [each.numpy() for each in result.maps]
    highest = max(float(each.max()) for each in maps)
    low = float(np.median([np.quantile(each, 0.8) for each in maps]))
    for sample, values, picture_path, map_path in zip(samples, maps, overlays, tiffs, strict=True):
        picture_path.parent.mkdir(parents=True, exist_ok=True)
        map_path.parent.mkdir(parents=True, exist_ok=True)
        picture = _at_size(_picture(sample), values.shape)
        Image.fromarray(overlay(picture, values, low=low, high=highest)).save(picture_path)
        _write_map(map_path, values, highest)
    return 2 * len(maps)


def _paths(samples: Sequence[Sample], folder: Path, ending: str) -> list[Path]:
    """Return the file of each sample below ``folder``, or raise if two cannot both be there."""
    files = [below("write", "names", folder, sample.name, ending=ending) for sample in samples]
    taken = {parent for file in files for parent in file.parents}
    for file in files:
        if file in taken:
            msg = f"write: names must belong to different files, got two that need {file}"
            raise InputError(msg)
        taken.add(file)
    return files


def _write_map(path: Path, values: NDArray[np.float32], highest: float) -> None:
    whole = np.round(values / highest * 65535) if highest > 0 else np.zeros_like(values)
    about = json.dumps({"highest": highest})
    tifffile.imwrite(path, whole.clip(0, 65535).astype(np.uint16), description=about, metadata=None)


def _at_size(picture: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
    if picture.shape[:2] == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BICUBIC))


def _picture(sample: Sample) -> NDArray[np.uint8]:
    """The image, else the depth as grey: near is bright, background black."""
    if sample.image is not None:
        found = sample.image.read()
        return np.asarray(found) if isinstance(found, Image.Image) else (found * 255).round().astype(np.uint8)
    xyz: NDArray[Any] = np.zeros((1, 1, 3)) if sample.cloud is None else sample.cloud.read()
    z = xyz[..., 2]
    there = np.isfinite(z) & (z != 0)
    near, far = np.quantile(z[there], (0.01, 0.99)) if there.any() else (0.0, 1.0)
    shade = 255 - 200 * np.clip((np.where(there, z, far) - near) / max(float(far - near), 1e-12), 0, 1)
    return np.repeat(np.where(there, shade, 0).astype(np.uint8)[..., None], 3, axis=2)
