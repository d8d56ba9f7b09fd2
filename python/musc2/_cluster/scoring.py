"""``score`` on a cluster: the driver hands out blocks of parts and puts their scores together."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from musc2 import inputs, method, patch_scores
from musc2._arguments import samples as sample_arguments
from musc2._cluster import encoding, layers
from musc2._cluster.encoding import BlockSummary, LoadNotes
from musc2._cluster.layers import RemoteLayers
from musc2._cluster.session import OP, Session
from musc2.by_modality import ByModality
from musc2.cloud import Cloud
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.encoders.selection import Encoders
from musc2.errors import InputError
from musc2.inputs.loading import LoadError, joined
from musc2.inputs.parts import OutputSpec, none_readable
from musc2.maps import Frame
from musc2.method import ScoredParts
from musc2.patch_scores import FeatureLayer
from musc2.progress import StageTimer
from musc2.result import Result
from musc2.stages import copies, encode
from musc2.tokens import Outline

BLOCK = 64  # parts, at most: fewer where there are few for the number of workers
_FEW = 9  # parts that the search of one process would cut into pieces
_ENCODED = 8  # parts that a network encodes at once


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredSet:
    """The Result of a set, the sizes of its parts, and which could not be read."""

    result: Result
    outputs: list[OutputSpec]
    errors: list[LoadError]
    encoders: Encoders


@dataclass(frozen=True, kw_only=True, eq=False)
class _EncodedBlocks:
    """References to the tokens of the blocks that have parts, and their summaries."""

    tokens: list[Any]
    summaries: list[BlockSummary]

    @property
    def counts(self) -> list[int]:
        return [len(summary.outputs) for summary in self.summaries]

    def outline(self, view: int) -> Outline:
        """Return where the patches and groups of all parts lie."""
        own = [summary.outlines[view] for summary in self.summaries]
        clouds: list[Cloud] = []
        for outline in own:
            clouds += outline.clouds
        frames = _frames_of(own)
        return Outline(count=sum(self.counts), grid=own[0].grid, clouds=clouds, frames=frames)

    def class_tokens(self, view: int) -> torch.Tensor | None:
        """Return the class tokens of all parts, if there are any."""
        own: list[torch.Tensor] = []
        for summary in self.summaries:
            values = summary.class_tokens[view]
            if values is not None:
                own.append(values)
        return torch.cat(own) if own else None


def score(
    session: Session,
    samples: Sequence[inputs.Sample],
    encoders: Encoders,
    config: Config,
    timer: StageTimer,
) -> ScoredSet:
    """Return the scores of a set of parts, which workers read, encode and compare."""
    portable = list(map(_portable, samples))
    with timer.stage("read"):
        loaded, errors = _load(session, portable, encoders, config)
    with timer.stage("fit"):
        encoders = _fitted(session, encoders, config, loaded)
    with timer.stage("encode"):
        blocks = _encode(session, loaded, encoders, config, len(samples))
    outputs: list[OutputSpec] = []
    for summary in blocks.summaries:
        for output in summary.outputs:
            outputs.append(replace(output, **_origin(samples[output.sample.index])))
    sample_arguments.check_enough(len(outputs), 0, (len(samples), 0), errors)
    pairs = encode.pairs(len(encoders.images), len(encoders.points))
    defaults = encoders.token_defaults(config, pairs)
    names = [output.name for output in outputs]
    parts = _scored(session, blocks, defaults, config, timer)
    if parts.patches[0].copies is not None:
        copies.warn(parts.patches[0].copies, names)
    paths = [output.path for output in outputs]
    result = method.conclude(parts, defaults, config, timer, names=names, paths=paths)
    return ScoredSet(result=result, outputs=outputs, errors=errors, encoders=encoders)


def block_size(samples: int, workers: int) -> int:
    """Return how many parts a block has, so that each worker gets a few pairs of blocks.

    >>> block_size(10_000, 16), block_size(200, 2), block_size(8, 2)
    (64, 56, 8)
    """
    if samples < _FEW:
        return samples
    size = math.ceil(samples / math.ceil(math.sqrt(8 * workers)))
    return min(BLOCK, math.ceil(size / _ENCODED) * _ENCODED)


def _load(
    session: Session, samples: Sequence[inputs.Sample], encoders: Encoders, config: Config
) -> tuple[list[Any], list[LoadError]]:
    """Return references to the parts of each block, and which parts could not be read."""
    size = block_size(len(samples), session.workers)
    shared = _shared(session, encoders)
    loaded: list[Any] = []
    pending: list[Any] = []
    for start in range(0, len(samples), size):
        own = samples[start : start + size]
        parts, notes = session.run(encoding.load, own, shared, config, returns=2)
        loaded.append(parts)
        pending.append(notes)
    errors: list[LoadError] = []
    for block in session.get(pending):
        errors += _load_errors(block, samples)
    if errors and config.on_error != "skip":
        raise InputError(joined(errors)) if len(errors) > 1 else errors[0].error
    if len(errors) == len(samples):
        raise none_readable(errors)
    return loaded, errors


def _load_errors(notes: LoadNotes, samples: Sequence[inputs.Sample]) -> list[LoadError]:
    """Repeat the warnings of a block, and return its errors."""
    for text, category in notes.warnings:
        warnings.warn(text, category, stacklevel=2)
    errors: list[LoadError] = []
    for index, message in notes.errors:
        errors.append(LoadError(sample=samples[index], error=InputError(message)))
    return errors


def _fitted(session: Session, encoders: Encoders, config: Config, loaded: list[Any]) -> Encoders:
    """Return encoders that learned from all parts, in one task; those that do not as they are."""
    learn = [image.encoder.learns for image in encoders.images]
    learn += [encoder.learns for encoder in encoders.points]
    if not any(learn):
        return encoders
    [fitted] = session.get([session.run(encoding.fit, encoders, config.seed, *loaded)])
    return fitted  # type: ignore[no-any-return]


def _encode(
    session: Session, loaded: list[Any], encoders: Encoders, config: Config, count: int
) -> _EncodedBlocks:
    shared = _shared(session, encoders)
    tokens: list[Any] = []
    pending: list[Any] = []
    for parts in loaded:
        own, summary = session.run(encoding.encode, parts, shared, config, returns=2)
        tokens.append(own)
        pending.append(summary)
    summaries = session.get(pending)
    chosen: list[Any] = []
    present: list[BlockSummary] = []
    for own, summary in zip(tokens, summaries, strict=True):
        if summary is not None:
            chosen.append(own)
            present.append(summary)
    return _EncodedBlocks(tokens=chosen, summaries=present)


def _scored(
    session: Session,
    blocks: _EncodedBlocks,
    defaults: list[ByModality[TokenDefaults]],
    config: Config,
    timer: StageTimer,
) -> ScoredParts:
    """Return the scores of patches and groups in each view, sections 4 to 6."""
    scored: list[patch_scores.PatchScores] = []
    outlines: list[Outline] = []
    class_tokens: list[torch.Tensor | None] = []
    for view, own in enumerate(defaults):
        outline = blocks.outline(view)
        count = blocks.summaries[0].layers[view]
        remote = RemoteLayers(session=session, counts=blocks.counts, config=config)
        layered = _layers(session, blocks, view, count, own, config)
        scored.append(
            patch_scores.layer_scores(
                layered,
                count,
                outline,
                own,
                config,
                timer,
                matched=view == 0,
                steps=remote.steps(),
            )
        )
        outlines.append(outline)
        class_tokens.append(blocks.class_tokens(view))
    return ScoredParts(patches=scored, outlines=outlines, class_tokens=class_tokens)


def _layers(
    session: Session,
    blocks: _EncodedBlocks,
    view: int,
    count: int,
    defaults: ByModality[TokenDefaults],
    config: Config,
) -> Iterator[tuple[int, FeatureLayer]]:
    """Yield the number of each layer and its features, which stay with the workers."""
    names = list(dict(defaults.items()))
    items = 1
    if config.aggregate_separately and defaults.image is not None:
        items = len(defaults.image.degrees)
    for layer in range(count):
        features = layers.FeatureBlock.all_of(
            session, blocks.tokens, blocks.counts, (view, layer, count), defaults, config, items
        )
        for item in layers.by_modality(features, names, items):
            yield layer, item


def _frames_of(outlines: Sequence[Outline]) -> list[Frame] | None:
    """Return the sizes of the maps of all blocks; None without maps."""
    frames: list[Frame] = []
    for outline in outlines:
        frames += outline.frames or []
    return frames or None


def _shared(session: Session, encoders: Encoders) -> Any:
    """Return a reference to the encoders; raise if they cannot be sent."""
    try:
        return session.put(encoders)
    except Exception as error:
        for image in encoders.images:
            _check_sent(session, "encoder_2d", image.name, image.encoder)
        for encoder in encoders.points:
            _check_sent(session, "encoder_3d", encoder.name, encoder)
        raise error from None


def _check_sent(session: Session, argument: str, name: str, encoder: object) -> None:
    try:
        session.put(encoder)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        msg = f"{OP}: {argument} must be picklable with cluster, got {name}: {reason}"
        raise InputError(msg) from error


def _origin(sample: inputs.Sample) -> dict[str, Any]:
    return {"sample": sample, "path": sample.path}


def _portable(sample: inputs.Sample) -> inputs.Sample:
    """Return a sample whose values another process can read: of a stack no more than its own."""
    sources: dict[str, Any] = {}
    for name in ("image", "cloud", "mask"):
        source = getattr(sample, name)
        sources[name] = None if source is None else inputs.portable(source)
    return replace(sample, **sources)
