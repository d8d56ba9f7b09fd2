"""From groups of points to one token each; on a CPU in pieces that stay in its caches."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

WIDTH = 384
_PIECE_VALUES = 1 << 20  # of the widest layer, 4 MiB of float32


class Tokenizer(nn.Module):
    """A PointNet shared by all points: groups (T, M, 3) -> one token per group (T, 384)."""

    def __init__(self) -> None:
        super().__init__()
        self.first_conv = nn.Sequential(
            nn.Conv1d(3, 128, 1), nn.BatchNorm1d(128), nn.ReLU(), nn.Conv1d(128, 256, 1)
        )
        self.second_conv = nn.Sequential(
            nn.Conv1d(512, 512, 1), nn.BatchNorm1d(512), nn.ReLU(), nn.Conv1d(512, WIDTH, 1)
        )

    def forward(self, groups: torch.Tensor, statistics: str, clouds: int = 1) -> torch.Tensor:
        """Return one token per group; the groups are those of ``clouds``, equally many each."""
        if groups.device.type == "cpu" and clouds == 1 and not _is_traced():
            return self._in_pieces(groups, statistics)
        return self._at_once(groups, statistics, clouds)

    def _in_pieces(self, groups: torch.Tensor, statistics: str) -> torch.Tensor:
        """Return what ``_at_once`` does, but for the order of sums."""
        first: Any = self.first_conv
        second: Any = self.second_conv
        pieces = torch.split(groups, max(1, _PIECE_VALUES // (512 * groups.shape[1])))
        norms = _Normalization(first[1], statistics)
        if statistics == "sample":
            for piece in pieces:
                norms.add(_per_point(first[0], piece))
        group_weight, point_weight = torch.split(second[0].weight.squeeze(-1), 256, dim=1)
        wide_norms = _Normalization(second[1], statistics)
        wide_pieces: list[torch.Tensor] = []
        for piece in pieces:
            points = _per_point(first[3], norms.apply(_per_point(first[0], piece)).relu_())
            of_group = F.linear(points.amax(1), group_weight, second[0].bias)
            wide_pieces.append(F.linear(points, point_weight).add_(of_group[:, None]))
            if statistics == "sample":
                wide_norms.add(wide_pieces[-1])
        tokens: list[torch.Tensor] = []
        for wide in wide_pieces:
            tokens.append(_per_point(second[3], wide_norms.apply(wide).relu_()).amax(1))
        return torch.cat(tokens)

    def _at_once(self, groups: torch.Tensor, statistics: str, clouds: int) -> torch.Tensor:
        first: Any = self.first_conv
        second: Any = self.second_conv
        hidden = _batch_norm(first[1], _per_point(first[0], groups), statistics, clouds).relu()
        points = _per_point(first[3], hidden)
        # The wide layer takes (maximum of the group, point). The product with the first half is the
        # same for all points of a group and computed once.
        group_weight, point_weight = torch.split(second[0].weight.squeeze(-1), 256, dim=1)
        of_group = F.linear(points.amax(1), group_weight, second[0].bias)
        wide = F.linear(points, point_weight) + of_group[:, None]
        hidden = _batch_norm(second[1], wide, statistics, clouds).relu()
        return _per_point(second[3], hidden).amax(1)


class _Normalization:
    """A batch norm whose statistics are gathered piece by piece, or the running ones."""

    def __init__(self, norm: Any, statistics: str) -> None:
        self._norm = norm
        self._count = 0
        self._shift = norm.running_mean  # near the mean, so that squares lose no digits
        self._sum = torch.zeros(len(norm.weight), dtype=torch.float64)
        self._squares = torch.zeros_like(self._sum)
        self._is_running = statistics == "running"

    def add(self, x: torch.Tensor) -> None:
        """Count values (T, M, C) in."""
        rows = x.flatten(0, 1).float()
        if self._count == 0:
            self._shift = rows.mean(0)
        moved = rows - self._shift
        self._sum += moved.sum(0)
        self._squares += moved.square_().sum(0)
        self._count += len(rows)

    def apply(self, x: torch.Tensor) -> torch.Tensor:
        """Return normalized values (T, M, C); ``x`` may be overwritten."""
        norm = self._norm
        if self._is_running:
            mean, variance = norm.running_mean.double(), norm.running_var.double()
        else:
            mean = self._sum / self._count
            variance = (self._squares / self._count - mean.square()).clamp_(min=0)
            mean = mean + self._shift
        scale = norm.weight / (variance + norm.eps).sqrt()
        shift = (norm.bias - mean * scale).float()
        if x.dtype == torch.float32:
            return x.mul_(scale.float()).add_(shift)
        return torch.addcmul(shift, x, scale.float()).to(x.dtype)


def _per_point(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """Apply a convolution of width 1 as a matrix product over the last dimension."""
    return F.linear(x, layer.weight.squeeze(-1), layer.bias)


def _batch_norm(norm: Any, x: torch.Tensor, statistics: str, clouds: int) -> torch.Tensor:
    """Normalize over all points of a cloud's groups without changing the running statistics."""
    if statistics == "sample" and clouds > 1:
        rows = x.view(clouds, -1, x.shape[-1])
        variance, mean = torch.var_mean(rows.float(), dim=1, correction=0, keepdim=True)
        scale = norm.weight / (variance + norm.eps).sqrt()
        return torch.addcmul(norm.bias - mean * scale, rows, scale).to(x.dtype).view_as(x)
    flat = x.flatten(0, 1)
    if statistics == "running":
        mean, variance = norm.running_mean, norm.running_var
    elif _is_traced():  # OpenVINO sums one after the other: a hundred times the error
        mean = _mean_of_points(x)
        variance = _mean_of_points((x - mean).square())
    else:  # F.batch_norm would compute them with ten times the rounding error in this layout
        variance, mean = torch.var_mean(flat.float(), dim=0, correction=0)
    return F.batch_norm(flat, mean, variance, norm.weight, norm.bias, eps=norm.eps).view_as(x)


def _is_traced() -> bool:
    """Return whether torch is tracing the network, for another runtime."""
    jit: Any = torch.jit
    return bool(jit.is_tracing())


def _mean_of_points(x: torch.Tensor) -> torch.Tensor:
    """Return the mean (C,) over groups and points, by matrix products, which sum in blocks."""
    of_groups = x.new_full((1, x.shape[1]), 1 / x.shape[1]) @ x
    mean: torch.Tensor = x.new_full((1, len(x)), 1 / len(x)) @ of_groups[:, 0]
    return mean[0]
