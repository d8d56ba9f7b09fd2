"""Shield a call from the caller's torch settings that would change its results."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from musc2 import _forks


@contextmanager
def default_torch_state() -> Iterator[None]:
    """Run the block without autocast and TF32 and with float32 as the default type; restore all."""
    default = torch.get_default_dtype()
    with ExitStack() as stack:
        stack.enter_context(exact_float32())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if default != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, default)
        yield


class _Tf32:
    """torch's switches of TF32, which a process has once; off while any thread needs them off."""

    def __init__(self) -> None:
        self._lock = _forks.Lock()
        self._own = threading.local()  # .depth: how often this thread needs them off
        self._users = 0
        self._before: list[tuple[Any, str, object]] = []

    def turn_off(self) -> None:
        with self._lock:
            self._users += 1
            self._own.depth = self._depth() + 1
            if self._users == 1:
                self._before = [_turn_off(*forms) for forms in _switches()]

    def restore(self) -> None:
        with self._lock:
            self._own.depth -= 1
            self._leave(1)

    def forget_other_threads(self) -> None:
        """Drop what threads needed that a forked child does not have."""
        with self._lock:
            if self._users > self._depth():
                self._leave(self._users - self._depth())

    def _depth(self) -> int:
        return getattr(self._own, "depth", 0)

    def _leave(self, users: int) -> None:
        self._users -= users
        if self._users == 0:
            for owner, name, value in self._before:
                setattr(owner, name, value)


_tf32 = _Tf32()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tf32.forget_other_threads)


@contextmanager
def exact_float32() -> Iterator[None]:
    """Run the block with products and convolutions of float32 in float32, and restore TF32.

    By default cuDNN rounds the factors of float32 convolutions to 11 bits on a GPU.
    """
    _tf32.turn_off()
    try:
        yield
    finally:
        _tf32.restore()


def _switches() -> list[tuple[Any, Any]]:
    """Return the owners of the switches: of their older form, and of the one that replaces it."""
    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda
    return [(cudnn, getattr(cudnn, "conv", None)), (cuda.matmul, cuda.matmul)]


def _turn_off(owner: Any, newer: Any) -> tuple[Any, str, object]:
    """Turn a switch off and return it with its value; torch refuses to mix both of its forms."""
    try:
        before = (owner, "allow_tf32", owner.allow_tf32)
        owner.allow_tf32 = False
    except RuntimeError:
        before = (newer, "fp32_precision", newer.fp32_precision)
        newer.fp32_precision = "ieee"
    return before


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
