"""Read, prepare and group samples in threads, docs/method/algorithm.md sections 0 and 2."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from musc2.cloud import Cloud
from musc2.errors import InputError, InputWarning
from musc2.inputs._on_gpu import RawScan
from musc2.inputs._survey.notes import shortened
from musc2.inputs.loading import LoadError, Prepared, joined, load
from musc2.inputs.ordered_map import ordered_map
from musc2.inputs.preparation import Points, Preparation
from musc2.inputs.sample import Sample
from musc2.ops import Groups
from musc2.ops._support import dispatch
from musc2.ops._support.threads import in_forked_child
from musc2.progress import StageTimer

Scan = Points | RawScan
Group = Callable[[Sequence[Scan]], Sequence[tuple[Cloud, Groups]]]
ENOUGH_POINTS = 1 << 21  # to group in one call
_FEW_STEPS = 1000
_COLLAPSED = (
    "scans whose points nearly coincide in the precision of their numbers: pass float64, move them "
    "near the origin, or remove points far away from the part"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class OutputSpec:
    """The size, mask and point rows needed to map the scores of a sample back to its input.

    size: (H, W) of its image, else of its xyz map, None for a cloud; working: (h, w), the size that
    its map is rendered at; rows: those of the ``input_count`` points of a cloud that were used.
    """

    sample: Sample
    name: str
    path: Path | None
    size: tuple[int, int] | None
    working: tuple[int, int] | None
    mask: torch.Tensor | None
    rows: torch.Tensor | None
    input_count: int


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedPart:
    """One sample as encoders take it.

    cloud: of the points that its groups are made of; scored_cloud: of all that get a score, with
    the same centers.
    """

    prepared: Prepared
    cloud: Cloud | None = None
    groups: Groups | None = None
    scored_cloud: Cloud | None = None

    @property
    def name(self) -> str:
        """Return the sample's name."""
        return self.prepared.sample.name

    @property
    def output(self) -> OutputSpec:
        """Return what is needed of the part after encoding."""
        points = self.prepared.scan
        return OutputSpec(
            sample=self.prepared.sample,
            name=self.name,
            path=self.prepared.sample.path,
            size=self.prepared.image_size or self.prepared.cloud_size,
            working=self.prepared.working_size,
            mask=self.prepared.mask,
            rows=None if points is None else points.rows,
            input_count=0 if points is None else points.input_count,
        )


class PartLoader:
    """Iterate over the samples as parts, a bounded number ahead; nothing is kept but by ``keep``.

    group: the points of up to ``batch`` samples -> their clouds and groups. ``errors`` are those of
    the samples that were skipped so far, with on_error="skip". is_whole: whether it is an error
    when none can be read; not for some samples of a set.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        preparation: Preparation,
        group: Group,
        timer: StageTimer,
        *,
        on_error: str = "raise",
        ahead: int = 4,
        batch: int = 1,
        is_whole: bool = True,
    ) -> None:
        self.count = len(samples)
        self.errors: list[LoadError] = []
        self._samples, self._preparation, self._group = samples, preparation, group
        self._timer, self._on_error = timer, on_error
        self._ahead, self._batch = ahead, batch
        self._is_whole = is_whole
        self._kept: list[LoadedPart] | None = None

    def __iter__(self) -> Iterator[LoadedPart]:
        return self._load() if self._kept is None else iter(self._kept)

    def keep(self) -> list[LoadedPart]:
        """Return every part and keep them: from now on nothing is read again."""
        if self._kept is None:
            kept: list[LoadedPart] = []
            for part in self._load():
                kept.append(part)
                self._timer.step("read", len(kept), self.count)
            self._kept = kept
        return self._kept

    def _load(self) -> Iterator[LoadedPart]:
        self.errors.clear()
        collapsed: list[str] = []
        # A forked child's torch may use no threads but its first.
        threads = 1 if in_forked_child() else dispatch.num_threads()
        ahead = max(self._ahead, 2 * threads)
        prepared = load(
            self._samples,
            self._preparation,
            on_error=self._on_error,
            threads=threads,
            ahead=ahead,
        )
        batches = _batches(self._timer.waiting("read", prepared), self._batch)
        batches_ahead = max(1, ahead // self._batch)
        grouped = ordered_map(self._grouped, batches, threads=threads, ahead=batches_ahead)
        for batch in self._timer.waiting("group", grouped):
            for item in batch:
                if isinstance(item, LoadError):
                    self.errors.append(item)
                else:
                    if _is_collapsed(item.prepared.scan):
                        collapsed.append(item.name)
                    yield item
        if self._is_whole and self.count and len(self.errors) == self.count:
            raise none_readable(self.errors)
        if collapsed:
            warnings.warn(f"{_COLLAPSED}: {shortened(collapsed)}", InputWarning, stacklevel=2)

    def _grouped(self, batch: list[Prepared | LoadError]) -> list[LoadedPart | LoadError]:
        """Return the parts of a batch; after an error, group each alone to find whose it is."""
        scans: list[Scan] = []
        for item in batch:
            if isinstance(item, Prepared) and item.scan is not None:
                scans.append(item.scan)
        try:
            grouped = iter(self._group(scans) if scans else [])
        except InputError as error:
            if len(batch) > 1:
                return [part for item in batch for part in self._grouped([item])]
            if self._on_error == "raise":
                raise
            return [LoadError(sample=batch[0].sample, error=error)]
        return [item if isinstance(item, LoadError) else _part(item, grouped) for item in batch]


def none_readable(errors: Sequence[LoadError]) -> InputError:
    """Return the error for a set of which no sample could be read, with the reasons."""
    return InputError(f"score: none of {len(errors)} samples could be read:\n{joined(errors)}")


def _is_collapsed(points: Scan | None) -> bool:
    return points is not None and points.count > 1 and points.steps < _FEW_STEPS


def _batches(
    prepared: Iterable[Prepared | LoadError],
    most: int,
) -> Iterator[list[Prepared | LoadError]]:
    """Yield up to ``most`` in a row, fewer if they already have enough points."""
    batch: list[Prepared | LoadError] = []
    points = 0
    for item in prepared:
        batch.append(item)
        if isinstance(item, Prepared) and item.scan is not None:
            points += item.scan.count
        if len(batch) >= most or points >= ENOUGH_POINTS:
            yield batch
            batch, points = [], 0
    if batch:
        yield batch


def _part(prepared: Prepared, grouped: Iterator[tuple[Cloud, Groups]]) -> LoadedPart:
    points = prepared.scan
    if points is None:
        return LoadedPart(prepared=prepared)
    cloud, groups = next(grouped)
    scored_cloud = _with_all_points(cloud, points)
    return LoadedPart(prepared=prepared, cloud=cloud, groups=groups, scored_cloud=scored_cloud)


def _with_all_points(cloud: Cloud, points: Scan) -> Cloud:
    """Return the cloud of a thinned scan with all its points."""
    if isinstance(points, RawScan) or points.kept is None:
        return cloud
    return Cloud(
        points=points.points,
        centers=points.kept[cloud.centers],
        curvature=cloud.curvature,
        pixels=points.pixels,
        size=points.size,
    )
