"""Tasks of workers: from tokens to scores. Each gives the same when it is called again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from musc2 import ops, patch_scores
from musc2._panels import sample_links
from musc2._panels.medians import median_of
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.matches import Matches
from musc2.ops import Links
from musc2.ops._support.patch_pairs import PatchPairs
from musc2.progress import StageTimer
from musc2.stages import copies, rescore
from musc2.stages.matches import Drivers, matches_of
from musc2.stages.mutual import Features
from musc2.tokens import Outline, Tokens

Array = NDArray[np.float32]
SAMPLED = 1024  # patches, at least, whose mean is the origin of a search


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
    rows: tuple[int, int],
) -> tuple[Any, ...]:
    """Return (n, L, C) of each degree and modality, and sampled rows of each of them.

    layers: the number of the layer and their count; rows: the number of the block's first part and
    the count of all parts.
    """
    layer, count = layers
    own = patch_scores.features_of(views[view], layer, defaults, config, count)
    arrays: list[Array] = []
    sampled: list[Array] = []
    for item in own:
        for z in item.values():
            arrays.append(np.ascontiguousarray(z.cpu().numpy()))
            sampled.append(_sampled_rows(arrays[-1], *rows))
    return (sampled, *arrays)


def pairs(
    first: Array, second: Array | None, origin: Array, precision: str, is_all: bool
) -> tuple[Array, Array]:
    """Return (n, m, L) from the parts of one block to those of another, and (m, n, L) back.

    second: None for the pairs within the block, whose distances are in the first array alone.
    is_all: whether the block holds all parts.
    """
    z = torch.from_numpy(first)
    count, patches = z.shape[:2]
    if is_all:
        d = ops.nearest_patches(z, precision=precision).permute(0, 2, 1)
        return np.ascontiguousarray(d.numpy()), np.empty(0, np.float32)
    center = torch.from_numpy(origin)
    if second is None:
        listed = torch.combinations(torch.arange(count))
        d = torch.full((count, count, patches), float("inf"))
        if len(listed):
            forward, back = PatchPairs(z, precision=precision, origin=center).distances(listed)
            d[listed[:, 0], listed[:, 1]] = forward
            d[listed[:, 1], listed[:, 0]] = back
        return d.numpy(), np.empty(0, np.float32)
    other = torch.from_numpy(second)
    listed = torch.cartesian_prod(torch.arange(count), torch.arange(len(other)))
    forward, back = PatchPairs(z, other, precision=precision, origin=center).distances(listed)
    backward = back.reshape(count, len(other), -1).transpose(0, 1)
    return forward.reshape(count, len(other), -1).numpy(), np.ascontiguousarray(backward.numpy())


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


def copies_of(modalities: Sequence[str], *blocks: Array) -> torch.Tensor | None:
    """Return which parts are copies of each other, from the blocks of the features of a layer."""
    return patch_scores.copies_of(_whole(modalities, blocks, "auto", None))


def salient(
    modalities: Sequence[str],
    scores: ByModality[torch.Tensor],
    inside: torch.Tensor | None,
    *blocks: Array,
) -> ByModality[torch.Tensor]:
    """Return the feature at each part's highest score, from the blocks of a layer's features."""
    return rescore.salient(_whole(modalities, blocks, "auto", None), scores, inside)


def matches(
    modalities: Sequence[str],
    subsets: list[torch.Tensor],
    outline: Outline,
    chosen: Drivers,
    config: Config,
    *blocks: Array,
) -> Matches | None:
    """Return the matches of patches of all parts, from the blocks of a layer's features."""
    source = _whole(modalities, blocks, config.search_precision, outline.grid)
    return matches_of(source, subsets, None, outline, chosen)


def origin_of(sampled: Sequence[Array]) -> Array:
    """Return the mean (C,) of sampled rows, as the kernel computes it over a whole set."""
    total = np.zeros(sampled[0].shape[1])
    count = 0
    for rows in sampled:
        for row in rows:
            total += row
        count += len(rows)
    return (total / count).astype(np.float32)


def _sampled_rows(z: Array, first: int, count: int) -> Array:
    """Return the rows of a block that the kernel would look at in all ``count`` parts."""
    patches = z.shape[1]
    stride = max(1, count * patches // SAMPLED)
    start = -(first * patches) % stride
    rows: Array = z.reshape(-1, z.shape[2])[start::stride].copy()
    return rows


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
    modalities: Sequence[str],
    blocks: Sequence[Array],
    precision: str,
    grid: tuple[int, int] | None,
) -> ByModality[Features]:
    """Return the features of all parts; the blocks of each modality in turn."""
    count_each = len(blocks) // len(modalities)
    own: dict[str, Features] = {}
    for number, name in enumerate(modalities):
        z = torch.from_numpy(np.concatenate(blocks[number * count_each :][:count_each]))
        own_grid = grid if name == "image" else None
        own[name] = Features(z=z, precision=precision, grid=own_grid)
    return ByModality(**own)
