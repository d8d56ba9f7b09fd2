"""Where the tiles of an image lie, and which tile's patch stands for a place of the image."""

from __future__ import annotations

from dataclasses import dataclass

import torch

Box = tuple[int, int, int, int]
"""The top, left, bottom and right of a tile."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The tiles along one side of an image of ``size`` pixels; firsts: their first pixels.

    They cover what all images show; pixels beyond have the patch that is nearest.
    """

    size: int
    side: int
    firsts: tuple[int, ...]

    def cells(self, patches: int) -> int:
        """Return how many cells to cut the axis into, so that no patch of a tile is skipped."""
        if self.side == self.size:
            return patches
        return -(-(self.size - 1) * patches // self.side) + 1

    def sources(self, cells: int, patches: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the tile of each cell, the one whose center is nearest, and its patch there."""
        if self.side == self.size:
            return torch.zeros(cells, dtype=torch.int64), torch.arange(cells)
        pixels = torch.linspace(0, self.size - 1, cells, dtype=torch.float64)
        firsts = torch.tensor(self.firsts, dtype=torch.float64)
        tiles = (pixels[:, None] - firsts - (self.side - 1) / 2).abs().argmin(1)
        patch = (pixels + 0.5 - firsts[tiles]) * patches / self.side
        return tiles, patch.long().clamp(0, patches - 1)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The tiles of one image: ``rows`` times ``columns``, numbered row by row."""

    rows: Axis
    columns: Axis

    @property
    def shape(self) -> tuple[int, int]:
        """Return how many tiles there are in each direction."""
        return len(self.rows.firsts), len(self.columns.firsts)

    @property
    def size(self) -> tuple[int, int]:
        """Return the (H, W) of the image."""
        return self.rows.size, self.columns.size

    def boxes(self) -> list[Box]:
        """Return the tiles' places in the image."""
        height, width = self.rows.side, self.columns.side
        return [
            (top, left, top + height, left + width)
            for top in self.rows.firsts
            for left in self.columns.firsts
        ]

    def cells(self, patches: tuple[int, int]) -> tuple[int, int]:
        """Return the grid of the whole image, where a tile has ``patches`` (h, w)."""
        return self.rows.cells(patches[0]), self.columns.cells(patches[1])

    def sources(self, cells: tuple[int, int], patches: tuple[int, int]) -> torch.Tensor:
        """Return for each of the cells (h * w) its patch among those of all tiles.

        In a row of tiles' patches, tile by tile, each tile row by row. Where tiles overlap, the
        one whose center is nearest has the value.
        """
        tile_rows, patch_rows = self.rows.sources(cells[0], patches[0])
        tile_columns, patch_columns = self.columns.sources(cells[1], patches[1])
        tiles = tile_rows[:, None] * self.shape[1] + tile_columns
        inside = patch_rows[:, None] * patches[1] + patch_columns
        return (tiles * (patches[0] * patches[1]) + inside).flatten()


def layout(
    size: tuple[int, int], tile: int, overlap: int | None, inside: Box | None = None
) -> Layout:
    """Return the tiles of an image of ``size`` (H, W).

    overlap: pixels that neighbors share, None for an eighth of a tile. The last tiles are moved
    inwards, so all have one size; along a side shorter than a tile there is one, of that length.
    inside: what of the image the tiles cover, None for all of it; tiles beyond its border are moved
    back into it.
    """
    shared = shared_pixels(tile, overlap)
    top, left, bottom, right = inside or (0, 0, *size)
    rows = _axis(size[0], (top, bottom), tile, shared)
    columns = _axis(size[1], (left, right), tile, shared)
    return Layout(rows=rows, columns=columns)


def shared_pixels(tile: int, overlap: int | None) -> int:
    """Return the pixels that neighbors share."""
    return tile // 8 if overlap is None else overlap


def neighbors(shape: tuple[int, int], tile: int, reach: int | None) -> list[int]:
    """Return the other tiles at most ``reach`` rows and columns from ``tile``, None for all."""
    rows, columns = shape
    own_row, own_column = divmod(tile, columns)
    numbers = []
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        distance = max(abs(row - own_row), abs(column - own_column))
        if number != tile and (reach is None or distance <= reach):
            numbers.append(number)
    return numbers


def _axis(size: int, inside: tuple[int, int], tile: int, overlap: int) -> Axis:
    start, end = inside
    if end - start <= tile:
        side, firsts = end - start, [start]
    else:
        side, firsts = tile, [*range(start, end - tile, tile - overlap), end - tile]
    last = size - side
    return Axis(size=size, side=side, firsts=tuple(min(max(0, first), last) for first in firsts))
