"""Search for the most similar samples in float32: by FAISS where it is installed, else by torch."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import torch

from musc2 import _forks
from musc2.ops._support import dispatch, threads

_BLOCK = 1 << 23  # values that torch may compute at a time
_MAX_NEIGHBORS_ON_GPU = 2048  # that FAISS finds on a GPU
_GPU_MEMORY = 64 << 20  # bytes that FAISS keeps on a GPU
_gpu_lock = _forks.Lock()
_gpu_resources: dict[int, Any] = {}


def propose(features: torch.Tensor, count: int) -> torch.Tensor:
    """Return the samples of largest inner product, (N, count) int64, in any order.

    features: (N, C) float32
    """
    faiss = _faiss()
    if faiss is None:
        return _by_torch(features, count)
    if not dispatch.on_gpu(features):
        return _by_faiss(faiss, features, count)
    if hasattr(faiss, "StandardGpuResources") and count <= _MAX_NEIGHBORS_ON_GPU:
        return _by_faiss_on_gpu(faiss, features, count)
    return _by_torch(features, count)


def rounding(features: torch.Tensor) -> float:
    """Bound the error of the search's inner products, as a fraction of the product of the norms."""
    error = 2 * features.shape[1] * torch.finfo(torch.float32).eps
    if dispatch.on_gpu(features):  # which may read no more than 10 bits of each fraction (TF32)
        error += 2.0**-9
    return error


def _by_torch(features: torch.Tensor, count: int) -> torch.Tensor:
    block = max(1, _BLOCK // len(features))
    neighbors = []
    for rows in torch.split(features, block):
        neighbors.append((rows @ features.T).topk(count).indices)
    return torch.cat(neighbors)


def _by_faiss(faiss: ModuleType, features: torch.Tensor, count: int) -> torch.Tensor:
    thread_count = faiss.omp_get_max_threads()
    if threads.in_forked_child():
        faiss.omp_set_num_threads(1)
    try:
        index = faiss.IndexFlatIP(features.shape[1])
        index.add(features.numpy())
        return torch.from_numpy(index.search(features.numpy(), count)[1])
    finally:
        faiss.omp_set_num_threads(thread_count)


def _by_faiss_on_gpu(faiss: ModuleType, features: torch.Tensor, count: int) -> torch.Tensor:
    """Search on the GPU of the features, on torch's stream there; arrays are passed by address."""
    device = features.device.index or 0
    samples, channels = features.shape
    index = features.new_empty(samples, count, dtype=torch.int64)
    similarity = features.new_empty(samples, count)
    search = faiss.GpuDistanceParams()
    search.metric = faiss.METRIC_INNER_PRODUCT
    search.k = count
    search.dims = channels
    search.device = device
    search.vectors = search.queries = faiss.cast_integer_to_float_ptr(features.data_ptr())
    search.numVectors = search.numQueries = samples
    search.outDistances = faiss.cast_integer_to_float_ptr(similarity.data_ptr())
    search.outIndices = faiss.cast_integer_to_idx_t_ptr(index.data_ptr())
    search.outIndicesType = faiss.IndicesDataType_I64
    stream = faiss.cast_integer_to_cudastream_t(dispatch.stream(features.device))
    with _gpu_lock:
        if device not in _gpu_resources:
            resources = faiss.StandardGpuResources()
            resources.setTempMemory(_GPU_MEMORY)
            _gpu_resources[device] = resources
        _gpu_resources[device].setDefaultStream(device, stream)
        faiss.bfKnn(_gpu_resources[device], search)
    return index


def _faiss() -> ModuleType | None:
    try:
        return importlib.import_module("faiss")
    except ImportError:
        return None
