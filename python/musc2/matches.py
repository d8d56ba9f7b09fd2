"""Why a part is suspicious: the patches of other parts that come nearest to its worst patch."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True, eq=False)
class Matches:
    """The k nearest other parts of each part's worst patch, the nearest first.

    - modality: "image" for patches of images, "points" for point groups.
    - patches: (N,) the patch or group of each part that scores highest.
    - parts: (N, k) indices of parts, -1 where a part has fewer than k others.
    - nearest: (N, k) the patch or group of that part that is nearest.
    - distances: (N, k) float32 between the features of the two, +inf where there is no part.
    - positions: (N, D), and nearest_positions: (N, k, D) float32, where the patches lie: D = 2,
      row and column as fractions of the map; of clouds without pixels D = 3, xyz centered on the
      mean and scaled to a largest norm of 1.
    """

    modality: str
    patches: torch.Tensor
    parts: torch.Tensor
    nearest: torch.Tensor
    distances: torch.Tensor
    positions: torch.Tensor
    nearest_positions: torch.Tensor

    def __len__(self) -> int:
        return len(self.patches)

    def __repr__(self) -> str:
        return f"Matches({self.parts.shape[1]} of {len(self)} parts, {self.modality})"
