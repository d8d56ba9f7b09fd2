"""The picture of a part: its image or scan, the suspicious regions marked, a caption above."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.nn.functional import interpolate

from musc2.part import Part
from musc2.regions import Region, regions
from musc2.report import sources, surface, text
from musc2.report.overlay import overlay
from musc2.report.sources import Content, Picture

_CLOUD_SIDE = 640  # pixels of the longer side of a cloud's picture


def marked(part: Part, *, width: int) -> Image.Image:
    """Return the picture of a part, at most ``width`` pixels wide, below a caption.

    Colors begin where the map exceeds the threshold of the set's maps, and are those of all parts.
    Normal parts keep their own colors. Clouds are seen along their thinnest side.
    """
    maps = part.result.maps
    if maps is None:
        return captioned(part, _with_map(part, *_cloud(part)))
    size = _limited(maps.frames[part.index].input, width)
    content = sources.read(part.result, part.index, max(size))
    values = _resized_map(maps.render(part.index, "working"), size)
    return captioned(part, _with_map(part, _resized(_background(content), size), values))


def captioned(part: Part, image: Image.Image) -> Image.Image:
    """Return the image below a line with rank, verdict, score and name."""
    score = f"{part.score:.{text.decimals(part.result)}f}"
    caption = f"#{part.rank}  {part.verdict}  {score}  {text.printable(part.name)}"
    height = min(40, max(14, image.height // 16))
    font = ImageFont.load_default(height * 0.62)
    strip = Image.new("RGB", (image.width, height), (130, 20, 20) if part.suspicious else (40,) * 3)
    middle = (height * 0.3, height / 2)
    ImageDraw.Draw(strip).text(middle, caption, fill=(255, 255, 255), font=font, anchor="lm")
    whole = Image.new("RGB", (image.width, image.height + height))
    whole.paste(strip, (0, 0))
    whole.paste(image, (0, height))
    return whole


def _background(content: Content) -> Picture:
    """Return the image, else the relief of the xyz map; black if there is neither any more."""
    if content.image is not None:
        return content.image
    if content.xyz is not None and content.xyz.ndim == 3:
        return surface.relief(content.xyz, content.mask)
    return np.zeros((1, 1, 3), np.uint8)


def _cloud(part: Part) -> tuple[Picture, torch.Tensor]:
    """Return the view of a cloud and its scores there; black without points."""
    content = sources.read(part.result, part.index, _CLOUD_SIDE)
    scores = part.point_scores
    if content.xyz is None or scores is None:
        return np.zeros((16, 16, 3), np.uint8), torch.zeros(16, 16)
    view = surface.view(content.xyz, content.mask)
    height, width = view.picture.shape[:2]
    scale = max(1, _CLOUD_SIDE // max(height, width))
    size = (height * scale, width * scale)
    values = torch.from_numpy(surface.scattered(scores.numpy(), view))
    return _resized(view.picture, size), _resized_map(values, size)


def _with_map(part: Part, picture: Picture, values: torch.Tensor) -> Image.Image:
    """Return the picture with the map over it; regions of a suspicious part are outlined."""
    threshold = part.result.map_threshold
    image = Image.fromarray(overlay(picture, values.numpy(), low=threshold, high=3 * threshold))
    if part.suspicious and part.result.maps is not None:
        line = max(1, round(max(image.size) / 300))
        _outline(ImageDraw.Draw(image), regions(values, threshold), width=line)
    return image


def _outline(pen: ImageDraw.ImageDraw, outlined: list[Region], *, width: int) -> None:
    """Draw a white line with a dark edge around each region."""
    for region in outlined:
        corners = [(float(x), float(y)) for x, y in region.outline.tolist()]
        closed = [*corners, corners[0]]
        pen.line(closed, fill=(0, 0, 0), width=width + 2)
        pen.line(closed, fill=(255, 255, 255), width=width)


def _limited(size: tuple[int, int], width: int) -> tuple[int, int]:
    """Return (H, W) shrunk to at most ``width`` columns."""
    scale = min(1.0, width / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized_map(values: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if tuple(values.shape) == size:
        return values
    return interpolate(values[None, None], size=size, mode="bilinear")[0, 0]


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    if picture.shape[:2] == size:
        return picture
    image = Image.fromarray(picture)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC))
