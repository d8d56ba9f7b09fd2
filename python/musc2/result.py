"""What ``score`` returns: a score per part, maps, and how they came about."""

from __future__ import annotations

import difflib
import importlib
import operator
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import torch

from musc2 import _result_files, checks, notebook, verdict
from musc2 import regions as map_regions
from musc2.config import Config
from musc2.errors import InputError
from musc2.maps import Maps
from musc2.matches import Matches
from musc2.part import Part
from musc2.regions import Region
from musc2.tokens import spread_rows
from musc2.verdict import BankThresholds, Threshold

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

_NORMAL_MAPS = 64  # that the threshold of the maps is taken from
_NAMES = 5  # of suspicious parts in the summary


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A sample that was left out, and why; ``index`` counts samples, or references if it is one."""

    index: int
    name: str
    path: Path | None
    message: str
    is_reference: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The scores of N parts, on the CPU, float32; higher means more anomalous.

    - scores: (N,) the final scores; raw_scores: (N,) before re-scoring.
    - maps: one per part, at the size of its image, else of its xyz map, computed when looked at
      (see ``Maps``): the sum of ``maps_2d`` and ``maps_3d``. None for clouds without pixels.
    - point_scores: (P,) per part at the points of its cloud, for clouds; None for images and maps.
    - patch_scores_2d: (N, h, w) and patch_scores_3d: (N, G), before they become maps.
    - names, paths: of the parts; a path is that of the image, else of the scan, None for arrays.
    - config: the settings. encoders: "2d" and "3d" -> the name of the encoder that was used.
    - runtimes: "2d" and "3d" -> "torch" or "openvino", which ran the network, if it was one.
    - timings: seconds of each stage; they add up to the whole call.
    - failures: the samples and references that were left out.
    - matches: the nearest patches of other parts to that where each part's map peaks, by the first
      encoder; a ``Matches``.
    - units: what the distances of each view, one pair of encoders each, were divided by: "2d" and
      "3d" -> a distance, so that a typical normal part scores 1. Empty for score_unit="distance".
    - references_are_good: what the caller said. reference_scores: (R,) if they are, the raw score
      of each reference among the others.
    - bank_thresholds: those of the bank that the parts were compared with, see ``Scorer``. None
      otherwise: then the thresholds are taken from the scores and maps themselves.
    """

    scores: torch.Tensor
    raw_scores: torch.Tensor
    maps: Maps | None
    maps_2d: Maps | None
    maps_3d: Maps | None
    point_scores: list[torch.Tensor] | None
    patch_scores_2d: torch.Tensor | None
    patch_scores_3d: torch.Tensor | None
    names: list[str]
    paths: list[Path | None]
    config: Config
    timings: dict[str, float] = field(default_factory=dict)
    encoders: dict[str, str] = field(default_factory=dict)
    runtimes: dict[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    version: str = ""
    references_are_good: bool = False
    reference_scores: torch.Tensor | None = None
    matches: Matches | None = None
    units: list[dict[str, float]] = field(default_factory=list)
    bank_thresholds: BankThresholds | None = None
    # The samples in memory or in files, for pictures of them; a result that was loaded has none.
    _samples: Any = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Part]:
        return (Part(self, index) for index in range(len(self)))

    @overload
    def __getitem__(self, key: SupportsIndex | str) -> Part: ...

    @overload
    def __getitem__(self, key: slice) -> list[Part]: ...

    def __getitem__(self, key: SupportsIndex | str | slice) -> Part | list[Part]:
        if isinstance(key, slice):
            return [Part(self, index) for index in range(*key.indices(len(self)))]
        if isinstance(key, str):
            return Part(self, self._index_of(key))
        return Part(self, range(len(self))[operator.index(key)])

    def __repr__(self) -> str:
        low, high = self.scores.aminmax()
        worst = self.names[int(self.scores.argmax())]
        facts = [f"{len(self)} parts", f"scores {low:.4g} to {high:.4g}", f"highest {worst!r}"]
        if self.failures:
            facts.append(f"{len(self.failures)} failed")
        facts.append(f"preset {self.config.preset!r}")
        if self.encoders:
            facts.append(f"encoders {' + '.join(self.encoders.values())}")
        return f"Result({', '.join(facts)}, {sum(self.timings.values()):.2f} s)"

    @cached_property
    def threshold(self) -> Threshold:
        """The score above which parts are suspicious: from the scores, or ``config.threshold``."""
        if self.config.threshold is not None:
            return verdict.manual(self.config.threshold)
        if self.bank_thresholds is not None:
            return self.bank_thresholds.threshold
        references = self.reference_scores if self.references_are_good else None
        return verdict.threshold(self.scores, reference_scores=references)

    def with_threshold(self, value: float | None) -> Result:
        """Return a copy with another threshold; None computes it from the scores."""
        return replace(self, config=self.config.replace(threshold=value))

    def labels(self, threshold: float | None = None) -> torch.Tensor:
        """Return (N,) bool: which parts score above ``threshold``, by default the result's own."""
        value = self.threshold.value
        if threshold is not None:
            value = checks.number("Result.labels", "threshold", threshold, -float("inf"))
        return self.scores > value

    @property
    def suspicious(self) -> list[Part]:
        """The parts above the threshold, the most suspicious first."""
        return self.top(int(self.labels().sum()))

    @cached_property
    def rank(self) -> torch.Tensor:
        """(N,) int64: the place of each part by its score; 1 is the most suspicious."""
        order = self.scores.argsort(descending=True, stable=True)
        rank = torch.empty_like(order)
        rank[order] = torch.arange(1, len(order) + 1)
        return rank

    def top(self, count: int = 10) -> list[Part]:
        """Return the ``count`` most suspicious parts, the most suspicious first."""
        count = checks.whole("Result.top", "count", count, 0)
        order = self.scores.argsort(descending=True, stable=True)
        return [Part(self, index) for index in order[:count].tolist()]

    @cached_property
    def map_threshold(self) -> float:
        """The value of the maps above which pixels belong to regions, one for the whole set.

        99.5 % of the pixels of typical normal parts, of the half with lower scores, are below it;
        of clouds without maps 99.5 % of the points.
        """
        if self.bank_thresholds is not None:
            return self.bank_thresholds.map_threshold
        half = self.raw_scores.argsort(stable=True)[: (len(self) + 1) // 2]
        chosen = half[spread_rows(len(half), _NORMAL_MAPS)]
        return verdict.map_threshold([self._local_scores(index) for index in chosen.tolist()])

    @property
    def summary(self) -> str:
        """One sentence: how many parts are suspicious, which, and how clear that is."""
        parts = self.suspicious
        verb = "is" if len(parts) == 1 else "are"
        text = f"{len(parts)} of {len(self)} parts {verb} suspicious"
        if parts:
            names = ", ".join(part.name for part in parts[:_NAMES])
            more = len(parts) - _NAMES
            text += f": {names}" + (f" and {more} more" if more > 0 else "")
        return f"{text} ({self.threshold.reason})"

    def regions(
        self, index: SupportsIndex | str, threshold: float | None = None, *, xyz: object = None
    ) -> list[Region]:
        """Return the regions of a part's map above ``threshold``, the highest score first.

        threshold: default ``map_threshold``. xyz: (H, W, 3), the part's scan in mm, for
        ``Region.area_mm2``. Clouds without a map have no regions.
        """
        values = self[index].map
        if values is None:
            return []
        value = self.map_threshold
        if threshold is not None:
            value = checks.number("Result.regions", "threshold", threshold, -float("inf"))
        areas = map_regions.pixel_areas(xyz, values.shape)
        return map_regions.regions(values, value, areas)

    def report(self, folder: str | os.PathLike[str], *, labels: object = None) -> Path:
        """Write the report, ``folder``/index.html, one file to look at in any browser.

        labels: one per part, True for a defect, if they are known: the report then has metrics.
        """
        html = importlib.import_module("musc2.report.html")  # an app, which this module is below
        path: Path = html.write(self, folder, labels=labels)
        return path

    def save_annotations(
        self, path: str | os.PathLike[str], format: str = "coco", *, all_parts: bool = False
    ) -> None:
        """Write the regions of the suspicious parts, or of all, for annotation tools.

        format: "coco", "fiftyone" or "csv" write the file ``path``; "labelme" writes a file for
        each part into the folder ``path``.
        """
        annotations = importlib.import_module("musc2.report.annotations")  # above this module
        annotations.save(self, Path(path), format, all_parts=all_parts)

    def to_pandas(self) -> pandas.DataFrame:
        """Return a table with a row per part: rank, name, path, score, raw_score, suspicious."""
        return notebook.to_pandas(self)

    def plot(self, index: SupportsIndex | str) -> matplotlib.figure.Figure:
        """Return a figure of a part: its image, its map, and the outlines of its regions."""
        return notebook.plot(self[index])

    def _repr_html_(self) -> str:
        return notebook.html(self)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write result.npz (all of it) and result.json (what people can read) into ``folder``."""
        _result_files.write(self, Path(folder))

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Result:
        """Return what ``save`` wrote."""
        return _result_files.read(Path(folder))

    def _local_scores(self, index: int) -> torch.Tensor:
        """Return the scores within a part: its map, else those of its points."""
        if self.maps is not None:
            return self.maps.render(index, "working")
        return torch.empty(0) if self.point_scores is None else self.point_scores[index]

    def _index_of(self, name: str) -> int:
        if name in self.names:
            return self.names.index(name)
        close = difflib.get_close_matches(name, self.names, n=3)
        hint = f"; near: {', '.join(map(repr, close))}" if close else ""
        msg = f"Result: {name!r} is the name of no part{hint}"
        raise InputError(msg)
