"""A data set scored category by category."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from musc2 import datasets
from musc2.config import Config, resolve
from musc2.datasets import LabeledSample
from musc2.errors import InputError
from musc2.evaluation import protocols, results
from musc2.evaluation.results import CategoryResult
from musc2.pipeline import score
from musc2.progress import Report
from musc2.report import export
from musc2.result import Result

MODALITIES = ("2d", "3d", "2d+3d")


def evaluate(
    dataset: str,
    root: str | os.PathLike[str],
    *,
    categories: str | Sequence[str] | None = None,
    modality: str | None = None,
    protocol: str | None = None,
    config: Config | str = "musc-v2",
    encoder_2d: object = "auto",
    encoder_3d: object = "auto",
    device: str = "auto",
    out: str | os.PathLike[str] | None = None,
    progress: bool | Report = False,
) -> list[CategoryResult]:
    """``musc2.score`` on each category of ``datasets.load(dataset, root)``, compared with what is known of its parts.

    - modality: "2d", "3d" or "2d+3d"; None: what the data set has.
    - protocol: "published", as in the tables of the papers, or "exact", at the size of the images; None: "published"
      for data sets of which there is such a table.
    - out: a folder for each category, with scores, maps, overlays and result.json. A category that is finished there,
      by a call with the same settings, is read instead of computed.
    """
    samples = datasets.load(dataset, root, categories=categories)
    wanted = _modality(modality, samples)
    chosen = protocol or ("published" if results.is_published(dataset) else "exact")
    if chosen not in protocols.PROTOCOLS:
        _refuse("protocol", f"one of {', '.join(protocols.PROTOCOLS)}", chosen)
    settings = resolve("evaluate", config)
    asked = {"dataset": dataset, "modality": wanted, "protocol": chosen, "config": settings.to_dict()}
    asked |= {"encoders": [_called(encoder_2d), _called(encoder_3d)], "version": version("musc2")}
    found = []
    for category in sorted({sample.category for sample in samples}):
        here = [sample for sample in samples if sample.category == category]
        folder = None if out is None else Path(out) / category
        asked_here = results.plain({**asked, "parts": [sample.name for sample in here]})
        done = None if folder is None else results.saved(folder, asked_here)
        if done is None:
            how = {"encoder_2d": encoder_2d, "encoder_3d": encoder_3d, "device": device, "progress": progress}
            done = _evaluated(here, category, asked_here, settings, folder, how)
        found.append(done)
    return found


def _evaluated(
    samples: list[LabeledSample],
    category: str,
    asked: dict[str, Any],
    config: Config,
    folder: Path | None,
    how: dict[str, Any],
) -> CategoryResult:
    start = time.perf_counter()
    given = _given(samples, asked["modality"])
    scores = score(**given, config=config, **how)
    seconds = time.perf_counter() - start
    left_out = {failure.index for failure in scores.failures}
    there = [index for index in range(len(samples)) if index not in left_out]
    kept = [samples[index] for index in there]
    labels = [bool(sample.label) for sample in kept]
    found = CategoryResult(
        category=category,
        parts=len(kept),
        defective=sum(labels),
        figures=protocols.figures(scores, labels, (datasets.load_mask(sample) for sample in kept), asked["protocol"]),
        published=results.published(asked["dataset"], category, asked["modality"]),
        encoders=scores.encoders,
        seconds=seconds,
        timings=scores.timings,
        asked=asked,
    )
    if folder is not None:
        export.write(scores, folder, _background(kept, scores))
        found.save(folder)
    return found


def _background(samples: list[LabeledSample], scores: Result) -> Callable[[int], export.Picture]:
    """Return what maps are drawn over: the files of the parts, or depth where these hold no xyz."""

    def read(index: int) -> export.Picture:
        cloud = None
        if scores.paths[index] is None:
            cloud = datasets.load_cloud(samples[index])
        return export.read_picture(scores, index) if cloud is None else export.shade_depth(cloud)

    return read


def _given(samples: Sequence[LabeledSample], modality: str) -> dict[str, Any]:
    """The arguments of ``score`` that hold the parts: paths, or what ``datasets`` makes of files of other kinds."""
    given: dict[str, Any] = {"names": [sample.name.removeprefix(f"{sample.category}/") for sample in samples]}
    if "2d" in modality:
        given["rgb"] = [sample.rgb for sample in samples]
    if "3d" in modality:
        given["pcd"] = [sample.xyz or datasets.load_cloud(sample) for sample in samples]
    return given


def _modality(wanted: str | None, samples: Sequence[LabeledSample]) -> str:
    if wanted not in (None, *MODALITIES):
        _refuse("modality", f"one of {', '.join(MODALITIES)}", wanted)
    for sample in samples:
        if sample.label is None:
            _refuse("root", "a data set that says which parts are defective", f"nothing about {sample.name}")
    images = all(sample.rgb is not None for sample in samples)
    scans = all(sample.xyz is not None or sample.depth is not None for sample in samples)
    there = [name for name, present in (("2d", images), ("3d", scans)) if present]
    chosen = wanted or "+".join(there)
    if not chosen or not set(chosen.split("+")) <= set(there):
        _refuse("modality", f"what all parts have, {' and '.join(there) or 'neither images nor scans'}", wanted)
    return chosen


def _called(encoder: object) -> str:
    """By which result.json knows an encoder again."""
    return encoder if isinstance(encoder, str) else str(getattr(encoder, "name", None) or repr(type(encoder)))


def _refuse(name: str, wanted: str, got: object) -> NoReturn:
    msg = f"evaluate: {name} must be {wanted}, got {got!r}"
    raise InputError(msg)
