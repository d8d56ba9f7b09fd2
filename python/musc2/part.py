"""One part of a result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from musc2.regions import Region

if TYPE_CHECKING:
    from musc2.result import Result


@dataclass(frozen=True)
class Part:
    """A view of one part of a result; nothing is copied or computed before it is looked at."""

    result: Result
    index: int

    def __repr__(self) -> str:
        return f"Part({self.name!r}, score {self.score:.4g}, {self.verdict}, rank {self.rank})"

    @property
    def name(self) -> str:
        """Return its name."""
        return self.result.names[self.index]

    @property
    def path(self) -> Path | None:
        """Return the file of its image, else of its scan; None for arrays."""
        return self.result.paths[self.index]

    @property
    def score(self) -> float:
        """Return its score, higher is more suspicious."""
        return float(self.result.scores[self.index])

    @property
    def raw_score(self) -> float:
        """Return its score before re-scoring."""
        return float(self.result.raw_scores[self.index])

    @property
    def rank(self) -> int:
        """Return its place among all parts; 1 is the most suspicious."""
        return int(self.result.rank[self.index])

    @property
    def suspicious(self) -> bool:
        """Return whether its score is above the threshold of the result."""
        return self.score > self.result.threshold.value

    @property
    def verdict(self) -> str:
        """Return "suspicious" or "normal"."""
        return "suspicious" if self.suspicious else "normal"

    @property
    def map(self) -> torch.Tensor | None:
        """Return its map (H, W), None for clouds without pixels."""
        return None if self.result.maps is None else self.result.maps[self.index]

    @property
    def map_2d(self) -> torch.Tensor | None:
        """Return the share of color in its map; None without images."""
        return None if self.result.maps_2d is None else self.result.maps_2d[self.index]

    @property
    def map_3d(self) -> torch.Tensor | None:
        """Return the share of shape in its map; None without scans."""
        return None if self.result.maps_3d is None else self.result.maps_3d[self.index]

    @property
    def point_scores(self) -> torch.Tensor | None:
        """Return (P,), a score per point of its cloud; None for images and maps."""
        scores = self.result.point_scores
        return None if scores is None else scores[self.index]

    @property
    def regions(self) -> list[Region]:
        """Return the regions of its map above ``result.map_threshold``; see ``regions``."""
        return self.result.regions(self.index)
