"""The features of a layer, in blocks of parts that stay with the workers of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from musc2._cluster import comparing
from musc2._cluster.comparing import RowOptions
from musc2._cluster.session import Session
from musc2._panels import sample_links
from musc2._panels.medians import SAMPLES
from musc2.by_modality import ByModality
from musc2.config import Config
from musc2.encoders import TokenDefaults
from musc2.matches import Matches
from musc2.ops import Links
from musc2.patch_scores import Balance, Comparison, LayerSteps
from musc2.progress import StageTimer
from musc2.stages.matches import Drivers
from musc2.stages.mutual import Features
from musc2.tokens import Outline, spread_rows


@dataclass(frozen=True, kw_only=True, eq=False)
class RemoteFeatures(Features):
    """Features whose z is empty here: references to blocks (n, L, C), and to sampled rows.

    number: which of a block's samples of rows are those of these features.
    """

    blocks: list[Any] = field(default_factory=list)
    sampled: list[Any] = field(default_factory=list)
    number: int = 0


@dataclass(frozen=True, eq=False)
class FeatureBlock:
    """References to the sampled rows and the features, one by one, of a block."""

    sampled: Any
    features: list[Any]

    @classmethod
    def all_of(
        cls,
        session: Session,
        tokens: Sequence[Any],
        counts: Sequence[int],
        place: tuple[int, int, int],
        defaults: ByModality[TokenDefaults],
        config: Config,
        items: int,
    ) -> list[FeatureBlock]:
        """Return the features of one layer; place: the view, the layer and how many there are."""
        view, layer, count = place
        returns = 1 + items * len(defaults.items())
        blocks: list[FeatureBlock] = []
        first = 0
        for own, parts in zip(tokens, counts, strict=True):
            rows = (first, sum(counts))
            sampled, *features = session.run(
                comparing.features,
                own,
                view,
                (layer, count),
                defaults,
                config,
                rows,
                returns=returns,
            )
            blocks.append(FeatureBlock(sampled, features))
            first += parts
        return blocks


def by_modality(
    blocks: Sequence[FeatureBlock], names: Sequence[str], items: int
) -> Iterator[ByModality[Features]]:
    """Yield the features of each item, one per degree if these are scored separately."""
    for item in range(items):
        own: dict[str, Features] = {}
        for position, name in enumerate(names):
            number = item * len(names) + position
            own[name] = RemoteFeatures(
                z=torch.empty(0),
                blocks=[block.features[number] for block in blocks],
                sampled=[block.sampled for block in blocks],
                number=number,
            )
        yield ByModality(**own)


@dataclass(frozen=True, kw_only=True, eq=False)
class RemoteLayers:
    """The steps of a layer, done by workers on the blocks of its features.

    counts: the parts of each block.
    """

    session: Session
    counts: list[int]
    config: Config

    def steps(self) -> LayerSteps:
        """Return the steps for ``patch_scores.layer_scores``."""
        return LayerSteps(
            copies_of=self._copies_of,
            scores=self._scores,
            salient=self._salient,
            matches=self._matches,
        )

    def _copies_of(self, features: ByModality[RemoteFeatures]) -> torch.Tensor | None:
        names, blocks = _all_blocks(features)
        [copied] = self.session.get([self.session.run(comparing.copies_of, names, *blocks)])
        return copied  # type: ignore[no-any-return]

    def _salient(
        self,
        source: ByModality[RemoteFeatures],
        scores: ByModality[torch.Tensor],
        inside: torch.Tensor | None,
    ) -> ByModality[torch.Tensor]:
        names, blocks = _all_blocks(source)
        task = self.session.run(comparing.salient, names, scores, inside, *blocks)
        [salient] = self.session.get([task])
        return salient  # type: ignore[no-any-return]

    def _matches(
        self,
        source: ByModality[RemoteFeatures],
        subsets: list[torch.Tensor],
        table: torch.Tensor | None,
        outline: Outline,
        chosen: Drivers,
    ) -> Matches | None:
        names, blocks = _all_blocks(source)
        own = (names, subsets, outline, chosen, self.config)
        [matches] = self.session.get([self.session.run(comparing.matches, *own, *blocks)])
        return matches  # type: ignore[no-any-return]

    def _scores(
        self,
        features: ByModality[RemoteFeatures],
        compared: Comparison,
        links: Links | None,
        config: Config,
        timer: StageTimer,
        balance: Balance,
    ) -> ByModality[torch.Tensor]:
        """Return scores (N, L) of one layer: pairs of blocks, then the rows of each block."""
        session = self.session
        with timer.stage("mutual"):
            d = {name: self._distances(own, config) for name, own in features.items()}
            names = tuple(d)
            rows: list[list[Any]] = []  # the distances of each block of parts, modality by modality
            for number in range(len(self.counts)):
                blocks: list[Any] = []
                for block_rows in d.values():
                    blocks += block_rows[number]
                rows.append(blocks)
            copied = compared.copied
            if balance.needed and balance.medians is None:
                balance.medians = self._medians(names, rows, copied, config)
            pending: list[Any] = []
            first = 0
            for count, blocks in zip(self.counts, rows, strict=True):
                own = slice(first, first + count)
                own_links = links
                if links is not None:
                    samples = torch.arange(own.start, own.stop)
                    own_links = sample_links.of_samples(links, samples)
                options = RowOptions(
                    modalities=names,
                    left_out=None if copied is None else copied[own].clone(),
                    medians=balance.medians,
                    links=own_links,
                    config=config,
                )
                pending.append(session.run(comparing.row_scores, options, *blocks))
                first += count
            scored = session.get(pending)
        scores: dict[str, torch.Tensor] = {}
        for name in names:
            scores[name] = torch.cat([own[name] for own in scored])
        return ByModality(**scores)

    def _distances(self, features: RemoteFeatures, config: Config) -> list[list[Any]]:
        """Return references to the distances of each block to each other, each pair once."""
        session, blocks = self.session, features.blocks
        is_all = len(blocks) == 1
        sampled = [own[features.number] for own in session.get(features.sampled)]
        origin = comparing.origin_of(sampled)
        d: list[list[Any]] = [[None] * len(blocks) for _ in blocks]
        for i in range(len(blocks)):
            for j in range(i, len(blocks)):
                second = None if i == j else blocks[j]
                options = (origin, config.search_precision, is_all)
                forward, back = session.run(comparing.pairs, blocks[i], second, *options, returns=2)
                d[i][j] = forward
                if i != j:
                    d[j][i] = back
        return d

    def _medians(
        self,
        names: tuple[str, ...],
        rows: list[list[Any]],
        copied: torch.Tensor | None,
        config: Config,
    ) -> ByModality[float]:
        """Return each modality's median distance over evenly spaced parts."""
        session = self.session
        chosen = spread_rows(sum(self.counts), SAMPLES)
        pending: list[Any] = []
        first = 0
        for count, blocks in zip(self.counts, rows, strict=True):
            own = slice(first, first + count)
            left_out = None if copied is None else copied[own].clone()
            options = RowOptions(
                modalities=names, left_out=left_out, medians=None, links=None, config=config
            )
            numbers = [row - first for row in chosen if first <= row < first + count]
            pending.append(session.run(comparing.finite_distances, options, numbers, *blocks))
            first += count
        [medians] = session.get([session.run(comparing.medians, names, *pending)])
        return medians  # type: ignore[no-any-return]


def _all_blocks(features: ByModality[RemoteFeatures]) -> tuple[tuple[str, ...], list[Any]]:
    """Return the modalities, and the blocks of each in turn: arguments must be one by one."""
    names: list[str] = []
    blocks: list[Any] = []
    for name, own in features.items():
        names.append(name)
        blocks += own.blocks
    return tuple(names), blocks
