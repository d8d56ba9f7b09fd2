import dataclasses
import json

import pytest

from musc2 import Config
from musc2.config_fields import parse
from musc2.errors import InputError


@pytest.mark.parametrize("name", ["musc-v2", "published", "musc"])
def test_a_preset_survives_a_way_through_json(name):
    config = Config.from_preset(name)
    assert config.preset == name
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_presets_hold_what_the_documents_say():
    ours, published, first = (Config.from_preset(name) for name in ("musc-v2", "published", "musc"))
    assert ours == Config()
    assert (
        ours.aggregate_degrees,
        ours.mutual_interval,
        ours.rescore_neighbors,
        ours.search_precision,
    ) == (None, (0.0, 0.3), (1, 7), "auto")
    assert ours.rescore is None
    assert (
        ours.aggregate_normalize,
        ours.input_size,
        ours.encoder_layers,
        ours.scan_foreground,
        ours.input_resize,
    ) == (
        None,
        None,
        None,
        "nonzero_depth",
        "square",
    )
    assert (
        ours.group_unique,
        ours.group_skip_radius,
        ours.enhance_balance,
        ours.map_blur_quantized,
    ) == (True, 0.0, "auto", False)
    assert (published.group_unique, published.group_skip_radius**2, published.search_precision) == (
        False,
        pytest.approx(1e-3),
        "float32",
    )
    assert (published.map_blur_quantized, published.rescore_min_max, published.enhance_balance) == (
        True,
        True,
        "auto",
    )
    assert (published.scan_foreground, published.encoder_precision) == ("nonzero_xyz", "float32")
    assert all(
        (each.aggregate_degrees, each.aggregate_normalize, each.rescore, each.score_unit)
        == (None, None, True, "distance")
        for each in (published, first)
    )
    assert (ours.rescore_class_tokens, first.rescore_class_tokens) == (False, True)
    assert (
        first.aggregate_separately,
        first.aggregate_layer_norm,
        first.aggregate_weighting,
        first.rescore_neighbors,
    ) == (True, True, "uniform", (1, 2, 3))


def test_replace_changes_a_copy():
    config = Config()
    changed = config.replace(rescore_neighbors=[1, 8, 9], search_window=2)
    assert (changed.rescore_neighbors, changed.search_window, changed.mutual_interval) == (
        (1, 8, 9),
        2,
        config.mutual_interval,
    )
    assert config == Config()


def test_a_config_cannot_be_changed():
    with pytest.raises(AttributeError):
        Config().search_window = 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"search_windoww": 3},
            r"'search_windoww' is not a setting \(did you mean 'search_window'\?\)",
        ),
        (
            {"aggregate_degrees": (1, 4)},
            r"odd whole numbers below 10000, at least one, got \(1, 4\)",
        ),
        ({"aggregate_degrees": ()}, "aggregate_degrees must be None or odd"),
        ({"aggregate_normalize": 1}, "aggregate_normalize must be None, True or False, got 1"),
        ({"rescore": "no"}, "rescore must be None, True or False, got 'no'"),
        (
            {"input_size": 0},
            "input_size must be None or a whole number of at least 1 and",
        ),
        ({"input_resize": "crop"}, "input_resize must be one of square, fit, got 'crop'"),
        (
            {"input_resample": "nearest"},
            "input_resample must be None or one of bicubic, bilinear, got 'nearest'",
        ),
        ({"scan_foreground": "z"}, "scan_foreground must be one of nonzero_depth, nonzero_xyz"),
        ({"scan_background": "remove"}, "scan_background must be one of keep, plane, got 'remove'"),
        (
            {"scan_plane_distance": -0.1},
            "scan_plane_distance must be a finite number above 0, got -0.1",
        ),
        (
            {"encoder_layers": (3, 3)},
            r"encoder_layers must be None or rising whole numbers, at least one, got \(3, 3\)",
        ),
        ({"encoder_layers": ()}, "encoder_layers must be None or rising"),
        ({"encoder_layers": ("last",)}, "encoder_layers must be None or rising"),
        (
            {"encoder_precision": "half"},
            "encoder_precision must be one of auto, float32, bfloat16, float16",
        ),
        ({"on_error": "ignore"}, "on_error must be one of raise, skip"),
        (
            {"aggregate_degrees": 3},
            "aggregate_degrees must be None or odd whole numbers below 10000, .*, got 3",
        ),
        ({"mutual_interval": (0.4, 0.3)}, "mutual_interval must be two rising bounds"),
        ({"mutual_interval": (0.0, 0.3, 0.5)}, "mutual_interval must be two rising bounds"),
        ({"mutual_interval": (0.0, 1.5)}, "mutual_interval must be two rising bounds"),
        ({"rescore_neighbors": (0, 1)}, "rescore_neighbors must be whole numbers of at least 1"),
        ({"rescore_neighbors": ()}, "rescore_neighbors must be whole numbers of at least 1"),
        (
            {"search_precision": "double"},
            "search_precision must be one of auto, float32, .*, got 'double'",
        ),
        (
            {"aggregate_weighting": "equal"},
            "aggregate_weighting must be one of similarity, uniform",
        ),
        ({"enhance_balance": True}, "enhance_balance must be one of auto, always, never, got True"),
        (
            {"search_window": -1},
            "search_window must be None or a whole number of at least 0 or auto",
        ),
        ({"subset_count": 0}, "subset_count must be a whole number of at least 1, got 0"),
        (
            {"group_count": True},
            "group_count must be a whole number of at least 1 and",
        ),
        ({"seed": 0.5}, "seed must be a whole number"),
        (
            {"curvature_threshold": float("nan")},
            "curvature_threshold must be a finite number of at least 0",
        ),
        ({"map_blur": -1.0}, "map_blur must be a finite number of at least 0"),
        ({"group_unique": 1}, "group_unique must be True or False, got 1"),
        ({"preset": None}, "preset must be a string"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        Config().replace(**changes)


def test_unknown_presets_are_named():
    with pytest.raises(
        InputError, match="Config: preset must be one of musc-v2, published, musc, got 'v3'"
    ):
        Config.from_preset("v3")


@pytest.mark.parametrize("ending", ["toml", "json"])
@pytest.mark.parametrize("name", ["musc-v2", "published", "musc"])
def test_a_config_survives_its_file(tmp_path, ending, name):
    config = Config.from_preset(name).replace(
        map_blur=1e-5, rescore_neighbors=(2,), aggregate_normalize=None, search_window=3
    )
    config.save(tmp_path / f"settings.{ending}")
    assert Config.load(tmp_path / f"settings.{ending}") == config


def test_a_file_need_only_hold_what_differs_from_its_preset(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('preset = "published"\nmap_blur = 2\nrescore_neighbors = [1, 3]\n')
    changes = {"map_blur": 2, "rescore_neighbors": (1, 3)}
    assert Config.load(file) == Config.from_preset("published").replace(**changes)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", "map_blur = ", "a.toml must be a readable file of settings, got "),
        ("a.json", "{", "a.json must be a readable file of settings, got "),
        ("a.json", "[1]", "a.json must hold names and values, got list"),
        ("a.yaml", "", "a.yaml must end in .toml or .json, got .yaml"),
        ("a.toml", "blur = 2", "'blur' is not a setting .did you mean 'map_blur'"),
        (
            "a.toml",
            "map_blur = -2",
            "map_blur must be a finite number of .* at most 1000, got -2",
        ),
        ("a.toml", "preset = 3", "preset must be a string, got 3"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        Config.load(tmp_path / name)
    with pytest.raises(InputError, match=r"missing\.toml must be a readable file of settings"):
        Config.load(tmp_path / "missing.toml")


def test_every_field_is_documented_in_help():
    text = Config.__doc__
    for field in dataclasses.fields(Config):
        assert f"    {field.name} = {field.default!r}\n        {field.metadata['doc']}" in text
        assert field.metadata["doc"].endswith(".")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", 4),
        ("0.5", 0.5),
        ("true", True),
        ("None", None),
        ("1,3,5", (1, 3, 5)),
        ("[1, 3]", (1, 3)),
        ("(0.0, 0.3)", (0.0, 0.3)),
        ("7,", (7,)),
        ("float32", "float32"),
    ],
)
def test_values_of_a_command_line_are_parsed(text, value):
    assert parse(text) == value
    assert type(parse(text)) is type(value)
