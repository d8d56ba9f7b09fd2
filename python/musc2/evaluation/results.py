"""The result of a category, and the mean of several."""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from musc2 import checks
from musc2.atomic_files import replacing

FILE = "metrics.json"


@dataclass(frozen=True, kw_only=True)
class CategoryResult:
    """The metrics of one category.

    - parts, defective: how many parts were scored, and how many of them are defective.
    - metrics: percent; None where one is not defined.
    - published: the metrics of this category in a published table, empty without one.
    - encoders: "2d" and "3d" -> the name of the encoder.
    - seconds: of the call of ``score``; timings: of its stages.
    - request: everything that the metrics depend on.
    """

    category: str
    parts: int
    defective: int
    metrics: dict[str, float | None]
    published: dict[str, float]
    encoders: dict[str, str]
    seconds: float
    timings: dict[str, float]
    request: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write metrics.json into ``folder``, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dataclasses.asdict(self), indent=1)
        with replacing(folder / FILE) as file:
            file.write(text.encode())


def load_saved(folder: Path, request: dict[str, Any]) -> CategoryResult | None:
    """Return the result in ``folder`` if it is one of the same request."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
        result = CategoryResult(**json.loads(text))
    except (OSError, ValueError, TypeError, RecursionError):  # no file, or one that is damaged
        return None
    return result if result.request == request and _is_sound(result) else None


def _is_sound(result: CategoryResult) -> bool:
    """Return whether the values that are printed and averaged are of their types."""
    mappings = (result.metrics, result.published, result.encoders, result.timings)
    if not all(isinstance(mapping, dict) for mapping in mappings):
        return False
    numbers = [*result.metrics.values(), *result.published.values(), *result.timings.values()]
    defined = [value for value in numbers if value is not None]
    counts = (result.parts, result.defective)
    return all(map(checks.is_whole, counts)) and all(
        map(checks.is_number, [*defined, result.seconds])
    )


def as_json(request: dict[str, Any]) -> dict[str, Any]:
    """Round-trip ``request`` through JSON, so that it compares equal to a saved one."""
    decoded: dict[str, Any] = json.loads(json.dumps(request))
    return decoded


def mean(results: Sequence[CategoryResult]) -> CategoryResult:
    """Return the mean of metrics and the sums of times and counts.

    A metric is averaged over the categories that have it, a published one only if all have it.
    """
    values: dict[str, list[float]] = {}
    references: dict[str, list[float]] = {}
    timings: dict[str, float] = {}
    for result in results:
        for name, value in result.metrics.items():
            defined = values.setdefault(name, [])
            if value is not None:
                defined.append(value)
        for name, reference in result.published.items():
            references.setdefault(name, []).append(reference)
        for stage, seconds in result.timings.items():
            timings[stage] = timings.get(stage, 0.0) + seconds
    published: dict[str, float] = {}
    for name, column in references.items():
        if len(column) == len(results):
            published[name] = sum(column) / len(column)
    return CategoryResult(
        category="mean",
        parts=sum(result.parts for result in results),
        defective=sum(result.defective for result in results),
        metrics={name: _mean(defined) for name, defined in values.items()},
        published=published,
        encoders=results[0].encoders if results else {},
        seconds=sum(result.seconds for result in results),
        timings=timings,
        request=results[0].request if results else {},
    )


def published(dataset: str, category: str, modality: str) -> dict[str, float]:
    """Return the published metrics of a category: MuSc-V2's in 2D+3D, MuSc's in 2D, else none."""
    table_modality = "2d+3d" if dataset in ("mvtec_3d", "eyecandies") else "2d"
    if modality != table_modality:
        return {}
    return _published_tables().get((dataset, category), {})


def is_published(dataset: str) -> bool:
    """Return whether there is a published table of this data set."""
    return any(name == dataset for name, _ in _published_tables())


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


@functools.cache
def _published_tables() -> dict[tuple[str, str], dict[str, float]]:
    """Return the published metrics by data set and category."""
    file = resources.files("musc2.evaluation").joinpath("published.csv")
    tables: dict[tuple[str, str], dict[str, float]] = {}
    for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
        key = row.pop("dataset"), row.pop("category")
        del row["method"]
        tables[key] = {name: float(value) for name, value in row.items()}
    return tables
