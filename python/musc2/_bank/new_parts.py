"""Parts that were read and encoded for a bank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from musc2 import inputs, method, part_encoding
from musc2._arguments import bank as bank_arguments
from musc2._arguments import samples as sample_arguments
from musc2._bank.part_features import PartFeatures, part_features, tile_features
from musc2._bank.store import Bank
from musc2._tiles.alignment import Alignment
from musc2._tiles.encoding import encoded, fit_images
from musc2._tiles.loading import TiledLoader
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.encoders.selection import Encoders
from musc2.inputs import Sample
from musc2.inputs.parts import OutputSpec, PartLoader
from musc2.progress import Report, StageTimer
from musc2.result import Failure
from musc2.stages import encode

Defaults = list[ByModality[TokenDefaults]]
"""Of each view."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NewParts:
    """The features of parts, their names, and those that were left out.

    alignment: of their tiles, None where images are whole.
    """

    features: PartFeatures
    outputs: list[OutputSpec]
    failures: list[Failure]
    timer: StageTimer
    alignment: Alignment | None = None

    @property
    def names(self) -> list[str]:
        """The names of the parts."""
        return [output.name for output in self.outputs]

    @property
    def paths(self) -> list[Path | None]:
        """Their files."""
        return [output.path for output in self.outputs]

    def numbered(self, start: int) -> NewParts:
        """Return the parts, those of arrays with numbers from ``start`` on as names."""
        outputs = list(self.outputs)
        for index, output in enumerate(outputs):
            if output.path is None:
                outputs[index] = replace(output, name=str(start + output.sample.index))
        return replace(self, outputs=outputs)


def read(
    bank: Bank,
    encoders: Encoders,
    specifications: bank_arguments.Specifications,
    sources: Mapping[str, object],
    names: Sequence[str] | None,
    op: str,
    report: Report | None,
) -> NewParts:
    """Read and encode new parts, which must be of the kind that the bank holds.

    sources: rgb, pcd, masks and intrinsics.
    """
    intrinsics = sources["intrinsics"]
    if intrinsics is None and sources["pcd"] is not None:
        intrinsics = specifications.intrinsics
    samples = inputs.pair(
        sources["rgb"],
        sources["pcd"],
        intrinsics=intrinsics,
        masks=sources["masks"],
        names=names,
        op=op,
        limits=sample_arguments.input_limits(bank.config),
    )
    bank_arguments.check_modalities(op, samples[0], encoders)
    timer = StageTimer(report)
    if bank.alignment is None:
        loader = part_encoding.loader(samples, encoders, bank.config, timer)
        parts = _encoded(loader, encoders, bank.config, timer)
    else:
        tiles = TiledLoader(samples, bank.config, timer)
        tiles.align(bank.alignment)
        like = bank.layouts[0].size
        parts = _encoded_tiles(tiles, encoders, bank.config, timer, bank.alignment, like)
    bank.check(parts.features, parts.names, op)
    return parts


def fitted(
    samples: Sequence[Sample], encoders: Encoders, config: Config, timer: StageTimer
) -> tuple[Encoders, NewParts]:
    """Read the first parts of a bank; return encoders that learned from them, and the parts."""
    if config.tile is None:
        loader = part_encoding.loader(samples, encoders, config, timer)
        with timer.stage("fit"):
            encoders = part_encoding.fitted(encoders, [loader], config.seed)
        parts, errors = _encoded(loader, encoders, config, timer), loader.errors
    else:
        tiles = TiledLoader(samples, config, timer)
        alignment = Alignment(tile=config.tile, overlap=config.tile_overlap)
        tiles.align(alignment)
        preparation = part_encoding.preparation(encoders, config)
        with timer.stage("fit"):
            encoders = encoders.fitted(fit_images([tiles], preparation), list, config.seed)
        parts, errors = _encoded_tiles(tiles, encoders, config, timer, alignment), tiles.errors
        alignment.is_fixed = True
    sample_arguments.check_enough(len(parts.outputs), 0, (len(samples), 0), errors)
    return encoders, parts


def _encoded(loader: PartLoader, encoders: Encoders, config: Config, timer: StageTimer) -> NewParts:
    """Read and encode parts and aggregate their features."""
    tokens = part_encoding.encoded(loader, loader.count, encoders, config, timer)
    part_set = part_encoding.part_set(tokens, config)
    pairs = encode.pairs(len(encoders.images), len(encoders.points))
    with timer.stage("aggregate"):
        features = part_features(part_set, pairs, token_defaults(encoders, config), config)
    return NewParts(
        features=features,
        outputs=tokens.outputs,
        failures=sample_arguments.failures(loader.errors),
        timer=timer,
    )


def _encoded_tiles(
    loader: TiledLoader,
    encoders: Encoders,
    config: Config,
    timer: StageTimer,
    alignment: Alignment,
    like: tuple[int, int] | None = None,
) -> NewParts:
    """Read and encode the tiles of parts; their features are aggregated one tile at a time."""
    preparation = part_encoding.preparation(encoders, config)
    tiles = encoded(loader, preparation, encoders, config, timer, like)
    features = tile_features(
        tiles,
        sample_arguments.frames(tiles.outputs),
        token_defaults(encoders, config),
        config,
        part_encoding.device_of(encoders, method.OPS),
    )
    return NewParts(
        features=features,
        outputs=tiles.outputs,
        failures=sample_arguments.failures(loader.errors),
        timer=timer,
        alignment=alignment,
    )


def token_defaults(encoders: Encoders, config: Config) -> Defaults:
    """Return how the tokens of each view are compared."""
    pairs = encode.pairs(len(encoders.images), len(encoders.points))
    return encoders.token_defaults(config, pairs)
