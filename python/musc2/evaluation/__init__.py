"""How well the method does on a data set, category by category.

    found = evaluation.evaluate("mvtec_3d", "data/mvtec_3d", out="out")     # list of CategoryResult, one per category
    evaluation.mean(found).figures["I-AUROC"]                              # percent
    evaluation.write(found, "out")                                         # table.md, table.csv, table.json, table.xlsx

With ``out`` a category that is finished is not computed again by the same call.
"""

from musc2.evaluation.categories import evaluate
from musc2.evaluation.protocols import NAMES, PROTOCOLS
from musc2.evaluation.results import CategoryResult, mean
from musc2.evaluation.tables import rows, write

__all__ = ["NAMES", "PROTOCOLS", "CategoryResult", "evaluate", "mean", "rows", "write"]
