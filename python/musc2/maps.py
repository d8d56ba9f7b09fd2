"""Anomaly maps, docs/method/algorithm.md section 7, rendered when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, overload

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch.nn.functional import adaptive_max_pool2d, conv2d, interpolate, pad

from musc2 import checks
from musc2._transfer import upload

SIZES = ("input", "working")
_BATCH = 64  # maps that a GPU renders at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """The sizes of one sample's map.

    working: (h, w), the size that inputs are resized to; input: (H, W), the size of its image, else
    of its xyz map; mask: (H', W') bool of any size, outside of which the map is 0.
    """

    working: tuple[int, int]
    input: tuple[int, int]
    mask: torch.Tensor | None = None


class Layer(Protocol):
    """The scores of one modality that maps are rendered from."""

    @property
    def device(self) -> torch.device:
        """Return where the scores are."""

    def render(self, index: int, size: tuple[int, int]) -> torch.Tensor:
        """Return the map (h, w) of one sample at its working size."""

    def render_batch(self, indices: Sequence[int], size: tuple[int, int]) -> torch.Tensor:
        """Return the maps (n, h, w) of samples of one working size."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PatchLayer:
    """scores: (N, h, w) of patches, interpolated bilinearly with aligned corners.

    further: those of further encoders, on grids of their own, which are added.
    """

    scores: torch.Tensor
    further: tuple[torch.Tensor, ...] = ()

    @property
    def device(self) -> torch.device:
        return self.scores.device

    def render(self, index: int, size: tuple[int, int]) -> torch.Tensor:
        total = _enlarged(self.scores[index][None], size)[0]
        for patches in self.further:
            total = total + _enlarged(patches[index][None], size)[0]
        return total

    def render_batch(self, indices: Sequence[int], size: tuple[int, int]) -> torch.Tensor:
        rows = upload(torch.tensor(indices), self.device)
        total = _enlarged(self.scores[rows], size)
        for patches in self.further:
            total = total + _enlarged(patches[rows], size)
        return total

    def at_finest_grid(self) -> torch.Tensor:
        """Return the sum (N, h, w) at the grid with the most patches."""
        if not self.further:
            return self.scores
        grids = torch.tensor([patches.shape[1:] for patches in (self.scores, *self.further)])
        rows, columns = grids.amax(0).tolist()
        total = _enlarged(self.scores, (rows, columns))
        for patches in self.further:
            total = total + _enlarged(patches, (rows, columns))
        return total


@dataclass(frozen=True, kw_only=True, eq=False)
class PointLayer:
    """scores and pixels: (P,) per sample in a map of its size; background is 0.

    The map is resized to the working size, then blurred.
    """

    scores: list[torch.Tensor]
    pixels: list[torch.Tensor]
    sizes: list[tuple[int, int]]
    sigma: float = 4.0
    quantized: bool = False

    @property
    def device(self) -> torch.device:
        return self.scores[0].device

    def render(self, index: int, size: tuple[int, int]) -> torch.Tensor:
        scores, own_size = self.scores[index], self.sizes[index]
        flat = scores.new_zeros(own_size[0] * own_size[1])
        flat[upload(self.pixels[index], scores.device)] = scores
        blur_map = quantized_blur if self.quantized else blur
        return blur_map(_resized(flat.reshape(own_size), size), self.sigma)

    def render_batch(self, indices: Sequence[int], size: tuple[int, int]) -> torch.Tensor:
        own_size = self.sizes[indices[0]]
        is_one_size = all(self.sizes[index] == own_size for index in indices)
        if self.quantized or not is_one_size:
            return torch.stack([self.render(index, size) for index in indices])
        cells = own_size[0] * own_size[1]
        scores = torch.cat([self.scores[index] for index in indices])
        pixels = [self.pixels[index] + cells * row for row, index in enumerate(indices)]
        flat = scores.new_zeros(len(indices) * cells)
        flat[upload(torch.cat(pixels), self.device)] = scores
        maps = flat.reshape(len(indices), 1, *own_size)
        if own_size != size:
            maps = interpolate(maps, size=size, mode="bilinear")
        return _blurred(maps, self.sigma)[:, 0]


class Maps(Sequence[torch.Tensor]):
    """The maps of a result: ``maps[i]`` is that of part i, (H, W) float32, at its input's size.

    A map is computed whenever it is looked at and not kept. ``maps.at("input")`` and
    ``maps.at("working")`` return all of them at once.
    """

    def __init__(self, layers: Sequence[Layer], frames: Sequence[Frame]) -> None:
        self.layers = list(layers)
        self.frames = list(frames)

    def __len__(self) -> int:
        return len(self.frames)

    @overload
    def __getitem__(self, index: int) -> torch.Tensor: ...

    @overload
    def __getitem__(self, index: slice) -> list[torch.Tensor]: ...

    def __getitem__(self, index: int | slice) -> torch.Tensor | list[torch.Tensor]:
        if isinstance(index, slice):
            return [self.render(i) for i in range(*index.indices(len(self)))]
        return self.render(range(len(self))[index])

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self.render(index) for index in range(len(self)))

    def __repr__(self) -> str:
        sizes = sorted({frame.input for frame in self.frames})
        shown = f"{sizes[0][0]} x {sizes[0][1]}" if len(sizes) == 1 else f"{len(sizes)} sizes"
        return f"Maps({len(self)} of {shown})"

    def render(self, index: int, size: str = "input") -> torch.Tensor:
        """Return the map of one sample at its "input" or "working" size."""
        frame = self.frames[index]
        total: torch.Tensor | None = None
        for layer in self.layers:
            values = _masked(layer.render(index, frame.working), frame.mask)
            if size == "input" and frame.input != frame.working:
                values = _masked(_resized(values, frame.input), frame.mask)
            total = values if total is None else total + values
        if total is None:
            msg = "Maps: no scores to render"
            raise ValueError(msg)
        return total

    def at(self, size: str) -> torch.Tensor | list[torch.Tensor]:
        """Return all maps at their "input" or "working" size: (N, H, W), a list if sizes differ."""
        checks.choice("Maps.at", "size", size, SIZES)
        maps = [self.render(index, size) for index in range(len(self))]
        shapes = {tuple(values.shape) for values in maps}
        return torch.stack(maps) if len(shapes) == 1 else maps

    def peaks(self) -> torch.Tensor:
        """Return the highest value of each map at its working size, (N,)."""
        return torch.cat([maps.flatten(1).amax(1) for maps in self.batches()])

    def batches(self) -> Iterator[torch.Tensor]:
        """Yield the maps at their working size, (n, h, w) of consecutive samples.

        On a CPU n is 1. A GPU takes many at once, as far as their sizes agree.
        """
        start = 0
        while start < len(self):
            indices = range(start, start + self._batch_length(start))
            yield self._render_batch(indices) if len(indices) > 1 else self._working(start)[None]
            start = indices.stop

    def _batch_length(self, start: int) -> int:
        if any(layer.device.type == "cpu" for layer in self.layers):
            return 1
        frames, first = self.frames[start : start + _BATCH], self.frames[start]
        length = 0
        while length < len(frames) and frames[length].working == first.working:
            length += 1
        return length

    def _working(self, index: int) -> torch.Tensor:
        return self.render(index, "working")

    def _render_batch(self, indices: Sequence[int]) -> torch.Tensor:
        size = self.frames[indices[0]].working
        total = self.layers[0].render_batch(indices, size)
        for layer in self.layers[1:]:
            total = total + layer.render_batch(indices, size)
        masks = [self.frames[index].mask for index in indices]
        if all(mask is None for mask in masks):
            return total
        everything = torch.ones(size, dtype=torch.bool)
        shrunk = [everything if mask is None else shrink_mask(mask, size) for mask in masks]
        return total * upload(torch.stack(shrunk), total.device)


def shrink_mask(mask: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """mask: (H, W) bool -> (h, w) bool: a cell is True where any pixel that it covers is."""
    if tuple(mask.shape) == size:
        return mask
    return adaptive_max_pool2d(mask[None].float(), size)[0] > 0


def blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """image: (H, W) -> (H, W): a Gaussian blur, truncated at 4 sigma, edges replicated."""
    return _blurred(image[None, None], sigma)[0, 0]


def _blurred(images: torch.Tensor, sigma: float) -> torch.Tensor:
    """images: (N, 1, H, W) -> (N, 1, H, W)."""
    radius = int(4 * sigma + 0.5)
    if radius == 0:
        return images.clone()
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1).double() / sigma) ** 2)
    weights = upload((kernel / kernel.sum()).to(images.dtype), images.device)
    padded = pad(images, (radius, radius, radius, radius), mode="replicate")
    rows = conv2d(padded, weights[None, None, None, :])
    return conv2d(rows, weights[None, None, :, None])


def quantized_blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """image: (H, W), at least 0 -> (H, W): Pillow's blur of 8-bit values, as published."""
    highest = image.max()
    if float(highest) <= 0:
        return image.clone()
    eight_bits = (image / highest * 255).to("cpu", torch.uint8)
    blurred = Image.fromarray(eight_bits.numpy()).filter(ImageFilter.GaussianBlur(sigma))
    return torch.from_numpy(np.array(blurred)).to(image) / 255 * highest


def _enlarged(patches: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return (N, h, w) at another size, bilinearly, the centers of the corners aligned."""
    return interpolate(patches[:, None], size=size, mode="bilinear", align_corners=True)[:, 0]


def _resized(values: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return a map at another size: bilinear, the outer edges of both aligned."""
    if tuple(values.shape) == size:
        return values
    return interpolate(values[None, None], size=size, mode="bilinear")[0, 0]


def _masked(values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    if mask is None:
        return values
    return values * shrink_mask(mask.to(values.device), (values.shape[0], values.shape[1]))
