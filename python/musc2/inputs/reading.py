"""A set of samples, read and prepared in threads, one after the other as they are asked for."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

import torch

from musc2.errors import InputError
from musc2.inputs import pictures, preparing, resizing
from musc2.inputs.ordered import in_order
from musc2.inputs.preparation import Preparation
from musc2.inputs.sources import Sample, refuse
from musc2.ops import native


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """One sample as encoders take it, with the sizes that results go back to.

    image: (3, h, w) float32 in [0, 1], of an image that was image_size (H, W); cloud: see ``Points``, of a map that was
    cloud_size (H, W), None for a cloud (P, 3); mask: (H, W) or (P,) bool as it was given.
    """

    sample: Sample
    image: torch.Tensor | None = None
    image_size: tuple[int, int] | None = None
    cloud: preparing.Points | None = None
    cloud_size: tuple[int, int] | None = None
    mask: torch.Tensor | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Failure:
    """A sample that could not be read or prepared, and the error that says why."""

    sample: Sample
    error: InputError


@overload
def prepare(
    samples: Sequence[Sample],
    preparation: Preparation,
    *,
    on_error: Literal["raise"] = "raise",
    threads: int | None = None,
    ahead: int | None = None,
) -> Iterator[Prepared]: ...


@overload
def prepare(
    samples: Sequence[Sample],
    preparation: Preparation,
    *,
    on_error: str,
    threads: int | None = None,
    ahead: int | None = None,
) -> Iterator[Prepared | Failure]: ...


def prepare(
    samples: Sequence[Sample],
    preparation: Preparation,
    *,
    on_error: str = "raise",
    threads: int | None = None,
    ahead: int | None = None,
) -> Iterator[Prepared] | Iterator[Prepared | Failure]:
    """Each sample prepared, in order, by ``threads`` (``musc2.set_num_threads`` when None) worker threads.

    No more than ``ahead`` (2 per thread when None) are ready or in work while the caller works, so a long list needs
    little memory. With on_error="raise" the first sample, in order, that cannot be read or prepared raises its error;
    with "skip" a Failure stands in its place and the others go on.
    """
    if on_error not in ("raise", "skip"):
        refuse("on_error", "must be raise or skip", repr(on_error))
    for name, value in (("threads", threads), ("ahead", ahead)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            refuse(name, "must be None or a whole number of at least 1", repr(value))
    count = threads or native.num_threads()
    work = _prepared if on_error == "raise" else _prepared_or_not
    return in_order(functools.partial(work, preparation), samples, threads=count, ahead=ahead or 2 * count)


def _prepared_or_not(preparation: Preparation, sample: Sample) -> Prepared | Failure:
    try:
        return _prepared(preparation, sample)
    except InputError as error:
        return Failure(sample=sample, error=error)


def _prepared(preparation: Preparation, sample: Sample) -> Prepared:
    found: dict[str, Any] = {}
    mask = None if sample.mask is None else sample.mask.read()
    if mask is not None:
        found["mask"] = torch.from_numpy(mask)
    if sample.image is not None:
        picture = sample.image.read()
        found["image_size"] = pictures.size_of(picture)
        target = resizing.target_size(
            pictures.size_of(picture), preparation.size, preparation.resize, preparation.patch
        )
        found["image"] = torch.from_numpy(resizing.resize_image(picture, target, preparation.resample))
    if sample.cloud is not None:
        xyz, label = sample.cloud.read(), sample.cloud.label
        if xyz.ndim == 2 and sample.image is not None:
            refuse(label, "must have shape (H, W, 3) beside an image, to have a place in it", tuple(xyz.shape))
        found["cloud"] = preparing.prepare_cloud(
            xyz,
            preparation.cloud_size or preparation.size,
            foreground=preparation.foreground,
            background=preparation.background,
            plane_distance=preparation.plane_distance,
            seed=preparation.seed,
            mask=mask,
            resize=preparation.resize,
            patch=preparation.patch,
            label=label,
        )
        found["cloud_size"] = None if xyz.ndim == 2 else xyz.shape[:2]
    return Prepared(sample=sample, **found)
