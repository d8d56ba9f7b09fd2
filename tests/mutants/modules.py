"""Which modules are mutated, and the tests that have to see it."""

_METRICS = ["tests/metrics"]
_METHOD = ["tests/test_method.py"]
_DOCTESTS = ["tests/docs/test_doctests.py"]

TESTS = {
    "verdict": [
        "tests/test_verdict.py",
        "tests/test_verdict_numbers.py",
        "tests/test_result.py",
        "tests/test_parts_of_result.py",
    ],
    "config": ["tests/test_config.py", "tests/attacks/test_hostile_paths.py"],
    "config_fields": ["tests/test_config.py", "tests/attacks/test_hostile_paths.py"],
    "config_presets": ["tests/test_config.py"],
    "metrics.arguments": _METRICS,
    "metrics.aupro": _METRICS,
    "metrics.aupro_published": _METRICS,
    "metrics.auroc": _METRICS,
    "metrics.average_precision": _METRICS,
    "metrics.f1_max": _METRICS,
    "metrics.registry": _METRICS,
    "metrics.streaming": _METRICS,
    "metrics.thresholds": _METRICS,
    "stages.aggregate": ["tests/stages/test_aggregate.py", *_METHOD],
    "stages.copies": ["tests/stages/test_copies.py", "tests/test_partners.py", *_METHOD],
    "stages.encode": ["tests/stages/test_encode.py", *_METHOD],
    "stages.enhance": ["tests/stages/test_enhance.py", *_METHOD],
    "stages.fuse": ["tests/stages/test_fuse.py", "tests/stages/test_unit.py", *_METHOD],
    "stages.group": ["tests/stages/test_group.py", *_METHOD],
    "stages.image_scores": ["tests/stages/test_image_scores.py", *_METHOD],
    "stages.layers": ["tests/stages/test_layers.py", *_METHOD],
    "stages.maps": ["tests/stages/test_maps.py", "tests/stages/test_matches.py", *_METHOD],
    "stages.matches": ["tests/stages/test_matches.py", "tests/test_partners.py", *_METHOD],
    "stages.mutual": ["tests/stages/test_mutual.py", "tests/test_partners.py", *_METHOD],
    "stages.rescore": ["tests/stages/test_salient_features.py", *_METHOD],
    "stages.subsets": ["tests/stages/test_subsets.py"],
}
