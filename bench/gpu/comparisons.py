"""How results of a GPU's kernel are compared with those of the CPU's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Agree = Callable[..., dict[str, Any]]


def equal(inputs: Any, ours: Any, theirs: Any) -> dict[str, Any]:
    """Check that results are equal to the bit, as far as ``theirs`` go."""
    for number, (own, other) in enumerate(zip(ours, theirs, strict=True)):
        differs = own[: len(other)] != other
        if bool(differs.any()):
            where = tuple(int(place) for place in differs.nonzero()[0])
            share = float(differs.float().mean())
            values = f"{own[where].item()} instead of {other[where].item()}"
            msg = (
                f"result {number} differs in {share:.2%} of its values, first at {where}: {values}"
            )
            raise AssertionError(msg)
    return {"differing": 0}


def close(rtol: float, atol: float) -> Agree:
    """Return a check that results are equal to ``rtol`` and ``atol``."""

    def agree(inputs: Any, ours: Any, theirs: Any) -> dict[str, Any]:
        for own, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(own, other, rtol=rtol, atol=atol)
        return {
            "largest difference": max(_largest(*pair) for pair in zip(ours, theirs, strict=True))
        }

    return agree


def _largest(own: torch.Tensor, other: torch.Tensor) -> float:
    return float((own - other).abs().nan_to_num(posinf=0).max())


def matches(half_last_place: float) -> Agree:
    """Return a check of a search that rounds features by at most that share of their length."""

    def agree(inputs: Any, ours: Any, theirs: Any) -> dict[str, Any]:
        return match(ours, theirs, search_error(inputs[0], half_last_place))

    return agree


def match(ours: Any, theirs: Any, error: float) -> dict[str, Any]:
    """Check distances to 1e-5 where the patch is the same, elsewhere the gap between the two."""
    (d, index), (other_d, other_index) = ours, theirs
    assert torch.equal(index < 0, other_index < 0), "other entries are left out"
    assert int(index.max()) < d.shape[1], "a patch that does not exist"
    same = index == other_index
    torch.testing.assert_close(d[same], other_d[same], rtol=1e-5, atol=1e-6)
    gap = float((d - other_d)[~same].abs().max()) if not bool(same.all()) else 0.0
    assert gap <= error, (
        f"a patch {gap:.3g} farther than the nearest, where {error:.3g} is possible"
    )
    return {"same patch": float(same.float().mean()), "largest gap": gap, "possible gap": error}


def search_error(z: torch.Tensor, half_last_place: float) -> float:
    """Return how much farther than the nearest patch the one reported may be.

    By the triangle inequality: both ends of two distances are rounded. Sums in another order and
    deciding to 2^-17 of distance^2 are included.
    """
    rows = z.float().reshape(-1, z.shape[-1])
    norm = float((rows - rows.mean(0)).norm(dim=-1).max())
    return 4 * norm * (half_last_place + z.shape[-1] ** 0.5 * 2.0**-24 + 2.0**-19) * 1.01
