"""Size and license of the weights of each encoder, for the list of them and for advice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WeightFacts:
    """size: as a file in float32; note: what to know before they are used."""

    size: str
    license: str
    note: str = ""


_BUILT_IN = WeightFacts(size="none", license="MIT", note="built in")
_GATED = "log in and accept its terms first"
_RECOMMENDED = "recommended download"

WEIGHTS = {
    "texture": _BUILT_IN,
    "texture-448": _BUILT_IN,
    "shape": _BUILT_IN,
    "efficientnet-lite0": WeightFacts(size="18 MiB", license="Apache-2.0", note="from pip"),
    "efficientnet-lite1": WeightFacts(size="21 MiB", license="Apache-2.0", note="from pip"),
    "efficientnet-lite2": WeightFacts(size="24 MiB", license="Apache-2.0", note="from pip"),
    "dino-vitb8": WeightFacts(size="330 MiB", license="Apache-2.0", note="MuSc-V2's own"),
    "dino-vitb16": WeightFacts(size="330 MiB", license="Apache-2.0"),
    "dino-vits8": WeightFacts(size="83 MiB", license="Apache-2.0"),
    "dino-vits16": WeightFacts(size="83 MiB", license="Apache-2.0"),
    "dinov2-small": WeightFacts(size="84 MiB", license="Apache-2.0"),
    "dinov2-base": WeightFacts(size="330 MiB", license="Apache-2.0", note=_RECOMMENDED),
    "dinov2-large": WeightFacts(size="1161 MiB", license="Apache-2.0"),
    "dinov2-with-registers-small": WeightFacts(size="84 MiB", license="Apache-2.0"),
    "dinov2-with-registers-base": WeightFacts(
        size="330 MiB", license="Apache-2.0", note=_RECOMMENDED
    ),
    "dinov2-with-registers-large": WeightFacts(size="1161 MiB", license="Apache-2.0"),
    "dinov3-vits16": WeightFacts(size="82 MiB", license="DINOv3 license", note=_GATED),
    "dinov3-vitb16": WeightFacts(size="327 MiB", license="DINOv3 license", note=_GATED),
    "dinov3-vitl16": WeightFacts(size="1156 MiB", license="DINOv3 license", note=_GATED),
    "clip-vit-large-patch14-336": WeightFacts(
        size="1161 MiB", license="MIT (code)", note="its model card rules deployment out"
    ),
    "point-mae": WeightFacts(size="83 MiB", license="MIT", note=_RECOMMENDED),
}
