"""Parts that the generators make, as arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musc2.datasets.sample import GOOD


@dataclass(frozen=True, kw_only=True, eq=False)
class GeneratedPart:
    """One generated part.

    index: its position in its set; kind: its defect, or "good"; number: counts the parts of its
    kind.
    """

    index: int
    kind: str
    number: int
    rgb: NDArray[np.uint8]
    xyz: NDArray[np.float32]
    mask: NDArray[np.bool_]

    @property
    def is_defective(self) -> bool:
        """Return whether the part has a defect."""
        return self.kind != GOOD


@dataclass(frozen=True, kw_only=True, eq=False)
class GeneratedParts:
    """N generated parts of one design; iterating yields a ``GeneratedPart`` each.

    - rgb: (N, H, W, 3) uint8.
    - xyz: (N, H, W, 3) float32 in meters, 0 where the sensor saw nothing.
    - masks: (N, H, W) bool, the pixels of the defects.
    - labels: (N,) bool, True for a defect.
    - kinds: the defect of each part, or "good".
    """

    rgb: NDArray[np.uint8]
    xyz: NDArray[np.float32]
    masks: NDArray[np.bool_]
    labels: NDArray[np.bool_]
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.kinds)

    def __iter__(self) -> Iterator[GeneratedPart]:
        counts: Counter[str] = Counter()
        for index, kind in enumerate(self.kinds):
            yield GeneratedPart(
                index=index,
                kind=kind,
                number=counts[kind],
                rgb=self.rgb[index],
                xyz=self.xyz[index],
                mask=self.masks[index],
            )
            counts[kind] += 1
