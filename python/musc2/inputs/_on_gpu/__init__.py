"""Images that a GPU resizes, as PIL would on the CPU."""

from musc2.inputs._on_gpu.resizing import RawImage, resized, stacked

__all__ = ["RawImage", "resized", "stacked"]
