"""The centering and scaling of xyz maps, which are no op but must have the CPU's bits as well."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.gpu.cases import Arrays, Case, Size, case, scans
from bench.gpu.comparisons import equal
from musc2.inputs._on_gpu.scans import scaled_together
from musc2.inputs._scans import find_foreground, mean_table
from musc2.inputs.clouds import PCD


def cases(size: Size) -> Iterator[Case]:
    """Yield a case for each type that maps have."""

    def inputs(dtype: torch.dtype) -> Arrays:
        clouds = scans(size)[:32].to(dtype) + torch.tensor([0.3, -7.0, 700.0], dtype=dtype)
        columns, tables, counts = [], [], []
        for number, cloud in enumerate(clouds):
            own = cloud[: len(cloud) - number]  # of different lengths
            foreground = find_foreground(own.numpy(), None, all_coordinates=False, label=PCD)
            padded = torch.zeros(3, len(cloud), dtype=dtype)
            padded[:, : len(own)] = torch.from_numpy(foreground.columns)
            columns.append(padded)
            tables.append(torch.from_numpy(mean_table(foreground)))
            counts.append(len(own))
        return torch.stack(columns), torch.stack(tables), torch.tensor(counts)

    def scaled(columns: torch.Tensor, tables: torch.Tensor, counts: torch.Tensor) -> Arrays:
        return (scaled_together(columns, tables, counts),)

    for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
        yield case(f"scans {size.name}, {name}", lambda dtype=dtype: inputs(dtype), scaled, equal)
