"""The method from tokens on, one line per stage, as ALGORITHM.md tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import torch

from musc2 import ops
from musc2.config import Config
from musc2.encoders.contract import Matching
from musc2.errors import InputError
from musc2.ops import arrays, forked
from musc2.progress import Progress
from musc2.stages import maps, rescore, tokens
from musc2.stages.tokens import Tokens
from musc2.token_scores import Matchings, token_scores
from musc2.types import Cloud, Scores

OWN_TOKENS = Matching(normalize=True, degrees=(1, 3, 5))  # unless the config says otherwise


def score_tokens(
    image_tokens: arrays.Array | None = None,
    point_tokens: arrays.Array | None = None,
    clouds: Sequence[Cloud] | None = None,
    *,
    image_size: tuple[int, int] | None = None,
    preset: str = "musc-v2",
    config: Config | None = None,
    class_tokens: arrays.Array | None = None,
    references: Mapping[str, Any] | None = None,
) -> Scores:
    """image_tokens: (N, layers, h, w, C) and/or point_tokens: (N, layers, G, C) with N clouds -> Scores of N samples.

    For those who have tokens already. Maps have the size of the clouds, else ``image_size`` (H, W).
    ``preset`` is "musc-v2", "published" or "musc" (v1, images only); ``config`` takes its place for other settings.
    ``class_tokens`` (N, C) take the place of the image features that the re-scoring compares. ``references`` is a
    mapping with the keys image_tokens, point_tokens, clouds: samples that score the others and are not scored.
    Tokens on a GPU are scored there; the result is on the CPU.

    >>> tokens = torch.rand(6, 3, 8, 8, 16, generator=torch.Generator().manual_seed(0))
    >>> score_tokens(tokens, image_size=(64, 64)).maps.shape
    torch.Size([6, 64, 64])
    """
    with forked.serial_torch():
        clock, settings = Progress(), settings_of("score_tokens", preset, config)
        with clock("inputs"):
            samples = tokens.checked(image_tokens, point_tokens, clouds)
            known = tokens.references(references, samples, settings.window)
            features_given = tokens.class_tokens(class_tokens, samples)
            sizes = tokens.map_sizes(samples, image_size)
            tokens.check_together(samples, known, degrees_apart=settings.degrees_apart, window=settings.window)
        matchings = matched(OWN_TOKENS, settings), matched(OWN_TOKENS, settings)
        return scored(samples, known, matchings, settings, clock, sizes=sizes, class_tokens=features_given)


def scored(
    samples: Tokens,
    known: Tokens,
    matchings: Matchings,
    config: Config,
    clock: Progress,
    *,
    sizes: list[tuple[int, int]] | None,
    class_tokens: torch.Tensor | None = None,
    masks: list[torch.Tensor] | None = None,
) -> Scores:
    """Scores and maps of ``sizes``; masks: (H, W) bool of each sample, of any size."""
    inside = None
    if masks is not None and samples.grid is not None:
        inside = torch.stack([maps.mask_at(mask, samples.grid) for mask in masks])
    found = token_scores(samples, known, matchings, config, clock, inside)  # §4 to §6
    with clock("maps"):  # §7
        points = None if found.point is None else maps.point_scores(found.point, samples.clouds)
        maps_2d = None if found.image is None or sizes is None else maps.image_maps(found.image, sizes)
        maps_3d = None
        if points is not None and sizes is not None:
            maps_3d = maps.point_maps(points, samples.clouds, sigma=config.blur, quantised=config.quantised_blur)
        maps_2d, maps_3d = maps.masked(maps_2d, masks), maps.masked(maps_3d, masks)
        summed = maps.summed(maps_2d, maps_3d)
        raw = torch.stack([values.max() for values in summed or points or []])
    image = raw.clone()
    both = zip(matchings, (samples.image, samples.point), strict=True)
    if all(matching.rescore for matching, given in both if given is not None):
        with clock("rescore"):  # §8
            compared = found.salient if class_tokens is None else [class_tokens, *found.salient[1:]]
            features = rescore.side_by_side(compared, normalize=not config.rescore_published)
            image = ops.rescore(features, raw, config.windows, published=config.rescore_published)
    return Scores(
        image=image.cpu(),
        raw=raw.cpu(),
        maps=_on_cpu(maps.stacked(summed)),
        maps_2d=_on_cpu(maps.stacked(maps_2d)),
        maps_3d=_on_cpu(maps.stacked(maps_3d)),
        points=_on_cpu(points),
        scores_2d=_on_cpu(found.image),
        scores_3d=_on_cpu(found.point),
        names=[str(index) for index in range(len(image))],
        config=config,
        timings=dict(clock.seconds),
        version=version("musc2"),
    )


def _on_cpu(values: Any) -> Any:
    if isinstance(values, torch.Tensor):
        return values.cpu()
    return values if values is None else [each.cpu() for each in values]


def matched(declared: Matching, config: Config) -> Matching:
    """How tokens are matched: as the config says, else as their encoder does."""
    return Matching(
        normalize=declared.normalize if config.normalize is None else config.normalize,
        degrees=declared.degrees if config.degrees is None else config.degrees,
        rescore=declared.rescore if config.rescore is None else config.rescore,
    )


def settings_of(op: str, preset: str, config: Config | None) -> Config:
    """The settings that the arguments ``preset`` and ``config`` of ``op`` stand for."""
    if config is None:
        return Config.preset(preset)
    if not isinstance(config, Config) or preset not in ("musc-v2", config.name):
        msg = f"{op}: config must be a musc2.Config, alone, got {type(config).__name__} and preset {preset!r}"
        raise InputError(msg)
    return config
