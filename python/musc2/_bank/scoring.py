"""Score new parts against a bank, and the bank's parts among themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from musc2 import method
from musc2._bank.new_parts import Defaults
from musc2._bank.part_features import PartFeatures
from musc2._bank.store import Bank
from musc2._bank.tiles import BankTiles, NewTiles
from musc2._tiles.scores import ViewScoring, copied_tiles
from musc2.by_modality import ByModality
from musc2.method import ScoredParts
from musc2.patch_scores import Levels, PatchScores, copies_of, layer_scores
from musc2.progress import StageTimer
from musc2.result import Result
from musc2.stages import copies
from musc2.tokens import Outline


def among(bank: Bank, defaults: Defaults, timer: StageTimer) -> ScoredParts:
    """Return the scores of the bank's own parts, each against all others."""
    patches: list[PatchScores] = []
    for view, outline in enumerate(bank.outlines):
        if bank.alignment is not None:
            source = BankTiles(bank, view)
            task = ViewScoring(source, outline, defaults[view], bank.config, timer)
            patches.append(task.scores(None))
            continue
        count = bank.layers[view][-1][0] + 1
        layered = bank.layers_of(view)
        own, is_first = defaults[view], view == 0
        patches.append(
            layer_scores(layered, count, outline, own, bank.config, timer, matched=is_first)
        )
    slots = bank.slots
    classes: list[torch.Tensor | None] = []
    for view in range(len(patches)):
        rows = bank.class_tokens.get(view)
        classes.append(None if rows is None else rows[slots])
    return ScoredParts(patches=patches, outlines=bank.outlines, class_tokens=classes)


def result_among(
    bank: Bank, defaults: Defaults, *, references_are_good: bool
) -> tuple[Result, ScoredParts]:
    """Return the Result of the bank's own parts, and what it was concluded from."""
    timer = StageTimer()
    scored = among(bank, defaults, timer)
    result = method.conclude(
        scored,
        defaults,
        bank.map_config,
        timer,
        names=bank.names,
        paths=[part.path for part in bank.parts],
        peers=scored if references_are_good else None,
        references_are_good=references_are_good,
    )
    return replace(result, config=bank.config, timings=dict(timer.seconds)), scored


def against(
    bank: Bank,
    features: PartFeatures,
    defaults: Defaults,
    levels: Sequence[Levels],
    timer: StageTimer,
) -> ScoredParts:
    """Return the scores of new parts, each against the bank alone, on the bank's levels."""
    config = bank.config.replace(subset_count=1)
    rows: list[list[PatchScores]] = [[] for _ in features.outlines]
    outlines: list[Outline] = []
    for outline, own in zip(features.outlines, bank.outlines, strict=True):
        outlines.append(replace(outline, grid=own.grid))
    for index in range(outlines[0].count):
        part = features.of_part(index)
        for view, outline in enumerate(part.outlines):
            if bank.alignment is not None:
                source = NewTiles(bank, view, part)
                whole = replace(outline, grid=outlines[view].grid)
                task = ViewScoring(source, whole, defaults[view], config, timer)
                scored = task.scores(levels[view])
            else:
                scored = layer_scores(
                    bank.layers_against(part, view),
                    bank.layers[view][-1][0] + 1,
                    outline,
                    defaults[view],
                    config,
                    timer,
                    levels[view],
                    matched=False,
                )
            rows[view].append(scored)
    classes: list[torch.Tensor | None] = [None] * len(rows)
    return ScoredParts(patches=list(map(_joined, rows)), outlines=outlines, class_tokens=classes)


def copies_in(bank: Bank, features: PartFeatures) -> torch.Tensor | None:
    """Return (n, n + N) bool: which parts of the bank are copies of new parts; None if none are.

    New parts do not count as copies of each other.
    """
    rows: list[torch.Tensor | None] = []
    for index in range(features.outlines[0].count):
        part = features.of_part(index)
        if bank.alignment is not None:
            rows.append(copied_tiles(NewTiles(bank, 0, part), StageTimer()))
        else:
            _, layer = next(bank.layers_against(part, 0))
            rows.append(copies_of(layer))
    return _joined_copies(rows)


def bank_order(bank: Bank) -> list[str]:
    """Return the names of the parts by their row in the blocks, the order of references."""
    return [part.name for part in sorted(bank.parts, key=lambda part: part.slot)]


def warn_copies(
    bank: Bank, copied: torch.Tensor | None, names: Sequence[str], message: str
) -> None:
    """Warn of new parts that are in the bank."""
    if copied is not None:
        copies.warn(copied, names, message, bank_order(bank))


def _joined(rows: Sequence[PatchScores]) -> PatchScores:
    """Return the scores of parts that were scored one by one."""
    first = rows[0]
    scores = ByModality(
        torch.cat([row.scores.image for row in rows if row.scores.image is not None])
        if first.scores.image is not None
        else None,
        torch.cat([row.scores.points for row in rows if row.scores.points is not None])
        if first.scores.points is not None
        else None,
    )
    copied = _joined_copies([row.copies for row in rows])
    return replace(first, scores=scores, salient=ByModality(), find_matches=None, copies=copied)


def _joined_copies(rows: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    """Return (n, n + N) from rows (1, 1 + N) of single parts."""
    marked = [row for row in rows if row is not None]
    if not marked:
        return None
    table = marked[0].new_zeros(len(rows), len(rows) + marked[0].shape[1] - 1)
    for index, row in enumerate(rows):
        if row is not None:
            table[index, len(rows) :] = row[0, 1:]
    return table
