"""The point ops on 64 clouds of 20,000 points: farthest_points, nearest_points, group_points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from clouds import scan
from gpu import one_block
from gpu.bench import Bench, Goal

from musc2 import ops

EXACT = "donot_use_mm_for_euclid_dist"


def batch(bench: Bench, shuffled: bool) -> torch.Tensor:
    """(B, 20000, 3) scans of parts, in the order of their pixels or in none."""
    rng = np.random.default_rng(0)
    clouds = [scan(rng)[0] for _ in range(bench.size(64, 2))]
    if shuffled:
        clouds = [rng.permutation(cloud) for cloud in clouds]
    return torch.from_numpy(np.stack(clouds)).to(bench.device)


def published_search(cloud: torch.Tensor, centers: torch.Tensor, k: int) -> torch.Tensor:
    """All distances, then topk: (G, k) indices."""
    return torch.cdist(cloud[centers], cloud, compute_mode=EXACT).topk(k, largest=False).indices


def published_groups(cloud: torch.Tensor, centers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The published formula for all centers of a cloud at once: (G, 128) indices, (G,) curvature."""
    near = published_search(cloud, centers, 256)
    offsets = cloud[near[:, 1:128]] - cloud[centers][:, None]
    offsets = offsets / offsets.norm(dim=2).amax(1)[:, None, None]
    offsets = offsets - offsets.mean(1, keepdim=True)
    eigenvalues = torch.linalg.eigvalsh(offsets.mT @ offsets / 126)
    curvature = eigenvalues[:, 0] / eigenvalues.sum(1)
    groups, curved = near[:, :128].clone(), curvature >= 0.01
    first, candidates = near[curved, :80], near[curved, 80:].sort(1).values
    apart = torch.cdist(cloud[first], cloud[candidates], compute_mode=EXACT).flatten(1)
    pairs = apart.topk(48, largest=False).indices % candidates.shape[1]
    groups[curved] = torch.cat([candidates.gather(1, pairs), first], 1)
    return groups, curvature


def works(bench: Bench) -> Iterator[Callable[[], dict[str, Any]]]:
    """What to measure: each gives its record."""
    clouds = batch(bench, shuffled=False)
    yield partial(farthest, bench, clouds, "scans")
    yield partial(farthest, bench, batch(bench, shuffled=True), "points in random order")
    centers = ops.farthest_points(clouds.flatten(0, 1), 1024, offsets=offsets_of(clouds)).long()
    yield partial(nearest, bench, clouds, centers)
    yield partial(groups, bench, clouds, centers)


def offsets_of(clouds: torch.Tensor) -> list[int]:
    """Where each cloud begins."""
    return [len(clouds[0]) * cloud for cloud in range(len(clouds) + 1)]


def farthest(bench: Bench, clouds: torch.Tensor, order: str) -> dict[str, Any]:
    """Against one block per cloud."""
    packed, offsets, count = clouds.flatten(0, 1), offsets_of(clouds), bench.size(1024, 64)

    def ours() -> torch.Tensor:
        return ops.farthest_points(packed, count, offsets=offsets)

    baselines = {} if bench.rehearsal else {"a block per cloud": lambda: one_block.farthest_points(clouds, count)}
    for baseline in baselines.values():
        assert torch.equal(ours(), baseline())

    def goals(ms: float, _: Mapping[str, float]) -> list[Goal]:
        return [Goal(what="ms for all clouds", value=ms, at_most=3.0)]

    name = f"farthest_points {len(clouds)} x 20000 -> {count}, {order}"
    return bench.contest(name, ours, baselines, goals)


def nearest(bench: Bench, clouds: torch.Tensor, centers: torch.Tensor) -> dict[str, Any]:
    """Against torch.cdist and topk, a cloud after the other."""
    packed, offsets = clouds.flatten(0, 1), offsets_of(clouds)
    queries = torch.cat([cloud[own] for cloud, own in zip(clouds, centers, strict=True)])
    ends = [len(centers[0]) * cloud for cloud in range(len(clouds) + 1)]

    def ours() -> torch.Tensor:
        return ops.nearest_points(packed, queries, 256, offsets=offsets, query_offsets=ends)[0]

    def published() -> torch.Tensor:
        return torch.cat([published_search(cloud, own, 256) for cloud, own in zip(clouds, centers, strict=True)])

    assert (ours() == published()).float().mean() > 0.99  # ties come in any order from topk
    return bench.contest(f"nearest_points {len(clouds)} x 1024 in 20000, k=256", ours, {"cdist and topk": published})


def groups(bench: Bench, clouds: torch.Tensor, centers: torch.Tensor) -> dict[str, Any]:
    """Against the published formula in torch, all centers of a cloud at once."""
    packed, offsets = clouds.flatten(0, 1), offsets_of(clouds)

    def ours() -> ops.Groups:
        return ops.group_points(packed, centers, offsets=offsets)

    def published() -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [published_groups(cloud, own) for cloud, own in zip(clouds, centers, strict=True)]

    found = ours()
    index, curvature = (torch.stack(parts) for parts in zip(*published(), strict=True))
    assert 0.02 < (curvature >= 0.01).float().mean() < 0.9
    torch.testing.assert_close(found.curvature, curvature, rtol=1e-3, atol=1e-6)
    assert (found.index.sort(2).values == index.sort(2).values).all(2).float().mean() > 0.99

    def goals(ms: float, _: Mapping[str, float]) -> list[Goal]:
        return [Goal(what="ms for all clouds", value=ms, at_most=10.0)]

    name = f"group_points {len(clouds)} x 1024 in 20000"
    return bench.contest(name, ours, {"cdist, topk and eigvalsh": published}, goals)
