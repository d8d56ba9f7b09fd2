"""Helpers of the encoders that learn from the unlabelled set itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import torch

from musc2 import checks
from musc2.errors import InputError
from musc2.inputs.ordered_map import ordered_map
from musc2.ops._support import dispatch
from musc2.ops._support.threads import in_forked_child

T = TypeVar("T")

MAX_TOKENS = 40_000  # that principal axes are learned from


def device_of(ops: Sequence[str], device: str | torch.device) -> torch.device:
    """Return ``device`` if all ``ops`` run there, else the CPU."""
    target = torch.device(device)
    if target.type == "cpu" or dispatch.is_too_old(target) or not all(map(dispatch.serves, ops)):
        return torch.device("cpu")
    return target


def in_canonical_order(samples: Sequence[torch.Tensor]) -> list[int]:
    """Return the order of the samples by a hash of their bytes.

    What is drawn at random in this order depends on the set and not on the order that it is in.
    """

    def key(index: int) -> bytes:
        values = samples[index].detach().cpu().contiguous().numpy()
        return hashlib.sha256(values.tobytes()).digest()

    return sorted(range(len(samples)), key=key)


def sample_indices(count: int, limit: int, generator: torch.Generator) -> list[int]:
    """Return at most ``limit`` of the numbers 0 ... count - 1 at random, ascending."""
    return torch.randperm(count, generator=generator)[:limit].sort().values.tolist()


def sample_rows(rows: torch.Tensor, limit: int, generator: torch.Generator) -> torch.Tensor:
    """Return at most ``limit`` of the rows at random, in their order."""
    return rows[sample_indices(len(rows), limit, generator)]


def in_threads(function: Callable[[T], torch.Tensor], items: Iterable[T]) -> Iterator[torch.Tensor]:
    """Yield function(item) for each item, in order, from as many threads as the kernels have.

    Call it within ``threads.one_thread``: then torch computes with one thread in each of them, and
    to the same bits whatever their number is.
    """
    count = 1 if in_forked_child() else dispatch.num_threads()
    return ordered_map(function, items, threads=count, ahead=2 * count)


def root_mean_norm(rows: torch.Tensor, low: float) -> float:
    """Return the root of the mean squared norm of the rows, at least ``low``."""
    return max(float(rows.square().sum(1).mean().sqrt()), low)


def principal_axes(rows: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the ``count`` largest variances and the axes of the centered rows (T, F).

    The variances are (count,) float64, descending, the axes (F, count) float32.
    """
    centered = rows - rows.mean(0)
    variances, axes = torch.linalg.eigh((centered.T @ centered).double() / len(rows))
    return variances.flip(0)[:count].clamp(min=0), axes.flip(1)[:, :count].float()


def check_state(
    encoder: str, state: Mapping[str, torch.Tensor], ranks: Mapping[str, int]
) -> dict[str, torch.Tensor]:
    """Return the tensors of ``state``; raise unless they have the names and ranks in ``ranks``."""
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    if {name: len(shape) for name, shape in shapes.items()} != dict(ranks):
        checks.refuse(encoder, "state", f"must be a result of state() ({', '.join(ranks)})", shapes)
    return {name: state[name].detach().float().cpu() for name in ranks}


def refuse_weights(encoder: str, weights: object) -> None:
    """Raise if there are weights: these encoders have none to load."""
    if weights is not None:
        requirement = (
            f"must be None for {encoder}, which learns from the images or clouds themselves"
        )
        checks.refuse("load", "weights", requirement, repr(str(weights)))


def not_fitted(encoder: str) -> InputError:
    """Return the error of ``encode`` before ``fit``."""
    return InputError(f"{encoder}: call fit, or restore, before encode")
