"""Find defective parts in unlabelled images and 3D scans by mutual scoring."""

from importlib.metadata import version

from musc2 import cuda, datasets, encoders, errors, metrics, ops
from musc2.cloud import Cloud
from musc2.config import Config
from musc2.environment import show_versions
from musc2.ops._support.native import set_num_threads
from musc2.pipeline import score, score_tokens
from musc2.result import Failure, Result
from musc2.stages.group import make_cloud

__version__ = version("musc2")
__all__ = [
    "Cloud",
    "Config",
    "Failure",
    "Result",
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
