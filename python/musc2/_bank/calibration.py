"""What a bank has measured of its own parts: the scale of scores, and the thresholds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from musc2 import verdict
from musc2.by_modality import ByModality
from musc2.method import Divisors
from musc2.patch_scores import Levels
from musc2.result import Result
from musc2.verdict import BankThresholds


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """levels and divisors: of each view; raw_scores: (N,) of the bank's parts among themselves."""

    levels: list[Levels]
    divisors: Divisors
    bank_thresholds: BankThresholds
    raw_scores: torch.Tensor


def calibration_of(result: Result, levels: list[Levels]) -> Calibration:
    """Return the calibration by the result of a bank's own parts.

    New parts are not re-scored, so their threshold comes from scores that are not, either.
    """
    divisors: Divisors = []
    for own in result.units:
        divisors.append(ByModality(own.get("2d"), own.get("3d")))
    threshold = result.threshold
    if result.config.threshold is None and not result.references_are_good:
        threshold = verdict.threshold(result.raw_scores)
    threshold = replace(threshold, reason=f"the bank's threshold: {threshold.reason}")
    return Calibration(
        levels=levels,
        divisors=divisors,
        bank_thresholds=BankThresholds(threshold=threshold, map_threshold=result.map_threshold),
        raw_scores=result.raw_scores,
    )


def to_json(calibration: Calibration) -> dict[str, Any]:
    """Return plain values that lose no digit."""
    levels = []
    for own in calibration.levels:
        medians = [None if values is None else dict(values.items()) for values in own.medians]
        units = {name: values.tolist() for name, values in own.layers.items()}
        levels.append({"layers": units, "medians": medians})
    return {
        "levels": levels,
        "divisors": [dict(own.items()) for own in calibration.divisors],
        "bank_thresholds": asdict(calibration.bank_thresholds),
        "raw_scores": calibration.raw_scores.tolist(),
    }


def from_json(values: dict[str, Any], device: str) -> Calibration:
    """Return the calibration that ``to_json`` turned into plain values."""
    levels = []
    for own in values["levels"]:
        layers = {name: torch.tensor(unit, device=device) for name, unit in own["layers"].items()}
        medians: list[ByModality[float] | None] = []
        for median in own["medians"]:
            medians.append(None if median is None else ByModality(**median))
        levels.append(Levels(layers=ByModality(**layers), medians=medians))
    bank_thresholds = verdict.bank_thresholds(values["bank_thresholds"])
    if bank_thresholds is None:
        msg = "a calibration has thresholds"
        raise ValueError(msg)
    return Calibration(
        levels=levels,
        divisors=[ByModality(**own) for own in values["divisors"]],
        bank_thresholds=bank_thresholds,
        raw_scores=torch.tensor(values["raw_scores"]),
    )
