"""Everything that defines the method or its resources, with the values of each preset."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from musc2.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of a run; made by ``Config.preset(name)`` and changed by ``replace``. Saved with every result.

    >>> Config.preset("musc").replace(windows=(1, 8, 9)).degrees_apart
    True
    """

    name: str = "musc-v2"  # the preset: where the values came from; a label, nothing looks at it

    # Input and encoders (ALGORITHM.md §0, §1); None: as the image encoder says
    size: int | None = None  # side that images and xyz maps are brought to; without images 224
    resize: str = "square"  # or "fit": the longest side gets the size, the aspect ratio stays
    resample: str | None = None  # of images: "bicubic" or "bilinear"
    foreground: str = "depth"  # xyz maps: background is z = 0; "published": x = 0 or y = 0 or z = 0
    background: str = "keep"  # xyz maps: or "plane", without what is near the plane of their border
    plane_distance: float = 0.005  # how near, in the unit of the maps
    layers: tuple[int, ...] | None = None  # blocks of the image network whose tokens are taken, counted from 0
    encoder_precision: str = "auto"  # of networks' products; "auto": a half type where the hardware has one
    on_error: str = "raise"  # "skip": go on without samples that cannot be read, and list them in the result

    # Point groups (ALGORITHM.md §2)
    centers: int = 1024
    group_size: int = 128
    search: int = 256  # nearest points a curved group may grow into
    start: int = 80  # nearest points it begins with
    threshold: float = 0.01  # curvature from which a center counts as curved, here and in §4
    unique: bool = True  # a point enters a group once
    skip_radius: float = 0.0  # points this close to the middle are never centers

    # Neighbourhood aggregation (§4); None: as each encoder says, for tokens of your own (1, 3, 5) and True
    degrees: tuple[int, ...] | None = None
    degrees_apart: bool = False  # score each degree on its own (images only) instead of their mean
    weighting: str = "similarity"  # or "uniform"
    layer_norm: bool = False  # image tokens over (h, w, C) jointly, first
    normalize: bool | None = None  # L2: image tokens last, point tokens first
    normalize_first: bool = False  # image tokens also first

    # Mutual scoring (§5)
    interval: tuple[float, float] = (0.0, 0.3)  # of the ascending distances; fractions or whole counts
    precision: str = "auto"  # of the search; distances are float32
    window: int | None = None  # image patches look only this many grid cells around their own place
    subsets: int = 1  # random parts of the set that score their own samples
    seed: int = 0  # of the subsets, of encoders that learn from the set, and of the search for planes
    memory: int = 2 << 30  # bytes of distances held at once, and of a batch of images in the encoder

    # Cross-modal enhancement (§6): divide the distances of each modality by their median; "auto": where not normalized
    balance: str = "auto"  # or "always", "never"

    # Maps (§7)
    blur: float = 4.0  # sigma in pixels of the 3D maps
    quantised_blur: bool = False  # PIL's blur of 8-bit maps

    map_size: str = "input"  # "working": maps are not brought to the size of what was given

    # Image re-scoring (§8), if all the encoders in use want it; True and False: whatever they say
    rescore: bool | None = None
    windows: tuple[int, ...] = (1, 7)
    rescore_published: bool = False
    by_class_tokens: bool = False  # compare images by the encoder's class tokens, where it gives any

    def __post_init__(self) -> None:
        for name in ("degrees", "windows", "interval", "layers"):
            value = getattr(self, name)
            if value is None and name in ("degrees", "layers"):
                continue
            if not isinstance(value, tuple | list):
                _refuse(name, "a tuple of numbers", value)
            object.__setattr__(self, name, tuple(value))
        for name in ("centers", "group_size", "search", "start", "subsets", "memory"):
            _check(name, "a whole number of at least 1", getattr(self, name), _whole(getattr(self, name), 1))
        for name in ("threshold", "skip_radius", "blur"):
            value = getattr(self, name)
            real = isinstance(value, int | float) and not isinstance(value, bool)
            _check(name, "a finite number of at least 0", value, real and 0 <= value < float("inf"))
        _check("plane_distance", "a finite number above 0", self.plane_distance, is_distance(self.plane_distance))
        for name in _SWITCHES:
            _check(name, "True or False", getattr(self, name), isinstance(getattr(self, name), bool))
        for name in ("normalize", "rescore"):
            value = getattr(self, name)
            _check(name, "None, True or False", value, value is None or isinstance(value, bool))
        for name, choices in _CHOICES.items():
            _check(name, f"one of {', '.join(choices)}", getattr(self, name), getattr(self, name) in choices)
        _check("resample", "None, bicubic or bilinear", self.resample, self.resample in (None, "bicubic", "bilinear"))
        self._check_counts()

    def _check_counts(self) -> None:
        odd = self.degrees is None or all(_whole(degree, 1) and degree % 2 for degree in self.degrees)
        _check("degrees", "None or odd whole numbers, at least one", self.degrees, self.degrees != () and odd)
        counts = all(_whole(window, 1) for window in self.windows)
        _check("windows", "whole numbers of at least 1, at least one", self.windows, bool(self.windows) and counts)
        _check("interval", "two rising bounds, fractions or whole counts", self.interval, is_interval(self.interval))
        for name, low in (("window", 0), ("size", 1)):
            value = getattr(self, name)
            _check(name, f"None or a whole number of at least {low}", value, value is None or _whole(value, low))
        layers = self.layers or ()
        rising = all(map(_whole, layers)) and all(a < b for a, b in itertools.pairwise(layers))
        _check("layers", "None or rising whole numbers, at least one", self.layers, self.layers != () and rising)
        _check("seed", "a whole number of at least 0", self.seed, _whole(self.seed))
        _check("name", "a string", self.name, isinstance(self.name, str))

    @classmethod
    def preset(cls, name: str) -> Config:
        """The settings called "musc-v2" (ours), "published" (the published MuSc-V2 code) or "musc" (v1)."""
        if name not in tuple(_PRESETS):
            _refuse("preset", f"one of {', '.join(_PRESETS)}", name)
        return cls(name=name, **_PRESETS[name])

    def replace(self, **changes: Any) -> Config:
        """A copy with some settings changed."""
        return type(self).from_dict({**self.to_dict(), **changes})

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, for saving."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """The settings that ``to_dict`` gave, also after a way through JSON."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                msg = f"Config: {name!r} must be one of {', '.join(known)}"
                raise InputError(msg)
        return cls(**values)


_SWITCHES = (
    "unique", "degrees_apart", "layer_norm", "normalize_first", "quantised_blur", "rescore_published",
    "by_class_tokens",
)  # fmt: skip
_CHOICES = {
    "resize": ("square", "fit"),
    "foreground": ("depth", "published"),
    "background": ("keep", "plane"),
    "encoder_precision": ("auto", "float32", "bfloat16", "float16"),
    "on_error": ("raise", "skip"),
    "weighting": ("similarity", "uniform"),
    "precision": ("auto", "float32", "bfloat16", "float16", "int8"),
    "balance": ("auto", "always", "never"),
    "map_size": ("input", "working"),
}
_MATCHING: dict[str, Any] = {"degrees": (1, 3, 5), "normalize": True, "rescore": True}  # whatever the encoder says
_PRESETS: dict[str, dict[str, Any]] = {
    "musc-v2": {},
    "published": {
        **_MATCHING,
        "foreground": "published",
        "encoder_precision": "float32",
        "unique": False,
        "skip_radius": 1e-3**0.5,
        "precision": "float32",
        "balance": "never",
        "quantised_blur": True,
        "rescore_published": True,
    },
    "musc": {
        **_MATCHING,
        "degrees_apart": True,
        "weighting": "uniform",
        "layer_norm": True,
        "windows": (1, 2, 3),
        "by_class_tokens": True,
    },
}


def _whole(value: object, low: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def is_distance(value: object) -> bool:
    """A finite number above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


def is_interval(bounds: object) -> bool:
    """Two rising bounds, each a fraction from 0.0 to 1.0 (float) or a count (int)."""
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        return False
    fractions = [isinstance(bound, float) and 0 <= bound <= 1 for bound in bounds]
    known = [fraction or _whole(bound) for fraction, bound in zip(fractions, bounds, strict=True)]
    return all(known) and (fractions[0] != fractions[1] or bounds[0] <= bounds[1])


def _check(name: str, wanted: str, value: object, good: bool) -> None:
    if not good:
        _refuse(name, wanted, value)


def _refuse(name: str, wanted: str, value: object) -> None:
    msg = f"Config: {name} must be {wanted}, got {value!r}"
    raise InputError(msg)
