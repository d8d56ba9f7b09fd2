"""Find defective parts in unlabelled images and 3D scans by mutual scoring."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musc2 import cuda, datasets, encoders, errors, metrics, ops
    from musc2.cloud import Cloud
    from musc2.config import Config
    from musc2.environment import show_versions
    from musc2.ops._support.dispatch import set_num_threads
    from musc2.part import Part
    from musc2.pipeline import score, score_tokens
    from musc2.regions import Region
    from musc2.result import Failure, Result
    from musc2.scorer import Scorer
    from musc2.stages.group import make_cloud
    from musc2.verdict import Threshold

    __version__: str

__all__ = [
    "Cloud",
    "Config",
    "Failure",
    "Part",
    "Region",
    "Result",
    "Scorer",
    "Threshold",
    "__version__",
    "cuda",
    "datasets",
    "encoders",
    "errors",
    "make_cloud",
    "metrics",
    "ops",
    "score",
    "score_tokens",
    "set_num_threads",
    "show_versions",
]

# Looked up on first use: importing torch takes a second, which `musc2 --help` need not wait for.
_MODULES = ("cuda", "datasets", "encoders", "errors", "metrics", "ops")
_HOMES = {
    "Cloud": "musc2.cloud",
    "Config": "musc2.config",
    "Failure": "musc2.result",
    "Part": "musc2.part",
    "Region": "musc2.regions",
    "Result": "musc2.result",
    "Scorer": "musc2.scorer",
    "Threshold": "musc2.verdict",
    "make_cloud": "musc2.stages.group",
    "score": "musc2.pipeline",
    "score_tokens": "musc2.pipeline",
    "set_num_threads": "musc2.ops._support.dispatch",
    "show_versions": "musc2.environment",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"musc2.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name == "__version__":
        from importlib.metadata import version

        value = version("musc2")
    else:
        msg = f"module 'musc2' has no attribute {name!r}"
        raise AttributeError(msg)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
