"""The presets of ``Config``: the settings that differ from the defaults."""

from __future__ import annotations

from typing import Any

# Degrees and normalization stay those of the encoders: networks declare the published values, and
# the built-in encoders are useless with them.
_SHARED: dict[str, Any] = {
    "rescore": True,
    "score_unit": "distance",
    "scan_max_points": None,
    "mutual_copies": True,
    "layer_fusion": "mean",
    "map_top_share": 0.0,
}
PRESETS: dict[str, dict[str, Any]] = {
    "musc-v2": {},
    "published": {
        **_SHARED,
        "scan_foreground": "nonzero_xyz",
        "scan_enlarge": True,
        "encoder_precision": "float32",
        "encoder_runtime": "torch",
        "group_unique": False,
        "group_skip_radius": 1e-3**0.5,
        "search_precision": "float32",
        "map_blur_quantized": True,
        "rescore_min_max": True,
    },
    "musc": {
        **_SHARED,
        "aggregate_separately": True,
        "aggregate_weighting": "uniform",
        "aggregate_layer_norm": True,
        "rescore_neighbors": (1, 2, 3),
        "rescore_class_tokens": True,
    },
}
