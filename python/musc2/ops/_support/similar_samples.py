"""The float32 search for the most similar samples: by FAISS where it is installed, else by torch."""

from __future__ import annotations

import importlib
import threading
from types import ModuleType
from typing import Any

import torch

from musc2.ops._support import gpu, threads

_BLOCK = 1 << 23  # values that torch may compute at a time
_MOST_ON_GPU = 2048  # neighbors that FAISS finds on a GPU
_TEMPORARY = 64 << 20  # bytes that it keeps there
_gpu_lock = threading.Lock()
_gpu_resources: dict[int, Any] = {}


def propose(features: torch.Tensor, count: int) -> torch.Tensor:
    """features: (N, C) float32 -> (N, count) int64, samples of largest inner product, in any order."""
    faiss = _faiss()
    if gpu.launcher(features):
        if faiss is not None and hasattr(faiss, "StandardGpuResources") and count <= _MOST_ON_GPU:
            return _by_faiss_on_gpu(faiss, features, count)
        return _by_torch(features, count)
    return _by_torch(features, count) if faiss is None else _by_faiss(faiss, features, count)


def rounding(features: torch.Tensor) -> float:
    """A bound on the error of the search's inner products, as a fraction of the product of the norms."""
    full = 2 * features.shape[1] * torch.finfo(torch.float32).eps
    return full + 2.0**-9 if gpu.launcher(features) else full  # a GPU may take 10 bits of each value (TF32)


def _by_torch(features: torch.Tensor, count: int) -> torch.Tensor:
    block = max(1, _BLOCK // len(features))
    found = [(features[i : i + block] @ features.T).topk(count).indices for i in range(0, len(features), block)]
    return torch.cat(found)


def _by_faiss(faiss: ModuleType, features: torch.Tensor, count: int) -> torch.Tensor:
    before = faiss.omp_get_max_threads()
    if threads.in_forked_child():
        faiss.omp_set_num_threads(1)
    try:
        index = faiss.IndexFlatIP(features.shape[1])
        index.add(features.numpy())
        return torch.from_numpy(index.search(features.numpy(), count)[1])
    finally:
        faiss.omp_set_num_threads(before)


def _by_faiss_on_gpu(faiss: ModuleType, features: torch.Tensor, count: int) -> torch.Tensor:
    """On the GPU that holds the features and torch's stream there; arrays cross by address."""
    device = features.device.index or 0
    samples, channels = features.shape
    index = features.new_empty(samples, count, dtype=torch.int64)
    similarity = features.new_empty(samples, count)
    search = faiss.GpuDistanceParams()
    search.metric, search.k, search.dims, search.device = faiss.METRIC_INNER_PRODUCT, count, channels, device
    search.vectors = search.queries = faiss.cast_integer_to_float_ptr(features.data_ptr())
    search.numVectors = search.numQueries = samples
    search.outDistances = faiss.cast_integer_to_float_ptr(similarity.data_ptr())
    search.outIndices = faiss.cast_integer_to_idx_t_ptr(index.data_ptr())
    search.outIndicesType = faiss.IndicesDataType_I64
    stream = faiss.cast_integer_to_cudastream_t(gpu.stream(features.device))
    with _gpu_lock:
        if device not in _gpu_resources:
            resources = faiss.StandardGpuResources()
            resources.setTempMemory(_TEMPORARY)
            _gpu_resources[device] = resources
        _gpu_resources[device].setDefaultStream(device, stream)
        faiss.bfKnn(_gpu_resources[device], search)
    return index


def _faiss() -> ModuleType | None:
    try:
        return importlib.import_module("faiss")
    except ImportError:
        return None
