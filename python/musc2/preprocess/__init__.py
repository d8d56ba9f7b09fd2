"""Remove the backgrounds of data sets, as for published results: docs/guide/preprocess.md.

summary = preprocess.preprocess("mvtec_3d", "data/mvtec_3d", "data/mvtec_3d_parts")
summary.made, summary.earlier   # parts made by this call, and by earlier ones
"""

from musc2.preprocess.runner import DATASETS, Summary, preprocess

__all__ = ["DATASETS", "Summary", "preprocess"]
