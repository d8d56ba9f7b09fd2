"""From the array of a scan to centered and scaled points, docs/method/algorithm.md section 0."""

from musc2.inputs._scans.foreground import Foreground, find_foreground
from musc2.inputs._scans.scaling import mean_table, scaled

__all__ = ["Foreground", "find_foreground", "mean_table", "scaled"]
