"""Defects of the GPU path that show with two GPUs, threads or float32 convolutions: pretended."""

import contextlib
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from musc2 import Config, part_encoding
from musc2.encoders import contract
from musc2.errors import DeviceError, InputError
from musc2.inputs import pair
from musc2.ops import pool_grid
from musc2.ops._support import dispatch
from musc2.progress import StageTimer
from musc2.torch_state import default_torch_state

OLD, NEW = (7, 5), (9, 0)


@pytest.fixture
def two_gpus(monkeypatch):
    """Two GPUs, of which the first, the current one, is too old."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    capabilities = {0: OLD, 1: NEW, None: OLD}
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda device: capabilities[device.index]
    )
    monkeypatch.setattr(dispatch, "unavailable_reason", lambda: None)
    monkeypatch.setattr(dispatch, "serves", lambda op: True)


def test_a_call_computes_in_float32_and_leaves_the_callers_tf32_alone():
    assert torch.backends.cudnn.allow_tf32  # torch's default
    with default_torch_state():
        assert not torch.backends.cudnn.allow_tf32
    with contract.autocast(torch.float32, torch.device("cuda")):
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32


def test_tf32_stays_off_until_the_last_of_several_calls_has_ended():
    begun, ended = threading.Event(), threading.Event()

    def call():
        with default_torch_state():
            begun.set()
            ended.wait(10)

    thread = threading.Thread(target=call)
    thread.start()
    begun.wait(10)
    with default_torch_state():
        pass
    assert not torch.backends.cudnn.allow_tf32
    ended.set()
    thread.join()
    assert torch.backends.cudnn.allow_tf32


def test_scratch_is_sized_for_the_device_of_the_array(monkeypatch):
    current = [0]

    @contextlib.contextmanager
    def device(own):
        before, current[0] = current[0], own.index
        yield
        current[0] = before

    sizes = []
    module = SimpleNamespace(op_scratch=lambda: sizes.append(current[0]) or 8)
    monkeypatch.setattr(dispatch, "_module", lambda: module)
    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch, "empty", lambda *size, **options: torch.zeros(1))
    array = SimpleNamespace(is_cuda=True, device=torch.device("cuda:1"))
    dispatch.scratch("op", array)
    assert sizes == [1]


def test_groups_are_made_on_the_stream_of_the_caller(monkeypatch, rng):
    used = []

    def group_clouds(points, *arguments, device, **options):
        used.append(threading.current_thread().stream)
        msg = "enough"
        raise InputError(msg)

    @contextlib.contextmanager
    def stream(own):
        threading.current_thread().stream = own
        yield

    own = {threading.current_thread(): "the caller's"}
    current = lambda device: own.get(threading.current_thread(), "the default")  # noqa: E731
    monkeypatch.setattr(torch.cuda, "current_stream", current)
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(part_encoding, "group_clouds", group_clouds)
    monkeypatch.setattr(part_encoding, "device_of", lambda encoders, ops: "cuda")
    encoders = SimpleNamespace(images=(), points=(), device="cuda", input_sizes=lambda size: [224])
    samples = pair(None, [rng.random((30, 3)) for _ in range(3)])
    loader = part_encoding.loader(samples, encoders, Config(), StageTimer())
    with pytest.raises(InputError, match="enough"):
        list(loader)
    assert set(used) == {"the caller's"}


def test_a_gpu_that_is_too_old_beside_a_usable_one_is_named(two_gpus):
    with pytest.raises(DeviceError, match="is on cuda:0, a GPU older than compute cap"):
        dispatch.require("lowest_mean", "d", torch.device("cuda:0"))
    dispatch.require("lowest_mean", "d", torch.device("cuda:1"))


def test_auto_takes_the_gpu_that_the_kernels_can_use(two_gpus):
    assert contract.usable_device("score", "auto") == torch.device("cuda:1")
    encoders = SimpleNamespace(device="cuda:0")
    assert part_encoding.device_of(encoders, ("pool_grid",)) == "cpu"
    encoders = SimpleNamespace(device="cuda:1")
    assert part_encoding.device_of(encoders, ("pool_grid",)) == "cuda:1"


def test_a_window_wider_than_shared_memory_is_an_error_of_the_argument(monkeypatch):
    monkeypatch.setattr(dispatch, "on_gpu", lambda array: True)
    with pytest.raises(InputError, match=r"degrees must span at most 50000 patches .* spans 62500"):
        pool_grid(np.zeros((1, 250, 250, 1), np.float32), (3, 499))
