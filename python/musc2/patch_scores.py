"""From features to the scores of patches and groups, docs/method/algorithm.md sections 4 to 6."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import torch

from musc2 import _spill, ops
from musc2._panels import partners, sample_links
from musc2._panels.medians import medians
from musc2._transfer import download, upload
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.maps import Frame
from musc2.matches import Matches
from musc2.ops import Links
from musc2.progress import StageTimer
from musc2.stages import aggregate, copies, layers, mutual, subsets
from musc2.stages.enhance import enhance_in_place
from musc2.stages.matches import Drivers, in_masks, matches_of
from musc2.stages.mutual import Features
from musc2.stages.rescore import salient
from musc2.tokens import Outline, Tokens

FeatureLayer = ByModality[Features]
"""The features of one layer, or of one degree of it, of the modalities in use."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Levels:
    """What the scores of a set are divided by before they are brought together.

    layers: see ``stages.layers``; medians: the distance of each layer's modalities, None without
    balance.
    """

    layers: layers.Units
    medians: list[ByModality[float] | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class PatchScores:
    """scores: (N, L), of all layers, and salient: (N, C), section 8, of each modality.

    find_matches: returns the matches of patches of all parts, from features that are kept for it;
    None if nobody looks at them. copies: (N, N + R) bool, see ``stages.copies``, None if there are
    none. levels: of the set.
    """

    scores: ByModality[torch.Tensor]
    salient: ByModality[torch.Tensor]
    find_matches: Callable[[Drivers], Matches | None] | None
    copies: torch.Tensor | None
    levels: Levels


def patch_scores(
    samples: Tokens,
    references: Tokens,
    defaults: ByModality[TokenDefaults],
    config: Config,
    timer: StageTimer,
    frames: list[Frame] | None = None,
    levels: Levels | None = None,
    *,
    matched: bool = True,
) -> PatchScores:
    """Return the scores of patches and point groups, all layers (and degrees) together.

    levels: of the references, so that the scores of a sample do not depend on other samples.
    """
    layered = _layers_with_references(samples, references, defaults, config, timer)
    outline, count = samples.outline(frames), samples.layers
    return layer_scores(layered, count, outline, defaults, config, timer, levels, matched=matched)


def layer_scores(
    layered: Iterable[tuple[int, FeatureLayer]],
    count: int,
    outline: Outline,
    defaults: ByModality[TokenDefaults],
    config: Config,
    timer: StageTimer,
    levels: Levels | None = None,
    *,
    matched: bool = True,
    steps: LayerSteps | None = None,
) -> PatchScores:
    """Return the scores of patches and groups from the features of ``count`` layers.

    layered: the number of the layer and its features; with degrees that are scored separately, a
    layer comes several times. matched: whether to keep what nearest matches are looked for in.
    steps: by default those of this module.
    """
    steps = steps or LOCAL
    chosen = subsets.split(outline.count, config.subset_count, config.seed)  # section 9
    scored: list[ByModality[torch.Tensor]] = []
    medians: list[ByModality[float] | None] = []
    salient_source: FeatureLayer | None = None
    copied: torch.Tensor | None = None
    table: torch.Tensor | None = None
    links: Links | None = None
    for layer, features in layered:
        if not scored:
            links = _links(outline, features)
        if not scored and not config.mutual_copies:
            with timer.stage("mutual"):
                copied = steps.copies_of(features)
        if not scored:
            with timer.stage("mutual"):
                table = _partners(features, config, copied)
        needs_scale = features.is_both and _needs_balance(defaults, config)
        balance = Balance(needed=needs_scale, medians=None)
        if levels is not None:
            balance.medians = levels.medians[len(scored)]
        compared = Comparison(subsets=chosen, table=table, copied=copied)
        scored.append(steps.scores(features, compared, links, config, timer, balance))
        medians.append(balance.medians)
        if layer == max(count - 2, 0) and salient_source is None:  # section 8: second to last
            salient_source = features
        timer.step("mutual", layer + 1, count)
    own = Levels(layers=levels.layers if levels else layers.units(scored), medians=medians)
    rules = defaults.map(lambda values: values.layer_fusion)
    means = layers.together(scored, rules, own.layers)
    inside = in_masks(outline)
    source = salient_source or ByModality()
    with timer.stage("matches"):
        salient_rows = steps.salient(source, means, inside)
    return PatchScores(
        scores=means,
        salient=salient_rows,
        find_matches=partial(steps.matches, source, chosen, table, outline) if matched else None,
        copies=copied,
        levels=own,
    )


def _layers_with_references(
    samples: Tokens,
    references: Tokens,
    defaults: ByModality[TokenDefaults],
    config: Config,
    timer: StageTimer,
) -> Iterator[tuple[int, FeatureLayer]]:
    """Yield the features of each layer of the samples and of the references."""
    for layer in range(samples.layers):
        with timer.stage("aggregate"):  # section 4
            own = features_in_memory(samples, layer, defaults, config)
            reference_z = features_in_memory(references, layer, defaults, config, samples.layers)
        for index, z in enumerate(own):
            reference_features = reference_z[index] if reference_z else ByModality[torch.Tensor]()
            yield layer, searched(z, reference_features, samples.grid, config)


def features_in_memory(
    tokens: Tokens,
    layer: int,
    defaults: ByModality[TokenDefaults],
    config: Config,
    count: int | None = None,
) -> list[ByModality[torch.Tensor]]:
    """Return what ``features_of`` does, in temporary files where it exceeds ``config.memory``."""
    own = tokens.by_modality.values()
    size = sum(values.numel() // values.shape[1] for values in own) * 4
    if size <= config.memory or own[0].is_cuda:
        return features_of(tokens, layer, defaults, config, count)
    of_layer = count or tokens.layers
    step = max(1, config.memory * tokens.count // (8 * size))  # some copies of each are made
    joined: list[ByModality[torch.Tensor]] = []
    for rows in torch.split(torch.arange(tokens.count), step):
        chunk = features_of(tokens.subset(rows.tolist()), layer, defaults, config, of_layer)
        if not joined:
            joined = [
                item.map(partial(_room_for, count=tokens.count, memory=config.memory))
                for item in chunk
            ]
        for target, item in zip(joined, chunk, strict=True):
            for all_rows, values in zip(target.values(), item.values(), strict=True):
                all_rows[rows] = values
    return joined


def _room_for(values: torch.Tensor, count: int, memory: int) -> torch.Tensor:
    shape = (count, *values.shape[1:])
    return _spill.empty(shape, memory=memory, content="the features of a layer")


def features_of(
    tokens: Tokens,
    layer: int,
    defaults: ByModality[TokenDefaults],
    config: Config,
    count: int | None = None,
) -> list[ByModality[torch.Tensor]]:
    """Return (N, L, C) of one layer: one item, or one per degree if these are scored separately.

    count: the layers that ``layer`` is one of; by default those of ``tokens``.
    """
    own = tokens.layer(layer, count or tokens.layers)
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
        images = [_narrow(image, defaults.image, config) for image in images]
    if own.points is None or defaults.points is None:
        return [ByModality(image=image) for image in images]
    points = aggregate.point_features(
        own.points,
        tokens.clouds,
        defaults.points.degrees,
        curvature_threshold=config.curvature_threshold,
        normalize=defaults.points.normalize,
    )
    points = _narrow(points, defaults.points, config)
    return [ByModality(image=images[0] if images else None, points=points)]


def _narrow(z: torch.Tensor, defaults: TokenDefaults, config: Config) -> torch.Tensor:
    """Return features as float16 on a GPU, which halves the bytes that a search reads.

    Features of length 1 lose at most 2^-11 of it, and a search in bfloat16 loses more. Others may
    be too large for float16.
    """
    is_wanted = defaults.normalize and config.search_precision != "float32"
    return z.half() if z.is_cuda and is_wanted else z


def searched(
    z: ByModality[torch.Tensor],
    references: ByModality[torch.Tensor],
    grid: tuple[int, int] | None,
    config: Config,
) -> FeatureLayer:
    """Return features with those of the references; only images have a grid, and so a window."""
    precision = config.search_precision
    image, points = None, None
    if z.image is not None:
        image = Features(
            z=z.image,
            references=references.image,
            precision=precision,
            window=config.window,
            grid=grid,
        )
    if z.points is not None:
        points = Features(z=z.points, references=references.points, precision=precision)
    return ByModality(image, points)


@dataclass
class Balance:
    """Whether distances are divided by medians; they are kept once they are known."""

    needed: bool
    medians: ByModality[float] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Which parts are compared: those of a subset, or a table of partners, without copies."""

    subsets: list[torch.Tensor]
    table: torch.Tensor | None
    copied: torch.Tensor | None


def _partners(
    features: FeatureLayer, config: Config, copied: torch.Tensor | None
) -> torch.Tensor | None:
    """Return the partners of each sample, see ``_panels.partners``; None for all others."""
    first = features.values()[0]
    references = 0 if first.references is None else len(first.references)
    if config.references_per_part is not None:
        count, seed = config.references_per_part, config.seed
        return partners.random_partners(len(first.z), references, count, seed, copied)
    if config.similar_parts is not None:
        return partners.similar_partners(features, config.similar_parts, copied)
    return None


def _layer_scores(
    features: ByModality[Features],
    compared: Comparison,
    links: Links | None,
    config: Config,
    timer: StageTimer,
    balance: Balance,
) -> ByModality[torch.Tensor]:
    """Return scores (N, L) of one layer, subset by subset and in panels that memory allows."""
    scores = features.map(lambda part: part.z.new_empty(part.z.shape[:2], dtype=torch.float32))
    memory = _budget(features, config)
    table, chosen = compared.table, compared.subsets
    columns = None if table is None else table.shape[1]
    for subset in chosen:
        own = features.map(partial(Features.subset, samples=subset))
        left_out: torch.Tensor | None = None
        if compared.copied is not None and table is None:
            left_out = copies.within(compared.copied, subset)
        with timer.stage("mutual"):  # section 5, MSM
            share = memory // len(own.values())
            source = partial(mutual.row_source, table=table, left_out=left_out, memory=share)
            sources = own.map(source)
        for rows in mutual.panels(own, memory // 2, columns):
            with timer.stage("mutual"):
                if balance.needed and balance.medians is None:
                    whole = sources if len(chosen) == 1 else None
                    balance.medians = medians(features, chosen, whole, memory)
                d = sources.map(partial(mutual.RowSource.rows, rows=rows))
            own_links = None
            if d.is_both and links is not None:
                own_links = sample_links.of_samples(links, subset[rows])
            reduced = row_scores(d, balance.medians, own_links, config.mutual_interval, timer)
            for target, values in zip(scores.values(), reduced.values(), strict=True):
                target[upload(subset[rows], target.device)] = values
            del d  # before the next panel is there
    return scores


def row_scores(
    d: ByModality[torch.Tensor],
    medians: ByModality[float] | None,
    links: Links | None,
    interval: tuple[float, float],
    timer: StageTimer,
) -> ByModality[torch.Tensor]:
    """Return scores (n, L) from all distances (n, L, N) of some samples, which are changed.

    links: of these samples, with both modalities.
    """
    if medians is not None:
        with timer.stage("mutual"):
            d = d.combine(lambda values, scale: values.div_(scale), medians)
    if d.image is not None and d.points is not None and links is not None:
        with timer.stage("enhance"):  # section 6, CAE
            enhance_in_place(d.image, d.points, links)
    with timer.stage("mutual"):
        return d.map(lambda values: ops.lowest_mean(values, interval))


def _budget(features: ByModality[Features], config: Config) -> int:
    """Return the bytes of distances to hold at once where the features are."""
    on_gpu = features.values()[0].z.is_cuda
    return config.device_memory if on_gpu else config.memory


def copies_of(features: ByModality[Features]) -> torch.Tensor | None:
    """Return which samples are copies in every modality; None if there are none."""
    candidates = [copies.alike(part.z, part.references) for part in features.values()]
    (pairs,) = download(torch.stack([own.pairs for own in candidates]).all(0))
    if not pairs.any():
        return None
    copied = torch.stack([copies.confirmed(own, pairs) for own in candidates]).all(0)
    return copied if copied.any() else None


def _needs_balance(defaults: ByModality[TokenDefaults], config: Config) -> bool:
    if config.enhance_balance != "auto":
        return config.enhance_balance == "always"
    return not all(own.normalize for own in defaults.values())


def _links(outline: Outline, features: FeatureLayer) -> Links | None:
    """Return the links of patches and groups, when there are both."""
    if outline.grid is None or features.points is None:
        return None
    groups, device = len(outline.clouds[0].centers), features.points.z.device
    return sample_links.packed(outline.clouds, outline.grid, groups=groups, device=device)


@dataclass(frozen=True, kw_only=True)
class LayerSteps:
    """The steps of ``layer_scores`` that look at features, here or in other processes."""

    copies_of: Callable[..., torch.Tensor | None]
    scores: Callable[..., ByModality[torch.Tensor]]
    salient: Callable[..., ByModality[torch.Tensor]]
    matches: Callable[..., Matches | None]


LOCAL = LayerSteps(copies_of=copies_of, scores=_layer_scores, salient=salient, matches=matches_of)
