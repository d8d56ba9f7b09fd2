"""The picture of a part: its image or scan, the suspicious regions marked, a caption above."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch.nn.functional import interpolate

from musc2.part import Part
from musc2.regions import Region, regions
from musc2.report import scans
from musc2.report.overlay import overlay
from musc2.report.sources import Picture, sample_of
from musc2.result import Result

_MISSING: Picture = np.zeros((1, 1, 3), np.uint8)


def read(result: Result, index: int) -> Picture:
    """Return the image of a part, else its xyz map as gray; black if it came as an array."""
    sample = sample_of(result, index)
    if sample.image is None:
        return _MISSING if sample.cloud is None else scans.shade_depth(sample.cloud.read())
    image = sample.image.read()
    if isinstance(image, Image.Image):
        return np.asarray(image)
    return np.asarray((image * 255).round(), dtype=np.uint8)


def read_points(part: Part) -> NDArray[Any]:
    """Return the points (P, 3) of a part's cloud; NaN if it came as an array that is gone."""
    sample = sample_of(part.result, part.index)
    if sample.cloud is not None:
        return sample.cloud.read()
    count = 0 if part.point_scores is None else len(part.point_scores)
    return np.full((count, 3), np.nan, np.float32)


def cloud_view(part: Part) -> Image.Image:
    """Return the view of a cloud, colored by score."""
    scores = np.zeros(0) if part.point_scores is None else part.point_scores.numpy()
    shades = scans.point_colors(scores, part.result.map_threshold)
    return captioned(part, Image.fromarray(scans.view(read_points(part), shades)))


def marked(part: Part, picture: Picture, *, width: int) -> Image.Image:
    """Return the picture of a part with a map, at most ``width`` pixels wide.

    Colors begin where the map exceeds the threshold of the set's maps, and are those of all parts:
    red is twice the threshold. Normal parts keep their own colors.
    """
    maps = part.result.maps
    if maps is None:
        msg = "marked: the result must have maps"
        raise ValueError(msg)
    full = maps.frames[part.index].input
    size = _limited(full, width)
    values = _resized_map(maps.render(part.index, "working"), size)
    threshold = part.result.map_threshold
    drawn = overlay(_resized(picture, size), values.numpy(), low=threshold, high=3 * threshold)
    image = Image.fromarray(drawn)
    pen = ImageDraw.Draw(image)
    if part.suspicious:
        _outline(pen, regions(values, threshold), width=max(1, round(max(size) / 300)))
    return captioned(part, image)


def _outline(pen: ImageDraw.ImageDraw, outlined: list[Region], *, width: int) -> None:
    """Draw a white line with a dark edge around each region."""
    for region in outlined:
        corners = [(float(x), float(y)) for x, y in region.outline.tolist()]
        closed = [*corners, corners[0]]
        pen.line(closed, fill=(0, 0, 0), width=width + 2)
        pen.line(closed, fill=(255, 255, 255), width=width)


def captioned(part: Part, image: Image.Image) -> Image.Image:
    """Return the image below a line with rank, verdict, score and name."""
    verdict = "SUSPICIOUS" if part.suspicious else "normal"
    text = f"#{part.rank}  {verdict}  {part.score:.3g}  {part.name}"
    height = min(40, max(14, image.height // 16))
    font = ImageFont.load_default(height * 0.62)
    strip = Image.new("RGB", (image.width, height), (130, 20, 20) if part.suspicious else (40,) * 3)
    ImageDraw.Draw(strip).text(
        (height * 0.3, height / 2), _printable(text), fill=(255, 255, 255), font=font, anchor="lm"
    )
    whole = Image.new("RGB", (image.width, image.height + height))
    whole.paste(strip, (0, 0))
    whole.paste(image, (0, height))
    return whole


def _limited(size: tuple[int, int], width: int) -> tuple[int, int]:
    """Return (H, W) shrunk to at most ``width`` columns."""
    scale = min(1.0, width / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized_map(values: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if tuple(values.shape) == size:
        return values
    return interpolate(values[None, None], size=size, mode="bilinear")[0, 0]


def _resized(picture: NDArray[Any], size: tuple[int, int]) -> Picture:
    if picture.shape[:2] == size:
        return picture
    image = Image.fromarray(picture)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC, reducing_gap=2))


def _printable(text: str) -> str:
    """Return text without control characters, on one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
