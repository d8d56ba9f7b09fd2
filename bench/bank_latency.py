"""The time of one part against banks of several sizes, plain, compressed and with a window."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from musc2 import Config, Scorer, datasets, score

MODALITIES = {
    "2D": {"encoder_2d": "texture"},
    "3D": {"encoder_3d": "shape"},
    "both": {"encoder_2d": "texture", "encoder_3d": "shape"},
}
FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "a tenth": {"bank_size": 0.1},
    "window": {"config": {"search_window": 2}},
}
COLUMNS = (
    ("2D", "plain"),
    ("2D", "a tenth"),
    ("2D", "window"),
    ("3D", "plain"),
    ("3D", "a tenth"),  # scans have no grid, and so no window
    ("both", "plain"),
    ("both", "a tenth"),
    ("both", "window"),
)
CHECKED = 50  # references up to which a bank is compared with score(references=)
STEP = 25  # parts that are generated and added at a time


def table(counts: Sequence[int], rounds: int, size: int = 224) -> Iterator[str]:
    """Yield the lines of a table: milliseconds of one part, medians of ``rounds`` calls."""
    heads = [f"{modality}, {form}" for modality, form in COLUMNS]
    yield "| references | " + " | ".join(heads) + " |"
    yield "|---" * (len(heads) + 1) + "|"
    columns: list[dict[int, float]] = []
    for modality, form in COLUMNS:
        columns.append(_seconds(modality, form, counts, rounds, size))
    for count in counts:
        cells = [f"{1000 * column[count]:.0f}" for column in columns]
        yield f"| {count} | " + " | ".join(cells) + " |"


def _seconds(
    modality: str, form: str, counts: Sequence[int], rounds: int, size: int
) -> dict[int, float]:
    """Return the seconds of one part by the size of the bank, which grows from count to count."""
    options = {**MODALITIES[modality], **FORMS[form]}
    config = Config(input_size=size).replace(**options.pop("config", {}))
    options |= {"config": config, "references_are_good": True}
    new = _parts(modality, 10**6, 10**6 + 1, size)
    first = _parts(modality, 0, counts[0], size)
    scorer = Scorer.fit(**first, **options, keep_distances=False)
    seconds: dict[int, float] = {}
    for count in counts:
        for start in range(len(scorer), count, STEP):
            scorer.add(**_parts(modality, start, min(start + STEP, count), size))
        if count <= CHECKED and "bank_size" not in options:
            scorer.calibrate()
            check(scorer, new, _parts(modality, 0, count, size), options)
        scorer.score(**new)
        times: list[float] = []
        for _ in range(rounds):
            start_time = time.perf_counter()
            scorer.score(**new)
            times.append(time.perf_counter() - start_time)
        seconds[count] = statistics.median(times)
    return seconds


def check(
    scorer: Scorer, new: dict[str, Any], references: dict[str, Any], options: dict[str, Any]
) -> None:
    """Raise unless score(references=) with the bank's encoders gives the bank's score."""
    fitted: dict[str, Any] = {}
    for name, chosen in scorer.fitted_encoders().items():
        for own in chosen:
            encoder = getattr(own, "encoder", own)
            if encoder.learns:  # score must not fit it again
                encoder.learns = False
        fitted[name] = chosen
    expected = score(**new, references=references, **{**options, **fitted})
    torch.testing.assert_close(scorer.score(**new).scores, expected.raw_scores, rtol=1e-5, atol=0)


def _parts(modality: str, start: int, end: int, size: int) -> dict[str, Any]:
    """Return the good parts from ``start`` to ``end`` as arguments."""
    parts = datasets.synthetic.parts(end - start, size=size, defective=0, first=start)
    arguments: dict[str, Any] = {}
    if modality != "3D":
        arguments["rgb"] = parts.rgb
    if modality != "2D":
        arguments["pcd"] = parts.xyz
    return arguments
