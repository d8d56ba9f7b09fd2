"""The libraries that run networks: torch, or OpenVINO, which is faster on a CPU."""

from __future__ import annotations

import torch

from musc2 import checks
from musc2.encoders import contract
from musc2.encoders._runtimes import openvino
from musc2.encoders._runtimes.openvino import Graph
from musc2.errors import InputError

__all__ = ["RUNTIMES", "choose", "run"]

RUNTIMES = ("auto", "torch", "openvino")


def choose(op: str, runtime: str, device: torch.device, precision: str) -> str:
    """Return "torch" or "openvino"; "auto" is OpenVINO on a CPU where it is installed."""
    fits = device.type == "cpu" and precision != "float16"
    if runtime == "auto":
        return "openvino" if fits and openvino.is_installed() else "torch"
    if runtime == "openvino" and not fits:
        place = f"{precision} on {device.type}"
        checks.refuse(op, "runtime", 'must be "torch" or "auto" for ' + place, repr(runtime))
    if runtime == "openvino" and not openvino.is_installed():
        msg = f'{op}: runtime "openvino" needs OpenVINO; pip install "musc2[openvino]"'
        raise InputError(msg)
    return runtime


def run(
    graph: Graph,
    network: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    *,
    runtime: str,
    dtype: torch.dtype,
    any_batch: bool = True,
    cast_layers: tuple[type[torch.nn.Module], ...] = contract.CAST_LAYERS,
) -> tuple[torch.Tensor, ...]:
    """Return ``graph(network, *inputs)``, its products in ``dtype``.

    Args:
        graph: what is computed.
        network: whose weights are used; it does not change.
        inputs: on the network's device.
        runtime: "torch" or "openvino".
        dtype: of products; norms and sums stay float32.
        any_batch: whether the inputs' first dimension is one of images, of which there may be more
            or fewer from call to call. On a CPU torch gets them one at a time: it is faster then.
        cast_layers: the layers whose weights torch keeps in ``dtype``.
    """
    if runtime == "openvino" and not openvino.is_lost():
        return openvino.run(graph, network, inputs, dtype, any_batch=any_batch)
    own = contract.cast_once(network, dtype, cast_layers)
    step = 1 if any_batch and inputs[0].device.type == "cpu" else len(inputs[0])
    outputs: list[tuple[torch.Tensor, ...]] = []
    with torch.no_grad(), contract.autocast(dtype, inputs[0].device):
        for pieces in zip(*(torch.split(values, step) for values in inputs), strict=True):
            outputs.append(graph(own, *pieces))
    return outputs[0] if len(outputs) == 1 else tuple(map(torch.cat, zip(*outputs, strict=True)))
