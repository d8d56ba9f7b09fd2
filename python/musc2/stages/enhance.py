"""Cross-modal enhancement (CAE), docs/method/algorithm.md section 6."""

from __future__ import annotations

import math

import torch

from musc2.checks import refuse
from musc2.ops import Links, rank_match


def enhance(a: torch.Tensor, b: torch.Tensor, links: Links) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both modalities' distances, each corrected by the other's.

    a: (L2, R), b: (L3, R) float32: one sample's distances, of patches and of point groups, to R
    other samples. ``links`` are the sample's own (of link_patches, not packed). The interval mean
    follows.
    """
    _check(a, b, links)
    patch = links.patch.long()
    # 1. The other modality at the same place.
    in_patch = links.start.diff()
    # Not index_add, which on a GPU adds in any order.
    summed = torch.segment_reduce(
        b[links.groups.long()], "sum", offsets=links.start.long(), initial=0
    )
    from_b = summed / in_patch.clamp(min=1)[:, None]
    from_a = a[patch]
    # 2. How far the references agree; one reference says nothing about that.
    confidence_a, confidence_b = _confidence(a, from_b), _confidence(b, from_a)
    # 3. The other modality in units of this one. Patches without a group stay at 0.
    from_a = _match(b, from_a)
    linked = from_b.sum(1) != 0
    from_b[linked] = _match(a[linked], from_b[linked])
    # 4., 5. The larger of the two, as far as it can be trusted, in units of this one again.
    other_a = _match(a, torch.maximum(a, from_b) * confidence_a)
    other_b = _match(b, torch.maximum(b, from_a) * confidence_b)
    # 6.
    return (a + other_a) / 2, (b + other_b) / 2


def _confidence(own: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    if own.shape[1] < 2 or own.shape[0] == 0:
        return own.new_ones(own.shape[0], 1)
    return (1 - rank_match(_deviation(own), _deviation(other)))[:, None]


def _deviation(d: torch.Tensor) -> torch.Tensor:
    # torch.std takes six times as long for rows this short.
    norm: torch.Tensor = torch.linalg.vector_norm(d - d.mean(1, keepdim=True), dim=1)
    return norm / math.sqrt(d.shape[1] - 1)


def _match(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return rank_match(source.flatten(), target.flatten()).reshape(target.shape)


def _check(a: torch.Tensor, b: torch.Tensor, links: Links) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or a.shape[1] == 0:
        shapes = f"{tuple(a.shape)} and {tuple(b.shape)}"
        refuse("enhance", "a and b", "must be (L2, R) and (L3, R), R at least 1", shapes)
    if links.start.shape != (len(a) + 1,) or links.patch.shape != (len(b),):
        requirement = f"must join {len(a)} patches and {len(b)} groups"
        got = f"a start of shape {tuple(links.start.shape)} and {len(links.patch)} groups"
        refuse("enhance", "links", requirement, got)
