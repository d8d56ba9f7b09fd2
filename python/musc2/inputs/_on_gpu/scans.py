"""Center and scale xyz maps on a GPU, to the values that the CPU gives, without waiting for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from musc2._transfer import upload


@dataclass(frozen=True, kw_only=True, eq=False)
class RawScan:
    """The foreground of an xyz map, to be centered and scaled on ``device``.

    columns: (3, P), x, y and z of each point, float32 or float64; table: (4, 3) float64, see
    ``mean_table``; the rest is that of ``Points``. How many points there are is known on the CPU,
    so nothing has to be fetched from the GPU before groups are made.
    """

    columns: torch.Tensor
    table: torch.Tensor
    pixels: torch.Tensor
    size: tuple[int, int]
    input_count: int
    steps: float
    device: str
    rows: None = None

    @property
    def count(self) -> int:
        """Return the number of points."""
        return self.columns.shape[1]

    def thinned(self) -> RawScan:
        """Return the scan itself: those with too many points are thinned on the CPU."""
        return self


def normalized(scans: Sequence[RawScan]) -> list[torch.Tensor]:
    """Return the points (P, 3) float32 of each scan on the GPU, centered and scaled.

    All go through each operation together, at the length of the longest. Sums are of whole numbers,
    the rest is done in float64 value by value as on the CPU: so are the bits.
    """
    device = scans[0].device
    counts = [scan.count for scan in scans]
    is_wide = any(scan.columns.dtype == torch.float64 for scan in scans)
    dtype = torch.float64 if is_wide else torch.float32
    padded = torch.zeros(len(scans), 3, max(counts), dtype=dtype)
    for row, scan in zip(padded, scans, strict=True):
        row[:, : scan.count] = scan.columns
    tables = torch.stack([scan.table for scan in scans])
    scaled = scaled_together(
        upload(padded, device), upload(tables, device), upload(torch.tensor(counts), device)
    )
    pieces: list[torch.Tensor] = []
    for row, count in enumerate(counts):
        pieces.append(scaled[row, :count])
    return pieces


def scaled_together(
    columns: torch.Tensor, tables: torch.Tensor, counts: torch.Tensor
) -> torch.Tensor:
    """Return the points (B, P, 3) float32 of B scans whose columns (B, 3, P) end in zeros.

    tables: (B, 4, 3), see ``mean_table``; counts: (B,), the points of each scan. What is in the
    place of the zeros means nothing.
    """
    factor, divisor, lowest, highest = tables[..., None].unbind(1)
    values = columns.double()
    total = (values * factor).round_().long().sum(2, keepdim=True)
    center = (total.double() / divisor).clamp_(lowest, highest)
    moved = values - center
    x, y, z = moved.square().unbind(1)
    is_padding = torch.arange(columns.shape[2], device=columns.device) >= counts[:, None]
    largest = (x + y + z).masked_fill_(is_padding, 0.0).amax(1)
    scale = largest.sqrt_()[:, None, None]
    points = moved.div_(torch.where(scale > 0, scale, 1.0)).transpose(1, 2)
    return points.to(torch.float32, memory_format=torch.contiguous_format)
