"""Networks that OpenVINO compiled for this CPU.

A network is traced by torch and converted once; what comes of it is kept in the cache folder for
later processes. Results have the same bits for every batch and number of threads.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import inspect
import time
import warnings
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch

from musc2 import _forks, atomic_files
from musc2.encoders import contract
from musc2.encoders._checkpoints import fetching
from musc2.errors import InputError
from musc2.ops._support import threads

Graph = Callable[..., tuple[torch.Tensor, ...]]
"""What is computed of a network and input tensors: a frozen dataclass, so that graphs which compute
the same are equal and have equal texts."""
_KEPT_SECONDS = 90 * 86_400  # that a file in the cache stays unused
_DIGEST_BYTES = 32  # of SHA-256, before the model in a file
_LIBRARIES = ("openvino", "torch", "transformers")  # whose version is part of a file's name
_models: WeakKeyDictionary[torch.nn.Module, tuple[object, dict[Hashable, Any]]] = (
    WeakKeyDictionary()
)
_lock = _forks.Lock()


class _Traced(torch.nn.Module):
    """A graph of a network as a function of the inputs alone."""

    def __init__(self, graph: Graph, network: torch.nn.Module) -> None:
        super().__init__()
        self._graph = graph
        self.network = network

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the graph's outputs."""
        return self._graph(self.network, *inputs)


def is_installed() -> bool:
    """Return whether the package is there."""
    return importlib.util.find_spec("openvino") is not None


def is_lost() -> bool:
    """Return whether this is the forked child of a process that used OpenVINO.

    OpenVINO's threads are not in the child, and a call would wait for them for ever.
    """
    return threads.in_forked_child() and _core.cache_info().currsize > 0


def run(
    graph: Graph,
    network: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    dtype: torch.dtype,
    *,
    any_batch: bool,
) -> tuple[torch.Tensor, ...]:
    """Return the outputs of ``graph(network, *inputs)``."""
    request = _compiled(graph, network, inputs, dtype, any_batch).create_infer_request()
    request.infer([values.detach().contiguous().numpy() for values in inputs])
    count = len(request.model_outputs)
    # The request owns its outputs: a copy outlives it.
    return tuple(
        torch.from_numpy(request.get_output_tensor(number).data.copy()) for number in range(count)
    )


def _compiled(
    graph: Graph,
    network: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    dtype: torch.dtype,
    any_batch: bool,
) -> Any:
    """Return the compiled model, made at the first call and whenever the weights change."""
    shapes = tuple((-1 if any_batch else len(own), *own.shape[1:]) for own in inputs)
    settings = _settings(dtype)
    key = (graph, shapes, tuple(settings.items()))
    with _lock:
        state = contract.weights_state(network)
        kept = _models.get(network)
        if kept is None or kept[0] != state:
            kept = (state, {})
            _models[network] = kept
        if key not in kept[1]:
            kept[1][key] = _load(graph, network, inputs, shapes, settings)
        return kept[1][key]


def _settings(dtype: torch.dtype) -> dict[str, Any]:
    """Return OpenVINO's settings; a CPU without bfloat16 computes in float32."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if dtype == torch.bfloat16 else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_HYPER_THREADING": True,
        "ENABLE_CPU_PINNING": False,  # other processes may have the same idea
    }


def _load(
    graph: Graph,
    network: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    shapes: tuple[tuple[int, ...], ...],
    settings: dict[str, Any],
) -> Any:
    """Return the compiled model from the cache, else convert it and put it there."""
    folder = fetching.cache_folder() / "openvino"
    path = folder / f"{_fingerprint(graph, network, shapes)}.bin"
    core = _core()
    stored = _read(path)
    if stored is not None:
        try:
            return core.import_model(stored, "CPU", settings)
        except RuntimeError:  # another CPU, or a build of OpenVINO that tells versions otherwise
            path.unlink(missing_ok=True)
    try:
        compiled = core.compile_model(_converted(graph, network, inputs, shapes), "CPU", settings)
    except Exception as error:  # torch's tracer and OpenVINO raise what they like
        reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        msg = (
            f"encode: OpenVINO cannot run {type(network).__name__}: {reason[0]}; "
            'set encoder_runtime="torch"'
        )
        raise InputError(msg) from error
    _write(path, compiled.export_model().getvalue())
    return compiled


def _converted(
    graph: Graph,
    network: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    shapes: tuple[tuple[int, ...], ...],
) -> Any:
    """Return OpenVINO's form of the network, for float32 inputs of these shapes."""
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    examples = tuple(values.detach().clone() for values in inputs)
    if shapes[0][0] < 0:  # a batch of one might be traced as what is always one
        examples = tuple(values[:1].repeat_interleave(2, 0) for values in examples)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, about sizes that are fixed here
        trace: Any = torch.jit.trace
        traced = trace(_Traced(graph, network), examples, check_trace=False, strict=False)
        decoder = TorchScriptPythonDecoder(traced)  # the model refers to it until it is converted
        front_end = FrontEndManager().load_by_framework("pytorch")
        model = front_end.convert(front_end.load(decoder))
    for parameter, shape in zip(model.get_parameters(), shapes, strict=True):
        parameter.set_partial_shape(openvino.PartialShape(list(shape)))
        parameter.set_element_type(openvino.Type.f32)
    model.validate_nodes_and_infer_types()
    return model


@functools.cache
def _core() -> Any:
    import openvino

    return openvino.Core()


def _fingerprint(
    graph: Graph, network: torch.nn.Module, shapes: tuple[tuple[int, ...], ...]
) -> str:
    """Return a hash of all that the converted network depends on."""
    digest = hashlib.sha256(f"{graph!r} {shapes}".encode())
    for library in _LIBRARIES:
        if importlib.util.find_spec(library) is not None:
            digest.update(f"{library} {importlib.metadata.version(library)}".encode())
    for source in (type(graph), type(network)):
        digest.update(Path(inspect.getfile(source)).read_bytes())
    for name, values in network.state_dict().items():
        own = values.detach().cpu().contiguous()
        digest.update(f"{name} {own.dtype} {tuple(own.shape)}".encode())
        digest.update(memoryview(own.reshape(-1).view(torch.uint8).numpy()))
    return digest.hexdigest()


def _read(path: Path) -> bytes | None:
    """Return the model in a file; None where there is none, or a damaged one."""
    try:
        with path.open("rb") as file:
            digest, stored = file.read(_DIGEST_BYTES), file.read()
        path.touch()  # it is in use
    except OSError:
        return None
    return stored if hashlib.sha256(stored).digest() == digest else None


def _write(path: Path, model: bytes) -> None:
    """Write a model for later processes, and remove those that none has read for long."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_files.replacing(path) as file:
            file.write(hashlib.sha256(model).digest())
            file.write(model)
        for other in path.parent.glob("*.bin"):
            if time.time() - other.stat().st_mtime > _KEPT_SECONDS:
                other.unlink(missing_ok=True)
    except OSError:
        return  # a cache that cannot be written costs time alone
