"""Cross-modal enhancement (CAE), docs/method/algorithm.md section 6."""

from __future__ import annotations

import math

import torch

from musc2.checks import refuse
from musc2.ops import Links, rank_match
from musc2.ops._support import threads

_VALUES = 1 << 26  # distances of a batch on a GPU; matching them takes 24 bytes for each


def enhance(a: torch.Tensor, b: torch.Tensor, links: Links) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both modalities' distances, each corrected by the other's.

    a: (L2, R), b: (L3, R) float32: one sample's distances, of patches and of point groups, to R
    other samples. ``links`` are the sample's own (of link_patches, not packed). The interval mean
    follows.
    """
    _check(a, b, links)
    own = Links(links.patch[None], links.start[None], links.groups[None])
    enhanced_a, enhanced_b = _enhance(a[None], b[None], own, None)
    return enhanced_a[0], enhanced_b[0]


def enhance_in_place(d_2d: torch.Tensor, d_3d: torch.Tensor, links: Links) -> None:
    """Enhance distances (n, L2, K) and (n, L3, K) of n samples, apart from those that are +inf.

    These are a sample's distances to itself and to its copies. links: packed, patch and groups
    (n, L3). A GPU takes many samples at once, a CPU one by one, in its caches.
    """
    if d_2d.is_cuda:
        values = d_2d[0].numel() + d_3d[0].numel()
        step = max(1, _VALUES // max(values, 1))
        for start in range(0, len(d_2d), step):
            part = slice(start, start + step)
            a, b = d_2d[part], d_3d[part]
            own = Links(links.patch[part], links.start[part], links.groups[part])
            enhanced_a, enhanced_b = _enhance(a, b, own, a[:, 0].isinf())
            a.copy_(enhanced_a)
            b.copy_(enhanced_b)
        return
    with threads.one_thread():  # many small steps
        for sample, (a, b) in enumerate(zip(d_2d, d_3d, strict=True)):
            columns = a[0].isfinite()
            own = Links(links.patch[sample], links.start[sample], links.groups[sample])
            a[:, columns], b[:, columns] = enhance(a[:, columns], b[:, columns], own)


def _enhance(
    a: torch.Tensor, b: torch.Tensor, links: Links, hidden: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the distances a: (n, L2, R) and b: (n, L3, R) of n samples, enhanced.

    hidden: (n, R) bool, columns of +inf on both sides, which stay so; None if there are none.
    """
    # 1. The other modality at the same place.
    in_patch = links.start.diff()
    from_b = _sums_in_patches(b, links) / in_patch.clamp(min=1)[:, :, None]
    from_a = _rows_of_samples(a, links.patch)
    # 2. How far the references agree; one reference says nothing about that.
    confidence_a, confidence_b = _confidence(a, from_b, hidden), _confidence(b, from_a, hidden)
    # 3. The other modality in units of this one. Patches without a group stay at 0.
    from_a = _match(b, from_a)
    from_b = _match_linked(a, from_b, hidden)
    # 4., 5. The larger of the two, as far as it can be trusted, in units of this one again.
    trusted_a = _filled(torch.maximum(a, from_b) * confidence_a, hidden, float("inf"))
    trusted_b = _filled(torch.maximum(b, from_a) * confidence_b, hidden, float("inf"))
    other_a, other_b = _match(a, trusted_a), _match(b, trusted_b)
    # 6.
    return (a + other_a) / 2, (b + other_b) / 2


def _sums_in_patches(b: torch.Tensor, links: Links) -> torch.Tensor:
    """Return the sums (n, L2, R) of the groups in each patch; 0 in a patch without any."""
    samples, groups, references = b.shape
    first = torch.arange(samples, device=b.device)[:, None] * groups
    starts = (links.start[:, :-1] + first).flatten()
    offsets = torch.cat([starts, first.new_full((1,), samples * groups)])
    values = _rows_of_samples(b, links.groups).flatten(0, 1)
    # Not index_add, which on a GPU adds in any order. Unsafe: offsets are not read to check them.
    sums = torch.segment_reduce(values, "sum", offsets=offsets, initial=0, unsafe=True)
    return sums.reshape(samples, -1, references)


def _rows_of_samples(d: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """d: (n, L, R), rows: (n, G) of each sample -> (n, G, R)."""
    if len(d) == 1:
        return d[0, rows[0].long()][None]
    first = torch.arange(len(d), device=d.device)[:, None] * d.shape[1]
    return d.reshape(-1, d.shape[2])[rows + first]


def _confidence(
    own: torch.Tensor, other: torch.Tensor, hidden: torch.Tensor | None
) -> torch.Tensor:
    """Return (n, L, 1): how far the distances of a patch or group to the references agree."""
    samples, rows, columns = own.shape
    if columns < 2 or rows == 0:
        return own.new_ones(samples, rows, 1)
    confidence = 1 - rank_match(_deviation(own, hidden), _deviation(other, hidden))
    if hidden is not None:
        confidence = confidence.masked_fill(_visible(hidden) < 2, 1.0)
    return confidence[:, :, None]


def _deviation(d: torch.Tensor, hidden: torch.Tensor | None) -> torch.Tensor:
    # torch.std takes six times as long for rows this short.
    if hidden is None:
        norm: torch.Tensor = torch.linalg.vector_norm(d - d.mean(2, keepdim=True), dim=2)
        return norm / math.sqrt(d.shape[2] - 1)
    count = _visible(hidden)
    mean = _filled(d, hidden, 0.0).sum(2, keepdim=True) / count[:, :, None]
    norm = torch.linalg.vector_norm(_filled(d - mean, hidden, 0.0), dim=2)
    return norm / (count - 1).clamp(min=1).sqrt()


def _visible(hidden: torch.Tensor) -> torch.Tensor:
    """Return how many references are not hidden, (n, 1)."""
    return (~hidden).sum(1, keepdim=True)


def _match_linked(
    a: torch.Tensor, from_b: torch.Tensor, hidden: torch.Tensor | None
) -> torch.Tensor:
    """Return ``from_b`` in units of the patches that hold a group; the others stay at 0."""
    if hidden is None and len(a) == 1:
        linked = from_b[0].sum(1) != 0
        from_b[0, linked] = _match(a[:, linked], from_b[:, linked])[0]
        return from_b
    unlinked = ~(_filled(from_b, hidden, 0.0) != 0).any(2, keepdim=True)
    # As many values are +inf on both sides, so that the others keep their ranks.
    infinite_a, infinite_b = (d.masked_fill(unlinked, float("inf")) for d in (a, from_b))
    return _match(infinite_a, infinite_b).masked_fill(unlinked, 0.0)


def _match(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return rank_match(source.flatten(1), target.flatten(1)).reshape(target.shape)


def _filled(d: torch.Tensor, hidden: torch.Tensor | None, value: float) -> torch.Tensor:
    return d if hidden is None else d.masked_fill(hidden[:, None], value)


def _check(a: torch.Tensor, b: torch.Tensor, links: Links) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or a.shape[1] == 0:
        shapes = f"{tuple(a.shape)} and {tuple(b.shape)}"
        refuse("enhance", "a and b", "must be (L2, R) and (L3, R), R at least 1", shapes)
    if links.start.shape != (len(a) + 1,) or links.patch.shape != (len(b),):
        requirement = f"must join {len(a)} patches and {len(b)} groups"
        got = f"a start of shape {tuple(links.start.shape)} and {len(links.patch)} groups"
        refuse("enhance", "links", requirement, got)
