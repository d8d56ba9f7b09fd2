"""Shield a call from the caller's torch settings that would change its results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def default_torch_state() -> Iterator[None]:
    """Run the block without autocast and with float32 as the default type, and restore both."""
    default = torch.get_default_dtype()
    with ExitStack() as stack:
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if default != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, default)
        yield


@contextmanager
def eval_mode(function: object) -> Iterator[None]:
    """Run the block with ``function``, if it is a Module, in eval mode, and restore each mode."""
    if not isinstance(function, torch.nn.Module):
        yield
        return
    modes = [(module, module.training) for module in function.modules()]
    function.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
