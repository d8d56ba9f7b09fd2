"""Read each image and say where its tiles lie, the same places of the part in all images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from PIL import Image

from musc2 import inputs
from musc2._tiles.alignment import Alignment
from musc2._tiles.layout import Box, Layout, layout
from musc2._tiles.tiff_segments import TiffSegments, open_segments
from musc2.config import Config
from musc2.errors import InputError
from musc2.inputs import formats, images
from musc2.inputs.loading import LoadError, joined
from musc2.inputs.parts import LoadedPart
from musc2.inputs.preparation import Preparation
from musc2.progress import StageTimer


@dataclass(frozen=True, kw_only=True, eq=False)
class WholePicture:
    """An image that was decoded as a whole."""

    pixels: inputs.Picture

    @property
    def size(self) -> tuple[int, int]:
        """The (H, W) of the image."""
        return images.size_of(self.pixels)

    def crop(self, box: Box) -> inputs.Picture:
        """Return the top, left, bottom and right of a box as an image."""
        top, left, bottom, right = box
        if isinstance(self.pixels, Image.Image):
            return self.pixels.crop((left, top, right, bottom))
        return self.pixels[top:bottom, left:right]


@dataclass(frozen=True, kw_only=True, eq=False)
class TiledImage:
    """One image as it was read, and where its tiles lie."""

    sample: inputs.Sample
    picture: WholePicture | TiffSegments
    layout: Layout
    mask: torch.Tensor | None

    def tile(self, box: Box, preparation: Preparation) -> LoadedPart:
        """Return one tile as encoders take it."""
        top, left, bottom, right = box
        cut = self.picture.crop(box)
        source = self.sample.image
        label = images.RGB if source is None else source.label
        size = (bottom - top, right - left)
        prepared = inputs.Prepared(
            sample=self.sample,
            image=inputs.prepare_image(cut, preparation, label),
            image_size=size,
            working_size=preparation.target_size(size),
            further_images=tuple(
                inputs.prepare_image(cut, own, label) for own in preparation.further
            ),
        )
        return LoadedPart(prepared=prepared)


class TiledLoader:
    """Iterate over the samples as images with tiles; one of them is in memory at a time.

    Of a tiff file in strips or tiles, only those rows that are looked at.
    """

    def __init__(self, samples: Sequence[inputs.Sample], config: Config, timer: StageTimer) -> None:
        self.errors: list[LoadError] = []
        self.count = len(samples)
        self._samples, self._config, self._timer = samples, config, timer
        self._alignment: Alignment | None = None
        self._origins: dict[int, tuple[int, int]] = {}

    def align(self, alignment: Alignment) -> None:
        """Read all images once to see how they lie; not those of a fixed alignment.

        Those that cannot be read, or are not of one size, are refused by the iteration.
        """
        self._alignment = alignment
        if alignment.is_fixed:
            return
        for number, sample in enumerate(self._samples):
            with suppress(InputError), self._timer.stage("read"):
                origin = alignment.add(self._opened(sample))
                if origin is not None:
                    self._origins[number] = origin

    def __iter__(self) -> Iterator[TiledImage]:
        self.errors.clear()
        for number, sample in enumerate(self._samples):
            try:
                with self._timer.stage("read"):
                    image = self._read(number, sample)
            except InputError as error:
                if self._config.on_error == "raise":
                    raise
                self.errors.append(LoadError(sample=sample, error=error))
            else:
                yield image
        if self.count and len(self.errors) == self.count:
            msg = f"score: none of {self.count} samples could be read:\n{joined(self.errors)}"
            raise InputError(msg)

    def _read(self, number: int, sample: inputs.Sample) -> TiledImage:
        mask = None if sample.mask is None else torch.from_numpy(sample.mask.read())
        tile, overlap = self._config.tile, self._config.tile_overlap
        if tile is None:
            msg = "score: tiles need their size"
            raise InputError(msg)
        picture = self._opened(sample)
        if isinstance(picture, TiffSegments) and self._config.on_error == "skip":
            picture.check()  # now, because tokens of half an image would be kept
        inside: Box | None = None
        if self._alignment is not None:
            if self._alignment.is_fixed:
                origin = self._alignment.add(picture)
            else:
                origin = self._origins.get(number)
            inside = None if origin is None else self._alignment.inside(origin)
        own = layout(picture.size, tile, overlap, inside)
        return TiledImage(sample=sample, picture=picture, layout=own, mask=mask)

    def _opened(self, sample: inputs.Sample) -> WholePicture | TiffSegments:
        source = sample.image
        if source is None:
            msg = "score: tiles need images"
            raise InputError(msg)
        if source.path is not None and source.path.suffix.lower() in formats.TIFF:
            source.label.check_file(source.path)
            segments = open_segments(source.path, source.label)
            if segments is not None:
                return segments
        return WholePicture(pixels=source.read())
