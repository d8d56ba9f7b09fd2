"""The features of the parts that new ones are compared with, and the distances among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from musc2 import checks
from musc2._bank.feature_table import FeatureTable
from musc2._bank.part_features import Layers, PartFeatures
from musc2._bank.tile_blocks import block_name, layer_name
from musc2._tiles.alignment import Alignment
from musc2._tiles.layout import Layout
from musc2.by_modality import ByModality
from musc2.cloud import Cloud
from musc2.config import Config
from musc2.maps import Frame
from musc2.patch_scores import FeatureLayer, searched
from musc2.stages.mutual import Measured
from musc2.tokens import Outline


@dataclass(frozen=True, kw_only=True, eq=False)
class BankPart:
    """One part of a bank; slot: its row in the blocks; layout: of its tiles, None without any."""

    name: str
    path: Path | None
    frame: Frame | None
    cloud: Cloud | None
    slot: int
    layout: Layout | None = None


@dataclass(kw_only=True, eq=False)
class Bank:
    """Parts in the order in which they were added.

    Distances are kept with ``keeps_distances``, so that adding a part measures its own alone.
    share: of the patches of a part that are kept, None for all. whole: the features before patches
    were left out, until ``forget_whole``; only then can the parts be scored among themselves.
    alignment: of the tiles, in those settings; grids are then those of a tile.
    """

    config: Config
    storage: torch.dtype = torch.float32
    keeps_distances: bool = True
    share: float | None = None
    alignment: Alignment | None = None
    whole: dict[str, torch.Tensor] = field(default_factory=dict)
    parts: list[BankPart] = field(default_factory=list)
    blocks: dict[str, FeatureTable] = field(default_factory=dict)
    layers: list[Layers] = field(default_factory=list)
    grids: list[tuple[int, int] | None] = field(default_factory=list)
    class_tokens: dict[int, torch.Tensor] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of the parts."""
        return [part.name for part in self.parts]

    @property
    def slots(self) -> torch.Tensor:
        """The rows of the parts in the blocks."""
        return torch.tensor([part.slot for part in self.parts], dtype=torch.int64)

    @property
    def outlines(self) -> list[Outline]:
        """Where the patches and groups of the parts lie, for each view."""
        clouds = [part.cloud for part in self.parts if part.cloud is not None]
        frames = [part.frame for part in self.parts if part.frame is not None] or None
        first = Outline(count=len(self.parts), grid=None, clouds=clouds, frames=frames)
        return [replace(first, grid=self._cells(grid)) for grid in self.grids]

    @property
    def layouts(self) -> list[Layout]:
        """Where the tiles of the parts lie; nothing without tiles."""
        return [part.layout for part in self.parts if part.layout is not None]

    @property
    def map_config(self) -> Config:
        """The settings that maps become scores by: a defect is not larger in a larger image."""
        grid, cells = self.grids[0], self._cells(self.grids[0])
        if grid is None or cells is None:
            return self.config
        share = grid[0] * grid[1] / (cells[0] * cells[1])
        return self.config.replace(map_top_share=self.config.map_top_share * share)

    def _cells(self, grid: tuple[int, int] | None) -> tuple[int, int] | None:
        """Return the grid of a whole image, where ``grid`` is a tile's."""
        layout = self.parts[0].layout
        return grid if layout is None or grid is None else layout.cells(grid)

    def check(self, features: PartFeatures, names: Sequence[str], op: str) -> None:
        """Raise unless the features are of the kind that the bank holds."""
        frame, frames = self.parts[0].frame, features.outlines[0].frames
        if (frame is None) != (frames is None):
            kind, other = "clouds (P, 3)", "maps (H, W, 3)"
            if frame is not None:
                kind, other = other, kind
            checks.refuse(op, "pcd", f"must be {kind}, as in the bank", other)
        expected = {name: block.shape for name, block in self.blocks.items()}
        shapes = features.shapes()
        if shapes == expected:
            return
        requirement, own = f"must give features of the bank's layers and shapes, {expected}", ""
        if frame is not None and frames is not None:
            requirement += f", as its parts of {_size(frame)} do"
            own = f" from {_size(frames[0])}"
        checks.refuse(op, f"part {names[0]!r}", requirement, f"{shapes}{own}")

    def add(
        self, features: PartFeatures, names: Sequence[str], paths: Sequence[Path | None]
    ) -> None:
        """Add parts at the end; their names must be new."""
        start = len(self.parts)
        if not self.parts:
            self.layers = features.layers
            self.grids = [outline.grid for outline in features.outlines]
        for name, z in features.z.items():
            if name not in self.blocks:
                grid = self._grid_of(name) if name.startswith("image") else None
                self.blocks[name] = FeatureTable(
                    grid=grid, keeps_distances=self.keeps_distances, share=self.share
                )
                if self.share is not None:
                    self.whole[name] = z
            stored = z.to(self.storage)
            if not bool(stored.isfinite().all()):
                msg = "Scorer: the features exceed the range of float16; use storage='float32'"
                raise ValueError(msg)
            self.blocks[name].add(stored, start, self.config)
        for view, rows in features.class_tokens.items():
            earlier = self.class_tokens.get(view)
            own = rows if earlier is None else torch.cat([earlier[:start], rows])
            self.class_tokens[view] = own
        outline = features.outlines[0]
        for index, (name, path) in enumerate(zip(names, paths, strict=True)):
            self.parts.append(
                BankPart(
                    name=name,
                    path=path,
                    frame=outline.frames[index] if outline.frames else None,
                    cloud=outline.clouds[index] if outline.clouds else None,
                    slot=start + index,
                    layout=features.layouts[index] if features.layouts else None,
                )
            )

    def remove(self, name: str) -> None:
        """Remove a part; the part in the last row of the blocks takes its row."""
        [index] = [number for number, part in enumerate(self.parts) if part.name == name]
        slot, last = self.parts.pop(index).slot, len(self.parts)
        for block in self.blocks.values():
            block.move(last, slot)
        for rows in self.class_tokens.values():
            rows[slot] = rows[last]
        for number, part in enumerate(self.parts):
            if part.slot == last:
                self.parts[number] = replace(part, slot=slot)

    def remove_all(self, names: Sequence[str], op: str) -> None:
        """Remove the parts of these names; at least 2 stay."""
        for name in names:
            if name not in self.names:
                checks.refuse(op, "names", "must be names of parts in the bank", repr(name))
        left = len(self.parts) - len(set(names))
        if left < 2:
            checks.refuse(op, "names", "must leave at least 2 parts", left)
        for name in dict.fromkeys(names):
            self.remove(name)

    def shrink(self, capacity: int | None, drop: str) -> list[str]:
        """Remove parts beyond the capacity, the "oldest" or ones most "alike"; return the names."""
        dropped: list[str] = []
        while capacity is not None and len(self.parts) > capacity:
            name = self.names[0] if drop == "oldest" else self.most_alike()
            self.remove(name)
            dropped.append(name)
        return dropped

    def most_alike(self) -> str:
        """Return the older part of the two that are most alike."""
        slots = self.slots
        likeness = torch.zeros(len(slots), len(slots))
        first = layer_name(next(iter(self.blocks)))
        for name, block in self.blocks.items():
            if layer_name(name) == first:  # its tiles are several blocks
                likeness += block.likeness[slots[:, None], slots].cpu()
        likeness = likeness + likeness.T
        row, column = divmod(int(likeness.argmin()), len(slots))
        return self.parts[min(row, column)].name

    def layers_of(self, view: int, tile: int | None = None) -> Iterator[tuple[int, FeatureLayer]]:
        """Yield the features of each layer of the bank's parts, with the distances among them."""
        slots = self.slots
        for layer, names in self._blocks_of(view, tile):
            if self.share is not None:
                yield layer, self._against_kept(view, names)
                continue
            z = names.map(lambda name: self.blocks[name].z[slots].float())
            features = searched(z, ByModality(), self.grids[view], self.config)
            if self.keeps_distances:
                measured = names.map(lambda name: self.blocks[name].measured(slots))
                features = features.combine(lambda own, d: replace(own, measured=d), measured)
            yield layer, features

    def forget_whole(self) -> None:
        """Let go of the patches that are not kept."""
        self.whole.clear()

    def _against_kept(self, view: int, names: ByModality[str]) -> FeatureLayer:
        """Return a layer of the parts, all patches of each against those kept of the others."""
        z = names.map(lambda name: self.whole[name].float())
        features = searched(z, ByModality(), self.grids[view], self.config)
        slots = torch.arange(len(self.parts))

        def measured(name: str) -> Measured:
            d = self.blocks[name].distances_from(self.whole[name], self.config)
            return Measured(d=d, slots=slots)

        return features.combine(lambda own, d: replace(own, measured=d), names.map(measured))

    def layers_against(
        self, features: PartFeatures, view: int, tile: int | None = None
    ) -> Iterator[tuple[int, FeatureLayer]]:
        """Yield the features of each layer of new parts, with the bank's as their references."""
        count = len(self.parts)
        for layer, names in self._blocks_of(view, tile):
            z = names.map(features.z.__getitem__)
            references = names.map(lambda name: self.blocks[name].z[:count].float())
            yield layer, searched(z, references, self.grids[view], self.config)

    def _blocks_of(self, view: int, tile: int | None) -> Layers:
        """Return the number of each layer and its blocks, those of one tile if there are tiles."""
        blocks: Layers = []
        for layer, names in self.layers[view]:
            blocks.append((layer, names.map(lambda name: block_name(name, tile))))
        return blocks

    def features(self, block: str) -> torch.Tensor:
        """Return all features (S, L, C) of a block, by the rows of the parts."""
        return self.whole[block] if block in self.whole else self.blocks[block].z

    def salient_block(self, view: int, tile: int) -> str:
        """Return the block of a tile's second to last layer, by which parts are compared."""
        layers = self.layers[view]
        target = max(layers[-1][0] - 1, 0)
        for layer, names in layers:
            if layer == target:
                return block_name(names.values()[0], tile)
        raise KeyError(target)

    def _grid_of(self, name: str) -> tuple[int, int] | None:
        for layers, grid in zip(self.layers, self.grids, strict=True):
            if any(names.image == layer_name(name) for _, names in layers):
                return grid
        return None


def _size(frame: Frame) -> str:
    height, width = frame.input
    return f"{height} x {width} pixels"
