"""One fixture runs every op test over each backend of this machine, another over thread counts or orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import backends
import numpy as np
import parts
import pytest

import musc2
from musc2 import _cpu
from musc2.ops._support import gpu


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = [mark for mark in metafunc.definition.iter_markers("parametrize") if mark.args[0] == "backend"]
    if "backend" in metafunc.fixturenames and not chosen:
        op = metafunc.module.__name__.removeprefix("test_")
        metafunc.parametrize("backend", backends.names(op), indirect=True)


@pytest.fixture
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The kernels that the test runs on, see backends.py."""
    if request.param == "emulated":
        with gpu.emulated():
            yield request.param
    elif request.param == "cuda":
        for name in musc2.ops.__all__:
            if getattr(request.module, name, None) is getattr(musc2.ops, name):
                monkeypatch.setattr(request.module, name, backends.on_gpu(getattr(musc2.ops, name)))
        yield request.param
    else:
        assert _cpu.set_isa(request.param)
        yield request.param
        _cpu.set_isa("")


@pytest.fixture
def over_threads(request: pytest.FixtureRequest) -> Iterator[Callable[[Callable[[], Any]], list[Any]]]:
    """Calls a function with 1, 2 and 5 threads, or in several thread orders of the emulation; returns the results."""
    emulated = "backend" in request.fixturenames and request.getfixturevalue("backend") == "emulated"
    choose: Any = backends.EMULATED.set_order if emulated else _cpu.set_num_threads
    default = backends.EMULATED.order() if emulated else 0

    def run(function: Callable[[], Any]) -> list[Any]:
        results = []
        for choice in backends.ORDERS if emulated else (1, 2, 5):
            choose(choice)
            results.append(function())
        return results

    yield run
    choose(default)


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


@pytest.fixture
def rgb(rng: np.random.Generator) -> Any:
    """A few small images."""
    return parts.images(rng)


@pytest.fixture
def pcd(rng: np.random.Generator) -> Any:
    """A few small maps of the same parts."""
    return parts.maps(rng)
