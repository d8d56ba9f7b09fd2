from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from musc2 import checks
from musc2.errors import InputError
from musc2.ops._support import arrays, dispatch, magnitude

OP = "pool_centers"
MAX_DEGREE = 31


def pool_centers(
    tokens: arrays.Array,
    centers: arrays.Array,
    curvature: arrays.Array,
    degrees: Sequence[int] = (1, 3, 5),
    *,
    curvature_threshold: float = 0.01,
    offsets: arrays.Array | Sequence[int] | None = None,
) -> torch.Tensor:
    """Return the group tokens, averaged over nearby centers where the surface is flat (SNAMD).

    tokens: (G, C), centers: (G, 3), curvature: (G,), all float32 -> (G, C) float32

    Args:
        tokens: one per group.
        centers: coordinates of each group's center.
        curvature: of the surface at each center, from ``group_points``.
        degrees: odd numbers up to 31 of nearest centers, the center itself first, to average over;
            at most all centers. The lowest index wins ties, so of centers that coincide the first
            counts as the center itself.
        curvature_threshold: where the curvature is not below it the token stays as it is.
        offsets: (B + 1,), where each sample of a packed batch begins; samples do not mix.

    For each of R degrees the nearest tokens f_n are averaged with weights exp(-|f_n - f|); the R
    averages are concatenated and every R consecutive values averaged, which is the published rule.

    >>> pool_centers(torch.eye(2), torch.eye(2, 3), torch.tensor([0.0, 0.5]), (1,))
    tensor([[1., 0.],
            [0., 1.]])
    """
    features = arrays.finite_tensor(OP, "tokens", tokens, "G, C")
    xyz = arrays.coordinates(OP, "centers", centers, "G, 3")
    bends = arrays.finite_tensor(OP, "curvature", curvature, "G")
    _check_count("centers", xyz, features)
    _check_count("curvature", bends, features)
    windows = torch.tensor(checks.odd_degrees(OP, "degrees", degrees, MAX_DEGREE))
    curvature_threshold = _threshold(curvature_threshold)
    arrays.check_same_device(OP, tokens=features, centers=xyz, curvature=bends)
    bounds = arrays.check_offsets(OP, "offsets", offsets, len(features), "tokens")
    bounds = arrays.offsets_on_device_of(bounds, features)
    exponent = magnitude.excess_exponent(features)
    features = magnitude.shifted(features, -exponent)
    samples, (count, channels) = len(bounds) - 1, features.shape
    pooled = torch.empty_like(features)
    settings = (windows, len(windows), curvature_threshold)
    dispatch.launch(
        OP, features, xyz, bends, bounds, samples, channels, *settings, pooled, gpu_only=(count,)
    )
    return magnitude.shifted(pooled, exponent)


def _check_count(name: str, values: torch.Tensor, tokens: torch.Tensor) -> None:
    if len(values) != len(tokens):
        msg = f"{OP}: tokens has {len(tokens)} rows but {name} has {len(values)}"
        raise InputError(msg)


def _threshold(value: float) -> float:
    is_infinite = isinstance(value, float) and math.isinf(value)
    if not checks.is_number(value) and not is_infinite:
        checks.refuse(OP, "curvature_threshold", "must be a number", checks.shortened(value))
    return float(value)
