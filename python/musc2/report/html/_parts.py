"""What the report holds of each part: pictures, maps, points, and crops for its matches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import adaptive_max_pool2d

from musc2.inputs.ordered_map import ordered_map
from musc2.maps import Maps
from musc2.ops._support import dispatch
from musc2.ops._support.threads import in_forked_child
from musc2.report import colors, sources, surface
from musc2.report.html import _points
from musc2.report.html._encoding import deflated, jpeg
from musc2.report.sources import Content, Picture
from musc2.result import Result

Values = NDArray[np.float32]
_LIMIT = 1000  # pixels of a picture, along its longer side
_THUMBNAIL = 88
_CROP, _CROP_SHARE = 112, 0.2  # pixels of a crop, and its side as a share of the picture's


@dataclass(frozen=True, kw_only=True)
class Detail:
    """How much the report holds of a part: pixels along the longer sides, points and matches."""

    picture: int
    quality: int
    map: int
    points: int
    matches: int


LARGE = Detail(picture=_LIMIT, quality=82, map=256, points=20_000, matches=5)
SMALL = Detail(picture=400, quality=74, map=96, points=4_000, matches=3)
_MOST_LARGE, _MORE_LARGE = 88, 12


@dataclass(frozen=True, kw_only=True, eq=False)
class PartBlock:
    """content: what the page decodes when the part is opened; share: of 3D at the map's peak.

    crops: (part, slot) -> a crop of this part for the matches of another one, slot 0 for its own.
    """

    thumbnail: str
    content: dict[str, Any]
    share: float | None
    crops: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)


def blocks(result: Result, order: list[int], anchor: float) -> Iterator[tuple[int, PartBlock]]:
    """Yield the index and block of each part, in ``order``: the most suspicious first.

    anchor: the value that is in the middle of the color scale.
    """
    large = min(int(result.labels().sum()), _MOST_LARGE) + _MORE_LARGE
    details = {index: LARGE if rank < large else SMALL for rank, index in enumerate(order)}
    requests = _requests(result, details)
    make = partial(_block, result, details, requests, anchor)
    threads = 1 if in_forked_child() else dispatch.num_threads()
    yield from zip(order, ordered_map(make, order, threads=threads, ahead=2 * threads), strict=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class CropRequest:
    """A crop to make: for which part and slot, 0 for its own, where, and of image or surface."""

    part: int
    slot: int
    position: torch.Tensor
    modality: str


def _requests(result: Result, details: dict[int, Detail]) -> dict[int, list[CropRequest]]:
    """Return which crops to make of each part."""
    requests: dict[int, list[CropRequest]] = defaultdict(list)
    matches = result.matches
    if matches is None:
        return requests
    for index, detail in details.items():
        modality = matches.modalities[index]
        own = CropRequest(part=index, slot=0, position=matches.positions[index], modality=modality)
        requests[index].append(own)
        for slot, other in enumerate(matches.parts[index, : detail.matches].tolist()):
            if other >= 0:
                position = matches.nearest_positions[index, slot]
                requests[other].append(
                    CropRequest(part=index, slot=slot + 1, position=position, modality=modality)
                )
    return requests


def _block(
    result: Result,
    details: dict[int, Detail],
    requests: dict[int, list[CropRequest]],
    anchor: float,
    index: int,
) -> PartBlock:
    detail = details[index]
    source = sources.read(result, index, _LIMIT)
    view = None
    if source.image is None and source.xyz is not None and source.xyz.ndim == 2:
        view = surface.view(source.xyz, source.mask)
    picture = _picture(source, view)
    values = _values(result, index, view)
    levels = {name: colors.levels(_pooled(map, detail.map), anchor) for name, map in values.items()}
    total = np.sum(list(values.values()), axis=0) if values else None
    content: dict[str, Any] = {
        "image": jpeg(sources.reduced(picture, detail.picture), detail.quality),
        "size": [picture.shape[1], picture.shape[0]],
        "maps": {},
        "points": _packed_points(result, index, source, picture, view, total, anchor, detail),
        "problem": source.problem,
    }
    for name, grid in levels.items():
        height, width = grid.shape
        content["maps"][name] = {"size": [width, height], "data": deflated(grid)}
    crops: dict[tuple[int, int], dict[str, Any]] = {}
    pictures = {"image": picture}
    for request in requests[index]:
        if request.modality not in pictures:
            pictures[request.modality] = _surface(source, picture)
        where = _fractions(request.position.numpy(), source, view)
        crops[request.part, request.slot] = _crop(pictures[request.modality], where)
    return PartBlock(
        thumbnail=jpeg(_thumbnail(picture, total, anchor), 72),
        content=content,
        share=_share(values),
        crops=crops,
    )


def _picture(source: Content, view: surface.View | None) -> Picture:
    if source.image is not None:
        return source.image
    if view is not None:
        return view.picture
    if source.xyz is not None:
        return sources.reduced(surface.relief(source.xyz, source.mask), _LIMIT)
    return np.full((96, 96, 3), 96, np.uint8)


def _surface(source: Content, picture: Picture) -> Picture:
    """Return the relief of a map that has an image too; without, ``picture`` shows the scan."""
    if source.image is None or source.xyz is None or source.xyz.ndim != 3:
        return picture
    mask = source.mask
    if mask is not None:
        mask = _nearest(mask, (source.xyz.shape[0], source.xyz.shape[1]))
    return sources.reduced(surface.relief(source.xyz, mask), _LIMIT)


def _values(result: Result, index: int, view: surface.View | None) -> dict[str, Values]:
    """Return the map of each modality, "2d" and "3d", at its working size."""
    shares: dict[str, Maps | None] = {"2d": result.maps_2d, "3d": result.maps_3d}
    values = {}
    for name, maps in shares.items():
        if maps is not None:
            values[name] = maps.render(index, "working").numpy()
    if view is not None and result.point_scores is not None:
        values["3d"] = surface.scattered(result.point_scores[index].numpy(), view)
    return values


def _pooled(values: Values, limit: int) -> Values:
    """Return a map of at most ``limit`` pixels a side that keeps its highest values."""
    height, width = values.shape
    scale = min(1.0, limit / max(height, width))
    if scale == 1:
        return values
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    pooled: Values = adaptive_max_pool2d(torch.from_numpy(values)[None], size)[0].numpy()
    return pooled


def _share(values: dict[str, Values]) -> float | None:
    """Return the share of 3D in the highest value of the map; None unless it has both."""
    if len(values) < 2:
        return None
    total = values["2d"] + values["3d"]
    peak = int(total.argmax())
    return float(values["3d"].flat[peak] / max(float(total.flat[peak]), 1e-12))


def _packed_points(
    result: Result,
    index: int,
    source: Content,
    picture: Picture,
    view: surface.View | None,
    total: Values | None,
    anchor: float,
    detail: Detail,
) -> dict[str, Any] | None:
    """Return the points with their levels and colors; None without a scan."""
    xyz = source.xyz
    if xyz is None or total is None:
        return None
    mask = source.mask
    if mask is not None and xyz.ndim == 3:
        mask = _nearest(mask, (xyz.shape[0], xyz.shape[1]))
    chosen = _points.choose(surface.is_foreground(xyz, mask), detail.points)
    if len(chosen) == 0:
        return None
    points = xyz.reshape(-1, 3)[chosen]
    if xyz.ndim == 3:
        rows, columns = np.divmod(chosen, xyz.shape[1])
        fractions = (rows + 0.5) / xyz.shape[0], (columns + 0.5) / xyz.shape[1]
        levels = colors.levels(_sampled(total, *fractions), anchor)
        flipped = points * np.array([1, -1, -1], np.float32)
        return _points.pack(flipped, levels, _sampled(picture, *fractions))
    if view is None or result.point_scores is None:
        return None
    levels = colors.levels(result.point_scores[index].numpy()[chosen], anchor)
    return _points.pack(points, levels, picture.reshape(-1, 3)[view.pixels[chosen]])


def _sampled(
    values: NDArray[Any], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[Any]:
    """Return the pixels of an array (H, W, ...) at rows and columns in fractions of its size."""
    pixels: NDArray[Any] = values[
        (rows * values.shape[0]).astype(np.int64), (columns * values.shape[1]).astype(np.int64)
    ]
    return pixels


def _nearest(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return an array (H, W, ...) at another size by its nearest pixels."""
    rows = ((np.arange(size[0]) + 0.5) * values.shape[0] / size[0]).astype(np.int64)
    columns = ((np.arange(size[1]) + 0.5) * values.shape[1] / size[1]).astype(np.int64)
    return values[np.ix_(rows, columns)]


def _fractions(
    position: NDArray[np.float32], source: Content, view: surface.View | None
) -> tuple[float, float]:
    """Return row and column, as fractions of the picture, of the position of a match."""
    if len(position) == 2:
        return float(position[0]), float(position[1])
    if view is None or source.xyz is None:
        return 0.5, 0.5
    points = source.xyz[surface.is_foreground(source.xyz, source.mask)].astype(np.float64)
    center = points.mean(0)
    scale = np.linalg.norm(points - center, axis=1).max()
    return view.place(position.astype(np.float64) * scale + center)


def _crop(picture: Picture, where: tuple[float, float]) -> dict[str, Any]:
    """Return a square around a position, and the position in it as fractions x, y."""
    height, width = picture.shape[:2]
    side = max(2, round(_CROP_SHARE * (height * width) ** 0.5))
    side = min(side, height, width)
    row, column = where[0] * height, where[1] * width
    top = int(np.clip(row - side / 2, 0, height - side))
    left = int(np.clip(column - side / 2, 0, width - side))
    square = Image.fromarray(picture[top : top + side, left : left + side])
    resized = np.asarray(square.resize((_CROP, _CROP), Image.Resampling.BICUBIC))
    mark = [round((column - left) / side, 3), round((row - top) / side, 3)]
    return {"image": jpeg(resized, 80), "mark": mark}


def _thumbnail(picture: Picture, total: Values | None, anchor: float) -> Picture:
    """Return a small picture with the map over it, where it is near the threshold or above."""
    small = sources.reduced(picture, _THUMBNAIL)
    if total is None:
        return small
    levels = colors.levels(_nearest(_pooled(total, _THUMBNAIL), small.shape[:2]), anchor)
    opacity = np.clip((levels / 255 - 0.44) / 0.1, 0, 0.8)[..., None]
    mixed: Picture = (small * (1 - opacity) + colors.table()[levels] * opacity).astype(np.uint8)
    return mixed
