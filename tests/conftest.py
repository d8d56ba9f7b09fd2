"""Fixtures that run op tests over each backend, and over thread counts or thread orders."""

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
from musc2.encoders._runtimes import openvino
from musc2.ops._support import dispatch


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marks = metafunc.definition.iter_markers("parametrize")
    is_chosen = any(mark.args[0] == "backend" for mark in marks)
    if "backend" in metafunc.fixturenames and not is_chosen:
        op = metafunc.module.__name__.removeprefix("test_")
        metafunc.parametrize("backend", backends.names(op), indirect=True)


@pytest.fixture
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the test on one of the backends, see backends.py."""
    if request.param == "emulated":
        with dispatch.emulated():
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
def over_threads(
    request: pytest.FixtureRequest,
) -> Iterator[Callable[[Callable[[], Any]], list[Any]]]:
    """Call a function with several thread counts, or in several thread orders of the emulation.

    The function that this gives returns the list of results.
    """
    has_backend = "backend" in request.fixturenames
    if has_backend and request.getfixturevalue("backend") == "emulated":
        set_schedule: Any = backends.EMULATED.set_order
        schedules: Any = backends.ORDERS
        default = backends.EMULATED.order()
    else:
        set_schedule, schedules, default = _cpu.set_num_threads, (1, 2, 5), 0

    def run(function: Callable[[], Any]) -> list[Any]:
        results = []
        for schedule in schedules:
            set_schedule(schedule)
            results.append(function())
        return results

    yield run
    set_schedule(default)


@pytest.fixture(autouse=True)
def _in_torch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave networks to torch, which compiles nothing, but for tests of OpenVINO."""
    if "in_openvino" not in request.fixturenames:
        monkeypatch.setattr(openvino, "is_installed", lambda: False)


@pytest.fixture
def in_openvino() -> None:
    """Let networks run in OpenVINO; skip without it."""
    pytest.importorskip("openvino")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240601)


@pytest.fixture
def golden() -> Callable[[str], dict[str, np.ndarray]]:
    """Load tests/goldens/NAME.npz, results of the published implementation."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(Path(__file__).parent / "goldens" / f"{name}.npz") as stored:
            return {key: stored[key] for key in stored.files}

    return load


@pytest.fixture
def rgb(rng: np.random.Generator) -> Any:
    """Return a few small images."""
    return parts.images(rng)


@pytest.fixture
def pcd(rng: np.random.Generator) -> Any:
    """Return a few small xyz maps of the same parts."""
    return parts.maps(rng)
