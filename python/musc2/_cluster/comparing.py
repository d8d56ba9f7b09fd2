"""Tasks of workers: from tokens to scores. Each gives the same when it is called again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from musc2 import patch_scores
from musc2._arguments.search_window import window_of
from musc2._cluster.searching import Array, Search
from musc2._panels import sample_links
from musc2._panels.medians import median_of
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.matches import Matches
from musc2.ops import Links
from musc2.progress import StageTimer
from musc2.stages import copies, rescore
from musc2.stages.matches import Drivers, matches_of
from musc2.stages.mutual import Features
from musc2.tokens import Outline, Tokens


@dataclass(frozen=True, kw_only=True, eq=False)
class RowOptions:
    """How the distances of the rows of a block become scores.

    left_out: (n, N) bool, or None; medians: None without balance; links: of both modalities,
    packed.
    """

    modalities: tuple[str, ...]
    left_out: torch.Tensor | None
    medians: ByModality[float] | None
    links: Links | None
    config: Config


def features(
    views: list[Tokens],
    view: int,
    layers: tuple[int, int],
    defaults: ByModality[TokenDefaults],
    config: Config,
) -> Array | tuple[Array, ...]:
    """Return (n, L, C) of each degree and modality, a single array as it is.

    layers: the number of the layer and their count.
    """
    layer, count = layers
    own = patch_scores.features_of(views[view], layer, defaults, config, count)
    arrays: list[Array] = []
    for item in own:
        for z in item.values():
            arrays.append(np.ascontiguousarray(z.cpu().numpy()))
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def window(
    defaults: TokenDefaults, config: Config, grid: tuple[int, int], *chosen: list[Tokens]
) -> int | None:
    """Return the window that search_window="auto" stands for, from some parts of each block."""
    of_images: list[torch.Tensor] = []
    for views in chosen:
        plain = replace(views[0], points=None, clouds=[])
        own = patch_scores.features_of(plain, plain.layers - 1, ByModality(defaults), config)
        of_images += own[0].values()
    return window_of(torch.cat(of_images), grid)


def row_scores(options: RowOptions, *blocks: Array) -> dict[str, torch.Tensor]:
    """Return the scores (n, L) of a block's parts from their distances to all blocks."""
    count, config = len(blocks[0]), options.config
    columns = sum(block.shape[1] for block in blocks[: len(blocks) // len(options.modalities)])
    patches = sum(block.shape[2] for block in blocks[:: len(blocks) // len(options.modalities)])
    step = max(1, config.memory // 2 // (4 * columns * patches))
    scores: dict[str, list[torch.Tensor]] = {name: [] for name in options.modalities}
    for start in range(0, count, step):
        rows = slice(start, start + step)
        d = _distances(options, blocks, rows)
        links, interval = options.links, config.mutual_interval
        if links is not None:
            links = sample_links.of_samples(links, torch.arange(count)[rows])
        reduced = patch_scores.row_scores(d, options.medians, links, interval, StageTimer())
        for name, values in reduced.items():
            scores[name].append(values)
    return {name: torch.cat(values) for name, values in scores.items()}


def finite_distances(
    options: RowOptions, rows: Sequence[int], *blocks: Array
) -> dict[str, torch.Tensor]:
    """Return the finite distances from some rows of a block to all parts."""
    chosen = [_distances(options, blocks, slice(row, row + 1)) for row in rows]
    values: dict[str, torch.Tensor] = {}
    for name in options.modalities:
        own = [dict(d.items())[name].flatten() for d in chosen]
        joined = torch.cat(own) if own else torch.empty(0)
        values[name] = joined[joined.isfinite()]
    return values


def medians(modalities: Sequence[str], *values: dict[str, torch.Tensor]) -> ByModality[float]:
    """Return the median of all values of each modality, 1 where it is 0."""
    levels: dict[str, float] = {}
    for name in modalities:
        pieces = [own[name] for own in values]
        levels[name] = median_of(lambda pieces=pieces: pieces) or 1.0  # type: ignore[misc]
    return ByModality(**levels)


def copies_of(modalities: Sequence[str], own: int, *blocks: Array) -> torch.Tensor | None:
    """Return which parts are copies of each other, from the blocks of the features of a layer.

    own: how many blocks of each modality are those of samples; references follow.
    """
    return patch_scores.copies_of(_whole(modalities, blocks, own))


def salient(
    modalities: Sequence[str],
    scores: ByModality[torch.Tensor],
    inside: torch.Tensor | None,
    *blocks: Array,
) -> ByModality[torch.Tensor]:
    """Return the feature at each part's highest score, from the blocks of a layer's features."""
    return rescore.salient(_whole(modalities, blocks), scores, inside)


def matches(
    searches: ByModality[Search],
    subsets: list[torch.Tensor],
    outline: Outline,
    chosen: Drivers,
    *blocks: Array,
) -> Matches | None:
    """Return the matches of patches of all parts, from the blocks of a layer's features."""
    source = _whole(list(dict(searches.items())), blocks)

    def searched(features: Features, search: Search) -> Features:
        return replace(features, window=search.window, grid=search.grid)

    return matches_of(source.combine(searched, searches), subsets, None, outline, chosen)


def _distances(
    options: RowOptions, blocks: Sequence[Array], rows: slice
) -> ByModality[torch.Tensor]:
    """Return (k, L, N) of some rows, without copies; the blocks of each modality in turn."""
    count_each = len(blocks) // len(options.modalities)
    d: dict[str, torch.Tensor] = {}
    for number, name in enumerate(options.modalities):
        own = [
            torch.from_numpy(block[rows]) for block in blocks[number * count_each :][:count_each]
        ]
        d[name] = torch.cat(own, 1).transpose(1, 2).contiguous()
        if options.left_out is not None:
            copies.leave_out(d[name], options.left_out[rows])
    return ByModality(**d)


def _whole(
    modalities: Sequence[str], blocks: Sequence[Array], own: int | None = None
) -> ByModality[Features]:
    """Return the features of all parts; the blocks of each modality in turn.

    own: how many of them are those of samples, by default all; references follow.
    """
    count_each = len(blocks) // len(modalities)
    features_of_all: dict[str, Features] = {}
    for number, name in enumerate(modalities):
        arrays = blocks[number * count_each :][:count_each]
        references: torch.Tensor | None = None
        if own is not None and own < count_each:
            references = torch.from_numpy(np.concatenate(arrays[own:]))
        z = torch.from_numpy(np.concatenate(arrays[:own]))
        features_of_all[name] = Features(z=z, references=references)
    return ByModality(**features_of_all)
