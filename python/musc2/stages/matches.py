"""The nearest matches of each part's worst patch: what its score rests on."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from musc2 import ops
from musc2._panels import partners
from musc2._transfer import download, upload
from musc2.by_modality import ByModality
from musc2.cloud import Cloud
from musc2.maps import shrink_mask
from musc2.matches import Matches
from musc2.stages.mutual import Features
from musc2.stages.rescore import salient_features
from musc2.tokens import Outline

COUNT = 5
_BLOCK = 1 << 24  # values of features to look at in one step of a search in a window


def nearest_matches(
    features: Features,
    scores: torch.Tensor,
    positions: torch.Tensor,
    subsets: Sequence[torch.Tensor],
    inside: torch.Tensor | None = None,
    compared: torch.Tensor | None = None,
    *,
    modality: str = "image",
    count: int = COUNT,
) -> Matches | None:
    """Return the ``count`` nearest other parts of each part's worst patch; None for one part.

    scores: (N, L) and positions: (N, L, D) of the patches; inside: (N, L) bool, where the worst
    patch is looked for; subsets: the parts that were scored with each other; compared: (N, N) bool,
    those of them that a part was compared with. A part costs one row
    of features against all others, 1/L of its mutual scores.
    """
    z = features.z
    total = len(z)
    count = min(count, max(map(len, subsets)) - 1)
    if count < 1:
        return None
    if inside is not None:
        scores = scores.masked_fill(~upload(inside, scores.device), float("-inf"))
    patches = scores.argmax(1)
    parts = torch.full((total, count), -1, device=z.device)
    nearest, distances = parts.clone(), torch.full((total, count), float("inf"), device=z.device)
    for subset in subsets:
        own = upload(subset, z.device)
        d, index = _to_each_part(features, own, patches[own])
        d.fill_diagonal_(float("inf"))
        if compared is not None:
            d.masked_fill_(~upload(compared, z.device), float("inf"))
        columns = min(count, len(own) - 1)
        if columns < 1:
            continue
        lowest = d.topk(columns, largest=False)
        is_none = lowest.values.isinf()
        parts[own, :columns] = own[lowest.indices].masked_fill(is_none, -1)
        nearest[own, :columns] = index.gather(1, lowest.indices).masked_fill(is_none, -1)
        distances[own, :columns] = lowest.values
    patches, parts, nearest, distances = download(patches, parts, nearest, distances.float())
    return Matches(
        modality=modality,
        patches=patches,
        parts=parts,
        nearest=nearest,
        distances=distances,
        positions=positions[torch.arange(total), patches],
        nearest_positions=positions[parts.clamp(min=0), nearest.clamp(min=0)],
    )


def grid_positions(count: int, grid: tuple[int, int]) -> torch.Tensor:
    """Return the centers of the cells of a grid (h, w): (count, h * w, 2), row and column."""
    rows = (torch.arange(grid[0]) + 0.5) / grid[0]
    columns = (torch.arange(grid[1]) + 0.5) / grid[1]
    cells = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    return cells.expand(count, *cells.shape)


def group_positions(clouds: Sequence[Cloud]) -> torch.Tensor:
    """Return the centers of groups: (N, G, 2), row and column in the map, else (N, G, 3), xyz."""
    positions = []
    for cloud in clouds:
        if cloud.pixels is None or cloud.size is None:
            positions.append(cloud.points[cloud.centers])
            continue
        height, width = cloud.size
        pixels = cloud.pixels[cloud.centers]
        rows = (pixels.div(width, rounding_mode="floor") + 0.5) / height
        positions.append(torch.stack([rows, (pixels % width + 0.5) / width], -1))
    return torch.stack(positions).float()


def _to_each_part(
    features: Features, subset: torch.Tensor, patches: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return distance and patch (n, n): from one patch of each part of a subset to all parts."""
    z = features.subset(subset).z
    rows = z[torch.arange(len(subset), device=z.device), patches]
    if features.window is None or features.grid is None:
        d, index = ops.nearest_patches(
            rows[:, None].contiguous(),
            references=z.contiguous(),
            precision=features.precision,
            return_index=True,
        )
        return d[:, 0], index[:, 0].long()
    d = torch.empty(len(subset), len(subset), device=z.device)
    index = torch.empty_like(d, dtype=torch.int64)
    for number, patch in enumerate(patches.tolist()):
        cells = _window(patch, features.grid, features.window).to(z.device)
        step = max(1, _BLOCK // (len(cells) * z.shape[2]))
        for start in range(0, len(z), step):
            block = z[start : start + step, cells].float()
            away = (block - rows[number].float()).norm(dim=-1)
            lowest = away.min(1)
            d[number, start : start + step] = lowest.values
            index[number, start : start + step] = cells[lowest.indices]
    return d, index


def _window(patch: int, grid: tuple[int, int], radius: int) -> torch.Tensor:
    """Return the cells at most ``radius`` rows and columns away from a cell of a grid."""
    height, width = grid
    row, column = divmod(patch, width)
    rows = torch.arange(max(0, row - radius), min(height, row + radius + 1))
    columns = torch.arange(max(0, column - radius), min(width, column + radius + 1))
    return (rows[:, None] * width + columns).flatten()


def worst_patches(
    source: ByModality[Features],
    scores: ByModality[torch.Tensor],
    inside: torch.Tensor | None,
    subsets: list[torch.Tensor],
    table: torch.Tensor | None,
    outline: Outline,
    matched: bool,
) -> tuple[Matches | None, ByModality[torch.Tensor]]:
    """Return the matches of each sample's worst patch, with ``matched``, and its features."""
    matches: Matches | None = None
    if matched:
        matches = _matches(source, scores, inside, subsets, outline, table)
    return matches, _salient(source, scores, inside)


def in_masks(outline: Outline) -> torch.Tensor | None:
    """Return which patches lie in the masks (N, h * w); None without masks or images."""
    frames, grid = outline.frames, outline.grid
    if frames is None or grid is None:
        return None
    masks = [shrink_mask(frame.mask, grid) for frame in frames if frame.mask is not None]
    return torch.stack(masks).flatten(1) if masks else None


def _salient(
    source: ByModality[Features], scores: ByModality[torch.Tensor], inside: torch.Tensor | None
) -> ByModality[torch.Tensor]:
    """Return each sample's most anomalous feature; that of images lies inside its mask."""
    image, points = None, None
    if source.image is not None and scores.image is not None:
        mask = None if inside is None else upload(inside, scores.image.device)
        image = salient_features(source.image.z, scores.image, mask)
    if source.points is not None and scores.points is not None:
        points = salient_features(source.points.z, scores.points)
    return ByModality(image, points)


def _matches(
    source: ByModality[Features],
    scores: ByModality[torch.Tensor],
    inside: torch.Tensor | None,
    chosen: list[torch.Tensor],
    outline: Outline,
    table: torch.Tensor | None,
) -> Matches | None:
    """Return the nearest matches of the worst patches of images, else of clouds."""
    compared = None if table is None else partners.is_partner(table)
    if source.image is not None and scores.image is not None and outline.grid is not None:
        positions = grid_positions(outline.count, outline.grid)
        return nearest_matches(source.image, scores.image, positions, chosen, inside, compared)
    if source.points is None or scores.points is None:
        return None
    positions = group_positions(outline.clouds)
    return nearest_matches(
        source.points, scores.points, positions, chosen, compared=compared, modality="points"
    )
