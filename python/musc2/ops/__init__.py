"""The kernels on their own, for microbenchmarks and other tools."""

from musc2.ops.farthest_points import farthest_points
from musc2.ops.group_points import Groups, group_points
from musc2.ops.link_patches import Links, link_patches
from musc2.ops.lowest_mean import lowest_mean
from musc2.ops.nearest_patches import nearest_patches
from musc2.ops.nearest_points import nearest_points
from musc2.ops.pool_centers import pool_centers
from musc2.ops.pool_grid import pool_grid
from musc2.ops.rank_match import rank_match
from musc2.ops.rescore import rescore
from musc2.ops.spread_points import spread_points

__all__ = [
    "Groups",
    "Links",
    "farthest_points",
    "group_points",
    "link_patches",
    "lowest_mean",
    "nearest_patches",
    "nearest_points",
    "pool_centers",
    "pool_grid",
    "rank_match",
    "rescore",
    "spread_points",
]
