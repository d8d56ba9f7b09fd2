"""Score a data set category by category."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from musc2 import checks, datasets
from musc2._arguments.config import resolve
from musc2.config import Config
from musc2.datasets import LabeledSample
from musc2.evaluation import protocols, results
from musc2.evaluation.results import CategoryResult
from musc2.paths import check_component
from musc2.pipeline import score
from musc2.progress import Report
from musc2.report import export
from musc2.result import Result

MODALITIES = ("2d", "3d", "2d+3d")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Settings:
    """The checked arguments of ``evaluate`` that are the same for all categories."""

    dataset: str
    modality: str
    protocol: str
    config: Config
    encoder_2d: object
    encoder_3d: object
    device: str
    progress: bool | Report

    def request(self, samples: Sequence[LabeledSample]) -> dict[str, Any]:
        """Return everything that the metrics of ``samples`` depend on, as it is saved."""
        return results.as_json(
            {
                "dataset": self.dataset,
                "modality": self.modality,
                "protocol": self.protocol,
                "config": self.config.to_dict(),
                "encoders": [_encoder_id(self.encoder_2d), _encoder_id(self.encoder_3d)],
                "version": version("musc2"),
                "parts": [sample.name for sample in samples],
                "inputs": _fingerprint(samples),
            }
        )

    def score(self, samples: Sequence[LabeledSample]) -> Result:
        """Return the result of ``musc2.score`` on the parts of a category."""
        rgb: list[Any] | None = None
        pcd: list[Any] | None = None
        if "2d" in self.modality:
            rgb = [sample.rgb for sample in samples]
        if "3d" in self.modality:
            pcd = [sample.xyz or datasets.load_cloud(sample) for sample in samples]
        return score(
            rgb,
            pcd,
            config=self.config,
            encoder_2d=self.encoder_2d,
            encoder_3d=self.encoder_3d,
            device=self.device,
            names=[sample.name.removeprefix(f"{sample.category}/") for sample in samples],
            progress=self.progress,
        )


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
    """Run ``musc2.score`` on each category of a data set and compare with its labels and masks.

    Args:
        dataset: One of ``musc2.datasets.names()``.
        root: The folder of the data set.
        categories: The categories to evaluate. None: all.
        modality: "2d", "3d" or "2d+3d". None: all that the data set has.
        protocol: "published", as in the tables of the papers, or "exact", at the size of the
            images. None: "published" for data sets that are in such a table.
        config: A preset or a ``Config``, as for ``score``.
        encoder_2d: As for ``score``.
        encoder_3d: As for ``score``.
        device: As for ``score``.
        out: A folder that gets a folder for each category, with the scores, maps, pictures and
            metrics.json. A category that is finished there is read instead of computed, unless the
            arguments, or the size or time of one of its files, changed.
        progress: True for a line of progress, or a callback(stage, done, total).

    Returns:
        A CategoryResult for each category, sorted by name.
    """
    samples = datasets.load(dataset, root, categories=categories)
    _check_labels(samples)
    settings = _Settings(
        dataset=dataset,
        modality=_choose_modality(modality, samples),
        protocol=_choose_protocol(protocol, dataset),
        config=resolve("evaluate", config),
        encoder_2d=encoder_2d,
        encoder_3d=encoder_3d,
        device=device,
        progress=progress,
    )
    by_category: dict[str, list[LabeledSample]] = {}
    for sample in sorted(samples, key=lambda sample: sample.category):
        by_category.setdefault(sample.category, []).append(sample)
    folders = {category: _folder(out, category) for category in by_category}
    category_results = []
    for category, folder in folders.items():
        members = by_category[category]
        category_results.append(_evaluate_category(category, members, settings, folder))
    return category_results


def _evaluate_category(
    category: str, samples: list[LabeledSample], settings: _Settings, folder: Path | None
) -> CategoryResult:
    """Return the saved result of a category, else compute it."""
    request = settings.request(samples)
    if folder is not None:
        saved = results.load_saved(folder, request)
        if saved is not None:
            return saved
    start = time.perf_counter()
    result = settings.score(samples)
    seconds = time.perf_counter() - start
    scored = _without_failures(samples, result)
    labels = [bool(sample.label) for sample in scored]
    masks = (datasets.load_mask(sample) for sample in scored)
    category_result = CategoryResult(
        category=category,
        parts=len(scored),
        defective=sum(labels),
        metrics=protocols.compute(result, labels, masks, settings.protocol),
        published=results.published(settings.dataset, category, settings.modality),
        encoders=result.encoders,
        seconds=seconds,
        timings=result.timings,
        request=request,
    )
    if folder is not None:
        export.write(result, folder, maps=True)
        category_result.save(folder)
    return category_result


def _without_failures(samples: Sequence[LabeledSample], result: Result) -> list[LabeledSample]:
    """Return the samples that have a score."""
    scored = dict(enumerate(samples))
    for failure in result.failures:
        scored.pop(failure.index, None)
    return list(scored.values())


def _check_labels(samples: Sequence[LabeledSample]) -> None:
    for sample in samples:
        if sample.label is None:
            requirement = "must be a data set that labels its defective parts"
            checks.refuse("evaluate", "root", requirement, f"no label of {sample.name}")


def _choose_modality(modality: str | None, samples: Sequence[LabeledSample]) -> str:
    """Return ``modality``, else all that the parts have."""
    if modality is not None:
        checks.choice("evaluate", "modality", modality, MODALITIES)
    available = []
    if all(sample.rgb is not None for sample in samples):
        available.append("2d")
    if all(sample.xyz is not None or sample.depth is not None for sample in samples):
        available.append("3d")
    chosen = modality or "+".join(available)
    if not chosen or not set(chosen.split("+")) <= set(available):
        content = " and ".join(available) or "neither images nor scans"
        requirement = f"must be what all parts have, {content}"
        checks.refuse("evaluate", "modality", requirement, repr(modality))
    return chosen


def _choose_protocol(protocol: str | None, dataset: str) -> str:
    """Return ``protocol``, else that of the published tables for data sets that are in one."""
    if protocol is not None:
        return checks.choice("evaluate", "protocol", protocol, protocols.PROTOCOLS)
    return "published" if results.is_published(dataset) else "exact"


def _folder(out: str | os.PathLike[str] | None, category: str) -> Path | None:
    """Return the folder for a category's results; raise if that would not lie in ``out``."""
    check_component("evaluate", "a category", category)
    return None if out is None else Path(out) / category


def _fingerprint(samples: Sequence[LabeledSample]) -> str:
    """Return a digest of labels, camera parameters, and the sizes and times of all files."""
    digest = hashlib.sha256()
    for sample in samples:
        for field in dataclasses.fields(sample):
            value = getattr(sample, field.name)
            if isinstance(value, Path):
                status = value.stat()
                value = (status.st_size, status.st_mtime_ns)
            digest.update(f"{field.name}={value!r}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _encoder_id(encoder: object) -> str:
    """Return a name that identifies an encoder in metrics.json, several with commas."""
    if isinstance(encoder, list | tuple):
        return ",".join(map(_encoder_id, encoder))
    if isinstance(encoder, str):
        return encoder
    return str(getattr(encoder, "name", None) or repr(type(encoder)))
