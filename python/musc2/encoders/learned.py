"""What the encoders that learn from the set itself share."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from musc2.errors import InputError

MOST_TOKENS = 40_000  # that principal axes are learned from


def some(count: int, most: int, generator: torch.Generator) -> list[int]:
    """At most ``most`` of the numbers 0 ... count - 1, ascending."""
    return torch.randperm(count, generator=generator)[:most].sort().values.tolist()


def some_rows(rows: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """At most ``most`` of the rows."""
    return rows[some(len(rows), most, generator)]


def root_mean_norm(rows: torch.Tensor, least: float) -> float:
    """Root of the mean squared norm of the rows, at least ``least``."""
    return max(float(rows.square().sum(1).mean().sqrt()), least)


def principal_axes(rows: torch.Tensor, keep: int) -> tuple[torch.Tensor, torch.Tensor]:
    """rows: (T, F) -> variances (keep,) float64, descending, and axes (F, keep) float32 of the centered rows."""
    centered = rows - rows.mean(0)
    variances, axes = torch.linalg.eigh((centered.T @ centered).double() / len(rows))
    return variances.flip(0)[:keep].clamp(min=0), axes.flip(1)[:, :keep].float()


def taken_back(encoder: str, state: Mapping[str, torch.Tensor], ranks: Mapping[str, int]) -> dict[str, torch.Tensor]:
    """The tensors of ``state``, when they have the names and ranks that the encoder's own state has."""
    fits = set(state) == set(ranks) and all(state[name].ndim == rank for name, rank in ranks.items())
    if not fits:
        got = {name: tuple(value.shape) for name, value in state.items()}
        msg = f"{encoder}: state must be what state() gave ({', '.join(ranks)}), got {got}"
        raise InputError(msg)
    return {name: state[name].detach().float().cpu() for name in ranks}


def refuse_weights(encoder: str, weights: object) -> None:
    """These encoders have no weights to load."""
    if weights is not None:
        msg = f"load: {encoder} takes no weights, it learns from the images or clouds themselves, got {str(weights)!r}"
        raise InputError(msg)


def unfitted(encoder: str) -> InputError:
    """What to raise when there is nothing learned yet."""
    return InputError(f"{encoder}: encode needs what fit learns from the set (or restore): call fit first")
