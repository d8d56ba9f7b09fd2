"""The nearest matches of the patch at each part's peak: what the verdict rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from musc2 import ops
from musc2._panels import partners
from musc2._transfer import download, upload
from musc2.by_modality import ByModality
from musc2.cloud import Cloud
from musc2.maps import Frame, PatchLayer, shrink_mask
from musc2.matches import Matches
from musc2.stages.maps import Anomaly, MapPeaks
from musc2.stages.mutual import Features
from musc2.tokens import Outline

COUNT = 5
_AROUND = 3  # groups that the score of a point comes from
_BLOCK = 1 << 24  # values of features to look at in one step of a search in a window


@dataclass(frozen=True, kw_only=True, eq=False)
class Drivers:
    """The patch and the group, (N,) each, that add most to the peak of each part's map.

    is_points: (N,) bool, whether points add more to the peak than images.
    """

    patches: ByModality[torch.Tensor]
    is_points: torch.Tensor


def drivers(rendered: Anomaly, peaks: MapPeaks, clouds: Sequence[Cloud]) -> Drivers:
    """Return what adds most to the peaks, on the device of the scores.

    Patches are those of the first encoder. Clouds without pixels have no map: there it is the group
    with the highest score.
    """
    image, groups, frames = rendered.layers.image, rendered.patch_scores_3d, rendered.frames
    is_points = torch.full_like(peaks.pixels, image is None, dtype=torch.bool)
    if frames is None:
        own = peaks.pixels if groups is None else groups.argmax(1)
        return Drivers(patches=ByModality(points=own), is_points=is_points)
    places, sizes = _places(peaks.pixels, frames)
    patch, group = None, None
    if isinstance(image, PatchLayer):
        corners, shares = _corners(image.scores, places, sizes)
        patch = corners.gather(1, shares.argmax(1, keepdim=True))[:, 0]
        total = shares.sum(1)
        for scores in image.further:
            total = total + _corners(scores, places, sizes)[1].sum(1)
        if groups is not None:
            is_points = 2 * total < peaks.values
    if groups is not None:
        group = _group_at(groups, clouds, places, sizes)
    return Drivers(patches=ByModality(patch, group), is_points=is_points)


def nearest_matches(
    source: ByModality[Features],
    chosen: Drivers,
    outline: Outline,
    subsets: Sequence[torch.Tensor],
    compared: torch.Tensor | None = None,
    *,
    count: int = COUNT,
) -> Matches | None:
    """Return the ``count`` other parts nearest to each part's patch or group; None for one part.

    subsets: the parts that were scored with each other; compared: (N, N) bool,
    those of them that a part was compared with. A part costs one row of features against all
    others, 1/L of its mutual scores.
    """
    count = min(count, max(map(len, subsets)) - 1)
    if count < 1:
        return None
    columns: list[list[torch.Tensor]] = []
    for features, patches in zip(source.values(), chosen.patches.values(), strict=True):
        columns.append([patches, *_search(features, patches, subsets, compared, count)])
    joined: list[torch.Tensor] = []
    for values in zip(*columns, strict=True):
        joined.append(_by_driver(values, chosen.is_points))
    is_points, patches, parts, nearest, distances = download(chosen.is_points, *joined)
    positions: list[torch.Tensor] = []
    nearest_positions: list[torch.Tensor] = []
    for name, _ in source.items():
        centers = _centers(name, outline)
        last = centers.shape[1] - 1  # indices of the other modality may be beyond it
        positions.append(centers[torch.arange(outline.count), patches.clamp(max=last)])
        nearest_positions.append(centers[parts.clamp(min=0), nearest.clamp(0, last)])
    return Matches(
        modalities=["points" if points else "image" for points in is_points.tolist()],
        patches=patches,
        parts=parts,
        nearest=nearest,
        distances=distances,
        positions=_by_driver(positions, is_points),
        nearest_positions=_by_driver(nearest_positions, is_points),
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


def in_masks(outline: Outline) -> torch.Tensor | None:
    """Return which patches lie in the masks (N, h * w); None without masks or images."""
    frames, grid = outline.frames, outline.grid
    if frames is None or grid is None:
        return None
    masks = [shrink_mask(frame.mask, grid) for frame in frames if frame.mask is not None]
    return torch.stack(masks).flatten(1) if masks else None


def matches_of(
    source: ByModality[Features],
    subsets: list[torch.Tensor],
    table: torch.Tensor | None,
    outline: Outline,
    chosen: Drivers,
) -> Matches | None:
    """Return the nearest matches of the parts of a set; table: see ``_panels.partners``."""
    compared = None if table is None else partners.is_partner(table)
    return nearest_matches(source, chosen, outline, subsets, compared)


def _places(pixels: torch.Tensor, frames: Sequence[Frame]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return row and column of pixels of maps, and the sizes of these, (N, 2) each."""
    sizes = upload(torch.tensor([frame.working for frame in frames]), pixels.device)
    rows = pixels.div(sizes[:, 1], rounding_mode="floor")
    return torch.stack([rows, pixels - rows * sizes[:, 1]], 1), sizes


def _corners(
    scores: torch.Tensor, places: torch.Tensor, sizes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the patches that a pixel is interpolated from, and what they add to it, (N, 4) each.

    scores: (N, h, w), with the centers of the corners on those of the map's corners.
    """
    last = torch.tensor(scores.shape[1:]) - 1
    at = places / (sizes - 1).clamp(min=1) * upload(last, places.device)
    low = at.floor().long()
    high = torch.minimum(low + 1, upload(last, places.device))
    further = at - low
    patches: list[torch.Tensor] = []
    weights: list[torch.Tensor] = []
    for rows, row_weights in ((low[:, 0], 1 - further[:, 0]), (high[:, 0], further[:, 0])):
        for columns, own in ((low[:, 1], 1 - further[:, 1]), (high[:, 1], further[:, 1])):
            patches.append(rows * scores.shape[2] + columns)
            weights.append(row_weights * own)
    corners = torch.stack(patches, 1)
    return corners, torch.stack(weights, 1) * scores.flatten(1).gather(1, corners)


def _group_at(
    scores: torch.Tensor, clouds: Sequence[Cloud], places: torch.Tensor, sizes: torch.Tensor
) -> torch.Tensor:
    """Return the group (N,) that adds most to a pixel: a high score, a center near by."""
    centers = upload(group_positions(clouds), scores.device)
    away = (centers - ((places + 0.5) / sizes)[:, None]) * sizes[:, None]  # in pixels of the map
    nearest = away.norm(dim=-1).topk(min(_AROUND, scores.shape[1]), largest=False)
    shares = scores.gather(1, nearest.indices) / (nearest.values + 1)
    groups: torch.Tensor = nearest.indices.gather(1, shares.argmax(1, keepdim=True))
    return groups[:, 0]


def _search(
    features: Features,
    patches: torch.Tensor,
    subsets: Sequence[torch.Tensor],
    compared: torch.Tensor | None,
    count: int,
) -> list[torch.Tensor]:
    """Return parts, their patches and the distances, (N, count) each, where the features are."""
    device = features.z.device
    parts = torch.full((len(patches), count), -1, device=device)
    nearest, distances = parts.clone(), torch.full(parts.shape, float("inf"), device=device)
    for subset in subsets:
        own = upload(subset, device)
        d, index = _to_each_part(features, own, patches[own])
        d.fill_diagonal_(float("inf"))
        if compared is not None:
            d.masked_fill_(~upload(compared, device), float("inf"))
        columns = min(count, len(own) - 1)
        if columns < 1:
            continue
        lowest = d.topk(columns, largest=False)
        is_none = lowest.values.isinf()
        parts[own, :columns] = own[lowest.indices].masked_fill(is_none, -1)
        nearest[own, :columns] = index.gather(1, lowest.indices).masked_fill(is_none, -1)
        distances[own, :columns] = lowest.values.float()
    return [parts, nearest, distances]


def _to_each_part(
    features: Features, subset: torch.Tensor, patches: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return distance and patch (n, n): from one patch of each part of a subset to all parts."""
    z = features.subset(subset).z
    rows = z[torch.arange(len(subset), device=z.device), patches]
    if features.window is None or features.grid is None:
        d, index = ops.nearest_patches(
            rows[None].contiguous(),  # as one part: a part of one patch is padded to several
            references=z.contiguous(),
            precision=features.precision,
            return_index=True,
        )
        return d[0], index[0].long()
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


def _by_driver(values: Sequence[torch.Tensor], is_points: torch.Tensor) -> torch.Tensor:
    """Return the rows (N, ...) of the modality that drives each part; values: of each in use."""
    wide = is_points.reshape(-1, *[1] * (values[0].ndim - 1))
    return torch.where(wide, values[-1], values[0])


def _centers(name: str, outline: Outline) -> torch.Tensor:
    """Return where the patches of a modality lie, (N, L, D)."""
    if name == "image" and outline.grid is not None:
        return grid_positions(outline.count, outline.grid)
    return group_positions(outline.clouds)
