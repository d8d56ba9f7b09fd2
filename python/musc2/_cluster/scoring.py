"""``score`` on a cluster: the driver hands out blocks of parts and puts their scores together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from musc2 import inputs, method, patch_scores
from musc2._arguments import samples as sample_arguments
from musc2._arguments.search_window import IMAGES
from musc2._cluster import blocks, comparing, layers
from musc2._cluster.blocks import EncodedBlocks
from musc2._cluster.layers import RemoteLayers
from musc2._cluster.session import Session
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.encoders.selection import Encoders
from musc2.inputs.loading import LoadError
from musc2.inputs.parts import OutputSpec
from musc2.method import ScoredParts
from musc2.patch_scores import FeatureLayer, Levels
from musc2.progress import StageTimer
from musc2.result import Result
from musc2.stages import copies, encode
from musc2.tokens import Outline, spread_rows


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredSet:
    """The Result of a set, the sizes of its parts, and which could not be read."""

    result: Result
    outputs: list[OutputSpec]
    errors: list[LoadError]
    reference_errors: list[LoadError]
    encoders: Encoders


def score(
    session: Session,
    samples: Sequence[inputs.Sample],
    references: Sequence[inputs.Sample],
    encoders: Encoders,
    config: Config,
    timer: StageTimer,
    *,
    references_are_good: bool,
) -> ScoredSet:
    """Return the scores of a set of parts, which workers read, encode and compare."""
    with timer.stage("read"):
        loaded, errors = blocks.load(session, samples, encoders, config)
        loaded_references, reference_errors = blocks.load(session, references, encoders, config)
    with timer.stage("fit"):
        encoders = blocks.fitted(session, encoders, config, [*loaded, *loaded_references])
    with timer.stage("encode"):
        parts = blocks.encoded(session, loaded, samples, encoders, config)
        partners = blocks.encoded(session, loaded_references, references, encoders, config)
    outputs = parts.outputs
    sample_arguments.check_enough(
        len(outputs),
        sum(partners.counts),
        (len(samples), len(references)),
        [*errors, *reference_errors],
    )
    pairs = encode.pairs(len(encoders.images), len(encoders.points))
    defaults = encoders.token_defaults(config, pairs)
    with timer.stage("mutual"):
        config = _with_window(session, parts, partners, defaults[0], config)
    scoring = _Scoring(session, defaults, config, timer)
    peers = scoring.peers(partners, references_are_good)
    scored = scoring.scored(parts, partners, [] if peers is None else peers.levels)
    names = [output.name for output in outputs]
    if scored.patches[0].copies is not None:
        copies.warn(scored.patches[0].copies, names)
    result = method.conclude(
        scored,
        defaults,
        config,
        timer,
        names=names,
        paths=[output.path for output in outputs],
        peers=peers,
        references_are_good=references_are_good,
    )
    return ScoredSet(
        result=result,
        outputs=outputs,
        errors=errors,
        reference_errors=reference_errors,
        encoders=encoders,
    )


@dataclass(frozen=True)
class _Scoring:
    """What the samples, and the references among themselves, are scored with."""

    session: Session
    defaults: list[ByModality[TokenDefaults]]
    config: Config
    timer: StageTimer

    def peers(self, references: EncodedBlocks, all_good: bool) -> ScoredParts | None:
        """Return the scores of references among themselves, as ``method.score_parts`` does."""
        rows = method.peer_rows(sum(references.counts), self.config, all_good)
        if rows is None:
            return None
        chosen = references.subset(self.session, rows)
        return self.scored(chosen, EncodedBlocks(), matched=False)

    def scored(
        self,
        parts: EncodedBlocks,
        references: EncodedBlocks,
        levels: Sequence[Levels] = (),
        *,
        matched: bool = True,
    ) -> ScoredParts:
        """Return the scores of patches and groups in each view, sections 4 to 6."""
        scored: list[patch_scores.PatchScores] = []
        outlines: list[Outline] = []
        class_tokens: list[torch.Tensor | None] = []
        for view, own in enumerate(self.defaults):
            outline = parts.outline(view)
            count = parts.summaries[0].layers[view]
            remote = RemoteLayers(
                session=self.session,
                counts=parts.counts,
                reference_counts=references.counts,
                config=self.config,
            )
            scored.append(
                patch_scores.layer_scores(
                    self._layers(parts, references, view, count),
                    count,
                    outline,
                    own,
                    self.config,
                    self.timer,
                    levels[view] if levels else None,
                    matched=matched and view == 0,
                    steps=remote.steps(),
                )
            )
            outlines.append(outline)
            class_tokens.append(parts.class_tokens(view))
        return ScoredParts(patches=scored, outlines=outlines, class_tokens=class_tokens)

    def _layers(
        self, parts: EncodedBlocks, references: EncodedBlocks, view: int, count: int
    ) -> Iterator[tuple[int, FeatureLayer]]:
        """Yield the number of each layer and its features, which stay with the workers."""
        config, defaults = self.config, self.defaults[view]
        items = 1
        if config.aggregate_separately and defaults.image is not None:
            items = len(defaults.image.degrees)
        for layer in range(count):
            place = (view, layer, count)
            own, partners = (
                layers.feature_blocks(self.session, group.tokens, place, defaults, config, items)
                for group in (parts, references)
            )
            names = list(dict(defaults.items()))
            grid = parts.outline(view).grid
            for item in layers.by_modality(own, partners, names, items, config, grid):
                yield layer, item


def _with_window(
    session: Session,
    samples: EncodedBlocks,
    references: EncodedBlocks,
    defaults: ByModality[TokenDefaults],
    config: Config,
) -> Config:
    """Return the settings with the window that "auto" stands for, as ``method`` decides it."""
    if config.search_window != "auto":
        return config
    grid, image = samples.outline(0).grid, defaults.image
    if grid is None or image is None:
        return config.replace(search_window=None)
    chosen: list[Any] = []
    for own in (samples, references):
        if own.summaries and own.outline(0).grid == grid:
            rows = spread_rows(sum(own.counts), IMAGES)
            chosen += own.subset(session, rows).tokens
    task = session.run(comparing.window, image, config, grid, *chosen)
    [window] = session.get([task])
    return config.replace(search_window=window)
