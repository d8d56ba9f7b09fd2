"""Maps, ALGORITHM.md §7: token scores at pixels and points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch.nn.functional import adaptive_max_pool2d, conv2d, interpolate, pad

from musc2 import ops
from musc2.types import Cloud


def image_maps(scores: torch.Tensor, sizes: Sequence[tuple[int, int]]) -> list[torch.Tensor]:
    """scores: (N, h, w) -> N maps (H, W): bilinear, corners aligned."""
    if len(set(sizes)) == 1:
        return list(interpolate(scores[:, None], size=sizes[0], mode="bilinear", align_corners=True)[:, 0])
    pairs = zip(scores, sizes, strict=True)
    return [interpolate(s[None, None], size=size, mode="bilinear", align_corners=True)[0, 0] for s, size in pairs]


def point_scores(scores: torch.Tensor, clouds: Sequence[Cloud]) -> list[torch.Tensor]:
    """scores: (N, G) at the centers -> N vectors (P,): the 3 nearest centers of each point, by inverse distance."""
    samples, groups = scores.shape
    ends = np.cumsum([0, *(len(cloud.points) for cloud in clouds)])
    spread = ops.spread_points(
        torch.cat([cloud.points for cloud in clouds]).to(scores.device),
        torch.cat([cloud.points[cloud.centers] for cloud in clouds]).to(scores.device),
        scores.flatten(),
        offsets=ends,
        center_offsets=[groups * sample for sample in range(samples + 1)],
    )
    return list(torch.split(spread, [len(cloud.points) for cloud in clouds]))


def point_maps(
    values: Sequence[torch.Tensor], clouds: Sequence[Cloud], *, sigma: float = 4.0, quantised: bool = False
) -> list[torch.Tensor]:
    """values: (P,) per sample -> maps (H, W): background 0, then blurred. Clouds must have pixels."""
    found = []
    for value, cloud in zip(values, clouds, strict=True):
        if cloud.size is not None and cloud.pixels is not None:
            flat = value.new_zeros(cloud.size[0] * cloud.size[1])
            flat[cloud.pixels.to(value.device)] = value
            found.append((quantised_blur if quantised else blur)(flat.reshape(cloud.size), sigma))
    return found


def blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """image: (H, W) -> (H, W): a Gaussian cut off at 4 sigma; the edge pixels go on for ever."""
    radius = int(4 * sigma + 0.5)
    if radius == 0:
        return image.clone()
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1).double() / sigma) ** 2)
    weights = (kernel / kernel.sum()).to(image)
    wide = pad(image[None, None], (radius, radius, radius, radius), mode="replicate")
    return conv2d(conv2d(wide, weights[None, None, None, :]), weights[None, None, :, None])[0, 0]


def quantised_blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """image: (H, W), at least 0 -> (H, W): what the published code does, 8 bits and PIL's approximate Gaussian."""
    highest = image.max()
    if float(highest) <= 0:
        return image.clone()
    eight_bits = (image / highest * 255).to("cpu", torch.uint8)
    blurred = Image.fromarray(eight_bits.numpy()).filter(ImageFilter.GaussianBlur(sigma))
    return torch.from_numpy(np.array(blurred)).to(image) / 255 * highest


def summed(image: list[torch.Tensor] | None, point: list[torch.Tensor] | None) -> list[torch.Tensor] | None:
    """The maps of both modalities added, or those of the one that is there."""
    if image is None or point is None:
        return image or point
    return [a + b for a, b in zip(image, point, strict=True)]


def stacked(maps: list[torch.Tensor] | None) -> torch.Tensor | list[torch.Tensor] | None:
    """One (N, H, W) tensor when sizes agree, else the list."""
    same = maps is not None and len({tuple(each.shape) for each in maps}) == 1
    return torch.stack(maps) if maps is not None and same else maps


def mask_at(mask: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """mask: (H, W) bool -> (h, w) bool: a place counts where any pixel that it covers does."""
    return mask if tuple(mask.shape) == size else adaptive_max_pool2d(mask[None].float(), size)[0] > 0


def masked(maps: list[torch.Tensor] | None, masks: Sequence[torch.Tensor] | None) -> list[torch.Tensor] | None:
    """The maps with 0 outside their masks (of any size)."""
    if maps is None or masks is None:
        return maps
    pairs = zip(maps, masks, strict=True)
    return [each * mask_at(mask.to(each.device), (each.shape[0], each.shape[1])) for each, mask in pairs]


def resized(
    maps: Sequence[torch.Tensor] | torch.Tensor | None, sizes: Sequence[tuple[int, int]]
) -> list[torch.Tensor] | None:
    """Maps (h, w) at other sizes (H, W): bilinear, the outer edges of both agree."""
    if maps is None:
        return None
    pairs = zip(maps, sizes, strict=True)
    return [
        each if tuple(each.shape) == size else interpolate(each[None, None], size=size, mode="bilinear")[0, 0]
        for each, size in pairs
    ]


def scattered(values: torch.Tensor, rows: torch.Tensor | None, count: int) -> torch.Tensor:
    """values: (P,) of the points ``rows`` of a cloud -> (count,), 0 at the others."""
    found = torch.zeros(count)
    found[slice(None) if rows is None else rows] = values
    return found
