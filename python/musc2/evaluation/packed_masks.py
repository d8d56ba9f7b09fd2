"""The masks of a category at a bit per pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class PackedMasks(Sequence[Mask]):
    """Masks of any shape, each unpacked when it is asked for."""

    def __init__(self) -> None:
        self._bits = bytearray()  # arrays, one for each mask, would leave holes in the heap
        self._places: list[tuple[int, tuple[int, ...]]] = []

    def append(self, mask: Mask) -> None:
        """Takes up one more."""
        self._places.append((len(self._bits), mask.shape))
        self._bits += np.packbits(mask).tobytes()

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        start, shape = self._places[index]
        pixels = math.prod(shape)
        bits = np.frombuffer(self._bits, np.uint8, count=-(-pixels // 8), offset=start)
        return np.unpackbits(bits, count=pixels).reshape(shape).astype(np.bool_)
