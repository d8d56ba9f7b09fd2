"""The method from tokens to a Result, docs/method/algorithm.md sections 4 to 9."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import torch

from musc2._arguments.search_window import IMAGES, window_of
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.maps import Maps
from musc2.matches import Matches
from musc2.ops._support import dispatch, threads
from musc2.patch_scores import Levels, PatchScores, features_of, patch_scores
from musc2.progress import StageTimer
from musc2.result import Result
from musc2.stages import copies, fuse, maps
from musc2.stages.matches import drivers
from musc2.stages.rescore import rescore
from musc2.tokens import Outline, PartSet, Tokens, spread_rows

OPS = (
    "pool_grid",
    "pool_centers",
    "nearest_patches",
    "link_patches",
    "rank_match",
    "lowest_mean",
    "spread_points",
)
"""The ops that the method needs; where all of them run on a GPU, so does the method."""
dispatch.compose("score_tokens", OPS)
UNIT_PARTS = 32  # references that the unit of scores is taken from


Divisors = list[ByModality[float]]
"""What the distances of each view are divided by, so that they become scores."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredParts:
    """The scores of the patches of a set of parts in each view, and what lies where.

    class_tokens: of each view, by which re-scoring compares parts, or None.
    """

    patches: list[PatchScores]
    outlines: list[Outline]
    class_tokens: list[torch.Tensor | None]

    @property
    def levels(self) -> list[Levels]:
        """The levels of each view."""
        return [own.levels for own in self.patches]


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
    config = _with_window(samples, references, defaults[0], config, timer)
    peers = _reference_peers(references, config, references_are_good)
    scored_peers: ScoredParts | None = None
    if peers is not None:
        plain = config.replace(subset_count=1)
        nobody = PartSet(views=[])
        scored_peers = _scored(peers, nobody, defaults, plain, timer, matched=False)
    levels = [] if scored_peers is None else scored_peers.levels
    parts = _scored(samples, references, defaults, config, timer, levels)
    if parts.patches[0].copies is not None:
        copies.warn(parts.patches[0].copies, names)
    return conclude(
        parts,
        defaults,
        config,
        timer,
        names=names,
        paths=paths,
        peers=scored_peers,
        references_are_good=references_are_good,
    )


def conclude(
    parts: ScoredParts,
    defaults: list[ByModality[TokenDefaults]],
    config: Config,
    timer: StageTimer,
    *,
    names: list[str],
    paths: list[Path | None],
    peers: ScoredParts | None = None,
    references_are_good: bool = False,
    divisors: Divisors | None = None,
) -> Result:
    """Return the Result of scored patches: maps, scores of parts, re-scoring.

    peers: the references, scored among themselves. divisors: of a bank that the parts were compared
    with one by one; such parts are not re-scored, because they would depend on each other.
    """
    with timer.stage("maps"), threads.one_thread():  # section 7; many small steps
        if divisors is not None:
            units = divisors
        elif peers is not None:
            units = _units(peers, config, references_are_good)
        else:
            units = _units(parts, config, False)
        rendered = _render(parts.patches, parts.outlines, config, units)
        peaks = rendered.map_peaks()
        raw = peaks.scores
        reference_scores = None
        if peers is not None and references_are_good:
            reference_scores = _render(peers.patches, peers.outlines, config, units).peaks()
    matches: Matches | None = None
    find_matches = parts.patches[0].find_matches
    if find_matches is not None:
        with timer.stage("matches"):
            matches = find_matches(drivers(rendered, peaks, parts.outlines[0].clouds))
    scores = raw
    rescores = all(own.rescore for view in defaults for own in view.values())
    if rescores and divisors is None and not references_are_good:  # section 8
        with timer.stage("rescore"):
            features = _image_level_features(parts)
            neighbors, min_max = config.rescore_neighbors, config.rescore_min_max
            scores = rescore(raw, features, neighbors, min_max=min_max)
    frames = parts.outlines[0].frames
    own_scores = [raw, scores] if reference_scores is None else [raw, scores, reference_scores]
    rendered, [raw, scores, *of_references] = rendered.on_cpu(*own_scores)
    map_layers = rendered.layers

    return Result(
        scores=scores.clone(),
        raw_scores=raw,
        maps=Maps(map_layers.values(), frames) if frames else None,
        maps_2d=Maps([map_layers.image], frames) if frames and map_layers.image else None,
        maps_3d=Maps([map_layers.points], frames) if frames and map_layers.points else None,
        point_scores=rendered.point_scores,
        patch_scores_2d=rendered.patch_scores_2d,
        patch_scores_3d=rendered.patch_scores_3d,
        names=names,
        paths=paths,
        config=config,
        matches=matches,
        timings=dict(timer.seconds),
        version=version("musc2"),
        references_are_good=references_are_good,
        reference_scores=of_references[0] if of_references else None,
        units=list(map(_unit_names, units)),
    )


def _scored(
    samples: PartSet,
    references: PartSet,
    defaults: list[ByModality[TokenDefaults]],
    config: Config,
    timer: StageTimer,
    levels: Sequence[Levels] = (),
    *,
    matched: bool = True,
) -> ScoredParts:
    """Return the scores of patches and groups in each view, sections 4 to 6.

    matched: whether to keep the features of the first view, in which matches are looked for.
    """
    scored: list[PatchScores] = []
    for number, (view, own) in enumerate(zip(samples.views, defaults, strict=True)):
        partners = references.views[number] if references.views else Tokens()
        own_levels = levels[number] if levels else None
        scored.append(
            patch_scores(
                view,
                partners,
                own,
                config,
                timer,
                samples.frames,
                own_levels,
                matched=matched and number == 0,
            )
        )
    class_tokens = [view.class_tokens for view in samples.views]
    return ScoredParts(patches=scored, outlines=samples.outlines, class_tokens=class_tokens)


def _with_window(
    samples: PartSet,
    references: PartSet,
    defaults: ByModality[TokenDefaults],
    config: Config,
    timer: StageTimer,
) -> Config:
    """Return the settings with the window that "auto" stands for, from the first view's images."""
    if config.search_window != "auto":
        return config
    features: list[torch.Tensor] = []
    grid = samples.views[0].grid
    with timer.stage("mutual"):
        for parts in (samples, references):
            tokens = parts.thinned(IMAGES).views[0] if parts.count else Tokens()
            if tokens.grid is not None and tokens.grid == grid:
                plain = replace(tokens, points=None, clouds=[])
                last = features_of(plain, plain.layers - 1, ByModality(defaults.image), config)
                features.extend(last[0].values())
        window = None if grid is None or not features else window_of(torch.cat(features), grid)
    return config.replace(search_window=window)


def _reference_peers(references: PartSet, config: Config, all_good: bool) -> PartSet | None:
    """Return the references to score among themselves, each left out of its own references.

    They give the unit of scores and, if all of them are good, scores of good parts.
    """
    rows = peer_rows(references.count, config, all_good)
    return None if rows is None else references.subset(rows)


def peer_rows(count: int, config: Config, all_good: bool) -> list[int] | None:
    """Return which of ``count`` references to score among themselves, evenly spread."""
    if count < 2 or (config.score_unit == "distance" and not all_good):
        return None
    return list(range(count)) if all_good else spread_rows(count, UNIT_PARTS)


def _units(parts: ScoredParts, config: Config, all_good: bool) -> Divisors:
    """Return what the scores of each view are divided by; nothing if they stay distances."""
    patches, outlines = parts.patches, parts.outlines
    is_normal = config.score_unit == "normal"
    if not is_normal and len(patches) == 1:
        return []

    def render(numbers: Sequence[int], divisors: Sequence[fuse.Divisor]) -> maps.Anomaly:
        chosen = [outlines[number] for number in numbers]
        return _render([patches[number] for number in numbers], chosen, config, divisors)

    views = [own.scores for own in patches]
    return fuse.units(views, render, normal=is_normal, all_good=all_good)


def _render(
    patches: Sequence[PatchScores],
    outlines: Sequence[Outline],
    config: Config,
    divisors: Sequence[fuse.Divisor],
) -> maps.Anomaly:
    """Return the scores of all views as one, and what maps are rendered from."""
    views = [own.scores for own in patches]
    if not divisors:
        divisors = [scores.map(lambda _: 1.0) for scores in views]
    return maps.render(
        fuse.fuse(views, [outline.grid for outline in outlines], divisors),
        outlines[0].clouds,
        outlines[0].frames,
        sigma=config.map_blur,
        quantized=config.map_blur_quantized,
        share=config.map_top_share,
    )


def _image_level_features(parts: ScoredParts) -> list[torch.Tensor]:
    """Return (N, C) of each view and modality, by which re-scoring compares parts."""
    features: list[torch.Tensor] = []
    for scored, class_tokens in zip(parts.patches, parts.class_tokens, strict=True):
        own = scored.salient.values()
        if class_tokens is not None:
            own[0] = class_tokens
        features += own
    return features


def _unit_names(own: ByModality[float]) -> dict[str, float]:
    names = {"image": "2d", "points": "3d"}
    return {names[modality]: value for modality, value in own.items()}
