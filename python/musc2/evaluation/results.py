"""What is known of a category when it is finished, and the mean of several."""

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

FILE = "result.json"


@dataclass(frozen=True, kw_only=True)
class CategoryResult:
    """figures: percent, None where not defined. published: what a published table says of this category.

    seconds: of the call of ``score``; timings: of its stages. asked: everything that the figures depend on.
    """

    category: str
    parts: int
    defective: int
    figures: dict[str, float | None]
    published: dict[str, float]
    encoders: dict[str, str]
    seconds: float
    timings: dict[str, float]
    asked: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Writes it into ``folder``, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"{FILE}.unfinished"
        unfinished.write_text(json.dumps(dataclasses.asdict(self), indent=1), encoding="utf-8")
        unfinished.replace(folder / FILE)


def saved(folder: Path, asked: dict[str, Any]) -> CategoryResult | None:
    """The result in ``folder``, if there is one of the same call."""
    try:
        found = CategoryResult(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # none, or not one that this version can read
        return None
    return found if found.asked == asked else None


def plain(asked: dict[str, Any]) -> dict[str, Any]:
    """As it comes back from a file."""
    found: dict[str, Any] = json.loads(json.dumps(asked))
    return found


def mean(results: Sequence[CategoryResult]) -> CategoryResult:
    """Figures averaged over the categories that have them, times and counts summed up."""
    names = list(dict.fromkeys(name for result in results for name in result.figures))
    stages = list(dict.fromkeys(stage for result in results for stage in result.timings))
    return CategoryResult(
        category="mean",
        parts=sum(result.parts for result in results),
        defective=sum(result.defective for result in results),
        figures={name: _mean([result.figures.get(name) for result in results]) for name in names},
        published={
            name: value
            for name in names
            if (value := _mean([result.published.get(name) for result in results], every=True)) is not None
        },
        encoders=results[0].encoders if results else {},
        seconds=sum(result.seconds for result in results),
        timings={stage: sum(result.timings.get(stage, 0.0) for result in results) for stage in stages},
        asked=results[0].asked if results else {},
    )


def _mean(values: Sequence[float | None], *, every: bool = False) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there and (len(there) == len(values) or not every) else None


@functools.cache
def _tables() -> dict[tuple[str, str], dict[str, float]]:
    text = resources.files("musc2.evaluation").joinpath("published.csv").read_text(encoding="utf-8")
    found = {}
    for row in csv.DictReader(text.splitlines()):
        place = row.pop("dataset"), row.pop("category")
        del row["method"]
        found[place] = {name: float(value) for name, value in row.items()}
    return found


def published(dataset: str, category: str, modality: str) -> dict[str, float]:
    """The published figures of a category, if there are any for this modality: MuSc-V2 in 2D+3D, MuSc in 2D."""
    wanted = "2d+3d" if dataset in ("mvtec_3d", "eyecandies") else "2d"
    return _tables().get((dataset, category), {}) if modality == wanted else {}


def is_published(dataset: str) -> bool:
    """Whether there is a published table of this data set."""
    return any(dataset == known for known, _ in _tables())
