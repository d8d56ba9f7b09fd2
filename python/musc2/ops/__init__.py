"""The kernels on their own, for microbenchmarks and other tools."""

from musc2.ops.lowest_mean import lowest_mean

__all__ = ["lowest_mean"]
