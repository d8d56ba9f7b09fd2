"""Images and xyz maps that a GPU prepares, to the values that the CPU gives."""

from musc2.inputs._on_gpu.resizing import RawImage, resized, stacked
from musc2.inputs._on_gpu.scans import RawScan, normalized

__all__ = ["RawImage", "RawScan", "normalized", "resized", "stacked"]
