"""The point ops on 64 clouds of 20,000 points: how they are searched, grouped and described."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from bench.clouds import scan
from bench.gpu import one_block
from bench.gpu.bench import Bench, Goal
from bench.gpu.works import Work
from musc2 import ops

EXACT = "donot_use_mm_for_euclid_dist"


def batch(bench: Bench, shuffled: bool) -> torch.Tensor:
    """Return (B, 20000, 3) scans of parts, in the order of their pixels or in none."""
    rng = np.random.default_rng(0)
    clouds = [scan(rng)[0] for _ in range(bench.size(64, 2))]
    if shuffled:
        clouds = [rng.permutation(cloud) for cloud in clouds]
    return torch.from_numpy(np.stack(clouds)).to(bench.device)


def published_search(cloud: torch.Tensor, centers: torch.Tensor, k: int) -> torch.Tensor:
    """Return (G, k) indices, by all distances and topk."""
    d = torch.cdist(cloud[centers], cloud, compute_mode=EXACT)
    return d.topk(k, largest=False).indices


def published_groups(
    cloud: torch.Tensor, centers: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (G, 128) indices and (G,) curvature by the published formula, all centers at once."""
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


def works(bench: Bench) -> Iterator[Work]:
    """Yield what to measure."""
    clouds = batch(bench, shuffled=False)
    yield Work("farthest_points, scans", partial(farthest, bench, clouds))
    shuffled = batch(bench, shuffled=True)
    yield Work("farthest_points, points in random order", partial(farthest, bench, shuffled))
    centers = chosen(clouds)
    yield Work("nearest_points", partial(nearest, bench, clouds, centers))
    yield Work("group_points", partial(groups, bench, clouds, centers))
    yield Work("point_normals, scans", partial(normals, bench, clouds))
    yield Work("point_normals, points in random order", partial(normals, bench, shuffled))
    yield Work("group_histograms", partial(histograms, bench, clouds, centers))


def chosen(clouds: torch.Tensor) -> torch.Tensor:
    """Return (B, 1024) int64, the centers of each cloud."""
    return ops.farthest_points(clouds.flatten(0, 1), 1024, offsets=offsets_of(clouds)).long()


def offsets_of(clouds: torch.Tensor) -> list[int]:
    """Return where each cloud begins, and the end."""
    return [len(clouds[0]) * cloud for cloud in range(len(clouds) + 1)]


def farthest(bench: Bench, clouds: torch.Tensor) -> dict[str, Any]:
    """Measure it against one block per cloud."""
    packed, offsets, count = clouds.flatten(0, 1), offsets_of(clouds), bench.size(1024, 64)

    def ours() -> torch.Tensor:
        return ops.farthest_points(packed, count, offsets=offsets)

    def one_block_each() -> torch.Tensor:
        return one_block.farthest_points(clouds, count)

    def check() -> None:
        assert torch.equal(ours(), one_block_each())

    def goals(ms: float, _: Mapping[str, float]) -> list[Goal]:
        return [Goal(what="ms for all clouds", value=ms, at_most=3.0)]

    baselines = {} if bench.rehearsal else {"a block per cloud": one_block_each}
    return bench.contest(f"{len(clouds)} x 20000 -> {count}", ours, baselines, check, goals)


def nearest(bench: Bench, clouds: torch.Tensor, centers: torch.Tensor) -> dict[str, Any]:
    """Measure it against all distances and topk."""
    packed, offsets = clouds.flatten(0, 1), offsets_of(clouds)
    queries = torch.cat([cloud[own] for cloud, own in zip(clouds, centers, strict=True)])
    query_offsets = offsets_of(centers)

    def ours() -> torch.Tensor:
        return ops.nearest_points(
            packed, queries, 256, offsets=offsets, query_offsets=query_offsets
        )[0]

    def published() -> torch.Tensor:
        pairs = zip(clouds, centers, strict=True)
        return torch.cat([published_search(cloud, own, 256) for cloud, own in pairs])

    def check() -> None:
        assert (ours() == published()).float().mean() > 0.99  # topk orders ties as it likes

    size = f"{len(clouds)} x 1024 in 20000, k=256"
    return bench.contest(size, ours, {"cdist and topk": published}, check)


def groups(bench: Bench, clouds: torch.Tensor, centers: torch.Tensor) -> dict[str, Any]:
    """Measure it against the published formula in torch, all centers of a cloud at once."""
    packed, offsets = clouds.flatten(0, 1), offsets_of(clouds)

    def ours() -> ops.Groups:
        return ops.group_points(packed, centers, offsets=offsets)

    def published() -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [published_groups(*pair) for pair in zip(clouds, centers, strict=True)]

    def check() -> None:
        result, theirs = ours(), published()
        index = torch.stack([indices for indices, _ in theirs])
        curvature = torch.stack([values for _, values in theirs])
        assert 0.02 < (curvature >= 0.01).float().mean() < 0.9
        torch.testing.assert_close(result.curvature, curvature, rtol=1e-3, atol=1e-6)
        same = (result.index.sort(2).values == index.sort(2).values).all(2)
        assert same.float().mean() > 0.99

    def goals(ms: float, _: Mapping[str, float]) -> list[Goal]:
        return [Goal(what="ms for all clouds", value=ms, at_most=10.0)]

    size = f"{len(clouds)} x 1024 in 20000"
    return bench.contest(size, ours, {"cdist, topk and eigvalsh": published}, check, goals)


def normals(bench: Bench, clouds: torch.Tensor) -> dict[str, Any]:
    """Measure it alone: every point's distances to all others take torch seconds."""
    thinned = clouds[:, : bench.size(20_000, 300)]
    packed, offsets = thinned.flatten(0, 1), offsets_of(thinned)

    def ours() -> torch.Tensor:
        return ops.point_normals(packed, offsets=offsets)[0]

    return bench.contest(f"{len(thinned)} x {thinned.shape[1]}, 24 neighbors", ours, {}, _no_check)


def histograms(bench: Bench, clouds: torch.Tensor, centers: torch.Tensor) -> dict[str, Any]:
    """Measure it alone, at three scales."""
    thinned, own = clouds[:, : bench.size(20_000, 300)], centers[:, : bench.size(1024, 20)]
    packed, offsets = thinned.flatten(0, 1), offsets_of(thinned)
    surface = (packed, *ops.point_normals(packed, offsets=offsets), own % thinned.shape[1])

    def ours() -> torch.Tensor:
        return ops.group_histograms(*surface, offsets=offsets)

    return bench.contest(f"{len(thinned)} x {own.shape[1]}, 3 scales", ours, {}, _no_check)


def _no_check() -> None:
    """Check nothing: the stage before has compared the results with the CPU's."""
