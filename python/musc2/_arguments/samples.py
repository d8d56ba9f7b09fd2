"""Argument checks of ``score``: the samples, the references, and whether they can be scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from musc2 import checks
from musc2.config import Config
from musc2.errors import InputError
from musc2.inputs import LoadError, Sample, pair
from musc2.inputs.limits import Limits
from musc2.inputs.parts import OutputSpec
from musc2.maps import Frame
from musc2.result import Failure

OP = "score"
REFERENCES = "references: "
_KEYS = ("rgb", "pcd", "masks")


def input_limits(config: Config) -> Limits:
    """Return the limits that ``config`` sets for each file."""
    return Limits(pixels=config.max_pixels, bytes=config.max_bytes)


def reference_samples(
    references: Mapping[str, Any] | None,
    samples: Sequence[Sample],
    intrinsics: object,
    limits: Limits,
) -> list[Sample]:
    """Return the references, which must have the modalities of the samples."""
    if references is None:
        return []
    check_mapping(OP, references, _KEYS)
    first = samples[0]
    for key, source in (("rgb", first.image), ("pcd", first.cloud)):
        if (references.get(key) is None) != (source is None):
            requirement = f"must be given exactly when {key} is"
            checks.refuse(OP, f"{REFERENCES}{key}", requirement, "only one of the two")
    return pair(
        references.get("rgb"),
        references.get("pcd"),
        intrinsics=intrinsics,
        masks=references.get("masks"),
        op=OP,
        prefix=REFERENCES,
        limits=limits,
    )


def check_mapping(op: str, references: object, keys: Sequence[str]) -> None:
    """Raise unless ``references`` is a mapping with no other keys."""
    requirement = f"must be a mapping with keys among {', '.join(keys)}"
    if not isinstance(references, Mapping):
        checks.refuse(op, "references", requirement, type(references).__name__)
    if any(key not in keys for key in references):
        checks.refuse(op, "references", requirement, list(references))


def check_together(samples: Sequence[Sample], references: int, config: Config) -> None:
    """Check constraints that involve several arguments."""
    has_images, has_clouds = samples[0].image is not None, samples[0].cloud is not None
    if len(samples) + references < 2:
        name = "rgb" if has_images else "pcd"
        requirement = "must be at least 2 samples when there are no references"
        checks.refuse(OP, name, requirement, len(samples))
    if config.aggregate_separately and has_clouds:
        msg = f"{OP}: config.aggregate_separately (preset musc) is for images only; leave out pcd"
        raise InputError(msg)
    if config.window is not None and not has_images:
        checks.refuse(OP, "rgb", "must be given when config.search_window is", "no rgb")


def check_good_references(references_are_good: object, references: object) -> bool:
    """Return the flag, which takes references."""
    if not isinstance(references_are_good, bool):
        requirement = "must be True or False"
        checks.refuse(OP, "references_are_good", requirement, repr(references_are_good))
    if references_are_good and references is None:
        checks.refuse(OP, "references_are_good", "must be False without references", True)
    return references_are_good


def check_enough(
    samples: int, references: int, of: tuple[int, int], errors: Sequence[LoadError]
) -> None:
    """Raise unless enough of ``of`` samples and references could be read."""
    total, total_references = of
    if samples >= 1 and samples + references >= 2 and (references or not total_references):
        return
    counts = f"{samples} of {total} samples"
    if total_references:
        counts += f" and {references} of {total_references} references"
    needed = "at least one of each is" if total_references else "at least 2 are"
    msg = f"{OP}: only {counts} could be read, {needed} needed"
    if errors:
        msg += f"; first failure: {errors[0].error}"
    raise InputError(msg)


def frames(outputs: Sequence[OutputSpec]) -> list[Frame] | None:
    """Return the sizes and masks of each sample's map; None for clouds, which have no maps."""
    result: list[Frame] = []
    first_cloud = None
    for output in outputs:
        if output.size is None or output.working is None:
            first_cloud = first_cloud or output.name
            continue
        mask = output.mask if output.mask is not None and output.mask.ndim == 2 else None
        result.append(Frame(working=output.working, input=output.size, mask=mask))
    if result and first_cloud is not None:
        got = f"both; sample {first_cloud!r} is a cloud"
        checks.refuse(OP, "pcd", "must be all maps (H, W, 3) or all clouds (P, 3)", got)
    return result or None


def failures(samples: Sequence[LoadError], references: Sequence[LoadError] = ()) -> list[Failure]:
    """Return the samples and references that were left out."""
    return [
        Failure(
            index=error.sample.index,
            name=error.sample.name,
            path=error.sample.path,
            message=str(error.error),
            is_reference=is_reference,
        )
        for errors, is_reference in ((samples, False), (references, True))
        for error in errors
    ]
