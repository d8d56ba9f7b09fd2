from __future__ import annotations

from typing import Literal, overload

import torch

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops import arrays

PRECISIONS = {"float32": 0, "bfloat16": 1, "float16": 1, "auto": 1, "int8": 2}
SCRATCH = 48 << 20


@overload
def nearest_patches(
    z: arrays.Array,
    *,
    references: arrays.Array | None = None,
    precision: str = "auto",
    window: int | None = None,
    grid: tuple[int, int] | None = None,
    return_index: Literal[False] = False,
    memory: int | None = None,
) -> torch.Tensor: ...


@overload
def nearest_patches(
    z: arrays.Array,
    *,
    references: arrays.Array | None = None,
    precision: str = "auto",
    window: int | None = None,
    grid: tuple[int, int] | None = None,
    return_index: Literal[True],
    memory: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]: ...


def nearest_patches(
    z: arrays.Array,
    *,
    references: arrays.Array | None = None,
    precision: str = "auto",
    window: int | None = None,
    grid: tuple[int, int] | None = None,
    return_index: bool = False,
    memory: int | None = None,
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """z: (N, L, C) float32 -> (N, L, N) float32: from patch p of sample i, the distance to the nearest of sample j.

    Entries with j = i are +inf. With ``references`` (R, L', C) the result is (N, L, R) and no entry is left out.

    ``precision`` is that of the search alone: the distance to the patch found is always measured in float32.
    "bfloat16", "float16" and "int8" are permissions: where the CPU has no such instructions the search is in float32.
    "auto" is bfloat16.
    ``window`` w looks only at patches at most w cells away on the ``grid`` (h, w), measured in float32.
    ``return_index`` adds the matched patches, (N, L, N) int32, -1 where j = i. The lowest index wins ties.
    ``memory`` bounds the scratch memory in bytes (default 48 MiB; a single sample's panel may need more).

    >>> z = torch.tensor([[[0.0], [4.0]], [[1.0], [2.0]]])
    >>> nearest_patches(z)[0]
    tensor([[inf, 1.],
            [inf, 2.]])
    """
    op = "nearest_patches"
    samples = arrays.finite(op, "z", arrays.tensor(op, "z", z, "N, L, C"))
    if precision not in PRECISIONS:
        msg = f"{op}: precision must be one of {', '.join(PRECISIONS)}, got {precision!r}"
        raise InputError(msg)
    scratch = SCRATCH if memory is None else arrays.whole(op, "memory", memory, 1)
    (n, patches, channels), others, other_patches, address = samples.shape, samples.shape[0], samples.shape[1], 0
    if references is not None:
        known = arrays.finite(op, "references", arrays.tensor(op, "references", references, "R, L', C"))
        others, other_patches, address = known.shape[0], known.shape[1], known.data_ptr()
        if known.shape[2] != channels:
            msg = f"{op}: references must have the {channels} channels of z, got {known.shape[2]}"
            raise InputError(msg)
        # An empty tensor has no address, which is how the kernel knows that there are no references.
        address = address or 1
    if patches == 0 or channels == 0 or other_patches == 0:
        msg = f"{op}: z and references must have at least one patch and one channel, got {tuple(samples.shape)}"
        raise InputError(msg)
    distance = torch.empty(n, patches, others)
    index = torch.empty(n, patches, others, dtype=torch.int32) if return_index else None
    index_address = 0 if index is None else index.data_ptr()
    if window is None:
        _cpu.nearest_patches(
            samples.data_ptr(), n, patches, channels, address, others, other_patches,
            PRECISIONS[precision], scratch, distance.data_ptr(), index_address,
        )  # fmt: skip
    else:
        height, width = _grid(op, grid, patches, other_patches)
        reach = arrays.whole(op, "window", window, 0)
        _cpu.nearest_patches_in_window(
            samples.data_ptr(), n, height, width, channels, address, others,
            min(reach, max(height, width)), distance.data_ptr(), index_address,
        )  # fmt: skip
    return distance if index is None else (distance, index)


def _grid(op: str, grid: tuple[int, int] | None, patches: int, other_patches: int) -> tuple[int, int]:
    side = round(patches**0.5)
    height, width = (side, side) if grid is None else grid
    if height * width != patches or other_patches != patches:
        asked = (
            "a square number of patches or grid=(h, w)" if grid is None else f"h*w = {patches} patches on both sides"
        )
        msg = f"{op}: window needs {asked}, got grid={grid}, {patches} patches and {other_patches} in references"
        raise InputError(msg)
    return height, width
