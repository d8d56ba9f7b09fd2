"""The middle of the method, ALGORITHM.md §4 to §6: from tokens to a score per patch and point group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from musc2 import ops
from musc2.config import Config
from musc2.encoders.contract import Matching
from musc2.ops import forked
from musc2.ops.link_patches import Links
from musc2.progress import Progress
from musc2.stages import aggregate, mutual, rescore, subsets
from musc2.stages.enhance import enhance
from musc2.stages.tokens import Tokens

Matchings = tuple[Matching, Matching]
"""How the tokens of images and those of point groups are matched."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenScores:
    """image: (N, h, w), point: (N, G): means over layers (and degrees); salient: (N, C) of each modality (§8)."""

    image: torch.Tensor | None
    point: torch.Tensor | None
    salient: list[torch.Tensor]


def token_scores(
    samples: Tokens,
    known: Tokens,
    matchings: Matchings,
    config: Config,
    progress: Progress,
    inside: torch.Tensor | None = None,
) -> TokenScores:
    """The scores of ``samples``, to which the references ``known`` contribute.

    inside: (N, h, w) bool, the patches among which a sample's salient one is looked for. Layers of the two modalities
    meet as they are, where one has fewer, each of its layers meets several in a row of the other.
    """
    layers = max(tokens.shape[1] for tokens in (samples.image, samples.point) if tokens is not None)
    parts = subsets.split(samples.count, config.subsets, config.seed)  # §9
    links = _links(samples)
    totals: list[torch.Tensor] = []
    for layer in range(layers):
        with progress("aggregate"):  # §4
            mine, theirs = (_features(_at(tokens, layer, layers), matchings, config) for tokens in (samples, known))
        for run, (features, others) in enumerate(zip(mine, theirs or [[]] * len(mine), strict=True)):
            modalities = _modalities(features, others, samples, config)
            balanced = len(features) == 2 and _is_balanced(matchings, config)
            scores = _layer_scores(modalities, parts, links, config, progress, balanced=balanced)
            totals = [total + score for total, score in zip(totals, scores, strict=True)] if totals else scores
            if layer == max(layers - 2, 0) and run == 0:
                kept = features
            progress.step("mutual", layer * len(mine) + run + 1, layers * len(mine))
    means = [total / (layers * len(mine)) for total in totals]
    among = list(means)
    if inside is not None and samples.image is not None:
        among[0] = means[0].masked_fill(~inside.flatten(1).to(means[0].device), float("-inf"))
    salient = [rescore.salient_features(z, scores) for z, scores in zip(kept, among, strict=True)]
    image = None if samples.grid is None else means[0].reshape(samples.count, *samples.grid)
    return TokenScores(image=image, point=None if samples.point is None else means[-1], salient=salient)


def _at(tokens: Tokens, layer: int, layers: int) -> Tokens:
    """One layer of each modality; ``layer`` counts to ``layers``, those of the modality that has more."""
    image, point = (
        None if given is None else given[:, layer * given.shape[1] // layers] for given in (tokens.image, tokens.point)
    )
    return Tokens(image, point, tokens.clouds)


def _features(tokens: Tokens, matchings: Matchings, config: Config) -> list[list[torch.Tensor]]:
    """The runs to score, one unless degrees are apart; each holds (N, L, C) of the modalities that are there."""
    runs: list[list[torch.Tensor]] = []
    for_images, for_points = matchings
    if tokens.image is not None:
        runs = [
            [z]
            for z in aggregate.image_features(
                tokens.image,
                for_images.degrees,
                apart=config.degrees_apart,
                weighting=config.weighting,
                layer_norm=config.layer_norm,
                normalize=for_images.normalize,
                normalize_first=config.normalize_first,
            )
        ]
    if tokens.point is not None:
        z = aggregate.point_features(
            tokens.point,
            tokens.clouds,
            for_points.degrees,
            threshold=config.threshold,
            normalize=for_points.normalize,
        )
        runs = [[*runs[0], z]] if runs else [[z]]
    return runs


def _modalities(
    features: list[torch.Tensor], others: Sequence[torch.Tensor | None], samples: Tokens, config: Config
) -> list[mutual.Modality]:
    """Features with those of the references and how to compare them; only images have a grid, and so a window."""
    grids = [] if samples.grid is None else [samples.grid]
    windows = [config.window, None] if grids else [None]
    return [
        mutual.Modality(z=z, references=r, precision=config.precision, window=window, grid=grid)
        for z, r, window, grid in zip(features, others or [None, None], windows, [*grids, None], strict=False)
    ]


def _is_balanced(matchings: Matchings, config: Config) -> bool:
    unit = all(matching.normalize for matching in matchings)
    return config.balance == "always" or (config.balance == "auto" and not unit)


def _layer_scores(
    modalities: list[mutual.Modality],
    parts: list[torch.Tensor],
    links: list[Links],
    config: Config,
    progress: Progress,
    *,
    balanced: bool,
) -> list[torch.Tensor]:
    """§5 and §6: the scores (N, L) of each modality, part by part and, where memory asks for it, panel by panel."""
    scores = [m.z.new_empty(m.z.shape[:2]) for m in modalities]
    scales: list[float] = []
    for part in parts:
        chosen = [m.part(part) for m in modalities]
        for rows in mutual.panels(chosen, config.memory):
            with progress("mutual"):
                found = [mutual.distances(m, rows) for m in chosen]
                if balanced:
                    scales = scales or mutual.medians(modalities, parts, found)
                    found = [d.div_(scale) for d, scale in zip(found, scales, strict=True)]
            if len(found) == 2:
                with progress("enhance"):
                    _enhance(found[0], found[1], rows, [links[i] for i in part[rows].tolist()])
            with progress("mutual"):
                for score, d in zip(scores, found, strict=True):
                    score[part[rows]] = ops.lowest_mean(d, config.interval)
    return scores


def _enhance(d_2d: torch.Tensor, d_3d: torch.Tensor, rows: torch.Tensor, links: list[Links]) -> None:
    """§6 for the samples ``rows`` whose distances are given, in place; a sample's own entries take no part."""
    with forked.one_thread():  # many small steps
        for a, b, row, link in zip(d_2d, d_3d, rows, links, strict=True):
            others = torch.arange(a.shape[1]) != row
            a[:, others], b[:, others] = enhance(a[:, others], b[:, others], link)


def _links(samples: Tokens) -> list[Links]:
    """§6: which patch holds the center of each group, when there are both."""
    if samples.grid is None or samples.point is None:
        return []
    return [
        ops.link_patches(cloud.pixels[cloud.centers].to(samples.point.device), size=cloud.size, grid=samples.grid)
        for cloud in samples.clouds
        if cloud.pixels is not None and cloud.size is not None
    ]
