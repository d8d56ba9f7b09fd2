"""A result as files: tables, a picture per part, and on request maps and colored scans."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from musc2 import atomic_files, checks
from musc2.inputs.ordered_map import ordered_map
from musc2.ops._support.dispatch import num_threads
from musc2.part import Part
from musc2.report import colored_ply, html, part_table, pictures, sources
from musc2.report.manifest import OutputFolder
from musc2.result import Result

WIDTH = 2000
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\ud800-\udfff]')
_LONGEST = 200  # bytes of a name within the name of a file


@dataclass(frozen=True, kw_only=True)
class Files:
    """What ``write`` wrote: the folder, and by kind the files in it, relative to it."""

    folder: Path
    tables: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    maps: list[str] = field(default_factory=list)
    clouds: list[str] = field(default_factory=list)


def write(
    result: Result,
    folder: str | os.PathLike[str],
    *,
    maps: bool = False,
    clouds: bool = False,
    report: bool = False,
    width: int = WIDTH,
    progress: Callable[[str, int, int], object] | None = None,
) -> Files:
    """Write a result for people and other programs.

    - result.npz and result.json, which ``Result.load`` reads; scores.csv, scores.json and, with
      pyarrow, scores.parquet: the parts by rank with verdict, peak and boxes; left_out.csv.
    - pictures/RANK_NAME.jpg: each part with its suspicious regions marked, at most ``width`` pixels
      wide; clouds as seen along their thinnest side.
    - with ``maps``: maps/RANK_NAME.tiff, 16 bits; 65535 is the highest value of all maps, which
      each file's description holds: {"highest": ...}.
    - with ``report``: index.html, see ``report.html``.
    - with ``clouds``: clouds/RANK_NAME.ply, points with score and color, of parts with a scan file.

    Files that an earlier call wrote into the folder and this one does not are removed.
    """
    checks.whole("write", "width", width, 16)
    order = result.top(len(result))
    files = Files(
        folder=Path(folder),
        tables=["result.npz", "result.json", *part_table.files(result)],
        pictures=_named("pictures", order, ".jpg"),
        maps=_named("maps", order, ".tiff") if maps and result.maps is not None else [],
        clouds=_named("clouds", order, ".ply") if clouds and result.point_scores else [],
    )
    output = OutputFolder(files.folder)
    page = ["index.html"] if report else []
    output.begin([*files.tables, *files.pictures, *files.maps, *files.clouds, *page])
    result.save(folder)
    picture_of = {part.index: file for part, file in zip(order, files.pictures, strict=True)}
    part_table.write(result, part_table.rows(result, picture_of), files.folder)
    writer = _Writer(
        files=files,
        width=width,
        highest=_highest(result) if files.maps else 0.0,
    )
    jobs = ordered_map(
        writer.write, enumerate(order), threads=num_threads(), ahead=2 * num_threads()
    )
    for done, _ in enumerate(jobs, 1):
        if progress is not None:
            progress("write", done, len(order))
    if report:
        html.write(result, files.folder)
    output.finish()
    return files


@dataclass(frozen=True, kw_only=True)
class _Writer:
    """Write the files of one part: ``write((its index in the order, part))``."""

    files: Files
    width: int
    highest: float

    def write(self, job: tuple[int, Part]) -> None:
        rank, part = job
        with atomic_files.replacing(self.files.folder / self.files.pictures[rank]) as file:
            pictures.marked(part, width=self.width).save(file, "JPEG", quality=90)
        if self.files.maps and part.map is not None:
            path = self.files.folder / self.files.maps[rank]
            _write_map(path, part.map.numpy(), self.highest)
        if self.files.clouds and part.point_scores is not None:
            self._write_cloud(part, part.point_scores, self.files.folder / self.files.clouds[rank])

    def _write_cloud(self, part: Part, scores: torch.Tensor, path: Path) -> None:
        """Write a cloud; NaN as its points if it came as an array that is gone."""
        cloud = sources.sample_of(part.result, part.index).cloud
        points = np.full((len(scores), 3), np.nan) if cloud is None else cloud.read()
        with atomic_files.replacing(path) as file:
            colored_ply.write(file, points, scores.numpy(), part.result.map_threshold)


def _named(folder: str, parts: Sequence[Part], ending: str) -> list[str]:
    """Return folder/RANK_NAME.ending of each part; ranks have as many digits as the last one."""
    digits = len(str(len(parts)))
    files = []
    for part in parts:
        name = _UNSAFE.sub("_", part.name).encode()[:_LONGEST].decode(errors="ignore")
        files.append(f"{folder}/{part.rank:0{digits}d}_{name}{ending}")
    return files


def _highest(result: Result) -> float:
    return max((float(values.max()) for values in result.maps or []), default=0.0)


def _write_map(path: Path, values: NDArray[np.float32], highest: float) -> None:
    import tifffile  # here, because it is slow to import

    scaled = values / highest * 65535 if highest > 0 else np.zeros_like(values)
    levels = np.round(scaled).clip(0, 65535).astype(np.uint16)
    description = json.dumps({"highest": highest})
    with atomic_files.replacing(path) as file:
        tifffile.imwrite(file, levels, description=description, metadata=None)
