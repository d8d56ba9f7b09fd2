"""The kernels on their own, for microbenchmarks and other tools."""

from musc2.ops.cluster_grid import cluster_grid
from musc2.ops.dictionary_tokens import dictionary_tokens
from musc2.ops.farthest_points import farthest_points
from musc2.ops.gradient_tokens import gradient_tokens
from musc2.ops.group_histograms import group_histograms
from musc2.ops.group_points import Groups, group_points
from musc2.ops.link_patches import Links, link_patches
from musc2.ops.lowest_mean import lowest_mean
from musc2.ops.nearest_patches import nearest_patches
from musc2.ops.nearest_points import nearest_points
from musc2.ops.point_normals import point_normals
from musc2.ops.pool_centers import pool_centers
from musc2.ops.pool_grid import pool_grid
from musc2.ops.project_tokens import project_tokens
from musc2.ops.rank_match import rank_match
from musc2.ops.region_overlap import RegionHistogram, ThresholdCounts, region_overlap
from musc2.ops.rescore import rescore
from musc2.ops.spread_points import spread_points

__all__ = [
    "Groups",
    "Links",
    "RegionHistogram",
    "ThresholdCounts",
    "cluster_grid",
    "dictionary_tokens",
    "farthest_points",
    "gradient_tokens",
    "group_histograms",
    "group_points",
    "link_patches",
    "lowest_mean",
    "nearest_patches",
    "nearest_points",
    "point_normals",
    "pool_centers",
    "pool_grid",
    "project_tokens",
    "rank_match",
    "region_overlap",
    "rescore",
    "spread_points",
]
