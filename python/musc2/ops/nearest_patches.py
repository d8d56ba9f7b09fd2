from __future__ import annotations

from typing import Literal, overload

import torch

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops._support import arrays, gpu

PRECISIONS = {"float32": 0, "bfloat16": 1, "auto": 1, "int8": 2, "float16": 3}
SCRATCH, GPU_SCRATCH = 48 << 20, 256 << 20


@overload
def nearest_patches(
    z: arrays.Array,
    *,
    references: arrays.Array | None = None,
    precision: str = "auto",
    search_window: int | None = None,
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
    search_window: int | None = None,
    grid: tuple[int, int] | None = None,
    return_index: Literal[True],
    memory: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]: ...


def nearest_patches(
    z: arrays.Array,
    *,
    references: arrays.Array | None = None,
    precision: str = "auto",
    search_window: int | None = None,
    grid: tuple[int, int] | None = None,
    return_index: bool = False,
    memory: int | None = None,
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """z: (N, L, C) float32 -> (N, L, N) float32: from patch p of sample i, the distance to the nearest of sample j.

    Entries with j = i are +inf. With ``references`` (R, L', C) the result is (N, L, R) and no entry is left out.

    ``precision`` is that of the search alone: the distance to the patch found is always measured in float32.
    "bfloat16", "float16" and "int8" are permissions: where the CPU has no such instructions the search is in float32;
    a GPU searches in bfloat16 for "int8". "auto" is bfloat16. z may also be bfloat16 or float16, which a GPU searches
    as they are.
    ``search_window`` w looks only at patches at most w cells away on the ``grid`` (h, w), measured in float32.
    ``return_index`` adds the matched patches, (N, L, N) int32, -1 where j = i. The lowest index wins ties.
    ``memory`` bounds the scratch memory in bytes (default 48 MiB, on a GPU 256 MiB; a pair of samples may need more).

    >>> z = torch.tensor([[[0.0], [4.0]], [[1.0], [2.0]]])
    >>> nearest_patches(z)[0]
    tensor([[inf, 1.],
            [inf, 2.]])
    """
    op = "nearest_patches"
    samples = arrays.features(op, "z", z, "N, L, C")
    if precision not in PRECISIONS:
        msg = f"{op}: precision must be one of {', '.join(PRECISIONS)}, got {precision!r}"
        raise InputError(msg)
    on_gpu = gpu.launcher(samples)
    most = (GPU_SCRATCH if on_gpu else SCRATCH) if memory is None else arrays.whole(op, "memory", memory, 1)
    (n, patches, channels), others, other_patches, address = samples.shape, samples.shape[0], samples.shape[1], 0
    if references is not None:
        known = arrays.features(op, "references", references, "R, L', C")
        arrays.check_same_device(op, z=samples, references=known)
        if known.dtype != samples.dtype:
            samples, known = samples.float(), known.float()
        others, other_patches, address = known.shape[0], known.shape[1], known.data_ptr()
        if known.shape[2] != channels:
            msg = f"{op}: references must have the {channels} channels of z, got {known.shape[2]}"
            raise InputError(msg)
        # An empty tensor has no address, which is how the kernel knows that there are no references.
        address = address or 1
    if patches == 0 or channels == 0 or other_patches == 0:
        msg = f"{op}: z and references must have at least one patch and one channel, got {tuple(samples.shape)}"
        raise InputError(msg)
    distance = torch.empty(n, patches, others, device=samples.device)
    index = torch.empty(n, patches, others, dtype=torch.int32, device=samples.device) if return_index else None
    results = (distance.data_ptr(), 0 if index is None else index.data_ptr())
    kind = arrays.TYPES[samples.dtype]
    if search_window is None:
        searched = (samples.data_ptr(), n, patches, channels, address, others, other_patches, PRECISIONS[precision])
        if on_gpu is None:
            _cpu.nearest_patches(*searched, most, *results)
        else:
            sizes = (n, patches, channels, references is None, others, other_patches, PRECISIONS[precision])
            scratch = on_gpu.scratch(op, *sizes, most, kind)
            on_gpu.nearest_patches(*searched, most, *results, kind, scratch.data_ptr())
    else:
        height, width = _grid(op, grid, patches, other_patches)
        reach = min(arrays.whole(op, "search_window", search_window, 0), max(height, width))
        limited = (samples.data_ptr(), n, height, width, channels, address, others, reach)
        if on_gpu is None:
            _cpu.nearest_patches_in_window(*limited, *results)
        else:
            on_gpu.nearest_patches_in_window(*limited, *results, kind)
    return distance if index is None else (distance, index)


def _grid(op: str, grid: tuple[int, int] | None, patches: int, other_patches: int) -> tuple[int, int]:
    side = round(patches**0.5)
    height, width = (side, side) if grid is None else grid
    if height * width != patches or other_patches != patches:
        asked = (
            "a square number of patches or grid=(h, w)" if grid is None else f"h*w = {patches} patches on both sides"
        )
        msg = f"{op}: search_window needs {asked}, got grid={grid}, {patches} patches and {other_patches} in references"
        raise InputError(msg)
    return height, width
