"""1,024 groups in a surface of 20,000 points, a quarter of them near a step, against what the published code does."""

import torch
from clouds import surface
from contest import Sides, contest
from sklearn.neighbors import NearestNeighbors

from musc2.ops import farthest_points, group_points


def published(points: torch.Tensor, centers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Neighbours of every point, then one center at a time."""
    tree = NearestNeighbors(n_neighbors=256, algorithm="kd_tree").fit(points.numpy())
    neighbors = torch.from_numpy(tree.kneighbors(points.numpy(), return_distance=False))
    groups, curvatures = zip(*(published_group(points, neighbors[center]) for center in centers), strict=True)
    return torch.stack(groups), torch.stack(curvatures)


def published_group(points: torch.Tensor, near: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    offsets = points[near[1:128]] - points[near[0]]
    offsets = offsets / offsets.norm(dim=1).max()
    offsets = offsets - offsets.mean(0)
    eigenvalues = torch.linalg.eigvalsh(offsets.T @ offsets / 126)
    curvature = eigenvalues[0] / eigenvalues.sum()
    if curvature < 0.01:
        return near[:128], curvature
    group, candidates = near[:80], near[80:].unique()
    pairs = torch.cdist(points[group], points[candidates]).flatten().topk(48, largest=False).indices
    return torch.cat([candidates[pairs % len(candidates)], group]), curvature


def prepare() -> Sides:
    points = torch.from_numpy(surface(20_000))
    centers = farthest_points(points, 1024).long()

    def check(ours, baseline) -> None:
        index, curvature = baseline
        assert 0.2 < (curvature >= 0.01).float().mean() < 0.3
        torch.testing.assert_close(ours.curvature, curvature, rtol=1e-3, atol=1e-6)
        assert (ours.index.sort(1).values == index.sort(1).values).all(1).float().mean() > 0.99

    return Sides(ours=lambda: group_points(points, centers), baseline=lambda: published(points, centers), check=check)


test_group_points = contest("group_points 1024 in 20000", target=45.0, prepare=prepare)
