"""GPUs are looked for late and reported clearly; arrays on a GPU reach its kernels."""

import contextlib
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

import musc2
from musc2.errors import DeviceError
from musc2.ops._support import arrays, dispatch

GPU = torch.device("cuda:0")


class ClaimsGpu(torch.Tensor):
    """A tensor in CPU memory that claims to be on a GPU."""

    is_cuda = True
    device = GPU


@pytest.fixture
def built(monkeypatch):
    """Set what importing musc2._cuda gives: a module, or the error that it raises."""

    def set_outcome(outcome, *, torch_has_cuda=True):
        def import_module(name):
            assert name == "musc2._cuda"
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(dispatch, "importlib", SimpleNamespace(import_module=import_module))
        monkeypatch.setattr(torch.cuda, "is_available", lambda: torch_has_cuda)

    dispatch.unavailable_reason.cache_clear()
    yield set_outcome
    dispatch.unavailable_reason.cache_clear()


def module(problem="", **kernels):
    return SimpleNamespace(why_not=lambda: problem, **kernels)


def test_a_gpu_is_available_unless_there_is_a_reason():
    reason = musc2.cuda.unavailable_reason()
    assert musc2.cuda.is_available() == (reason is None)
    assert reason is None or len(reason) > 0


def test_importing_musc2_does_not_load_the_cuda_kernels():
    script = "import sys, musc2; print([name for name in sys.modules if 'musc2._cuda' in name])"
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("outcome", "torch_has_cuda", "reason"),
    [
        (
            ModuleNotFoundError("No module named 'musc2._cuda'"),
            True,
            "built without CUDA .* with MUSC2_CUDA=ON",
        ),
        (
            ImportError("libx.so: no such file"),
            True,
            r"the CUDA kernels do not load \(libx.so: no such file\)",
        ),
        (
            module("driver too old"),
            True,
            r"finds no GPU that it can use \(driver too old\); is the NVIDIA driver",
        ),
        (
            module(),
            False,
            r"torch .* finds no GPU that it can use; install a torch with CUDA",
        ),
    ],
)
def test_errors_give_the_reason_and_the_fix(built, outcome, torch_has_cuda, reason):
    built(outcome, torch_has_cuda=torch_has_cuda)
    assert not musc2.cuda.is_available()
    message = rf"lowest_mean: d is on cuda:0, but .*{reason}.*; or pass d.cpu\(\)"
    with pytest.raises(DeviceError, match=message):
        dispatch.require("lowest_mean", "d", GPU)


def test_only_ops_with_a_kernel_take_arrays_on_a_gpu(built):
    built(module(lowest_mean=None))
    assert musc2.cuda.is_available()
    for op in ("lowest_mean", "rescore"):
        dispatch.require(op, "d", GPU)
    message = "region_overlap: maps is on cuda:0, but region_overlap runs on the CPU"
    with pytest.raises(DeviceError, match=message):
        dispatch.require("region_overlap", "maps", GPU)


def test_other_devices_are_named():
    message = r"lowest_mean: d must be on a CPU or a CUDA device, got meta; pass d.cpu\(\)"
    with pytest.raises(DeviceError, match=message):
        musc2.ops.lowest_mean(torch.ones(2, 3, device="meta"))


def test_the_arrays_of_a_call_are_on_one_device():
    on_cpu, on_meta = torch.ones(1), torch.ones(1, device="meta")
    arrays.check_same_device("op", z=on_cpu, references=on_cpu)
    message = r"op: references must be on cpu, where z is, got meta; pass references.to\("
    with pytest.raises(DeviceError, match=message):
        arrays.check_same_device("op", z=on_cpu, references=on_meta)


def test_a_cpu_kernel_gets_addresses_and_no_arguments_of_the_gpu(monkeypatch):
    calls = []
    cpu = SimpleNamespace(blur=lambda *arguments: calls.append(arguments) or 7)
    monkeypatch.setattr(dispatch, "_cpu", cpu)
    array, other = torch.ones(2), torch.ones(3)
    status = dispatch.launch("blur", array, 2, other, 0.5, True, None, gpu_only=(9, other))
    assert status == 7
    assert calls == [(array.data_ptr(), 2, other.data_ptr(), 0.5, True, 0)]
    assert dispatch.scratch("blur", array, 3, 5) is None


def test_a_gpu_kernel_runs_on_the_current_stream_of_the_device_of_its_first_array(
    built, monkeypatch
):
    calls, entered = [], []

    @contextlib.contextmanager
    def current(device):
        entered.append(device)
        yield
        entered.pop()

    def current_stream(device):
        return SimpleNamespace(cuda_stream=700 + device.index)

    monkeypatch.setattr(torch.cuda, "device", current)
    monkeypatch.setattr(torch.cuda, "current_stream", current_stream)
    built(module(blur=lambda *arguments: calls.append((*arguments, *entered))))
    array = torch.ones(2).as_subclass(ClaimsGpu)
    dispatch.launch("blur", array, 1, None, gpu_only=(2, array))
    address = array.data_ptr()
    assert calls == [(address, 1, 0, 2, address, 700, GPU)]
    assert entered == []


@pytest.mark.skipif(musc2.cuda.is_available(), reason="there is a GPU")
def test_a_kernel_without_a_gpu_names_itself_and_the_problem():
    cuda = pytest.importorskip("musc2._cuda", reason="built without CUDA")
    assert cuda.why_not()
    with pytest.raises(RuntimeError, match="lowest_mean: "):
        cuda.lowest_mean(16, 1, 1, 0.0, 0, 0.3, 0, 16, 0)


def test_scratch_is_as_large_as_the_kernel_asks(monkeypatch):
    emulation = SimpleNamespace(blur=None, blur_scratch=lambda rows, columns: rows * columns)
    monkeypatch.setattr(dispatch, "_emulation", emulation)
    assert dispatch.scratch("blur", torch.ones(1), 3, 5).shape == (15,)


def test_the_emulation_serves_inside_its_block_what_has_a_cuda_kernel(monkeypatch):
    pytest.importorskip("musc2._cuda_emulated")
    calls = []
    cpu = SimpleNamespace(
        lowest_mean=lambda *arguments: calls.append("lowest_mean"),
        region_overlap=lambda *arguments: calls.append("region_overlap"),
    )
    monkeypatch.setattr(dispatch, "_cpu", cpu)
    d, mean = torch.ones(2, 3), torch.zeros(2)
    arguments = (2, 3, 0.0, 0, 1.0, 0, mean)
    with dispatch.emulated():
        assert dispatch.on_gpu(d)
        dispatch.launch("lowest_mean", d, *arguments)
        dispatch.launch("region_overlap", d)
    assert mean.tolist() == [1.0, 1.0]
    assert calls == ["region_overlap"]
    assert not dispatch.on_gpu(d)
    dispatch.launch("lowest_mean", d, *arguments)
    assert calls == ["region_overlap", "lowest_mean"]
