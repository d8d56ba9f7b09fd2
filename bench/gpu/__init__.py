"""Checks and times of the kernels on a GPU; first_call.py is where to begin."""
