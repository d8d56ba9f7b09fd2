"""The one tolerance table: (rtol, atol) against float64 oracles, by op."""

ORACLE = {
    "lowest_mean": (1e-6, 0.0),
    "nearest_patches": (1e-5, 1e-6),
    "nearest_points": (1e-6, 0.0),
    "rank_match": (0.0, 0.0),
}
