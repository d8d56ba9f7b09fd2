"""The one tolerance table, (rtol, atol)."""

# Against the float64 oracles, by op.
ORACLE = {
    "nearest_points": (1e-6, 0.0),
    "group_points": (1e-6, 1e-12),
    "pool_grid": (1e-6, 3e-7),
    "pool_centers": (1e-6, 3e-7),
    "nearest_patches": (1e-5, 1e-6),
    "lowest_mean": (1e-6, 0.0),
    "rank_match": (0.0, 0.0),
    "spread_points": (5e-7, 0.0),
    "rescore": (1e-6, 1e-7),
    "vision_transformer": (1e-5, 1e-5),
    "gradient_tokens": (1e-5, 1e-7),  # sums of some 400 terms of both signs
    "dictionary_tokens": (1e-5, 1e-6),
    "project_tokens": (1e-5, 2e-6),  # sums of up to 398 products of both signs
    "point_normals": (1e-4, 1e-5),  # an axis is as exact as float over the gap between eigenvalues
    "group_histograms": (0.0, 1e-5),
}

# Against what the published implementation computes, by the name of the stored array.
GOLDEN = {
    "curvatures": (1e-4, 1e-6),
    "curv64": (1e-6, 0.0),
    "interpolated_float64": (5e-7, 0.0),
    "interpolated": (0.0, 1e-6),
    "snamd": (1e-6, 3e-7),
    "lnamd": (1e-6, 3e-7),
    # Float32 networks: both sides are 2e-6 to 3e-6 from float64.
    "vit_dino": (0.0, 1e-5),
    "point_transformer": (0.0, 1e-5),
}

# Where values that nearly tie may swap ranks: (atol, atol of the one value in a thousand that may
# be off more).
RANKED = {
    "enhance": (1e-7, 3e-4),
    "msm_multiple": (1e-4, 1e-3),
}
