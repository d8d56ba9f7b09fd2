"""The tokens of a set of samples, from encoders or from the user."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from musc2.by_modality import ByModality
from musc2.cloud import Cloud


@dataclass(frozen=True, kw_only=True, eq=False)
class Tokens:
    """image: (N, layers, h, w, C) and/or points: (N, layers, G, C) with one cloud per sample."""

    image: torch.Tensor | None = None
    points: torch.Tensor | None = None
    clouds: list[Cloud] = field(default_factory=list)

    @property
    def by_modality(self) -> ByModality[torch.Tensor]:
        """The token tensors."""
        return ByModality(self.image, self.points)

    @property
    def count(self) -> int:
        """The number of samples N; 0 when there are no tokens."""
        return max(map(len, self.by_modality.values()), default=0)

    @property
    def layers(self) -> int:
        """The number of layers, of the modality that has more."""
        return max(tokens.shape[1] for tokens in self.by_modality.values())

    @property
    def grid(self) -> tuple[int, int] | None:
        """The grid (h, w) of the image tokens."""
        return None if self.image is None else (self.image.shape[2], self.image.shape[3])

    def layer(self, index: int, layers: int) -> ByModality[torch.Tensor]:
        """Return one layer of each modality, (N, h, w, C) and (N, G, C).

        ``index`` counts to ``layers``, those of the modality that has more; each layer of the other
        one meets several of them in a row.
        """
        return self.by_modality.map(lambda tokens: tokens[:, index * tokens.shape[1] // layers])
