"""Ops with fixed sizes, to be called on a GPU in more ways than the op tests do.

And the search by Hopper's instructions, emulated or on a GPU.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import backends
import pytest
import torch

from musc2 import cuda, ops
from musc2.ops._support import dispatch

CLOUDS, POINTS, CENTERS = 2, 700, 24


@dataclasses.dataclass(frozen=True)
class Call:
    """An op and a maker of its inputs: new values at every call, always of the same shapes."""

    op: Callable[..., Any]
    inputs: Callable[[torch.Generator], tuple[torch.Tensor, ...]]

    def __call__(self, inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        """Return the results of the op as a list."""
        result = self.op(*inputs)
        if isinstance(result, torch.Tensor):
            return [result]
        values = dataclasses.astuple(result) if dataclasses.is_dataclass(result) else result
        return list(values)


def _values(*shape: int) -> Callable[[torch.Generator], torch.Tensor]:
    return lambda generator: torch.randn(shape, generator=generator)


def _whole(below: int, *shape: int) -> Callable[[torch.Generator], torch.Tensor]:
    return lambda generator: torch.randint(below, shape, generator=generator)


def _call(op: Callable[..., Any], *makers: Callable[[torch.Generator], torch.Tensor]) -> Call:
    return Call(op, lambda generator: tuple(make(generator) for make in makers))


CALLS = {
    "farthest_points": _call(
        lambda points: ops.farthest_points(points, CENTERS), _values(POINTS, 3)
    ),
    "nearest_points": _call(
        lambda points, queries: ops.nearest_points(points, queries, 40),
        _values(POINTS, 3),
        _values(CENTERS, 3),
    ),
    "group_points": _call(
        lambda points, centers: ops.group_points(points, centers),
        _values(POINTS, 3),
        _whole(POINTS, CENTERS),
    ),
    "point_normals": _call(ops.point_normals, _values(POINTS, 3)),
    "group_histograms": _call(
        lambda points, normals, variation, centers: ops.group_histograms(
            points, normals, variation.abs(), centers
        ),
        _values(POINTS, 3),
        _values(POINTS, 3),
        _values(POINTS),
        _whole(POINTS, CENTERS),
    ),
    "pool_grid": _call(lambda tokens: ops.pool_grid(0.1 * tokens), _values(2, 9, 8, 64)),
    "pool_centers": _call(
        lambda tokens, centers, curvature: ops.pool_centers(
            0.1 * tokens, centers, 0.01 * curvature.abs()
        ),
        _values(CENTERS, 32),
        _values(CENTERS, 3),
        _values(CENTERS),
    ),
    "nearest_patches": _call(
        lambda z: ops.nearest_patches(z, return_index=True), _values(4, 150, 64)
    ),
    "lowest_mean": _call(ops.lowest_mean, _values(300, 90)),
    "rank_match": _call(ops.rank_match, _values(500), _values(500)),
    "link_patches": _call(
        lambda pixels: ops.link_patches(pixels, size=(56, 56), grid=(7, 7)), _whole(56 * 56, 200)
    ),
    "spread_points": _call(
        ops.spread_points, _values(POINTS, 3), _values(CENTERS, 3), _values(CENTERS)
    ),
    "gradient_tokens": _call(ops.gradient_tokens, _values(2, 3, 48, 72)),
    "dictionary_tokens": _call(
        ops.dictionary_tokens, _values(2, 3, 48, 72), _values(108, 24), _values(150, 24)
    ),
    "project_tokens": _call(
        ops.project_tokens, _values(POINTS, 48), _values(48, 200), _values(200)
    ),
}


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> Call:
    """Return an op that this build has on this GPU."""
    if not cuda.is_available():
        pytest.skip(f"no GPU: {cuda.unavailable_reason()}")
    if not hasattr(importlib.import_module("musc2._cuda"), request.param):
        pytest.skip(f"{request.param} has no CUDA kernel yet")
    return CALLS[request.param]


@pytest.fixture
def fresh() -> Callable[[Call], tuple[torch.Tensor, ...]]:
    """Make new inputs of a call, on the CPU."""
    generator = torch.Generator().manual_seed(1)
    return lambda call: call.inputs(generator)


@pytest.fixture
def same() -> Callable[[list[torch.Tensor], list[torch.Tensor]], bool]:
    """Return whether two lists of results agree to the bit."""
    return lambda ours, theirs: all(
        torch.equal(a.cpu(), b.cpu()) for a, b in zip(ours, theirs, strict=True)
    )


@pytest.fixture(params=["emulated", "cuda"])
def machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where tensors are searched: emulated, or on a GPU of compute capability 9.0."""
    if request.param == "emulated":
        if not backends.IS_EMULATED:
            pytest.skip("_cuda_emulated is not built: MUSC2_EMULATED=ON")
        with dispatch.emulated():
            yield "cpu"
    elif not cuda.is_available():
        pytest.skip(f"no GPU: {cuda.unavailable_reason()}")
    elif torch.cuda.get_device_capability() != (9, 0):
        pytest.skip(f"{torch.cuda.get_device_name()} is not of compute capability 9.0")
    else:
        yield "cuda"


@pytest.fixture(params=[1, 2, 4], ids=lambda blocks: f"clusters-of-{blocks}")
def search(
    machine: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """nearest_patches with Hopper's instructions, by clusters of so many blocks, or without."""

    def run(hopper: bool, z: torch.Tensor, **options: Any) -> tuple[torch.Tensor, torch.Tensor]:
        monkeypatch.setenv("MUSC2_HOPPER", str(request.param if hopper else 0))
        options = {
            name: value.to(machine) if name == "references" else value
            for name, value in options.items()
        }
        d, index = ops.nearest_patches(z.to(machine), return_index=True, **options)
        return d.cpu(), index.cpu()

    return run
