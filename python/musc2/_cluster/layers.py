"""The features of a layer, in blocks of parts that stay with the workers of a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from musc2._cluster import comparing, searching
from musc2._cluster.comparing import RowOptions
from musc2._cluster.searching import Search
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

Distances = dict[str, list[list[Any]]]
"""References to the distances of each block of parts, a list for each of them, by modality."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RemoteFeatures(Features):
    """Features whose z is empty here: references to blocks (n, L, C).

    partners: the same of the parts that others are compared with and that are not scored.
    """

    blocks: list[Any] = field(default_factory=list)
    partners: list[Any] = field(default_factory=list)

    @property
    def search(self) -> Search:
        """Where its nearest patches are looked for."""
        return Search(window=self.window, grid=self.grid)


_Started = tuple[ByModality[RemoteFeatures], Distances]
"""Features, and references to their distances."""


def feature_blocks(
    session: Session,
    tokens: Sequence[Any],
    place: tuple[int, int, int],
    defaults: ByModality[TokenDefaults],
    config: Config,
    items: int,
) -> list[list[Any]]:
    """Return references to the features of one layer, one by one, of each block of tokens.

    place: the view, the layer and how many there are.
    """
    view, layer, count = place
    returns = items * len(defaults.items())
    blocks: list[list[Any]] = []
    for own in tokens:
        task = (comparing.features, own, view, (layer, count), defaults, config)
        references = session.run(*task, returns=returns)
        blocks.append([references] if returns == 1 else references)
    return blocks


def by_modality(
    blocks: Sequence[list[Any]],
    partners: Sequence[list[Any]],
    names: Sequence[str],
    items: int,
    config: Config,
    grid: tuple[int, int] | None,
) -> Iterator[ByModality[Features]]:
    """Yield the features of each item, one per degree if these are scored separately.

    blocks and partners: see ``feature_blocks``. grid: of images, which alone are searched in a
    window.
    """
    for item in range(items):
        own: dict[str, Features] = {}
        for position, name in enumerate(names):
            number = item * len(names) + position
            is_image = name == "image"
            own[name] = RemoteFeatures(
                z=torch.empty(0),
                window=config.window if is_image else None,
                grid=grid if is_image else None,
                blocks=[block[number] for block in blocks],
                partners=[block[number] for block in partners],
            )
        yield ByModality(**own)


@dataclass(frozen=True, kw_only=True, eq=False)
class RemoteLayers:
    """The steps of a layer, done by workers on the blocks of its features.

    counts: the parts of each block; reference_counts: those of each block of references.
    """

    session: Session
    counts: list[int]
    reference_counts: list[int]
    config: Config
    _started: dict[int, _Started] = field(default_factory=dict)

    def steps(self) -> LayerSteps:
        """Return the steps for ``patch_scores.layer_scores``."""
        return LayerSteps(
            copies_of=self._copies_of,
            scores=self._scores,
            salient=self._salient,
            matches=self._matches,
        )

    def _copies_of(self, features: ByModality[RemoteFeatures]) -> torch.Tensor | None:
        blocks: list[Any] = []
        for own in features.values():
            blocks += [*own.blocks, *own.partners]
        names = list(dict(features.items()))
        task = self.session.run(comparing.copies_of, names, len(self.counts), *blocks)
        # Others work on these meanwhile. Features that are kept keep their id to themselves.
        self._started[id(features)] = features, self._distances(features)
        [copied] = self.session.get([task])
        return copied  # type: ignore[no-any-return]

    def _salient(
        self,
        source: ByModality[RemoteFeatures],
        scores: ByModality[torch.Tensor],
        inside: torch.Tensor | None,
    ) -> ByModality[torch.Tensor]:
        names = list(dict(source.items()))
        pending: list[Any] = []
        for number, own in enumerate(self._slices()):
            own_scores = scores.map(partial(_rows_of, rows=own))
            own_inside = None if inside is None else _rows_of(inside, own)
            features = [part.blocks[number] for part in source.values()]
            task = (names, own_scores, own_inside, *features)
            pending.append(self.session.run(comparing.salient, *task))
        salient = self.session.get(pending)
        joined: dict[str, torch.Tensor] = {}
        for name in names:
            joined[name] = torch.cat([dict(part.items())[name] for part in salient])
        return ByModality(**joined)

    def _matches(
        self,
        source: ByModality[RemoteFeatures],
        subsets: list[torch.Tensor],
        table: torch.Tensor | None,
        outline: Outline,
        chosen: Drivers,
    ) -> Matches | None:
        _, blocks = _all_blocks(source)
        own = (source.map(lambda features: features.search), subsets, outline, chosen)
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
            started = self._started.pop(id(features), None)
            d = self._distances(features) if started is None else started[1]
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
            for own, blocks in zip(self._slices(), rows, strict=True):
                own_links = links
                if links is not None:
                    samples = torch.arange(own.start, own.stop)
                    own_links = sample_links.of_samples(links, samples)
                options = RowOptions(
                    modalities=names,
                    left_out=None if copied is None else _rows_of(copied, own),
                    medians=balance.medians,
                    links=own_links,
                    config=config,
                )
                pending.append(session.run(comparing.row_scores, options, *blocks))
            scored = session.get(pending)
        scores: dict[str, torch.Tensor] = {}
        for name in names:
            scores[name] = torch.cat([own[name] for own in scored])
        return ByModality(**scores)

    def _distances(self, features: ByModality[RemoteFeatures]) -> Distances:
        """Return references to the distances of each block to each other, each pair once.

        Those to the blocks of references follow.
        """
        d: Distances = {}
        for name, own in features.items():
            d[name] = self._among(own)
            if self.reference_counts:
                to_references = self._to_references(own)
                for row, distances in zip(d[name], to_references, strict=True):
                    row += distances
        return d

    def _among(self, features: RemoteFeatures) -> list[list[Any]]:
        """Return references to the distances of each block of samples to each other."""
        session, search, blocks = self.session, features.search, features.blocks
        d: list[list[Any]] = [[None] * len(blocks) for _ in blocks]
        for i, j in self._largest_first():
            if i == j:
                d[i][i] = session.run(searching.among, search, blocks[i])
                continue
            task = (searching.pairs, search, blocks[i], blocks[j])
            d[i][j], d[j][i] = session.run(*task, returns=2)
        return d

    def _largest_first(self) -> list[tuple[int, int]]:
        """Return the numbers of the blocks to compare, so that workers end at about one time."""

        def parts(numbers: tuple[int, int]) -> int:
            i, j = numbers
            pairs = self.counts[i] * self.counts[j]
            return pairs // 2 if i == j else pairs

        every = itertools.combinations_with_replacement(range(len(self.counts)), 2)
        return sorted(every, key=parts, reverse=True)

    def _to_references(self, features: RemoteFeatures) -> list[list[Any]]:
        """Return references to the distances of each block to those of references."""
        d: list[list[Any]] = []
        for block in features.blocks:
            d.append([])
            for partner in features.partners:
                task = (searching.to_references, features.search, block, partner)
                d[-1].append(self.session.run(*task))
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
        for own, blocks in zip(self._slices(), rows, strict=True):
            left_out = None if copied is None else _rows_of(copied, own)
            options = RowOptions(
                modalities=names, left_out=left_out, medians=None, links=None, config=config
            )
            numbers = [row - own.start for row in chosen if own.start <= row < own.stop]
            pending.append(session.run(comparing.finite_distances, options, numbers, *blocks))
        [medians] = session.get([session.run(comparing.medians, names, *pending)])
        return medians  # type: ignore[no-any-return]

    def _slices(self) -> list[slice]:
        """Return the rows of each block."""
        ends = itertools.accumulate(self.counts, initial=0)
        return [slice(*own) for own in itertools.pairwise(ends)]


def _rows_of(values: torch.Tensor, rows: slice) -> torch.Tensor:
    """Return a copy of some rows, which takes nothing else along when it is sent."""
    return values[rows].clone()


def _all_blocks(features: ByModality[RemoteFeatures]) -> tuple[tuple[str, ...], list[Any]]:
    """Return the modalities, and the blocks of each in turn: arguments must be one by one."""
    names: list[str] = []
    blocks: list[Any] = []
    for name, own in features.items():
        names.append(name)
        blocks += own.blocks
    return tuple(names), blocks
