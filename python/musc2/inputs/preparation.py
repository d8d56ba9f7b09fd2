"""The settings of the way from pictures and scans to what encoders take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musc2.config import is_distance
from musc2.inputs.resizing import RESAMPLE, RESIZE
from musc2.inputs.sources import refuse

FOREGROUND = ("depth", "published")
BACKGROUND = ("keep", "plane")


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How samples are prepared; the fields are arguments of ``prepare_image`` and ``prepare_cloud``.

    ``cloud_size`` is the side that xyz maps are brought to, ``size`` when None; ``seed`` is of the search for planes.
    """

    size: int = 224
    cloud_size: int | None = None
    resample: str = "bicubic"
    resize: str = "square"
    patch: int = 1
    foreground: str = "depth"
    background: str = "keep"
    plane_distance: float = 0.005
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("size", "cloud_size", "patch"):
            value = getattr(self, name)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1
            if not whole and (value is not None or name != "cloud_size"):
                refuse(name, "must be a whole number of at least 1", repr(value))
        if not is_distance(self.plane_distance):
            refuse("plane_distance", "must be a finite number above 0", repr(self.plane_distance))
        choices = {"resample": tuple(RESAMPLE), "resize": RESIZE, "foreground": FOREGROUND, "background": BACKGROUND}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                refuse(name, f"must be one of {', '.join(known)}", repr(getattr(self, name)))
