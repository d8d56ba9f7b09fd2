"""Parts in blocks that stay with the workers: read, fitted to and encoded there."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from musc2 import inputs
from musc2._cluster import encoding
from musc2._cluster.encoding import BlockSummary, LoadNotes
from musc2._cluster.session import OP, Session
from musc2.cloud import Cloud
from musc2.config import Config
from musc2.encoders.selection import Encoders
from musc2.errors import InputError
from musc2.inputs.loading import LoadError, joined
from musc2.inputs.parts import OutputSpec, none_readable
from musc2.maps import Frame
from musc2.tokens import Outline

BLOCK = 64  # parts, at most: fewer where there are few for the number of workers
_ENCODED = 8  # parts that a network encodes at once


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedBlocks:
    """References to the tokens of the blocks that have parts, and their summaries."""

    tokens: list[Any] = field(default_factory=list)
    summaries: list[BlockSummary] = field(default_factory=list)

    @property
    def counts(self) -> list[int]:
        """The parts of each block."""
        return [len(summary.outputs) for summary in self.summaries]

    @property
    def outputs(self) -> list[OutputSpec]:
        """The sizes of all parts."""
        outputs: list[OutputSpec] = []
        for summary in self.summaries:
            outputs += summary.outputs
        return outputs

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

    def subset(self, session: Session, rows: list[int]) -> EncodedBlocks:
        """Return some of the parts; ``rows`` rise."""
        if len(rows) == sum(self.counts):
            return self
        chosen = EncodedBlocks()
        first = 0
        for tokens, summary in zip(self.tokens, self.summaries, strict=True):
            count = len(summary.outputs)
            own = [row - first for row in rows if first <= row < first + count]
            if own:
                chosen.tokens.append(session.run(encoding.chosen, tokens, own))
                chosen.summaries.append(summary.subset(own))
            first += count
        return chosen


def block_size(samples: int, workers: int) -> int:
    """Return how many parts a block has, so that each worker gets some pairs of blocks.

    >>> block_size(10_000, 16), block_size(200, 2), block_size(8, 2)
    (64, 32, 8)
    """
    size = math.ceil(samples / math.ceil(math.sqrt(32 * workers)))
    return min(BLOCK, math.ceil(size / _ENCODED) * _ENCODED)


def load(
    session: Session, samples: Sequence[inputs.Sample], encoders: Encoders, config: Config
) -> tuple[list[Any], list[LoadError]]:
    """Return references to the parts of each block, and which parts could not be read."""
    if not samples:
        return [], []
    portable = list(map(_portable, samples))
    size = block_size(len(samples), session.workers)
    shared = _shared(session, encoders)
    loaded: list[Any] = []
    pending: list[Any] = []
    for start in range(0, len(samples), size):
        own = portable[start : start + size]
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


def fitted(session: Session, encoders: Encoders, config: Config, loaded: list[Any]) -> Encoders:
    """Return encoders that learned from all parts, in one task; those that do not as they are."""
    learn = [image.encoder.learns for image in encoders.images]
    learn += [encoder.learns for encoder in encoders.points]
    if not any(learn):
        return encoders
    task = (encoding.fit, encoders, config.seed, *loaded)
    [own] = session.get([session.run(*task, threads=session.threads)])
    return own  # type: ignore[no-any-return]


def encoded(
    session: Session,
    loaded: list[Any],
    samples: Sequence[inputs.Sample],
    encoders: Encoders,
    config: Config,
) -> EncodedBlocks:
    """Return the tokens of the loaded blocks of ``samples``, and what is known of their parts."""
    if not loaded:
        return EncodedBlocks()
    shared = _shared(session, encoders)
    tokens: list[Any] = []
    pending: list[Any] = []
    for parts in loaded:
        own, summary = session.run(encoding.encode, parts, shared, config, returns=2)
        tokens.append(own)
        pending.append(summary)
    blocks = EncodedBlocks()
    for own, summary in zip(tokens, session.get(pending), strict=True):
        if summary is not None:
            blocks.tokens.append(own)
            blocks.summaries.append(_with_samples(summary, samples))
    return blocks


def _load_errors(notes: LoadNotes, samples: Sequence[inputs.Sample]) -> list[LoadError]:
    """Repeat the warnings of a block, and return its errors."""
    for text, category in notes.warnings:
        warnings.warn(text, category, stacklevel=2)
    errors: list[LoadError] = []
    for index, message in notes.errors:
        errors.append(LoadError(sample=samples[index], error=InputError(message)))
    return errors


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


def _with_samples(summary: BlockSummary, samples: Sequence[inputs.Sample]) -> BlockSummary:
    """Return the summary with the caller's samples, which workers did not get."""
    outputs: list[OutputSpec] = []
    for output in summary.outputs:
        sample = samples[output.sample.index]
        outputs.append(replace(output, sample=sample, path=sample.path))
    return replace(summary, outputs=outputs)


def _portable(sample: inputs.Sample) -> inputs.Sample:
    """Return a sample whose values another process can read: of a stack no more than its own."""
    sources: dict[str, Any] = {}
    for name in ("image", "cloud", "mask"):
        source = getattr(sample, name)
        sources[name] = None if source is None else inputs.portable(source)
    return replace(sample, **sources)
