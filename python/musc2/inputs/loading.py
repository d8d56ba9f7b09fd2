"""Read and prepare the samples of a set in threads, a bounded number ahead of the caller."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from musc2.errors import InputError
from musc2.inputs import images
from musc2.inputs._on_gpu import RawImage, RawScan
from musc2.inputs.ordered_map import ordered_map
from musc2.inputs.preparation import Points, Preparation, prepare_image, prepare_scan
from musc2.inputs.sample import Label, Picture, Sample

_MOST_ERRORS = 20
_MOST_RAW_PIXELS = 1 << 21  # of an image that waits for the GPU as it is, 6 MiB


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """One sample as encoders take it, with the sizes that its maps are brought back to.

    image: (3, h, w) float32 in [0, 1], of an image of image_size (H, W), or that image where a GPU
    is to resize it; cloud: see ``Points``; raw_scan: what a GPU is to make them of, in their place;
    cloud_size: (H, W) of the map, None for a cloud (P, 3); working_size: (h, w) that its maps are
    rendered at; mask: (H, W) or (P,) bool, as it was read. further_images: the same image as
    further encoders take it.
    """

    sample: Sample
    image: torch.Tensor | RawImage | None = None
    image_size: tuple[int, int] | None = None
    cloud: Points | None = None
    raw_scan: RawScan | None = None
    cloud_size: tuple[int, int] | None = None
    working_size: tuple[int, int] | None = None
    mask: torch.Tensor | None = None
    further_images: tuple[torch.Tensor | RawImage, ...] = ()

    @property
    def images(self) -> tuple[torch.Tensor | RawImage, ...]:
        """Return the image as each encoder takes it; empty without an image."""
        return () if self.image is None else (self.image, *self.further_images)

    @property
    def scan(self) -> Points | RawScan | None:
        """Return the points of a scan, or what a GPU is to make them of."""
        return self.cloud or self.raw_scan


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadError:
    """A sample that could not be read or prepared, and why."""

    sample: Sample
    error: InputError


def load(
    samples: Sequence[Sample],
    preparation: Preparation,
    *,
    on_error: str,
    threads: int,
    ahead: int,
) -> Iterator[Prepared | LoadError]:
    """Yield each sample, prepared, in order, by ``threads`` worker threads.

    At most ``ahead`` samples are ready or in work while the caller works, so a long list needs
    little memory. With on_error="raise" the first sample, in order, that cannot be read or prepared
    raises its error; with "skip" its LoadError is yielded instead.
    """
    read = functools.partial(_load, preparation)
    items = ordered_map(read, samples, threads=threads, ahead=ahead)
    for item in items:
        if on_error != "skip" and isinstance(item, LoadError):
            raise _with_later_errors(item, items)
        yield item


def joined(errors: Sequence[LoadError]) -> str:
    """Return the messages of errors, one a line, of many the first ones."""
    lines = [str(error.error) for error in errors[:_MOST_ERRORS]]
    if len(errors) > _MOST_ERRORS:
        lines.append(f"and {len(errors) - _MOST_ERRORS} more")
    return "\n".join(lines)


def _load(preparation: Preparation, sample: Sample) -> Prepared | LoadError:
    try:
        return prepare(sample, preparation)
    except InputError as error:
        return LoadError(sample=sample, error=error)


def _with_later_errors(first: LoadError, items: Iterable[Prepared | LoadError]) -> InputError:
    """Return the first error, with those of all later samples, so that one run names them all."""
    later = [item for item in items if isinstance(item, LoadError)]
    return InputError(joined([first, *later])) if later else first.error


def prepare(sample: Sample, preparation: Preparation) -> Prepared:
    """Read one sample and prepare it."""
    mask = None if sample.mask is None else sample.mask.read()
    image, image_size, scan, cloud_size = None, None, None, None
    further: list[torch.Tensor | RawImage] = []
    if sample.image is not None:
        picture = sample.image.read()
        image_size = images.size_of(picture)
        image = _image(picture, preparation, sample.image.label)
        for own in preparation.further:
            further.append(_image(picture, own, sample.image.label))
    if sample.cloud is not None:
        xyz, label = sample.cloud.read(), sample.cloud.label
        if xyz.ndim == 2 and sample.image is not None:
            requirement = "must have shape (H, W, 3) beside an image, to have a position in it"
            label.refuse(requirement, tuple(xyz.shape))
        scan = prepare_scan(xyz, preparation, mask=mask, label=label)
        cloud_size = None if xyz.ndim == 2 else (xyz.shape[0], xyz.shape[1])
    size = image_size or cloud_size
    return Prepared(
        sample=sample,
        image=image,
        image_size=image_size,
        cloud=scan if isinstance(scan, Points) else None,
        raw_scan=scan if isinstance(scan, RawScan) else None,
        cloud_size=cloud_size,
        working_size=None if size is None else preparation.target_size(size),
        mask=None if mask is None else torch.from_numpy(mask),
        further_images=tuple(further),
    )


def _image(picture: Picture, preparation: Preparation, label: Label) -> torch.Tensor | RawImage:
    """Return an image as an encoder takes it, or as it is for a GPU to resize it."""
    size = images.size_of(picture)
    is_small = size[0] * size[1] <= _MOST_RAW_PIXELS  # many wait at a time
    if preparation.device == "cpu" or not is_small or not isinstance(picture, Image.Image):
        return prepare_image(picture, preparation, label)
    return RawImage(
        pixels=torch.from_numpy(np.array(picture)),
        size=preparation.image_size(size),
        resample=preparation.resample,
        device=preparation.device,
    )
