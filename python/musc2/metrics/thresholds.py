"""The one pass over scores and labels that figures share; ThresholdCounts says what comes out of it."""

from __future__ import annotations

import torch

from musc2.errors import InputError
from musc2.metrics.arguments import Pair, Values, paired
from musc2.ops import ThresholdCounts, region_overlap


def counts_of_scores(op: str, scores: Values, labels: Values) -> ThresholdCounts:
    """scores and labels: of the same shape, whatever it is."""
    pair = paired(op, ("scores", "labels"), scores, labels)
    values, truth = ([torch.from_numpy(one.reshape(1, -1)) for one in some] for some in (pair.values, pair.truth))
    return check_both(op, "labels", region_overlap(values, truth))


def counts_of_maps(op: str, maps: Values, masks: Values) -> ThresholdCounts:
    """maps and masks: (N, H, W) or (H, W), or a list of (H, W) each."""
    return check_both(op, "masks", region_overlap(*as_maps(op, paired(op, ("maps", "masks"), maps, masks))))


def as_maps(op: str, pair: Pair) -> tuple[list[torch.Tensor], list[torch.Tensor]] | tuple[torch.Tensor, torch.Tensor]:
    """The values and the truth of ``pair`` as ``region_overlap`` takes maps and masks."""
    for one in pair.values:
        if one.ndim != 2 and (pair.listed or one.ndim != 3):
            msg = f"{op}: maps must have shape (N, H, W) or (H, W), or be a list of (H, W), got {one.shape}"
            raise InputError(msg)
    values, truth = ([torch.from_numpy(one) for one in some] for some in (pair.values, pair.truth))
    if pair.listed or values[0].ndim == 2:
        return values, truth
    return values[0], truth[0]


def check_both(op: str, name: str, counts: ThresholdCounts) -> ThresholdCounts:
    """``counts`` unchanged, or an error when no figure of them is defined."""
    anomalous = int(counts.anomalous_at.sum())
    if not anomalous or not counts.normal:
        msg = f"{op}: {name} must hold both normal and anomalous, got {counts.normal} normal and {anomalous} anomalous"
        raise InputError(msg)
    return counts
