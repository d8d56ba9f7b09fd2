"""Room in temporary files for what exceeds the setting ``memory``."""

from __future__ import annotations

import errno
import io
import math
import os
import tempfile
from collections.abc import Sequence

import numpy as np
import torch

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def temporary_file(size: int, content: str) -> io.FileIO:
    """Return a file of ``size`` bytes, on the disk already, that no folder lists.

    It goes when it is closed, also if the process is killed.
    """
    file = tempfile.TemporaryFile(prefix="musc2-", buffering=0)  # noqa: SIM115
    if not hasattr(os, "posix_fallocate"):  # macOS
        os.ftruncate(file.fileno(), size)
        return file
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno in _FULL:
            file.close()
            raise OSError(error.errno, _sentence(size, content)) from None
        os.ftruncate(file.fileno(), size)  # a file system that cannot reserve room
    return file


def empty(
    shape: Sequence[int], *, memory: int, content: str, device: str | torch.device = "cpu"
) -> torch.Tensor:
    """Return an uninitialized float32 tensor, mapped from a file if it exceeds ``memory`` bytes.

    That only concerns tensors on a CPU.
    """
    size = 4 * math.prod(shape)
    if size <= memory or torch.device(device).type != "cpu":
        return torch.empty(*shape, device=device)
    with temporary_file(size, content) as file:
        mapped = np.memmap(file, dtype=np.float32, mode="r+", shape=tuple(shape))
    return torch.from_numpy(mapped)


def _sentence(size: int, content: str) -> str:
    folder = tempfile.gettempdir()
    return (
        f"no room for {content} in {folder}: {size / 2**30:,.1f} GiB are needed, which exceed the "
        "setting memory; free the room, name another folder in the environment variable TMPDIR, "
        "or raise memory"
    )
