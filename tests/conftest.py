"""One fixture runs every op test over each instruction set of this machine, another over thread counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musc2 import _cpu


@pytest.fixture(params=_cpu.isas())
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kernels that the test runs on; C1 adds the CUDA ones."""
    assert _cpu.set_isa(request.param)
    yield request.param
    _cpu.set_isa("")


@pytest.fixture
def over_threads() -> Iterator[Callable[[Callable[[], Any]], list[Any]]]:
    """Calls a function with 1, 2 and 5 threads and returns the three results."""

    def run(function: Callable[[], Any]) -> list[Any]:
        results = []
        for threads in (1, 2, 5):
            _cpu.set_num_threads(threads)
            results.append(function())
        return results

    yield run
    _cpu.set_num_threads(0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240601)


@pytest.fixture
def golden() -> Callable[[str], dict[str, np.ndarray]]:
    """Loads tests/goldens/NAME.npz: what the published implementation computes."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(Path(__file__).parent / "goldens" / f"{name}.npz") as stored:
            return {key: stored[key] for key in stored.files}

    return load
