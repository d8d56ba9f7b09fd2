"""Every default and every bound of the settings, so that a change of one is seen."""

import math

import pytest

from musc2 import Config
from musc2.config_fields import number, parse, whole, wholes
from musc2.errors import InputError

OURS = {
    "preset": "musc-v2",
    "input_size": None,
    "input_resize": "square",
    "input_resample": None,
    "tile": None,
    "tile_overlap": None,
    "tile_neighbors": 0,
    "scan_foreground": "nonzero_depth",
    "scan_background": "keep",
    "scan_plane_distance": 0.005,
    "scan_enlarge": False,
    "scan_max_points": 25_000,
    "on_error": "raise",
    "max_pixels": 178_956_970,
    "max_bytes": 1_073_741_824,
    "encoder_layers": None,
    "encoder_final_norm": None,
    "encoder_precision": "auto",
    "encoder_runtime": "auto",
    "group_count": 1024,
    "group_size": 128,
    "group_search": 256,
    "group_start": 80,
    "group_unique": True,
    "group_skip_radius": 0.0,
    "curvature_threshold": 0.01,
    "aggregate_degrees": None,
    "aggregate_separately": False,
    "aggregate_weighting": "similarity",
    "aggregate_layer_norm": False,
    "aggregate_normalize": None,
    "aggregate_normalize_first": False,
    "mutual_interval": (0.0, 0.3),
    "layer_fusion": None,
    "mutual_copies": False,
    "search_precision": "auto",
    "search_window": None,
    "subset_count": 1,
    "references_per_part": None,
    "similar_parts": None,
    "enhance_balance": "auto",
    "map_blur": 4.0,
    "map_blur_quantized": False,
    "score_unit": "normal",
    "map_top_share": 0.001,
    "rescore": None,
    "rescore_neighbors": (1, 7),
    "rescore_min_max": False,
    "rescore_class_tokens": False,
    "threshold": None,
    "seed": 0,
    "memory": 2_147_483_648,
    "device_memory": 2_147_483_648,
}
BOTH_PUBLISHED = {
    "rescore": True,
    "score_unit": "distance",
    "scan_max_points": None,
    "mutual_copies": True,
    "layer_fusion": "mean",
    "map_top_share": 0.0,
}
PRESETS = {
    "musc-v2": {},
    "published": {
        **BOTH_PUBLISHED,
        "scan_foreground": "nonzero_xyz",
        "scan_enlarge": True,
        "encoder_precision": "float32",
        "encoder_runtime": "torch",
        "group_unique": False,
        "group_skip_radius": math.sqrt(0.001),
        "search_precision": "float32",
        "map_blur_quantized": True,
        "rescore_min_max": True,
    },
    "musc": {
        **BOTH_PUBLISHED,
        "aggregate_separately": True,
        "aggregate_weighting": "uniform",
        "aggregate_layer_norm": True,
        "rescore_neighbors": (1, 2, 3),
        "rescore_class_tokens": True,
    },
}
MOST = 2**63 - 1
WHOLE = {
    "input_size": (1, 32_768),
    "tile": (16, 1_048_576),
    "tile_overlap": (0, MOST),
    "tile_neighbors": (0, MOST),
    "scan_max_points": (1, MOST),
    "max_pixels": (1, MOST),
    "max_bytes": (1, MOST),
    "group_count": (1, 1_048_576),
    "group_size": (1, 1024),
    "group_search": (1, 1024),
    "group_start": (1, 1024),
    "search_window": (0, MOST),
    "subset_count": (1, MOST),
    "references_per_part": (1, MOST),
    "similar_parts": (1, MOST),
    "seed": (0, MOST),
    "memory": (1, 2**50),
    "device_memory": (1, 2**50),
}
REAL = {
    "group_skip_radius": (0.0, None),
    "curvature_threshold": (0.0, None),
    "map_blur": (0.0, 1000.0),
    "map_top_share": (0.0, None),
}
OPTIONAL = [
    "input_size",
    "input_resample",
    "tile",
    "tile_overlap",
    "tile_neighbors",
    "scan_max_points",
    "max_pixels",
    "max_bytes",
    "encoder_layers",
    "encoder_final_norm",
    "aggregate_degrees",
    "aggregate_normalize",
    "layer_fusion",
    "search_window",
    "references_per_part",
    "similar_parts",
    "rescore",
    "threshold",
]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_what_it_was(preset):
    expected = {**OURS, **PRESETS[preset], "preset": preset}
    own = Config.from_preset(preset).to_dict()
    assert own.pop("group_skip_radius") == pytest.approx(expected.pop("group_skip_radius"))
    assert own == expected


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_have_these_bounds(name):
    low, high = WHOLE[name]
    for value in (low, high):
        assert getattr(Config(**{name: value}), name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(InputError, match=f"Config: {name} must be"):
            Config(**{name: value})


@pytest.mark.parametrize("name", REAL)
def test_real_numbers_have_these_bounds(name):
    low, high = REAL[name]
    beyond = [math.nextafter(low, -1)]
    assert getattr(Config(**{name: low}), name) == low
    if high is not None:
        assert getattr(Config(**{name: high}), name) == high
        beyond.append(math.nextafter(high, math.inf))
    for value in [*beyond, math.inf]:
        with pytest.raises(InputError, match=f"Config: {name} must be"):
            Config(**{name: value})


def test_other_numbers_have_these_bounds():
    for settings in (
        {"scan_plane_distance": 1e-9},
        {"encoder_layers": (0, 1)},
        {"aggregate_degrees": (1, 9999)},
        {"rescore_neighbors": (1, 1)},
        {"threshold": -3.5},
    ):
        Config(**settings)
    for settings in (
        {"scan_plane_distance": 0},
        {"encoder_layers": (-1, 1)},
        {"encoder_layers": (1, 0)},
        {"aggregate_degrees": (0,)},
        {"aggregate_degrees": (-1,)},
        {"aggregate_degrees": (3, 2)},
        {"aggregate_degrees": (10001,)},
        {"rescore_neighbors": (1, 0)},
        {"threshold": "high"},
    ):
        with pytest.raises(InputError, match=f"Config: {next(iter(settings))} must be"):
            Config(**settings)


def test_these_settings_may_be_none_and_no_others():
    allowed = []
    for name in OURS:
        try:
            Config(**{name: None})
        except InputError:
            continue
        allowed.append(name)
    assert allowed == OPTIONAL


def test_search_window_takes_one_word():
    assert (Config(search_window="auto").window, Config(search_window=3).window) == (None, 3)
    for value in ("none", "3", True, 2.0):
        with pytest.raises(InputError, match="search_window must be None or a whole number"):
            Config(search_window=value)


def test_kinds_of_numbers_are_described():
    assert whole(2).description == "a whole number of at least 2"
    assert whole(2, 9).description == "a whole number of at least 2 and at most 9"
    assert number().description == "a finite number"
    assert number(optional=True).description == "None or a finite number"
    assert number(1).description == "a finite number of at least 1"
    assert number(1, 5, above=True).description == "a finite number above 1 and at most 5"


def test_kinds_take_the_values_at_their_bounds():
    assert number(1, 5).accepts(1)
    assert number(1, 5).accepts(5)
    assert not number(1, 5, above=True).accepts(1)
    assert number().accepts(-3e38)
    assert not number().accepts(3.5e38)
    assert wholes(0, "any").accepts((2, 1, 1))
    assert not wholes(0, "any").accepts([2])
    assert not wholes(0, "rising", rising=True).accepts((1, 1))


def test_only_one_setting_may_choose_the_partners():
    Config(subset_count=2)
    Config(references_per_part=1)
    Config(similar_parts=1)
    with pytest.raises(
        InputError, match="references_per_part must be left out with subset_count, got 1"
    ):
        Config(subset_count=2, references_per_part=1)
    with pytest.raises(
        InputError, match="references_per_part must be left out with similar_parts, got 4"
    ):
        Config(references_per_part=4, similar_parts=3)


def test_none_in_a_file_is_none_where_that_is_allowed(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('max_pixels = "none"\nsearch_window = 2\n')
    assert Config.load(file) == Config(max_pixels=None, search_window=2)
    file.write_text('map_blur = "none"\n')
    with pytest.raises(InputError, match="map_blur must be a finite number"):
        Config.load(file)


def test_names_that_are_near_no_setting_get_no_hint():
    with pytest.raises(InputError, match=r"'zzz' is not a setting; `musc2 config` lists them"):
        Config.from_dict({"zzz": 1})


@pytest.mark.parametrize(
    ("text", "value"), [("False", False), ("TRUE", True), (" null ", None), ("1,,a", (1, "a"))]
)
def test_words_of_a_command_line(text, value):
    assert parse(text) == value
    assert type(parse(text)) is type(value)


def test_help_begins_with_what_a_config_is():
    assert Config.__doc__.startswith("The settings of a run.")
