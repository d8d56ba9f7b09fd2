"""Correct the distances of each modality by the other's (CAE), as published."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def enhance(
    a: torch.Tensor,
    b: torch.Tensor,
    groups_of_patch: Sequence[torch.Tensor],
    patch_of_group: Sequence[torch.Tensor],
    *,
    stable: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """a: (L, R) of patches, b: (G, R) of groups -> both, corrected.

    groups_of_patch: L index tensors, patch_of_group: G of one index each. stable: rank matching
    with a stable sort; the published one is not, which is faster.
    """
    x2 = torch.stack([_mean_of_groups(b, groups) for groups in groups_of_patch])
    x3 = torch.stack([a[patch].mean(0) for patch in patch_of_group])
    c2 = 1 - _match(a.std(1), x2.std(1), stable)
    c3 = 1 - _match(b.std(1), x3.std(1), stable)
    y3 = _match(b, x3, stable)
    linked = x2.sum(1) != 0
    y2 = x2.clone()
    y2[linked] = _match(a[linked], x2[linked], stable)
    y2, y3 = torch.maximum(a, y2) * c2[:, None], torch.maximum(b, y3) * c3[:, None]
    y2, y3 = _match(a, y2, stable), _match(b, y3, stable)
    return (a + y2) / 2, (b + y3) / 2


def _mean_of_groups(b: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    return b[groups].mean(0) if len(groups) else torch.zeros(b.shape[1])


def _match(source: torch.Tensor, target: torch.Tensor, stable: bool) -> torch.Tensor:
    """Return the values of ``source`` in the order of ``target``, in its shape."""
    matched = torch.empty_like(source).flatten()
    matched[torch.argsort(target.flatten(), stable=stable)] = torch.sort(source.flatten()).values
    return matched.reshape(target.shape)
