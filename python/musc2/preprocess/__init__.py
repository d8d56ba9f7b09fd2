"""Remove the backgrounds of data sets, as for published results: docs/guide/preprocess.md.

summary = preprocess.preprocess_dataset("mvtec_3d", "data/mvtec_3d", "data/mvtec_3d_parts")
summary.written, summary.existing   # parts written by this call, and by earlier ones
"""

from musc2.preprocess.runner import DATASETS, Summary, preprocess_dataset

__all__ = ["DATASETS", "Summary", "preprocess_dataset"]
