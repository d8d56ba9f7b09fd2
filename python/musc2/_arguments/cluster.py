"""Argument checks of ``score(..., cluster=)``."""

from __future__ import annotations

import re

import torch

from musc2 import checks
from musc2.config import Config
from musc2.errors import ClusterError

OP = "score"
_GROUPED = (
    f"{OP}: this process belongs to an initialized torch.distributed process group, which {OP} "
    'does not use: start it in one process, without torchrun, and pass cluster="ray" or the '
    "address of a Ray cluster"
)
_ALONE = {
    "subset_count": 1,
    "references_per_part": None,
    "similar_parts": None,
    "tile": None,
}
"""Settings that only one process knows how to follow, and the values without effect."""


def refuse_process_group() -> None:
    """Raise in a process of torchrun and the like, where each would score the whole set."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        raise ClusterError(_GROUPED)


def check_cluster(cluster: object, config: Config, device: str) -> str:
    """Return the argument ``cluster``: "ray" or HOST:PORT; raise if it cannot be used."""
    if not isinstance(cluster, str) or not re.fullmatch(r"ray|[^\s/:]+:\d{1,5}", cluster):
        requirement = 'must be "ray" or the address HOST:PORT of the head of a Ray cluster'
        checks.refuse(OP, "cluster", requirement, checks.shortened(cluster))
    if device not in ("auto", "cpu"):
        checks.refuse(OP, "device", 'must be "auto" or "cpu" with cluster', repr(device))
    for name, value in _ALONE.items():
        own = getattr(config, name)
        if own != value:
            checks.refuse(OP, f"config.{name}", f"must be {value} with cluster", own)
    return cluster
