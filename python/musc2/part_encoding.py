"""From samples to tokens: read, prepare, group and encode parts as a Config says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace

import torch

from musc2 import inputs, method
from musc2._arguments import samples as sample_arguments
from musc2.cloud import Cloud
from musc2.config import Config
from musc2.encoders.selection import Encoders
from musc2.inputs._on_gpu import RawScan, normalized, resized
from musc2.inputs.parts import LoadedPart, OutputSpec, PartLoader, Scan
from musc2.ops import Groups
from musc2.ops._support import dispatch
from musc2.progress import StageTimer
from musc2.result import Result
from musc2.stages import encode, maps
from musc2.stages.group import group_clouds, group_settings
from musc2.tokens import PartSet

GROUP_OPS = ("farthest_points", "group_points")


def preparation(encoders: Encoders, config: Config) -> inputs.Preparation:
    """Return how samples are prepared for the encoders."""
    sizes = encoders.input_sizes(config.input_size)
    base = inputs.Preparation(
        size=sizes[0],
        resample=config.input_resample or "bicubic",
        resize=config.input_resize,
        foreground=config.scan_foreground,
        background=config.scan_background,
        plane_distance=config.scan_plane_distance,
        enlarge_maps=config.scan_enlarge,
        max_points=config.scan_max_points,
        seed=config.seed,
        scan_device="cpu" if _learns(encoders) else device_of(encoders, GROUP_OPS),
    )
    own: list[inputs.Preparation] = []
    device = "cpu" if _learns(encoders) else device_of(encoders, ())
    for image, size in zip(encoders.images, sizes, strict=False):
        resample = config.input_resample or image.encoder.resample
        image_preparation = replace(
            base,
            size=size,
            image_scale=getattr(image.encoder, "image_scale", 1),
            resample=resample,
            patch=image.encoder.patch,
            device=device if getattr(image.encoder, "images_on_gpu", False) else "cpu",
        )
        own.append(image_preparation)
    return replace(own[0], further=tuple(own[1:])) if own else base


def _learns(encoders: Encoders) -> bool:
    """Return whether an encoder learns: it keeps all parts, so they are prepared on the CPU."""
    return any(own.encoder.learns for own in encoders.images) or any(
        points.learns for points in encoders.points
    )


def loader(
    samples: Sequence[inputs.Sample],
    encoders: Encoders,
    config: Config,
    timer: StageTimer,
    *,
    is_whole: bool = True,
) -> PartLoader:
    """Return the samples as parts that are read, prepared and grouped when they are needed.

    is_whole: False for some samples of a set; none of them need be readable, none is an error.
    """
    device = device_of(encoders, GROUP_OPS)

    # Groups are made in a worker thread, whose own stream would not wait for the caller's, nor
    # keep their memory from being used again before the caller's has read it.
    stream = None if device == "cpu" else torch.cuda.current_stream(device)

    def group(scans: Sequence[Scan]) -> list[tuple[Cloud, Groups]]:
        with nullcontext() if stream is None else torch.cuda.stream(stream):
            thinned = [scan.thinned() for scan in scans]
            return group_clouds(
                _points(thinned),
                [scan.pixels for scan in thinned],
                [scan.size for scan in thinned],
                device=device,
                **group_settings(config),
            )

    ahead = encode.batch_size(encoders.device)
    batch = 1 if device == "cpu" else ahead
    return PartLoader(
        samples,
        preparation(encoders, config),
        group,
        timer,
        on_error=config.on_error if is_whole else "skip",
        ahead=ahead,
        batch=batch,
        is_whole=is_whole,
    )


def _points(scans: Sequence[Scan]) -> list[torch.Tensor]:
    """Return the points (P, 3) of each scan, on the GPU if they are to be centered there."""
    raw = [scan for scan in scans if isinstance(scan, RawScan)]
    on_gpu = iter(normalized(raw) if raw else [])
    return [next(on_gpu) if isinstance(scan, RawScan) else scan.points for scan in scans]


def fitted(encoders: Encoders, loaders: Sequence[PartLoader], seed: int) -> Encoders:
    """Return encoders that learned from all parts; networks learn nothing, and nothing is read."""

    def parts() -> list[LoadedPart]:
        return [part for loader in loaders for part in loader.keep()]

    return encoders.fitted(
        lambda number: [resized(part.prepared.images[number]) for part in parts()],
        lambda: [part.cloud for part in parts() if part.cloud is not None],
        seed,
    )


def encoded(
    parts: Iterable[LoadedPart],
    count: int,
    encoders: Encoders,
    config: Config,
    timer: StageTimer,
) -> encode.Encoded:
    """Return the tokens of at most ``count`` parts, sections 1 and 3."""
    return encode.encode(
        parts,
        count,
        [image.encoder for image in encoders.images],
        encoders.points,
        timer,
        memory=config.memory,
        batch_size=encode.batch_size(encoders.device),
        device=device_of(encoders, method.OPS),
    )


def part_set(encoded: encode.Encoded, config: Config) -> PartSet:
    """Return the tokens of encoded parts with the sizes of their maps."""
    views = encoded.views
    if not config.rescore_class_tokens:
        views = [replace(view, class_tokens=None) for view in views]
    return PartSet(views=views, frames=sample_arguments.frames(encoded.outputs))


def device_of(encoders: Encoders, ops: Sequence[str]) -> str:
    """Return the device of the encoders if all ``ops`` run there, else "cpu"."""
    if encoders.device == "cpu" or dispatch.is_too_old(encoders.device):
        return "cpu"
    return encoders.device if all(map(dispatch.serves, ops)) else "cpu"


def point_scores(result: Result, outputs: Sequence[OutputSpec]) -> list[torch.Tensor] | None:
    """Return one score for each point of the user's clouds; None for images and maps."""
    if result.maps is not None or result.point_scores is None:
        return None
    return [
        maps.scatter(scores, output.rows, output.input_count)
        for scores, output in zip(result.point_scores, outputs, strict=True)
    ]
