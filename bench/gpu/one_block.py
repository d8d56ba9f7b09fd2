"""The baseline kernel of farthest_points: compiled by nvcc when it is wanted, called by address."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import torch

from bench.gpu.compiler import nvcc


def compiled(folder: Path, architecture: str) -> Path:
    """The shared library of one_block.cu."""
    library = folder / "one_block.so"
    source = Path(__file__).with_suffix(".cu")
    flags = [
        "-O3",
        "-std=c++17",
        "-fmad=false",
        f"-arch={architecture}",
        "-shared",
        "-Xcompiler=-fPIC",
    ]
    subprocess.run([nvcc(), *flags, "-o", str(library), str(source)], check=True)
    return library


@cache
def _library(architecture: str) -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        return ctypes.CDLL(str(compiled(Path(folder), architecture)))


def farthest_points(points: torch.Tensor, count: int) -> torch.Tensor:
    """points: (B, P, 3) float32 on a GPU -> (B, count) int32."""
    clouds, size, _ = points.shape
    nearest, picks = (
        points.new_empty(clouds, size),
        points.new_empty(clouds, count, dtype=torch.int32),
    )
    major, minor = torch.cuda.get_device_capability(points.device)
    addresses = (ctypes.c_void_p(array.data_ptr()) for array in (points, nearest, picks))
    of_points, of_nearest, of_picks = addresses
    stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
    sample = _library(f"sm_{major}{minor}").one_block_farthest_points
    if status := sample(of_points, clouds, size, count, of_nearest, of_picks, stream):
        msg = f"one_block_farthest_points: CUDA error {status}"
        raise RuntimeError(msg)
    return picks
