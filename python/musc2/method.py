"""The method from tokens to a Result, docs/method/algorithm.md sections 4 to 9."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch

from musc2 import ops
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.maps import Frame, Maps, shrink_mask
from musc2.matches import Matches
from musc2.ops import Links
from musc2.ops._support import dispatch, threads
from musc2.progress import StageTimer
from musc2.result import Result
from musc2.stages import aggregate, copies, fuse, layers, maps, mutual, subsets
from musc2.stages.enhance import enhance
from musc2.stages.matches import grid_positions, group_positions, nearest_matches
from musc2.stages.mutual import Features
from musc2.stages.rescore import rescore, salient_features
from musc2.tokens import PartSet, Tokens

OPS = (
    "pool_grid",
    "pool_centers",
    "nearest_patches",
    "link_patches",
    "lowest_mean",
    "spread_points",
)
"""The ops that the method needs; where all of them run on a GPU, so does the method."""
dispatch.compose("score_tokens", OPS)
UNIT_PARTS = 32  # references that the unit of scores is taken from


@dataclass(frozen=True, kw_only=True, eq=False)
class PatchScores:
    """scores: (N, L), of all layers, and salient: (N, C), section 8, of each modality.

    matches: of the worst patch of each image, without images of each cloud. copies: (N, N + R)
    bool, see ``stages.copies``, None if there are none. units: of the layers.
    """

    scores: ByModality[torch.Tensor]
    salient: ByModality[torch.Tensor]
    matches: Matches | None
    copies: torch.Tensor | None
    units: layers.Units


def score_parts(
    samples: PartSet,
    references: PartSet,
    defaults: list[ByModality[TokenDefaults]],
    config: Config,
    timer: StageTimer,
    *,
    names: list[str],
    paths: list[Path | None],
    references_are_good: bool = False,
) -> Result:
    """Return the scores and maps of the samples; references contribute and are not scored.

    defaults: of each view.
    """
    peers, all_good = _reference_peers(references, config, references_are_good), references_are_good
    peer_patches: list[PatchScores] = []
    if peers is not None:
        plain = config.replace(subset_count=1)
        peer_patches = _views_scored(peers, PartSet(views=[]), defaults, plain, timer)
    layer_units = [own.units for own in peer_patches]
    patches = _views_scored(samples, references, defaults, config, timer, layer_units)
    if patches[0].copies is not None:
        copies.warn(patches[0].copies, names)
    with timer.stage("maps"):  # section 7
        if peers is not None:
            units = _units(peer_patches, peers, config, all_good)
        else:
            units = _units(patches, samples, config, False)
        rendered = _render(patches, samples, config, units)
        raw = rendered.peaks()
        reference_scores = None
        if peers is not None and all_good:
            reference_scores = _render(peer_patches, peers, config, units).peaks().cpu()
    scores = raw
    rescores = all(own.rescore for view in defaults for own in view.values())
    if rescores and not references_are_good:  # section 8
        with timer.stage("rescore"):
            features = _image_level_features(patches, samples)
            neighbors, min_max = config.rescore_neighbors, config.rescore_min_max
            scores = rescore(raw, features, neighbors, min_max=min_max)
    frames, point_scores = samples.frames, rendered.point_scores
    map_layers = rendered.layers.map(lambda layer: layer.cpu())

    return Result(
        scores=scores.cpu().clone(),
        raw_scores=raw.cpu(),
        maps=Maps(map_layers.values(), frames) if frames else None,
        maps_2d=Maps([map_layers.image], frames) if frames and map_layers.image else None,
        maps_3d=Maps([map_layers.points], frames) if frames and map_layers.points else None,
        point_scores=None if point_scores is None else list(map(torch.Tensor.cpu, point_scores)),
        patch_scores_2d=_on_cpu(rendered.patch_scores_2d),
        patch_scores_3d=_on_cpu(rendered.patch_scores_3d),
        names=names,
        paths=paths,
        config=config,
        matches=patches[0].matches,
        timings=dict(timer.seconds),
        version=version("musc2"),
        references_are_good=references_are_good,
        reference_scores=reference_scores,
        units=list(map(_unit_names, units)),
    )


def _views_scored(
    samples: PartSet,
    references: PartSet,
    defaults: list[ByModality[TokenDefaults]],
    config: Config,
    timer: StageTimer,
    layer_units: Sequence[layers.Units] = (),
) -> list[PatchScores]:
    """Return the scores of patches and groups in each view, sections 4 to 6."""
    scored: list[PatchScores] = []
    for number, (view, own) in enumerate(zip(samples.views, defaults, strict=True)):
        company = references.views[number] if references.views else Tokens()
        units = layer_units[number] if layer_units else None
        scored.append(patch_scores(view, company, own, config, timer, samples.frames, units))
    return scored


def _reference_peers(references: PartSet, config: Config, all_good: bool) -> PartSet | None:
    """Return the references to score among themselves, each left out of its own references.

    They give the unit of scores and, if all of them are good, scores of good parts.
    """
    if references.count < 2 or (config.score_unit == "distance" and not all_good):
        return None
    return references if all_good else references.thinned(UNIT_PARTS)


def _units(
    patches: list[PatchScores], parts: PartSet, config: Config, all_good: bool
) -> list[ByModality[float]]:
    """Return what the scores of each view are divided by; nothing if they stay distances."""
    is_normal = config.score_unit == "normal"
    if not is_normal and len(patches) == 1:
        return []

    def render(numbers: Sequence[int], divisors: Sequence[ByModality[float]]) -> maps.Anomaly:
        views = replace(parts, views=[parts.views[number] for number in numbers])
        return _render([patches[number] for number in numbers], views, config, divisors)

    views = [own.scores for own in patches]
    return fuse.units(views, render, normal=is_normal, all_good=all_good)


def _render(
    patches: list[PatchScores],
    parts: PartSet,
    config: Config,
    divisors: Sequence[ByModality[float]],
) -> maps.Anomaly:
    """Return the scores of all views as one, and what maps are rendered from."""
    views = [own.scores for own in patches]
    if not divisors:
        divisors = [scores.map(lambda _: 1.0) for scores in views]
    return maps.render(
        fuse.fuse(views, parts.grids, divisors),
        parts.views[0].clouds,
        parts.frames,
        sigma=config.map_blur,
        quantized=config.map_blur_quantized,
        share=config.map_top_share,
    )


def _image_level_features(patches: list[PatchScores], samples: PartSet) -> list[torch.Tensor]:
    """Return (N, C) of each view and modality, by which re-scoring compares parts."""
    features: list[torch.Tensor] = []
    for scored, view in zip(patches, samples.views, strict=True):
        own = scored.salient.values()
        if view.class_tokens is not None:
            own[0] = view.class_tokens
        features += own
    return features


def _unit_names(own: ByModality[float]) -> dict[str, float]:
    names = {"image": "2d", "points": "3d"}
    return {names[modality]: value for modality, value in own.items()}


def _on_cpu(scores: torch.Tensor | None) -> torch.Tensor | None:
    return None if scores is None else scores.cpu()


def patch_scores(
    samples: Tokens,
    references: Tokens,
    defaults: ByModality[TokenDefaults],
    config: Config,
    timer: StageTimer,
    frames: list[Frame] | None = None,
    layer_units: layers.Units | None = None,
) -> PatchScores:
    """Return the scores of patches and point groups, all layers (and degrees) together.

    layer_units: of the references, so that the scores of a sample do not depend on other samples.
    """
    chosen = subsets.split(samples.count, config.subset_count, config.seed)  # section 9
    links = _links(samples)
    scored: list[ByModality[torch.Tensor]] = []
    salient_source: ByModality[torch.Tensor] = ByModality()
    copied: torch.Tensor | None = None
    for layer in range(samples.layers):
        with timer.stage("aggregate"):  # section 4
            own = _features(samples, layer, samples.layers, defaults, config)
            reference_z = _features(references, layer, samples.layers, defaults, config)
        for index, z in enumerate(own):
            features = _with_references(
                z, reference_z[index] if reference_z else None, samples, config
            )
            if not scored and not config.mutual_copies:
                with timer.stage("mutual"):
                    copied = _copies(features)
            balance = z.is_both and _needs_balance(defaults, config)
            scores = _layer_scores(features, chosen, links, config, timer, balance, copied)
            scored.append(scores)
            if layer == max(samples.layers - 2, 0) and index == 0:  # section 8: second to last
                salient_source = z
            timer.step("mutual", len(scored), samples.layers * len(own))
    units = layer_units or layers.units(scored)
    means = layers.together(scored, defaults.map(lambda own: own.layer_fusion), units)
    inside = _inside(frames, samples.grid)
    with timer.stage("matches"):
        matches = _matches(salient_source, means, inside, chosen, samples, config)
    salient = _salient(salient_source, means, inside)
    return PatchScores(scores=means, salient=salient, matches=matches, copies=copied, units=units)


def _features(
    tokens: Tokens, layer: int, layers: int, defaults: ByModality[TokenDefaults], config: Config
) -> list[ByModality[torch.Tensor]]:
    """Return (N, L, C) of one layer: one item, or one per degree if these are scored separately."""
    own = tokens.layer(layer, layers)
    images: list[torch.Tensor] = []
    if own.image is not None and defaults.image is not None:
        images = aggregate.image_features(
            own.image,
            defaults.image.degrees,
            separately=config.aggregate_separately,
            weighting=config.aggregate_weighting,
            layer_norm=config.aggregate_layer_norm,
            normalize=defaults.image.normalize,
            normalize_first=config.aggregate_normalize_first,
        )
    if own.points is None or defaults.points is None:
        return [ByModality(image=image) for image in images]
    points = aggregate.point_features(
        own.points,
        tokens.clouds,
        defaults.points.degrees,
        curvature_threshold=config.curvature_threshold,
        normalize=defaults.points.normalize,
    )
    return [ByModality(image=images[0] if images else None, points=points)]


def _with_references(
    z: ByModality[torch.Tensor],
    references: ByModality[torch.Tensor] | None,
    samples: Tokens,
    config: Config,
) -> ByModality[Features]:
    """Return features with those of the references; only images have a grid, and so a window."""
    reference_z = references or ByModality()
    precision = config.search_precision
    image, points = None, None
    if z.image is not None:
        window, grid = config.search_window, samples.grid
        image = Features(
            z=z.image, references=reference_z.image, precision=precision, window=window, grid=grid
        )
    if z.points is not None:
        points = Features(z=z.points, references=reference_z.points, precision=precision)
    return ByModality(image, points)


def _layer_scores(
    features: ByModality[Features],
    chosen: list[torch.Tensor],
    links: list[Links],
    config: Config,
    timer: StageTimer,
    balance: bool,
    copied: torch.Tensor | None,
) -> ByModality[torch.Tensor]:
    """Return scores (N, L) of one layer, subset by subset and in panels that memory allows."""
    scores = features.map(lambda part: part.z.new_empty(part.z.shape[:2]))
    scales: ByModality[float] | None = None
    for subset in chosen:
        own = features.map(partial(Features.subset, samples=subset))
        for rows in mutual.panels(own, config.memory):
            with timer.stage("mutual"):  # section 5, MSM
                d = own.map(partial(mutual.distances, rows=rows))
                if copied is not None:
                    for values in d.values():
                        copies.leave_out(values, copies.within(copied, subset, rows))
                if balance:
                    scales = scales or mutual.medians(features, chosen, d)
                    d = d.combine(lambda values, scale: values.div_(scale), scales)
            if d.image is not None and d.points is not None:
                with timer.stage("enhance"):  # section 6, CAE
                    _enhance(d.image, d.points, [links[i] for i in subset[rows].tolist()])
            with timer.stage("mutual"):
                for (_, target), values in zip(scores.items(), d.values(), strict=True):
                    target[subset[rows]] = ops.lowest_mean(values, config.mutual_interval)
    return scores


def _copies(features: ByModality[Features]) -> torch.Tensor | None:
    """Return which samples are copies in every modality; None if there are none."""
    matrices = [copies.find_copies(part.z, part.references) for part in features.values()]
    copied = torch.stack(matrices).all(0)
    return copied if copied.any() else None


def _needs_balance(defaults: ByModality[TokenDefaults], config: Config) -> bool:
    if config.enhance_balance != "auto":
        return config.enhance_balance == "always"
    return not all(own.normalize for own in defaults.values())


def _enhance(d_2d: torch.Tensor, d_3d: torch.Tensor, links: Sequence[Links]) -> None:
    """Enhance distances in place, without a sample's entries of itself and its copies, +inf."""
    with threads.one_thread():  # many small steps
        for a, b, link in zip(d_2d, d_3d, links, strict=True):
            columns = a[0].isfinite()
            a[:, columns], b[:, columns] = enhance(a[:, columns], b[:, columns], link)


def _links(samples: Tokens) -> list[Links]:
    """Return which patch holds the center of each group, when there are both (section 6)."""
    if samples.grid is None or samples.points is None:
        return []
    links = []
    for cloud in samples.clouds:
        if cloud.pixels is not None and cloud.size is not None:
            pixels = cloud.pixels[cloud.centers].to(samples.points.device)
            links.append(ops.link_patches(pixels, size=cloud.size, grid=samples.grid))
    return links


def _inside(frames: list[Frame] | None, grid: tuple[int, int] | None) -> torch.Tensor | None:
    """Return which patches lie in the masks (N, h * w); None without masks or images."""
    if frames is None or grid is None:
        return None
    masks = [shrink_mask(frame.mask, grid) for frame in frames if frame.mask is not None]
    return torch.stack(masks).flatten(1) if masks else None


def _salient(
    z: ByModality[torch.Tensor], scores: ByModality[torch.Tensor], inside: torch.Tensor | None
) -> ByModality[torch.Tensor]:
    """Return each sample's most anomalous feature; that of images lies inside its mask."""
    image, points = None, None
    if z.image is not None and scores.image is not None:
        mask = None if inside is None else inside.to(scores.image.device)
        image = salient_features(z.image, scores.image, mask)
    if z.points is not None and scores.points is not None:
        points = salient_features(z.points, scores.points)
    return ByModality(image, points)


def _matches(
    z: ByModality[torch.Tensor],
    scores: ByModality[torch.Tensor],
    inside: torch.Tensor | None,
    chosen: list[torch.Tensor],
    samples: Tokens,
    config: Config,
) -> Matches | None:
    """Return the nearest matches of the worst patches of images, else of clouds."""
    features = _with_references(z, None, samples, config)
    if features.image is not None and scores.image is not None and samples.grid is not None:
        positions = grid_positions(samples.count, samples.grid)
        return nearest_matches(features.image, scores.image, positions, chosen, inside)
    if features.points is None or scores.points is None:
        return None
    positions = group_positions(samples.clouds)
    return nearest_matches(features.points, scores.points, positions, chosen, modality="points")
