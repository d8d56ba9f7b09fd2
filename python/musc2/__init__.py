"""Finds defective parts in unlabelled images and 3D scans by mutual scoring."""

from importlib.metadata import version

from musc2 import errors, ops

__version__ = version("musc2")
__all__ = ["__version__", "errors", "ops"]
