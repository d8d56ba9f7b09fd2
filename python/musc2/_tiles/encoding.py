"""Cut each image into tiles and encode them, docs/method/algorithm.md section 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from musc2 import part_encoding
from musc2._tiles.layout import Layout, layout
from musc2._tiles.loading import TiledImage, TiledLoader
from musc2._tiles.store import TokenStore
from musc2.config import Config
from musc2.encoders.selection import Encoders
from musc2.errors import InputError
from musc2.inputs._on_gpu import resized
from musc2.inputs.parts import OutputSpec
from musc2.inputs.preparation import Preparation
from musc2.progress import StageTimer
from musc2.stages import encode
from musc2.tokens import Tokens

FIT_TILES = 128
"""Tiles that an encoder learns from, at least one of each part."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TileSet:
    """The tokens of the tiles of N parts in each view; all parts have equally many tiles.

    class_tokens: of each view, (N, D), the mean of the tiles', None without any.
    """

    stores: list[TokenStore] = field(default_factory=list)
    layouts: list[Layout] = field(default_factory=list)
    outputs: list[OutputSpec] = field(default_factory=list)
    class_tokens: list[torch.Tensor | None] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of parts."""
        return len(self.layouts)

    def tile_share(self, view: int) -> float:
        """Return which share of the grid of an image one tile is."""
        _, height, width = self.stores[view].shape[:3]
        rows, columns = self.layouts[0].cells((height, width))
        return height * width / (rows * columns)


def fit_images(
    loaders: Sequence[TiledLoader], preparation: Preparation
) -> Callable[[int], list[torch.Tensor]]:
    """Return a function from the number of an encoder to the tiles that it learns from.

    It reads the images, which are not kept: encoders that learn read everything twice.
    """

    def chosen(number: int) -> list[torch.Tensor]:
        total = sum(loader.count for loader in loaders)
        share = max(1, FIT_TILES // total)
        own = preparation if number == 0 else preparation.further[number - 1]
        tiles: list[torch.Tensor] = []
        part = 0
        for loader in loaders:
            for image in loader:
                boxes = image.layout.boxes()
                count = min(share, len(boxes))
                # Other parts give tiles of other places.
                for step in range(count):
                    box = boxes[(part + step * len(boxes) // count) % len(boxes)]
                    tiles.append(resized(image.tile(box, own).prepared.images[0]))
                part += 1
        return tiles

    return chosen


def encoded(
    loader: TiledLoader,
    preparation: Preparation,
    encoders: Encoders,
    config: Config,
    timer: StageTimer,
    like: tuple[int, int] | None = None,
) -> TileSet:
    """Return the tokens of all tiles. ``like``: a size whose tiles all parts must have."""
    result = TileSet()
    classes: list[list[torch.Tensor]] = [[] for _ in encoders.images]
    for image in loader:
        like = like or image.layout.size
        _check_size(image, like, config)
        part = result.count
        own_classes: list[list[torch.Tensor]] = [[] for _ in encoders.images]
        for first, views in _batches(image, preparation, encoders, config, timer):
            for number, view in enumerate(views):
                if view.image is None:
                    continue
                if len(result.stores) <= number:
                    budget = config.memory // len(views)
                    tiles, shape = len(image.layout.boxes()), view.image.shape[1:]
                    result.stores.append(TokenStore(tiles, loader.count, shape, budget))
                result.stores[number].write(part, first, view.image)
                if view.class_tokens is not None:
                    own_classes[number].append(view.class_tokens)
        for own, collected in zip(own_classes, classes, strict=True):
            if own:
                collected.append(torch.cat(own).mean(0))
        result.layouts.append(image.layout)
        result.outputs.append(_output(image, preparation, result.stores[0].shape))
        timer.step("encode", part + 1, loader.count)
    for collected in classes:
        result.class_tokens.append(torch.stack(collected) if collected else None)
    return result


def _batches(
    image: TiledImage,
    preparation: Preparation,
    encoders: Encoders,
    config: Config,
    timer: StageTimer,
) -> Iterator[tuple[int, list[Tokens]]]:
    """Yield the tokens of a few tiles at a time, with the number of the first."""
    size = encode.batch_size(encoders.device)
    boxes = image.layout.boxes()
    for first in range(0, len(boxes), size):
        with timer.stage("read"):
            parts = [image.tile(box, preparation) for box in boxes[first : first + size]]
        with timer.stage("encode"):
            result = encode.encode(
                parts,
                len(parts),
                [own.encoder for own in encoders.images],
                [],
                StageTimer(),
                memory=config.memory,
                batch_size=size,
                device=part_encoding.device_of(encoders, ()),
            )
        yield first, result.views


def _check_size(image: TiledImage, like: tuple[int, int], config: Config) -> None:
    """Raise unless the image gives as many tiles as the others, of the same size."""
    if config.tile is None:
        return
    own, expected = (
        layout(size, config.tile, config.tile_overlap) for size in (image.layout.size, like)
    )
    sides = (own.rows.side, own.columns.side)
    if own.shape == expected.shape and sides == (expected.rows.side, expected.columns.side):
        return
    rows, columns = expected.shape
    msg = (
        f"score: sample {image.sample.name!r} must give {rows} x {columns} tiles as those before, "
        f"whose size is {like[0]} x {like[1]}, got {own.shape[0]} x {own.shape[1]} of "
        f"{own.size[0]} x {own.size[1]} pixels; bring the images to one size, or leave out tile"
    )
    raise InputError(msg)


def _output(image: TiledImage, preparation: Preparation, shape: tuple[int, ...]) -> OutputSpec:
    """Return the sizes of a part's map; the working size has the scale of the encoder's input."""
    layers_rows_columns = shape
    patches = (layers_rows_columns[1], layers_rows_columns[2])
    own = image.layout
    cells = own.cells(patches)
    target = preparation.target_size((own.rows.side, own.columns.side))
    working = [round(cells[axis] * target[axis] / patches[axis]) for axis in (0, 1)]
    excess = working[0] * working[1] / _MOST_WORKING
    if excess > 1 and own.shape != (1, 1):
        working = [max(cells[axis], int(working[axis] / excess**0.5)) for axis in (0, 1)]
    return OutputSpec(
        sample=image.sample,
        name=image.sample.name,
        path=image.sample.path,
        size=own.size,
        working=(working[0], working[1]),
        mask=image.mask,
        rows=None,
        input_count=0,
    )


_MOST_WORKING = 1 << 22
"""Pixels of the maps that scores of whole images are taken from: 16 MiB each."""
