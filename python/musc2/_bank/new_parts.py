"""Parts that were read and encoded for a bank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from musc2 import inputs, part_encoding
from musc2._arguments import bank as bank_arguments
from musc2._arguments import samples as sample_arguments
from musc2._bank.store import Bank, PartFeatures, part_features
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
    """The features of parts, their names, and those that were left out."""

    features: PartFeatures
    outputs: list[OutputSpec]
    failures: list[Failure]
    timer: StageTimer

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
    parts = encoded(samples, encoders, bank.config, StageTimer(report))
    bank.check(parts.features, parts.names, op)
    return parts


def encoded(
    samples: Sequence[Sample],
    encoders: Encoders,
    config: Config,
    timer: StageTimer,
    loader: PartLoader | None = None,
) -> NewParts:
    """Read and encode parts and aggregate their features."""
    own = loader or part_encoding.loader(samples, encoders, config, timer)
    tokens = part_encoding.encoded(own, own.count, encoders, config, timer)
    part_set = part_encoding.part_set(tokens, config)
    pairs = encode.pairs(len(encoders.images), len(encoders.points))
    with timer.stage("aggregate"):
        features = part_features(part_set, pairs, token_defaults(encoders, config), config)
    return NewParts(
        features=features,
        outputs=tokens.outputs,
        failures=sample_arguments.failures(own.errors),
        timer=timer,
    )


def token_defaults(encoders: Encoders, config: Config) -> Defaults:
    """Return how the tokens of each view are compared."""
    pairs = encode.pairs(len(encoders.images), len(encoders.points))
    return encoders.token_defaults(config, pairs)
