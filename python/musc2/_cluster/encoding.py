"""Tasks of workers: read, fit and encode. Each gives the same when it is called again."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from musc2 import inputs, part_encoding
from musc2.config import Config
from musc2.encoders.selection import Encoders
from musc2.inputs._on_gpu import resized
from musc2.inputs.parts import LoadedPart, OutputSpec
from musc2.progress import StageTimer
from musc2.tokens import Outline, Tokens


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadNotes:
    """Position and message of each sample that could not be read, and the warnings."""

    errors: list[tuple[int, str]]
    warnings: list[tuple[str, type[Warning]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockSummary:
    """What scoring needs of the parts of a block beside their tokens, of each view."""

    outputs: list[OutputSpec]
    outlines: list[Outline]
    layers: list[int]
    class_tokens: list[torch.Tensor | None]

    def subset(self, rows: list[int]) -> BlockSummary:
        """Return what is needed of some of the parts."""
        outputs = [self.outputs[row] for row in rows]
        outlines: list[Outline] = []
        for outline in self.outlines:
            clouds = [outline.clouds[row] for row in rows] if outline.clouds else []
            frames = [outline.frames[row] for row in rows] if outline.frames else None
            outlines.append(replace(outline, count=len(rows), clouds=clouds, frames=frames))
        class_tokens: list[torch.Tensor | None] = []
        for values in self.class_tokens:
            class_tokens.append(None if values is None else values[rows])
        return replace(self, outputs=outputs, outlines=outlines, class_tokens=class_tokens)


def load(
    samples: Sequence[inputs.Sample], encoders: Encoders, config: Config
) -> tuple[list[LoadedPart], LoadNotes]:
    """Return the parts that could be read; the samples in them hold no inputs."""
    parts: list[LoadedPart] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loader = part_encoding.loader(samples, encoders, config, StageTimer(), is_whole=False)
        for part in loader:
            own = part.prepared.sample
            plain = inputs.Sample(index=own.index, name=own.name)
            parts.append(replace(part, prepared=replace(part.prepared, sample=plain)))
    errors = [(error.sample.index, str(error.error)) for error in loader.errors]
    texts = [(str(item.message), item.category) for item in caught]
    return parts, LoadNotes(errors=errors, warnings=texts)


def fit(encoders: Encoders, seed: int, *blocks: list[LoadedPart]) -> Encoders:
    """Return encoders that learned from all parts."""
    parts: list[LoadedPart] = []
    for block in blocks:
        parts += block
    return encoders.fitted(
        lambda number: [resized(part.prepared.images[number]) for part in parts],
        lambda: [part.cloud for part in parts if part.cloud is not None],
        seed,
    )


def encode(
    parts: list[LoadedPart], encoders: Encoders, config: Config
) -> tuple[list[Tokens], BlockSummary | None]:
    """Return the tokens of a block in each view, and their summary; none without parts."""
    if not parts:
        return [], None
    encoded = part_encoding.encoded(parts, len(parts), encoders, config, StageTimer())
    part_set = part_encoding.part_set(encoded, config)
    views: list[Tokens] = []
    layers: list[int] = []
    class_tokens: list[torch.Tensor | None] = []
    for view in part_set.views:
        views.append(replace(view, class_tokens=None))
        layers.append(view.layers)
        class_tokens.append(view.class_tokens)
    summary = BlockSummary(
        outputs=encoded.outputs,
        outlines=part_set.outlines,
        layers=layers,
        class_tokens=class_tokens,
    )
    return views, summary


def chosen(views: list[Tokens], rows: list[int]) -> list[Tokens]:
    """Return the tokens of some parts of a block."""
    return [view.subset(rows) for view in views]
