from __future__ import annotations

from typing import Literal, overload

import torch

from musc2 import checks
from musc2.errors import InputError
from musc2.ops._support import arrays, dispatch, magnitude

OP = "nearest_patches"
IN_WINDOW = "nearest_patches_in_window"
PRECISION_CODES = {"float32": 0, "bfloat16": 1, "int8": 2, "float16": 3, "auto": 4}
CPU_MEMORY = 48 << 20
GPU_MEMORY = 256 << 20


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
    """Return the distance from each patch of each sample to the nearest patch of each other sample.

    z: (N, L, C) float32 -> (N, L, N) float32; entries of a sample against itself are +inf
    references: (R, L', C) float32 -> (N, L, R) float32; no entry is left out

    Args:
        z: features of L patches of N samples. They may also be bfloat16 or float16, which a GPU
            searches as they are.
        references: samples to compare with; by default the samples are compared with each other.
        precision: of the search on a GPU; distances are always measured in float32. "auto" is
            bfloat16, and so is "int8", but for features in float32 or float16 where MUSC2_HOPPER is
            in use. A CPU measures all patches that might be the nearest, whatever it is.
        search_window: compare only with patches at most this many grid cells away, in float32.
        grid: (h, w) patches of a sample, for ``search_window``; by default a square.
        return_index: also return the nearest patches, (N, L, N) or (N, L, R) int32, -1 for a sample
            against itself. The lowest index wins ties.
        memory: bytes of scratch memory, by default 48 MiB, on a GPU 256 MiB; a single pair of
            samples may need more. Each thread of a CPU takes up to 4 MiB beside it.

    >>> z = torch.tensor([[[0.0], [4.0]], [[1.0], [2.0]]])
    >>> nearest_patches(z)[0]
    tensor([[inf, 1.],
            [inf, 2.]])
    """
    queries = arrays.features(OP, "z", z, "N, L, C")
    checks.choice(OP, "precision", precision, PRECISION_CODES)
    return_index = checks.switch(OP, "return_index", return_index)
    if memory is None:
        memory = GPU_MEMORY if dispatch.on_gpu(queries) else CPU_MEMORY
    else:
        memory = checks.whole(OP, "memory", memory, 1)
    samples, patches, channels = queries.shape
    key_samples, key_patches, address = samples, patches, 0
    if references is None:
        exponent = magnitude.excess_exponent(queries)
    else:
        queries, keys = _with_references(queries, references)
        exponent = magnitude.excess_exponent(queries, keys)
        keys = magnitude.shifted(keys, -exponent)
        key_samples, key_patches, _ = keys.shape
        # An empty tensor has the address 0, which tells the kernel that there are no references.
        address = keys.data_ptr() or 1
    queries = magnitude.shifted(queries, -exponent)
    if 0 in (patches, channels, key_patches):
        requirement = "must have at least one patch and one channel"
        checks.refuse(OP, "z and references", requirement, tuple(queries.shape))
    distance = torch.empty(samples, patches, key_samples, device=queries.device)
    index = torch.empty_like(distance, dtype=torch.int32) if return_index else None
    type_code = arrays.TYPE_CODES[queries.dtype]
    if search_window is None:
        sizes = (samples, patches, channels)
        key_sizes = (key_samples, key_patches)
        code, is_mutual = PRECISION_CODES[precision], references is None
        limits = (code, memory, type_code)
        scratch = dispatch.scratch(OP, queries, *sizes, is_mutual, *key_sizes, *limits)
        arguments = (*sizes, address, *key_sizes, memory, distance, index)
        dispatch.launch(OP, queries, *arguments, gpu_only=(code, type_code, scratch))
    else:
        height, width = _grid(grid, patches, key_patches)
        window = checks.whole(OP, "search_window", search_window, 0)
        window = min(window, max(height, width))
        limited = (samples, height, width, channels, address, key_samples, window)
        dispatch.launch(IN_WINDOW, queries, *limited, distance, index, gpu_only=(type_code,))
    distance = magnitude.shifted(distance, exponent)
    return distance if index is None else (distance, index)


def _with_references(
    queries: torch.Tensor, references: arrays.Array
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return queries and checked references, both of one dtype."""
    keys = arrays.features(OP, "references", references, "R, L', C")
    arrays.check_same_device(OP, z=queries, references=keys)
    channels = queries.shape[2]
    if keys.shape[2] != channels:
        checks.refuse(OP, "references", f"must have the {channels} channels of z", keys.shape[2])
    if keys.dtype == queries.dtype:
        return queries, keys
    return queries.float(), keys.float()


def _grid(grid: tuple[int, int] | None, patches: int, key_patches: int) -> tuple[int, int]:
    side = round(patches**0.5)
    height, width = (side, side) if grid is None else checks.pair(OP, "grid", grid, 2**31 - 1)
    if height * width == patches == key_patches:
        return height, width
    if grid is None:
        need = "a square number of patches or grid=(h, w)"
    else:
        need = f"h*w = {patches} patches on both sides"
    msg = (
        f"{OP}: search_window needs {need}, got grid={grid}, {patches} patches and {key_patches} "
        "in references"
    )
    raise InputError(msg)
