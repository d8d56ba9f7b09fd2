"""What cannot be combined with tiles."""

from __future__ import annotations

from collections.abc import Sequence

from musc2 import checks
from musc2.config import Config
from musc2.inputs import Sample


def check_tiles(op: str, samples: Sequence[Sample], config: Config) -> None:
    """Raise unless the samples can be cut into tiles."""
    if any(sample.cloud is not None for sample in samples):
        checks.refuse(op, "pcd", "must be left out when config.tile is given", "scans")
    tile, overlap = config.tile, config.tile_overlap
    if tile is not None and overlap is not None and overlap >= tile:
        checks.refuse(op, "config.tile_overlap", f"must be below config.tile, {tile}", overlap)
    for name in ("references_per_part", "similar_parts"):
        value = getattr(config, name)
        if value is not None:
            checks.refuse(op, f"config.{name}", "must be None when config.tile is given", value)
    if config.search_window == "auto":
        requirement = "must be None or a number when config.tile is given"
        checks.refuse(op, "config.search_window", requirement, "auto")
    if config.search_window is not None and config.tile_neighbors != 0:
        requirement = "must be 0 when config.search_window is given"
        checks.refuse(op, "config.tile_neighbors", requirement, config.tile_neighbors)
