"""Which modules are mutated, and the tests that have to see it."""

_METRICS = ["tests/metrics"]
_METHOD = ["tests/test_method.py"]
_LIMITS = ["tests/stages/test_stage_limits.py", "tests/stages/test_stage_choices.py", *_METHOD]
_CONFIG = ["tests/test_config.py", "tests/test_config_numbers.py"]

TESTS = {
    "verdict": [
        "tests/test_verdict.py",
        "tests/test_verdict_numbers.py",
        "tests/test_result.py",
        "tests/test_parts_of_result.py",
    ],
    "config": _CONFIG,
    "config_fields": _CONFIG,
    "config_presets": _CONFIG,
    "components": ["tests/test_regions.py"],
    "regions": ["tests/test_regions.py", "tests/test_region_shapes.py"],
    "metrics.arguments": _METRICS,
    "metrics.aupro": _METRICS,
    "metrics.aupro_published": _METRICS,
    "metrics.auroc": _METRICS,
    "metrics.average_precision": _METRICS,
    "metrics.f1_max": _METRICS,
    "metrics.registry": _METRICS,
    "metrics.streaming": _METRICS,
    "metrics.thresholds": _METRICS,
    "stages.aggregate": ["tests/stages/test_aggregate.py", *_LIMITS],
    "stages.copies": ["tests/stages/test_copies.py", "tests/test_partners.py", *_LIMITS],
    "stages.encode": [
        "tests/stages/test_encode.py",
        "tests/stages/test_encode_numbers.py",
        *_LIMITS,
    ],
    "stages.enhance": ["tests/stages/test_enhance.py", "tests/stages/test_enhance_few.py"],
    "stages.fuse": ["tests/stages/test_fuse.py", "tests/stages/test_unit.py", *_LIMITS],
    "stages.group": ["tests/stages/test_group.py", *_LIMITS],
    "stages.image_scores": ["tests/stages/test_image_scores.py", *_LIMITS],
    "stages.layers": ["tests/stages/test_layers.py", *_LIMITS],
    "stages.maps": ["tests/stages/test_maps.py", "tests/stages/test_matches.py", *_LIMITS],
    "stages.matches": [
        "tests/stages/test_matches.py",
        "tests/stages/test_match_numbers.py",
        *_LIMITS,
    ],
    "stages.mutual": ["tests/stages/test_mutual.py", "tests/test_partners.py", *_LIMITS],
    "stages.rescore": ["tests/stages/test_salient_features.py", *_LIMITS],
    "stages.subsets": ["tests/stages/test_subsets.py"],
}
