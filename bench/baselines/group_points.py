"""Group the points around centers as published: neighbors of all points, one center at a time."""

from __future__ import annotations

import torch
from sklearn.neighbors import NearestNeighbors


def group_points(points: torch.Tensor, centers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """points: (P, 3), centers: (G,) -> index (G, 128) and curvature (G,)."""
    tree = NearestNeighbors(n_neighbors=256, algorithm="kd_tree").fit(points.numpy())
    neighbors = torch.from_numpy(tree.kneighbors(points.numpy(), return_distance=False))
    groups, curvatures = [], []
    for center in centers:
        group, curvature = _group(points, neighbors[center])
        groups.append(group)
        curvatures.append(curvature)
    return torch.stack(groups), torch.stack(curvatures)


def _group(points: torch.Tensor, near: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """near: (256,), the neighbors of a center, itself first -> its group and curvature."""
    offsets = points[near[1:128]] - points[near[0]]
    offsets = offsets / offsets.norm(dim=1).max()
    offsets = offsets - offsets.mean(0)
    eigenvalues = torch.linalg.eigvalsh(offsets.T @ offsets / 126)
    curvature = eigenvalues[0] / eigenvalues.sum()
    if curvature < 0.01:
        return near[:128], curvature
    group, candidates = near[:80], near[80:].unique()
    distances = torch.cdist(points[group], points[candidates]).flatten()
    pairs = distances.topk(48, largest=False).indices
    return torch.cat([candidates[pairs % len(candidates)], group]), curvature
