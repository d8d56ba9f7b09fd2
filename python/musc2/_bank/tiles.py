"""The features of tiles in a bank, as ``_tiles.scores`` takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from musc2._bank.part_features import PartFeatures
from musc2._bank.store import Bank
from musc2._tiles.layout import Layout
from musc2._tiles.scores import image_of
from musc2.stages.mutual import Features


@dataclass(frozen=True, eq=False)
class BankTiles:
    """The tiles of the bank's own parts, see ``_tiles.scores.TileFeatures``."""

    bank: Bank
    view: int

    @property
    def layouts(self) -> list[Layout]:
        """Where the tiles of each part lie."""
        return self.bank.layouts

    @property
    def patches(self) -> tuple[int, int]:
        """The grid (h, w) of a tile."""
        return self.bank.grids[self.view] or (0, 0)

    def layers(self, tile: int) -> Iterator[Features]:
        """Yield the features of each layer of one position."""
        for _, features in self.bank.layers_of(self.view, tile):
            yield image_of(features)

    def salient(self, part: int, tile: int, patch: int) -> torch.Tensor:
        """Return the feature (C,) of one patch of a part."""
        slot = self.bank.parts[part].slot
        return self.bank.features(self.bank.salient_block(self.view, tile))[slot, patch].float()


@dataclass(frozen=True, eq=False)
class NewTiles(BankTiles):
    """The tiles of one new part, with the bank's as their references."""

    part: PartFeatures

    @property
    def layouts(self) -> list[Layout]:
        """Where the tiles of the part lie."""
        return self.part.layouts

    def layers(self, tile: int) -> Iterator[Features]:
        """Yield the features of each layer of one position."""
        for _, features in self.bank.layers_against(self.part, self.view, tile):
            yield image_of(features)

    def salient(self, part: int, tile: int, patch: int) -> torch.Tensor:
        """Return the feature (C,) of one patch of the part."""
        return self.part.z[self.bank.salient_block(self.view, tile)][part, patch]
