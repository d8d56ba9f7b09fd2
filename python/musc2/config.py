"""Every setting of the method and its resources: one table of fields."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from musc2 import _config_files, checks
from musc2 import config_fields as kinds
from musc2.config_fields import Kind, setting
from musc2.config_presets import PRESETS

INPUT, ENCODERS, GROUPS = kinds.INPUT, kinds.ENCODERS, kinds.GROUPS
AGGREGATION, MUTUAL, ENHANCEMENT = kinds.AGGREGATION, kinds.MUTUAL, kinds.ENHANCEMENT
MAPS, RESCORING = kinds.MAPS, kinds.RESCORING
VERDICT, RESOURCES = kinds.VERDICT, kinds.RESOURCES
MAX_PIXELS = 178_956_970  # where Pillow refuses an image as a decompression bomb
MAX_BYTES = 1 << 30
_MAX_GROUP = 1024  # neighbors that the searches among points return


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of a run. Start from a preset and change fields with ``replace``.

    >>> Config.from_preset("musc").replace(rescore_neighbors=(1, 8, 9)).aggregate_separately
    True
    """

    preset: str = setting(
        "musc-v2",
        INPUT,
        kinds.text(),
        "The preset that the values started from; recorded with results.",
    )

    input_size: int | None = setting(
        None,
        INPUT,
        kinds.whole(1, 1 << 15, optional=True),
        "Side in pixels that images and xyz maps are resized to. None: the image encoder's own, "
        "224 without images.",
    )
    input_resize: str = setting(
        "square",
        INPUT,
        kinds.choice("square", "fit"),
        "square: resize to input_size x input_size. fit: the longest side gets input_size, the "
        "aspect ratio stays.",
    )
    input_resample: str | None = setting(
        None,
        INPUT,
        kinds.choice("bicubic", "bilinear", optional=True),
        "Interpolation of images. None: the image encoder's own.",
    )
    tile: int | None = setting(
        None,
        INPUT,
        kinds.whole(16, 1 << 20, optional=True),
        "Side in pixels of the tiles that images are cut into. None: images are whole.",
    )
    tile_overlap: int | None = setting(
        None,
        INPUT,
        kinds.whole(0, optional=True),
        "Pixels that neighboring tiles share, less than tile. None: an eighth of tile.",
    )
    tile_neighbors: int | None = setting(
        0,
        INPUT,
        kinds.whole(0, optional=True),
        "Compare a tile with tiles at most this many positions from its own. None: with all.",
    )
    scan_foreground: str = setting(
        "nonzero_depth",
        INPUT,
        kinds.choice("nonzero_depth", "nonzero_xyz"),
        "Which pixels of an xyz map are foreground: z is not 0, or none of x, y, z is 0 (as in "
        "the published code).",
    )
    scan_background: str = setting(
        "keep",
        INPUT,
        kinds.choice("keep", "plane"),
        "plane: remove the points near the plane that the map's border lies on, such as a table.",
    )
    scan_plane_distance: float = setting(
        0.005,
        INPUT,
        kinds.number(0, above=True),
        "Distance to the plane below which points are removed, in the unit of the maps.",
    )
    scan_enlarge: bool = setting(
        False,
        INPUT,
        kinds.switch(),
        "Enlarge xyz maps below input_size by copying points, as in the published code. False: "
        "they keep their own size, because copies of a defect's points hide it.",
    )
    scan_max_points: int | None = setting(
        25_000,
        INPUT,
        kinds.whole(1, optional=True),
        "Points of a scan that groups are made of: denser scans are thinned evenly to so many. "
        "Each point gets a score all the same. None: all points, as in the published code.",
    )
    on_error: str = setting(
        "raise",
        INPUT,
        kinds.choice("raise", "skip"),
        "skip: go on without samples that cannot be read and list them in the result's failures.",
    )
    max_pixels: int | None = setting(
        MAX_PIXELS,
        INPUT,
        kinds.whole(1, optional=True),
        "Pixels of an image or map file, against small files that unpack to large images. "
        "Pillow keeps its own limit, PIL.Image.MAX_IMAGE_PIXELS, besides. None: no limit.",
    )
    max_bytes: int | None = setting(
        MAX_BYTES,
        INPUT,
        kinds.whole(1, optional=True),
        "Bytes of an input file, and of its values in memory. None: no limit.",
    )

    encoder_layers: tuple[int, ...] | None = setting(
        None,
        ENCODERS,
        kinds.wholes(0, "rising whole numbers, at least one", rising=True, optional=True),
        "Blocks of the image network whose tokens are used, counted from 0. None: the encoder's "
        "own.",
    )
    encoder_final_norm: bool | None = setting(
        None,
        ENCODERS,
        kinds.switch(optional=True),
        "Whether the outputs of a transformer's blocks pass through its final norm. None: the "
        "encoder's own; networks with a name do, as published.",
    )
    encoder_precision: str = setting(
        "auto",
        ENCODERS,
        kinds.choice("auto", "float32", "bfloat16", "float16"),
        "Type of the networks' matrix products. auto: a half type where the hardware has one.",
    )
    encoder_runtime: str = setting(
        "auto",
        ENCODERS,
        kinds.choice("auto", "torch", "openvino"),
        "Library that runs networks with a name. auto: OpenVINO on a CPU where it is installed.",
    )

    group_count: int = setting(
        1024, GROUPS, kinds.whole(1, 1 << 20), "Groups per scan, one around each center."
    )
    group_size: int = setting(128, GROUPS, kinds.whole(1, _MAX_GROUP), "Points per group.")
    group_search: int = setting(
        256, GROUPS, kinds.whole(1, _MAX_GROUP), "Nearest points that a curved group may grow into."
    )
    group_start: int = setting(
        80, GROUPS, kinds.whole(1, _MAX_GROUP), "Nearest points that a curved group starts with."
    )
    group_unique: bool = setting(
        True,
        GROUPS,
        kinds.switch(),
        "A point enters a curved group once. False: points may repeat, as in the published code.",
    )
    group_skip_radius: float = setting(
        0.0,
        GROUPS,
        kinds.number(0),
        "Points closer than this to the origin of a normalized scan are never centers.",
    )
    curvature_threshold: float = setting(
        0.01,
        GROUPS,
        kinds.number(0),
        "Curvature from which a center counts as curved, in grouping and in the aggregation of "
        "point tokens.",
    )

    aggregate_degrees: tuple[int, ...] | None = setting(
        None,
        AGGREGATION,
        kinds.wholes(
            1, "odd whole numbers below 10000, at least one", high=9999, odd=True, optional=True
        ),
        "Window sizes of the neighborhood aggregation. None: the encoder's own; (1, 3, 5) for "
        "your own tokens.",
    )
    aggregate_separately: bool = setting(
        False,
        AGGREGATION,
        kinds.switch(),
        "Score each degree on its own (LNAMD, images only) instead of the mean over degrees.",
    )
    aggregate_weighting: str = setting(
        "similarity",
        AGGREGATION,
        kinds.choice("similarity", "uniform"),
        "Weights of a patch's neighbors.",
    )
    aggregate_layer_norm: bool = setting(
        False,
        AGGREGATION,
        kinds.switch(),
        "Normalize image tokens over grid and channels jointly, first.",
    )
    aggregate_normalize: bool | None = setting(
        None,
        AGGREGATION,
        kinds.switch(optional=True),
        "Scale features to length 1: image features after, point tokens before aggregation. "
        "None: the encoder's own.",
    )
    aggregate_normalize_first: bool = setting(
        False,
        AGGREGATION,
        kinds.switch(),
        "Scale image tokens to length 1 before the aggregation as well.",
    )

    mutual_interval: tuple[float, float] = setting(
        (0.0, 0.3),
        MUTUAL,
        kinds.interval(),
        "Which of a patch's sorted distances are averaged: fractions or counts; (0.0, 0.3) is "
        "the lowest 30 %.",
    )
    layer_fusion: str | None = setting(
        None,
        MUTUAL,
        kinds.choice("balanced", "highest", "mean", optional=True),
        "Scores of an encoder's layers: mean of distances; balanced: mean, highest: maximum, each "
        "in units of its median patch. None: the encoder's own.",
    )
    mutual_copies: bool = setting(
        False, MUTUAL, kinds.switch(), "Let copies of a part vouch for each other, without a word."
    )
    search_precision: str = setting(
        "auto",
        MUTUAL,
        kinds.choice("auto", "float32", "bfloat16", "float16", "int8"),
        "Type of the search for nearest patches on a GPU; distances are measured in float32. auto: "
        "bfloat16. A CPU finds the nearest, as measured, whatever this is.",
    )
    search_window: int | str | None = setting(
        None,
        MUTUAL,
        kinds.whole_or("auto", 0),
        "Compare an image patch only with patches at most this many grid cells away. None: with "
        "all. auto: 2 if the parts are aligned, else None.",
    )
    subset_count: int = setting(
        1,
        MUTUAL,
        kinds.whole(1),
        "Random subsets of the set, each of which scores its own samples.",
    )
    references_per_part: int | None = setting(
        None, MUTUAL, kinds.whole(1, optional=True), "Compare a part with so many random others."
    )
    similar_parts: int | None = setting(
        None, MUTUAL, kinds.whole(1, optional=True), "Compare a part with the others most like it."
    )

    enhance_balance: str = setting(
        "auto",
        ENHANCEMENT,
        kinds.choice("auto", "always", "never"),
        "Divide each modality's distances by their median before enhancement. auto: unless both "
        "are normalized.",
    )

    map_blur: float = setting(
        4.0, MAPS, kinds.number(0, 1000), "Sigma in pixels of the Gaussian blur of 3D maps."
    )
    map_blur_quantized: bool = setting(
        False,
        MAPS,
        kinds.switch(),
        "Blur 8-bit maps with Pillow's approximation, as in the published code.",
    )
    score_unit: str = setting(
        "normal",
        MAPS,
        kinds.choice("normal", "distance"),
        "normal: scores and maps are divided so that the highest value of a typical normal part "
        "is 1, judged by the less suspicious half of the references or, without any, of the set. "
        "distance: they are distances between features.",
    )
    map_top_share: float = setting(
        0.001,
        MAPS,
        kinds.number(0),
        "Share of a map's highest values whose mean is the part's raw score. 0: the maximum.",
    )

    rescore: bool | None = setting(
        None,
        RESCORING,
        kinds.switch(optional=True),
        "Average each score with those of similar samples. None: follow the encoders; True and "
        "False override them.",
    )
    rescore_neighbors: tuple[int, ...] = setting(
        (1, 7),
        RESCORING,
        kinds.wholes(1, "whole numbers of at least 1, at least one"),
        "Numbers of most similar samples, the sample itself among them; one mean per number, "
        "averaged.",
    )
    rescore_min_max: bool = setting(
        False,
        RESCORING,
        kinds.switch(),
        "Scale scores to [0, 1] first and do not clip weights, as in the published code.",
    )
    rescore_class_tokens: bool = setting(
        False,
        RESCORING,
        kinds.switch(),
        "Compare samples by the encoder's class tokens where it has any.",
    )

    threshold: float | None = setting(
        None,
        VERDICT,
        kinds.number(optional=True),
        "Score above which a part is suspicious. None: from the scores of the set.",
    )

    seed: int = setting(
        0,
        RESOURCES,
        kinds.whole(0),
        "Seed of the subsets, of encoders that learn from the set, and of the search for planes.",
    )
    memory: int = setting(
        2 << 30,
        RESOURCES,
        kinds.whole(1, 1 << 50),
        "Bytes of distances and of images held at once; what exceeds it goes to temporary files.",
    )
    device_memory: int = setting(
        2 << 30, RESOURCES, kinds.whole(1, 1 << 50), "Bytes of distances held at once on a GPU."
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            kind: Kind = field.metadata["kind"]
            object.__setattr__(self, field.name, kind.check(field.name, getattr(self, field.name)))
        kinds.check_partners(self.subset_count, self.references_per_part, self.similar_parts)

    @property
    def window(self) -> int | None:
        """The cells of ``search_window``; None for all, and as long as "auto" is not decided."""
        return None if isinstance(self.search_window, str) else self.search_window

    @classmethod
    def from_preset(cls, name: str) -> Config:
        """Return "musc-v2" (ours), "published" (the published MuSc-V2 code) or "musc" (v1)."""
        checks.choice("Config", "preset", name, tuple(PRESETS))
        return cls(preset=name, **PRESETS[name])

    def replace(self, **changes: Any) -> Config:
        """Return a copy with some settings changed."""
        return type(self).from_dict({**self.to_dict(), **changes})

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """Return the settings in ``values``, the others at their defaults."""
        kinds.check_names(cls, values)
        return cls(**values)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a .toml or .json file with all settings."""
        _config_files.write(Path(path), self.to_dict())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Config:
        """Read a .toml or .json file; what it leaves out keeps the value of its preset."""
        values = kinds.with_none(cls, _config_files.read(Path(path)))
        preset = values.get("preset", "musc-v2")
        base = cls.from_preset(preset) if preset in tuple(PRESETS) else cls()
        return base.replace(**values)


kinds.document(Config)
