"""Finds defective parts in unlabelled images and 3D scans by mutual scoring."""

from importlib.metadata import version

from musc2 import cuda, datasets, encoders, errors, metrics, ops
from musc2.config import Config
from musc2.machine import show_config
from musc2.ops.native import set_num_threads
from musc2.pipeline import score
from musc2.scoring import score_tokens
from musc2.types import Cloud, Scores

__version__ = version("musc2")
__all__ = [
    "Cloud",
    "Config",
    "Scores",
    "__version__",
    "cuda",
    "datasets",
    "encoders",
    "errors",
    "metrics",
    "ops",
    "score",
    "score_tokens",
    "set_num_threads",
    "show_config",
]
