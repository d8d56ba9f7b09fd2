"""Data sets without their backgrounds, as published results on them are made: docs/prepare.md.

done = prepare.prepare("mvtec_3d", "data/mvtec_3d", "data/mvtec_3d_prepared", jobs=4, seed=0, progress=True)
done.made, done.found                      # parts made by this call, and by earlier ones
"""

from musc2.preprocess.running import DATASETS, Done, prepare

__all__ = ["DATASETS", "Done", "prepare"]
