"""Score a small synthetic set in 2D, 3D and both: nothing is downloaded."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from musc2.datasets import synthetic
from musc2.datasets.generated import GeneratedParts
from musc2.metrics import auroc
from musc2.pipeline import score
from musc2.report.overlay import overlay
from musc2.result import Result

COUNT = 24
ENCODERS = ("texture", "shape")
_GAP = 6  # white pixels between pictures


@dataclass(frozen=True, kw_only=True)
class Row:
    """The result of one combination of modalities."""

    modality: str  # "2D", "3D" or "2D+3D"
    auroc: float  # of the image scores, 0 to 1
    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class DemoResult:
    """rows: one per combination of modalities; kinds: of each part; result: of 2D+3D.

    pictures: the files that were written.
    """

    rows: tuple[Row, ...]
    kinds: tuple[str, ...]
    result: Result
    pictures: tuple[Path, ...]


def run(out: Path | None = None, seed: int = 0) -> DemoResult:
    """Score 24 synthetic parts; write pictures of the most suspicious ones into ``out``."""
    parts = synthetic.parts(COUNT, seed=seed)
    texture, shape = ENCODERS
    rows, results = [], []
    for modality, rgb, pcd in (
        ("2D", parts.rgb, None),
        ("3D", None, parts.xyz),
        ("2D+3D", parts.rgb, parts.xyz),
    ):
        start = time.perf_counter()
        result = score(rgb, pcd, encoder_2d=texture, encoder_3d=shape)
        seconds = time.perf_counter() - start
        rows.append(
            Row(modality=modality, auroc=auroc(result.scores, parts.labels), seconds=seconds)
        )
        results.append(result)
    pictures = () if out is None else _pictures(parts, results[-1], out)
    return DemoResult(rows=tuple(rows), kinds=parts.kinds, result=results[-1], pictures=pictures)


def _pictures(parts: GeneratedParts, result: Result, out: Path) -> tuple[Path, ...]:
    """Write overview.png, and image, surface, map and true defect of each top-scoring part."""
    out.mkdir(parents=True, exist_ok=True)
    maps = np.stack([values.numpy() for values in result.maps or []])
    low, high = np.quantile(maps, (0.8, 0.9995)).tolist()
    order = result.scores.argsort(descending=True).tolist()
    strips = {}
    for rank, index in enumerate(order[:8], start=1):
        rgb = parts.rgb[index]
        views = (
            rgb,
            relief(parts.xyz[index]),
            overlay(rgb, maps[index], low=low, high=high),
            _outline(parts, index),
        )
        strips[f"{rank:02d}-{parts.kinds[index]}.png"] = _row(views)
    strips["overview.png"] = np.concatenate(
        [
            np.pad(strip, ((0, _GAP), (0, 0), (0, 0)), constant_values=255)
            for strip in list(strips.values())[:4]
        ]
    )
    for name, strip in strips.items():
        Image.fromarray(strip).save(out / name)
    return tuple(out / name for name in strips)


def relief(xyz: NDArray[np.float32]) -> NDArray[np.uint8]:
    """xyz: (H, W, 3) -> (H, W, 3) gray: the surface lit from the upper left, background black."""
    valid = xyz[..., 2] != 0
    z = np.where(valid, xyz[..., 2], np.median(xyz[valid][:, 2]))
    step = np.abs(np.diff(xyz[valid][:, 0])).max() / xyz.shape[1] * 2
    down, right = np.gradient(z)
    light = 150 + 400 * (down + right) / max(step, 1e-12)
    return np.repeat(np.where(valid, np.clip(light, 20, 255), 0)[..., None], 3, 2).astype(np.uint8)


def _outline(parts: GeneratedParts, index: int) -> NDArray[np.uint8]:
    """Return the image, darkened except where the defect is."""
    rgb = parts.rgb[index]
    shown: NDArray[np.uint8] = np.where(parts.masks[index][..., None], rgb, rgb // 4).astype(
        np.uint8
    )
    return shown


def _row(views: tuple[NDArray[np.uint8], ...]) -> NDArray[np.uint8]:
    padded = [np.pad(view, ((0, 0), (0, _GAP), (0, 0)), constant_values=255) for view in views]
    return np.concatenate(padded, axis=1)[:, :-_GAP]
