"""What the benchmarks compare with: published formulas in plain torch, and other libraries.

``<op>.py`` holds a function with the name of the op; ``pipeline.py`` puts the published ones
together. Nothing is imported here, as each baseline needs other libraries.
"""
