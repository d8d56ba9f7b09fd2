"""Copies of a part, which must not vouch for each other, docs/method/algorithm.md section 5."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from musc2._transfer import download, upload
from musc2.errors import InputWarning

ALIKE = 0.15
"""Copies are at most this far apart, relative to the median pair: root mean square of patches."""
PATCH = 0.5
"""No patch of a copy is further than this from its place in the other: a defect would be."""
COMMON = 1 / 3
"""Above this share of all parts alike parts are no copies: it is how such parts look."""
SHOWN = 5  # pairs in the warning
_BLOCK = 1 << 21  # values that are squared at a time


def find_copies(z: torch.Tensor, references: torch.Tensor | None = None) -> torch.Tensor:
    """Return (N, N + R) bool: which other samples and references are copies of a sample.

    z: (N, L, C); references: (R, L', C). Patches are compared place by place, so a copy is the same
    picture or scan again, perhaps saved or scaled anew, not the same part in another pose.
    """
    candidates = alike(z, references)
    (pairs,) = download(candidates.pairs)
    return confirmed(candidates, pairs)


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """Samples that are alike on average: pairs (N, N + R) bool, and the typical squared distance.

    references: those that the samples were compared with, of patches in the same places.
    """

    z: torch.Tensor
    references: torch.Tensor | None
    pairs: torch.Tensor
    typical: torch.Tensor

    def partner(self, column: int) -> torch.Tensor:
        """Return the features of the sample or reference of a column of ``pairs``."""
        if self.references is None or column < len(self.z):
            return self.z[column]
        return self.references[column - len(self.z)]


def alike(z: torch.Tensor, references: torch.Tensor | None = None) -> Candidates:
    """Return the pairs that may be copies; a GPU is not waited for."""
    comparable: torch.Tensor | None = None
    squared = _mean_squares(z, z)
    if references is not None and references.shape[1:] == z.shape[1:]:
        comparable = references
        squared = torch.cat([squared, _mean_squares(z, references)], dim=1)
    own = torch.arange(len(z), device=z.device)
    squared[own, own] = float("inf")
    typical = squared.new_zeros(())
    if squared.shape[1] > 1:
        typical = squared.masked_fill(~squared.isfinite(), float("nan")).nanmedian()
    pairs = _rare((squared <= ALIKE**2 * typical) & (typical > 0))
    if references is not None and comparable is None:
        pairs = torch.cat([pairs, pairs.new_zeros(len(z), len(references))], dim=1)
    return Candidates(z=z, references=comparable, pairs=pairs, typical=typical)


def confirmed(candidates: Candidates, pairs: torch.Tensor) -> torch.Tensor:
    """Return those of ``pairs``, on the CPU, of which no patch is far from its place in the other.

    The result is on the device of the features.
    """
    z, limit = candidates.z, PATCH**2 * candidates.typical
    copies = upload(pairs, z.device)
    for row, column in pairs.nonzero().tolist():
        partner = candidates.partner(column).float()
        furthest = (z[row].float() - partner).square().sum(-1).amax()
        copies[row, column] = furthest <= limit
    return copies


def within(copies: torch.Tensor, subset: torch.Tensor) -> torch.Tensor:
    """Return (n, K): the copies of a subset's samples among the subset and all references."""
    samples, parts = copies.shape
    references = torch.arange(samples, parts)
    rows, columns = upload(subset, copies.device), torch.cat([subset, references])
    return copies[rows][:, upload(columns, copies.device)]


def leave_out(d: torch.Tensor, copies: torch.Tensor) -> None:
    """Set the distances d (n, L, K) to copies (n, K) to +inf, as those to the sample itself.

    A sample keeps them where it would have no other.
    """
    alone = (copies | d[:, 0].isinf()).all(1, keepdim=True)
    d.masked_fill_((copies & ~alone)[:, None], float("inf"))


def warn(
    copies: torch.Tensor,
    names: Sequence[str],
    message: str = "score: copies do not vouch for each other",
    reference_names: Sequence[str] | None = None,
) -> None:
    """Warn of the pairs by name, at most SHOWN of them."""
    pairs = pairs_of(copies, names, reference_names)
    if not pairs:
        return
    more = f" and {len(pairs) - SHOWN} more pairs" if len(pairs) > SHOWN else ""
    text = f"{message}: {'; '.join(pairs[:SHOWN])}{more}"
    warnings.warn(text, InputWarning, stacklevel=2)


def pairs_of(
    copies: torch.Tensor, names: Sequence[str], reference_names: Sequence[str] | None = None
) -> list[str]:
    """Return "NAME and NAME" of each pair; references without names are counted from 0."""
    pairs = []
    (on_cpu,) = download(copies)
    for row, column in on_cpu.nonzero().tolist():
        if column >= len(names):
            number = column - len(names)
            other = f"reference {number}" if reference_names is None else reference_names[number]
            pairs.append(f"{names[row]} and {other}")
        elif row < column:
            pairs.append(f"{names[row]} and {names[column]}")
    return pairs


def _mean_squares(z: torch.Tensor, partners: torch.Tensor) -> torch.Tensor:
    """Return (N, K): the mean over patches of squared distances, place by place."""
    products = z.flatten(1).float() @ partners.flatten(1).float().T
    norms, key_norms = _squared_norms(z), _squared_norms(partners)
    squared = (norms[:, None] + key_norms - 2 * products).clamp(min=0) / z.shape[1]
    return (squared + squared.T) / 2 if partners is z else squared  # in every digit


def _squared_norms(z: torch.Tensor) -> torch.Tensor:
    """Return (N,), from some samples at a time, because their squares take memory."""
    step = max(1, _BLOCK // z[0].numel()) if len(z) else 1
    norms = [rows.flatten(1).float().square().sum(1) for rows in torch.split(z, step)]
    return torch.cat(norms)


def _rare(alike: torch.Tensor) -> torch.Tensor:
    """Return the pairs of which neither part is like many."""
    most = max(1, int(COMMON * alike.shape[1]) - 1)
    samples = len(alike)
    usual = alike.sum(1) > most
    rare = alike & ~usual[:, None]
    rare[:, :samples] &= ~usual
    return rare
