"""Samples to score and to measure with: one file per data set."""

from musc2.datasets import synthetic

__all__ = ["synthetic"]
