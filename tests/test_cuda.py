"""Whether there is a GPU is found out late and said clearly; arrays on one reach its kernels."""

import contextlib
import importlib
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

import musc2
from musc2.errors import DeviceError
from musc2.ops._support import arrays, gpu

GPU = torch.device("cuda:0")


@pytest.fixture
def built(monkeypatch):
    """Sets what importing musc2._cuda gives: a module, or the error that it raises."""

    def choose(outcome, *, torch_has_cuda=True):
        def give(name):
            assert name == "musc2._cuda"
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(gpu, "importlib", SimpleNamespace(import_module=give))
        monkeypatch.setattr(torch.cuda, "is_available", lambda: torch_has_cuda)

    gpu.why_not.cache_clear()
    yield choose
    gpu.why_not.cache_clear()


def module(problem="", **kernels):
    return SimpleNamespace(why_not=lambda: problem, **kernels)


def test_asking_never_fails():
    assert musc2.cuda.is_available() in (True, False)
    assert musc2.cuda.why()


def test_importing_musc2_does_not_load_the_cuda_kernels():
    script = "import sys, musc2; print([name for name in sys.modules if 'musc2._cuda' in name])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("outcome", "torch_has_cuda", "reason"),
    [
        (ModuleNotFoundError("No module named 'musc2._cuda'"), True, "built without CUDA .* with MUSC2_CUDA=ON"),
        (ImportError("libx.so: no such file"), True, r"the CUDA kernels do not load \(libx.so: no such file\)"),
        (module("driver too old"), True, r"finds no GPU that it can use \(driver too old\); is the NVIDIA driver"),
        (module(), False, r"torch .* finds no GPU that it can use; install a torch with CUDA"),
    ],
)
def test_the_reason_and_the_fix_are_said(built, outcome, torch_has_cuda, reason):
    built(outcome, torch_has_cuda=torch_has_cuda)
    assert not musc2.cuda.is_available()
    with pytest.raises(DeviceError, match=rf"lowest_mean: d is on cuda:0, but .*{reason}.*; or pass d.cpu\(\)"):
        gpu.require("lowest_mean", "d", GPU)


def test_only_ops_with_a_kernel_take_arrays_on_a_gpu(built):
    built(module(lowest_mean=None))
    assert musc2.cuda.is_available()
    for op in ("lowest_mean", "rank_match", "rescore"):
        gpu.require(op, "d", GPU)
    with pytest.raises(DeviceError, match=r"gradient_tokens: images is on cuda:0, but gradient_tokens runs on the CPU"):
        gpu.require("gradient_tokens", "images", GPU)


def test_other_devices_are_named():
    with pytest.raises(
        DeviceError, match=r"lowest_mean: d must be on a CPU or a CUDA device, got meta; pass d.cpu\(\)"
    ):
        musc2.ops.lowest_mean(torch.ones(2, 3, device="meta"))


def test_the_arrays_of_a_call_are_on_one_device():
    here, there = torch.ones(1), torch.ones(1, device="meta")
    arrays.together("op", z=here, references=here)
    with pytest.raises(DeviceError, match=r"op: references must be on cpu, where z is, got meta; pass references.to\("):
        arrays.together("op", z=here, references=there)


def test_a_kernel_runs_on_the_current_stream_of_the_device_of_its_arrays(monkeypatch):
    calls, entered = [], []

    @contextlib.contextmanager
    def device(which):
        entered.append(which)
        yield
        entered.pop()

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda which: SimpleNamespace(cuda_stream=700 + which.index))
    kernels = gpu.Launcher(SimpleNamespace(blur=lambda *arguments: calls.append((*arguments, *entered))), GPU)
    kernels.blur(1, 2)
    assert calls == [(1, 2, 700, GPU)]
    assert entered == []


@pytest.mark.skipif(musc2.cuda.is_available(), reason="there is a GPU")
def test_a_kernel_without_a_gpu_says_which_it_is_and_what_is_wrong():
    cuda = pytest.importorskip("musc2._cuda", reason="built without CUDA")
    assert cuda.why_not()
    with pytest.raises(RuntimeError, match="lowest_mean: "):
        cuda.lowest_mean(16, 1, 1, 0.0, 0, 0.3, 0, 16, 0)


def test_scratch_is_as_large_as_the_kernel_asks():
    kernels = gpu.Launcher(SimpleNamespace(blur_scratch=lambda rows, columns: rows * columns), torch.device("cpu"))
    assert kernels.scratch("blur", 3, 5).shape == (15,)


def test_the_emulation_serves_only_inside_its_block():
    pytest.importorskip("musc2._cuda_emulated")
    d = torch.ones(2, 3)
    with gpu.emulated():
        assert gpu.launcher(d) is not None
    assert gpu.launcher(d) is None
    assert importlib.import_module("musc2.ops._support.native").kernels(d).__name__ == "musc2._cpu"
