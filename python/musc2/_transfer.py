"""Copy between the memory of the CPU and of a GPU without waiting more often than needed."""

from __future__ import annotations

import torch


def upload(values: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """Return ``values`` on ``device``; a copy to a GPU is queued and not waited for.

    It goes through pinned memory: from pageable memory, CUDA first waits for the stream.
    """
    is_upload = values.device.type == "cpu" and torch.device(device).type == "cuda"
    if not is_upload or _is_capturing():
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def download(*tensors: torch.Tensor) -> list[torch.Tensor]:
    """Return tensors on the CPU; those of a GPU are waited for once, all together."""
    devices = {tensor.device for tensor in tensors if tensor.is_cuda}
    copies: list[torch.Tensor] = []
    for tensor in tensors:
        # With non_blocking, torch allocates pinned memory for the copy.
        copies.append(tensor.to("cpu", non_blocking=True) if tensor.is_cuda else tensor)
    for device in devices:
        torch.cuda.current_stream(device).synchronize()
    return copies


def _is_capturing() -> bool:
    """Return whether a CUDA graph is being captured: replayed, it would read freed memory."""
    return torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()
