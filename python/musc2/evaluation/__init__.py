"""Evaluate the method on a labelled data set, category by category.

    results = evaluation.evaluate("mvtec_3d", "data/mvtec_3d", out="out")  # one per category
    evaluation.mean(results).metrics["I-AUROC"]                            # percent
    evaluation.write(results, "out")                                       # tables

With ``out`` a finished category is not computed again by the same call.
"""

from musc2.evaluation.categories import evaluate
from musc2.evaluation.protocols import NAMES, PROTOCOLS
from musc2.evaluation.results import CategoryResult, mean
from musc2.evaluation.tables import rows, write

__all__ = ["NAMES", "PROTOCOLS", "CategoryResult", "evaluate", "mean", "rows", "write"]
