"""What ``score`` returns: a score per part, maps, and how they came about."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import torch

from musc2 import _result_files
from musc2.config import Config
from musc2.maps import Maps


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
    - timings: seconds of each stage; they add up to the whole call.
    - failures: the samples and references that were left out.
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
    failures: list[Failure] = field(default_factory=list)
    version: str = ""

    def __len__(self) -> int:
        return len(self.scores)

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

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write result.npz (all of it) and result.json (what people can read) into ``folder``."""
        _result_files.write(self, Path(folder))

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Result:
        """Return what ``save`` wrote."""
        return _result_files.read(Path(folder))
