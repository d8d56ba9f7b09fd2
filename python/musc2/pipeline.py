"""The method, one line per stage, as ALGORITHM.md tells it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from musc2 import ops
from musc2.config import Config
from musc2.errors import InputError
from musc2.ops import arrays, forked
from musc2.ops.link_patches import Links
from musc2.stages import aggregate, inputs, maps, mutual, rescore, subsets
from musc2.stages.enhance import enhance
from musc2.types import Cloud, Scores


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

    For those with an encoder of their own. Maps have the size of the clouds, else ``image_size`` (H, W).
    ``preset`` is "musc-v2", "published" or "musc" (v1, images only); ``config`` takes its place for other settings.
    ``class_tokens`` (N, C) take the place of the image features that the re-scoring compares. ``references`` is a
    mapping with the keys image_tokens, point_tokens, clouds: samples that score the others and are not scored.

    >>> tokens = torch.rand(6, 3, 8, 8, 16, generator=torch.Generator().manual_seed(0))
    >>> score_tokens(tokens, image_size=(64, 64)).maps.shape
    torch.Size([6, 64, 64])
    """
    with forked.serial_torch():
        clock = _Clock()
        settings = _settings(preset, config)
        with clock("inputs"):
            samples = inputs.tokens(image_tokens, point_tokens, clouds)
            known = inputs.references(references, samples, settings.window)
            features_given = inputs.class_tokens(class_tokens, samples)
            sizes = inputs.map_sizes(samples, image_size)
            inputs.check_together(samples, known, degrees_apart=settings.degrees_apart, window=settings.window)
        scores_2d, scores_3d, salient = _token_scores(samples, known, settings, clock)  # §4 to §6
        with clock("maps"):  # §7
            points = None if scores_3d is None else maps.point_scores(scores_3d, samples.clouds)
            maps_2d = None if scores_2d is None or sizes is None else maps.image_maps(scores_2d, sizes)
            maps_3d = None if points is None or sizes is None else _point_maps(points, samples.clouds, settings)
            summed = maps.summed(maps_2d, maps_3d)
            raw = torch.stack([values.max() for values in summed or points or []])
        with clock("rescore"):  # §8
            compared = [features_given, *salient[1:]] if features_given is not None else salient
            features = rescore.side_by_side(compared, normalize=not settings.rescore_published)
            image = ops.rescore(features, raw, settings.windows, published=settings.rescore_published)
        return Scores(
            image=image,
            raw=raw,
            maps=maps.stacked(summed),
            maps_2d=maps.stacked(maps_2d),
            maps_3d=maps.stacked(maps_3d),
            points=points,
            scores_2d=scores_2d,
            scores_3d=scores_3d,
            names=[str(index) for index in range(len(image))],
            config=settings,
            timings=dict(clock.seconds),
        )


def _token_scores(
    samples: inputs.Tokens, known: inputs.Tokens, config: Config, clock: _Clock
) -> tuple[torch.Tensor | None, torch.Tensor | None, list[torch.Tensor]]:
    """(N, h, w) and (N, G): means over layers (and degrees); and the salient features (N, C) of each modality."""
    count, layers = samples.shape
    parts = subsets.split(count, config.subsets, config.seed)  # §9
    links = _links(samples)
    totals: list[torch.Tensor] = []
    for layer in range(layers):
        with clock("aggregate"):  # §4
            mine, theirs = _features(samples, layer, config), _features(known, layer, config)
        for run, (features, others) in enumerate(zip(mine, theirs or [[]] * len(mine), strict=True)):
            modalities = _modalities(features, others, samples, config)
            scores = _layer_scores(modalities, parts, links, config, clock)
            totals = [total + score for total, score in zip(totals, scores, strict=True)] if totals else scores
            if layer == max(layers - 2, 0) and run == 0:
                kept = features
    means = [total / (layers * len(mine)) for total in totals]
    salient = [rescore.salient_features(z, mean) for z, mean in zip(kept, means, strict=True)]  # §8
    image = None if samples.image is None else means[0].reshape(count, *samples.image.shape[2:4])
    return image, None if samples.point is None else means[-1], salient


def _features(tokens: inputs.Tokens, layer: int, config: Config) -> list[list[torch.Tensor]]:
    """The runs to score, one unless degrees are apart; each holds (N, L, C) of the modalities that are there."""
    runs: list[list[torch.Tensor]] = []
    if tokens.image is not None:
        runs = [
            [z]
            for z in aggregate.image_features(
                tokens.image[:, layer],
                config.degrees,
                apart=config.degrees_apart,
                weighting=config.weighting,
                layer_norm=config.layer_norm,
                normalize=config.normalize,
                normalize_first=config.normalize_first,
            )
        ]
    if tokens.point is not None:
        z = aggregate.point_features(
            tokens.point[:, layer],
            tokens.clouds,
            config.degrees,
            threshold=config.threshold,
            normalize=config.normalize,
        )
        runs = [[*runs[0], z]] if runs else [[z]]
    return runs


def _modalities(
    features: list[torch.Tensor], others: Sequence[torch.Tensor | None], samples: inputs.Tokens, config: Config
) -> list[mutual.Modality]:
    """Features with those of the references and how to compare them; only images have a grid, and so a window."""
    grids = [] if samples.image is None else [(samples.image.shape[2], samples.image.shape[3])]
    windows = [config.window, None] if grids else [None]
    return [
        mutual.Modality(z=z, references=r, precision=config.precision, window=window, grid=grid)
        for z, r, window, grid in zip(features, others or [None, None], windows, [*grids, None], strict=False)
    ]


def _layer_scores(
    modalities: list[mutual.Modality],
    parts: list[torch.Tensor],
    links: list[Links],
    config: Config,
    clock: _Clock,
) -> list[torch.Tensor]:
    """§5 and §6: the scores (N, L) of each modality, part by part and, where memory asks for it, panel by panel."""
    both = len(modalities) == 2
    balanced = both and (config.balance == "always" or (config.balance == "auto" and not config.normalize))
    scores = [torch.empty(m.z.shape[:2]) for m in modalities]
    scales: list[float] = []
    for part in parts:
        chosen = [m.part(part) for m in modalities]
        for rows in mutual.panels(chosen, config.memory):
            with clock("mutual"):
                found = [mutual.distances(m, rows) for m in chosen]
                if balanced:
                    scales = scales or mutual.medians(modalities, parts, found)
                    found = [d.div_(scale) for d, scale in zip(found, scales, strict=True)]
            if both:
                with clock("enhance"):
                    _enhance(found[0], found[1], rows, [links[i] for i in part[rows].tolist()])
            with clock("mutual"):
                for score, d in zip(scores, found, strict=True):
                    score[part[rows]] = ops.lowest_mean(d, config.interval)
    return scores


def _enhance(d_2d: torch.Tensor, d_3d: torch.Tensor, rows: torch.Tensor, links: list[Links]) -> None:
    """§6 for the samples ``rows`` whose distances are given, in place; a sample's own entries take no part."""
    for a, b, row, link in zip(d_2d, d_3d, rows, links, strict=True):
        others = torch.arange(a.shape[1]) != row
        a[:, others], b[:, others] = enhance(a[:, others], b[:, others], link)


def _links(samples: inputs.Tokens) -> list[Links]:
    """§6: which patch holds the center of each group, when there are both."""
    if samples.image is None or samples.point is None:
        return []
    grid = (samples.image.shape[2], samples.image.shape[3])
    return [
        ops.link_patches(cloud.pixels[cloud.centers], size=cloud.size, grid=grid)
        for cloud in samples.clouds
        if cloud.pixels is not None and cloud.size is not None
    ]


def _point_maps(points: list[torch.Tensor], clouds: list[Cloud], config: Config) -> list[torch.Tensor]:
    return maps.point_maps(points, clouds, sigma=config.blur, quantised=config.quantised_blur)


def _settings(preset: str, config: Config | None) -> Config:
    if config is None:
        return Config.preset(preset)
    if not isinstance(config, Config) or preset not in ("musc-v2", config.name):
        msg = f"score_tokens: config must be a musc2.Config, alone, got {type(config).__name__} and preset {preset!r}"
        raise InputError(msg)
    return config


class _Clock:
    """Adds up the seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start
