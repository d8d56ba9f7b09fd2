"""Why a part is suspicious: what comes nearest on other parts to the patch at its peak."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True, eq=False)
class Matches:
    """The k nearest other parts of the patch where each part's map peaks, the nearest first.

    - modalities: of each part, the one that adds most to the peak: "image" if patches are those of
      its image, "points" if they are groups of its points.
    - patches: (N,) the patch or group of each part that adds most to the peak.
    - parts: (N, k) indices of parts, -1 where a part has fewer than k others.
    - nearest: (N, k) the patch or group of that part that is nearest.
    - distances: (N, k) float32 between the features of the two, +inf where there is no part.
    - positions: (N, D), and nearest_positions: (N, k, D) float32, where the patches lie: D = 2,
      row and column as fractions of the map; of clouds without pixels D = 3, xyz centered on the
      mean and scaled to a largest norm of 1.
    """

    modalities: list[str]
    patches: torch.Tensor
    parts: torch.Tensor
    nearest: torch.Tensor
    distances: torch.Tensor
    positions: torch.Tensor
    nearest_positions: torch.Tensor

    def __len__(self) -> int:
        return len(self.patches)

    def __repr__(self) -> str:
        used = " + ".join(sorted(set(self.modalities)))
        return f"Matches({self.parts.shape[1]} of {len(self)} parts, {used})"
