"""The pass over scores and labels that metrics share; ``ThresholdCounts`` is its result."""

from __future__ import annotations

import torch

from musc2 import checks
from musc2.metrics.arguments import LabeledValues, Values, labeled_values
from musc2.ops import ThresholdCounts, region_overlap

MapsAndMasks = tuple[list[torch.Tensor], list[torch.Tensor]] | tuple[torch.Tensor, torch.Tensor]


def counts_of_scores(op: str, scores: Values, labels: Values) -> ThresholdCounts:
    """Count the labels at and above each threshold; scores and labels: of the same shape."""
    pair = labeled_values(op, ("scores", "labels"), scores, labels)
    rows = [torch.from_numpy(array.reshape(1, -1)) for array in pair.values]
    label_rows = [torch.from_numpy(array.reshape(1, -1)) for array in pair.labels]
    return check_both(op, "labels", region_overlap(rows, label_rows))


def counts_of_maps(op: str, maps: Values, masks: Values) -> ThresholdCounts:
    """Count pixels and regions at each threshold; maps and masks: (N, H, W), (H, W) or a list."""
    pair = labeled_values(op, ("maps", "masks"), maps, masks)
    return check_both(op, "masks", region_overlap(*as_maps(op, pair)))


def as_maps(op: str, pair: LabeledValues) -> MapsAndMasks:
    """Return the values and labels of ``pair`` as ``region_overlap`` takes maps and masks."""
    for array in pair.values:
        if array.ndim != 2 and (pair.listed or array.ndim != 3):
            requirement = "must have shape (N, H, W) or (H, W), or be a list of (H, W)"
            checks.refuse(op, "maps", requirement, array.shape)
    values = [torch.from_numpy(array) for array in pair.values]
    labels = [torch.from_numpy(array) for array in pair.labels]
    if pair.listed or values[0].ndim == 2:
        return values, labels
    return values[0], labels[0]


def check_both(op: str, name: str, counts: ThresholdCounts) -> ThresholdCounts:
    """Return ``counts``; raise if they are of one kind only, for which no metric is defined."""
    anomalous = int(counts.anomalous_at.sum())
    if not anomalous or not counts.normal:
        got = f"{counts.normal} normal and {anomalous} anomalous"
        checks.refuse(op, name, "must hold both normal and anomalous", got)
    return counts
