"""Samples to score and to measure with: one file per data set."""
