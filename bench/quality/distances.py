"""Features of a set, and the distance of each patch to each other part, kept in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import musc2
from musc2 import ops
from musc2.encoders import TokenDefaults
from musc2.inputs.images import list_images
from musc2.inputs.preparation import Preparation, prepare_image
from musc2.stages import aggregate

BATCH = 8
SALIENT_LAYER = -2


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerDistances:
    """The features z (N, L, C) of a layer, and of each patch and part the nearest patch there.

    d: (N, L, N) distances, +inf to the part itself; index: (N, L, N) int16, -1 there.
    """

    z: torch.Tensor
    d: torch.Tensor
    index: torch.Tensor

    def subset(self, rows: np.ndarray) -> LayerDistances:
        """Return what the parts ``rows`` alone would have; a pair does not depend on others."""
        chosen = torch.from_numpy(rows)
        z, d, index = self.z[chosen], self.d[chosen][..., chosen], self.index[chosen][..., chosen]
        return LayerDistances(z=z, d=d, index=index)


@dataclass(frozen=True, kw_only=True, eq=False)
class Distances:
    """The layers of a set for one encoder, and its grid (h, w) of patches."""

    layers: list[LayerDistances]
    grid: tuple[int, int]

    def subset(self, rows: np.ndarray) -> Distances:
        """Return the distances among some of the parts."""
        return Distances(layers=[layer.subset(rows) for layer in self.layers], grid=self.grid)


def distances(images: Sequence[object], encoder: str, file: Path | None = None) -> Distances:
    """Return the distances of a set for NAME or NAME@SIZE, read from ``file`` if it is there."""
    if file is not None and file.exists():
        return _load(file)
    layers = []
    grid, features = _features(images, encoder)
    for z in features:
        d, index = ops.nearest_patches(z, return_index=True)
        layers.append(LayerDistances(z=z, d=d, index=index.to(torch.int16)))
    measured = Distances(layers=layers, grid=grid)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        _save(file, measured)
    return measured


def _features(images: Sequence[object], encoder: str) -> tuple[tuple[int, int], list[torch.Tensor]]:
    """Return the grid, and the features (N, L, C) of each layer."""
    name, _, size = encoder.partition("@")
    network = musc2.encoders.load(name)
    preparation = Preparation(
        size=int(size) if size else network.size, resample=network.resample, patch=network.patch
    )
    inputs = torch.stack(
        [prepare_image(source.read(), preparation) for source in list_images(images)]
    )
    network.fit(list(inputs), seed=0)
    tokens = torch.cat([network.encode(batch).tokens for batch in inputs.split(BATCH)])
    defaults: TokenDefaults = network.token_defaults
    features = []
    for layer in range(tokens.shape[1]):
        own = tokens[:, layer]
        [z] = aggregate.image_features(own, defaults.degrees, normalize=defaults.normalize)
        features.append(z[..., z.flatten(0, 1).any(0)].contiguous())  # channels of padding
    return (tokens.shape[2], tokens.shape[3]), features


def _save(file: Path, measured: Distances) -> None:
    arrays = {"grid": np.array(measured.grid)}
    for number, layer in enumerate(measured.layers):
        for name in ("z", "d", "index"):
            arrays[f"{name}{number}"] = getattr(layer, name).numpy()
    np.savez(file, **arrays)


def _load(file: Path) -> Distances:
    with np.load(file) as arrays:
        layers = []
        for number in range(sum(name.startswith("d") for name in arrays.files)):
            z, d, index = (
                torch.from_numpy(arrays[f"{key}{number}"]) for key in ("z", "d", "index")
            )
            layers.append(LayerDistances(z=z, d=d, index=index))
        height, width = arrays["grid"].tolist()
    return Distances(layers=layers, grid=(height, width))
