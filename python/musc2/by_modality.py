"""A value for each modality: of images, of points, or of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class ByModality(Generic[T]):
    """image and points: the values of the modalities in use, None for one that is not.

    >>> ByModality(image=2, points=3).map(lambda value: value + 1).values()
    [3, 4]
    """

    image: T | None = None
    points: T | None = None

    def items(self) -> list[tuple[str, T]]:
        """Return ("image", value) and ("points", value) of the modalities in use."""
        items = []
        if self.image is not None:
            items.append(("image", self.image))
        if self.points is not None:
            items.append(("points", self.points))
        return items

    def values(self) -> list[T]:
        """Return the values of the modalities in use, that of images first."""
        return list(dict(self.items()).values())

    def map(self, function: Callable[[T], R]) -> ByModality[R]:
        """Return the function's results."""
        return ByModality(**{name: function(value) for name, value in self.items()})

    def combine(self, function: Callable[[T, S], R], other: ByModality[S]) -> ByModality[R]:
        """Return the function's results on pairs of values; both have the same modalities."""
        if dict(self.items()).keys() != dict(other.items()).keys():
            msg = "ByModality.combine: both must hold the same modalities"
            raise ValueError(msg)
        pairs = zip(self.items(), other.values(), strict=True)
        return ByModality(**{name: function(value, partner) for (name, value), partner in pairs})

    @property
    def is_both(self) -> bool:
        """Whether both modalities are in use."""
        return self.image is not None and self.points is not None
