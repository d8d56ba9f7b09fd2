"""Samples read, prepared and grouped, ALGORITHM.md §0 and §2: in threads, a few ahead of the encoders."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

import torch

from musc2.errors import InputError
from musc2.inputs import Failure, Points, Preparation, Prepared, Sample, prepare
from musc2.inputs.ordered import in_order
from musc2.ops import Groups, forked, native
from musc2.progress import Progress
from musc2.types import Cloud

T = TypeVar("T")
Group = Callable[[Sequence[Points]], Sequence[tuple[Cloud, Groups]]]
ENOUGH_POINTS = 1 << 21  # to group at a time


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One sample as encoders take it."""

    prepared: Prepared
    cloud: Cloud | None = None
    groups: Groups | None = None

    @property
    def origin(self) -> Origin:
        """All that is left of it after encoding."""
        found, image, points = self.prepared, self.prepared.image, self.prepared.cloud
        return Origin(
            name=found.sample.name,
            size=found.image_size or found.cloud_size,
            working=points.size if points is not None else None if image is None else (image.shape[1], image.shape[2]),
            mask=found.mask,
            rows=None if points is None else points.rows,
            given=0 if points is None else points.given,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Origin:
    """Where the results of a sample go.

    size: (H, W) of its image, else of its xyz map, None for a cloud, of whose ``given`` points those in ``rows`` were
    used; working: (h, w), what its image and map were brought to.
    """

    name: str
    size: tuple[int, int] | None
    working: tuple[int, int] | None
    mask: torch.Tensor | None
    rows: torch.Tensor | None
    given: int


class Parts:
    """The samples as parts, made while one asks for them; ``all`` makes and keeps them all.

    group: the points of up to ``together`` samples -> their clouds and groups. ``failures`` are those met so far, with
    on_error="skip"; errors: a context in which samples are made.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        preparation: Preparation,
        group: Group,
        progress: Progress,
        *,
        on_error: str = "raise",
        ahead: int = 4,
        together: int = 1,
        errors: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.count = len(samples)
        self.failures: list[Failure] = []
        self._samples, self._preparation, self._group = samples, preparation, group
        self._progress, self._on_error, self._errors = progress, on_error, errors
        self._ahead, self._together = ahead, together

    def __iter__(self) -> Iterator[Part]:
        return iter(self.__dict__["all"]) if "all" in self.__dict__ else self._made()

    @functools.cached_property
    def all(self) -> list[Part]:
        """Every part; from now on nothing is read again."""
        return list(self._made())

    def _made(self) -> Iterator[Part]:
        self.failures.clear()
        # A forked child's torch may use no threads but its first.
        threads = 1 if forked.in_forked_child() else native.num_threads()
        ahead = max(self._ahead, 2 * threads)
        prepared = prepare(self._samples, self._preparation, on_error=self._on_error, threads=threads, ahead=ahead)
        batches = _batches(self._progress.waiting("read", prepared), self._together)
        made = in_order(self._grouped, batches, threads=threads, ahead=max(1, ahead // self._together))
        with self._errors():
            for batch in self._progress.waiting("group", made):
                for found in batch:
                    if isinstance(found, Failure):
                        self.failures.append(found)
                    else:
                        yield found

    def _grouped(self, batch: list[Prepared | Failure]) -> list[Part | Failure]:
        """The parts of a batch. Where grouping it is an error, each is tried alone, which tells whose error it is."""
        clouds = [each.cloud for each in batch if isinstance(each, Prepared) and each.cloud is not None]
        try:
            grouped = iter(self._group(clouds) if clouds else [])
        except InputError as error:
            if len(batch) > 1:
                return [part for each in batch for part in self._grouped([each])]
            if self._on_error == "raise":
                raise
            return [Failure(sample=batch[0].sample, error=error)]
        return [each if isinstance(each, Failure) else _part(each, grouped) for each in batch]


def _batches(prepared: Iterable[Prepared | Failure], most: int) -> Iterator[list[Prepared | Failure]]:
    """Up to ``most`` in a row; fewer where these already have enough points."""
    batch: list[Prepared | Failure] = []
    points = 0
    for each in prepared:
        batch.append(each)
        points += 0 if isinstance(each, Failure) or each.cloud is None else len(each.cloud.points)
        if len(batch) >= most or points >= ENOUGH_POINTS:
            yield batch
            batch, points = [], 0
    if batch:
        yield batch


def _part(prepared: Prepared, grouped: Iterator[tuple[Cloud, Groups]]) -> Part:
    cloud, groups = (None, None) if prepared.cloud is None else next(grouped)
    return Part(prepared=prepared, cloud=cloud, groups=groups)


class OnDemand(Sequence[T], Generic[T]):
    """A list that is made when somebody looks at it: encoders without anything to learn never do."""

    def __init__(self, make: Callable[[], list[T]]) -> None:
        self._make = make

    @functools.cached_property
    def _items(self) -> list[T]:
        return self._make()

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        return self._items[index]
