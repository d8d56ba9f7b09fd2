import json

import pytest

from musc2 import Config
from musc2.errors import InputError


@pytest.mark.parametrize("name", ["musc-v2", "published", "musc"])
def test_a_preset_survives_a_way_through_json(name):
    config = Config.from_preset(name)
    assert config.preset == name
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_presets_hold_what_the_documents_say():
    ours, published, first = (Config.from_preset(name) for name in ("musc-v2", "published", "musc"))
    assert ours == Config()
    assert (ours.degrees, ours.interval, ours.windows, ours.precision) == (None, (0.0, 0.3), (1, 7), "auto")
    assert ours.rescore is None
    assert (ours.normalize, ours.size, ours.layers, ours.foreground, ours.resize) == (
        None,
        None,
        None,
        "depth",
        "square",
    )
    assert (ours.unique, ours.skip_radius, ours.balance, ours.quantized_blur) == (True, 0.0, "auto", False)
    assert (published.unique, published.skip_radius**2, published.precision) == (False, pytest.approx(1e-3), "float32")
    assert (published.quantized_blur, published.rescore_published, published.balance) == (True, True, "never")
    assert (published.foreground, published.encoder_precision) == ("published", "float32")
    assert all((each.degrees, each.normalize, each.rescore) == ((1, 3, 5), True, True) for each in (published, first))
    assert (ours.by_class_tokens, first.by_class_tokens) == (False, True)
    assert (first.degrees_apart, first.layer_norm, first.weighting, first.windows) == (True, True, "uniform", (1, 2, 3))


def test_replace_changes_a_copy():
    config = Config()
    changed = config.replace(rescore_neighbors=[1, 8, 9], search_window=2)
    assert (changed.windows, changed.window, changed.interval) == ((1, 8, 9), 2, config.mutual_interval)
    assert config == Config()


def test_a_config_cannot_be_changed():
    with pytest.raises(AttributeError):
        Config().window = 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"windoww": 3}, "Config: 'windoww' must be one of name, size"),
        ({"degrees": (1, 4)}, r"degrees must be None or odd whole numbers, at least one, got \(1, 4\)"),
        ({"degrees": ()}, "degrees must be None or odd"),
        ({"normalize": 1}, "normalize must be None, True or False, got 1"),
        ({"rescore": "no"}, "rescore must be None, True or False, got 'no'"),
        ({"size": 0}, "size must be None or a whole number of at least 1, got 0"),
        ({"resize": "crop"}, "resize must be one of square, fit, got 'crop'"),
        ({"resample": "nearest"}, "resample must be None, bicubic or bilinear, got 'nearest'"),
        ({"foreground": "z"}, "foreground must be one of depth, published"),
        ({"background": "remove"}, "background must be one of keep, plane, got 'remove'"),
        ({"plane_distance": -0.1}, "plane_distance must be a finite number above 0, got -0.1"),
        ({"layers": (3, 3)}, r"layers must be None or rising whole numbers, at least one, got \(3, 3\)"),
        ({"layers": ()}, "layers must be None or rising"),
        ({"layers": ("last",)}, "layers must be None or rising"),
        ({"encoder_precision": "half"}, "encoder_precision must be one of auto, float32, bfloat16, float16"),
        ({"on_error": "ignore"}, "on_error must be one of raise, skip"),
        ({"degrees": 3}, "degrees must be a tuple of numbers, got 3"),
        ({"interval": (0.4, 0.3)}, "interval must be two rising bounds"),
        ({"interval": (0.0, 0.3, 0.5)}, "interval must be two rising bounds"),
        ({"interval": (0.0, 1.5)}, "interval must be two rising bounds"),
        ({"windows": (0, 1)}, "windows must be whole numbers of at least 1"),
        ({"windows": ()}, "windows must be whole numbers of at least 1"),
        ({"precision": "double"}, "precision must be one of auto, float32, .*, got 'double'"),
        ({"weighting": "equal"}, "weighting must be one of similarity, uniform"),
        ({"balance": True}, "balance must be one of auto, always, never, got True"),
        ({"window": -1}, "window must be None or a whole number of at least 0"),
        ({"subsets": 0}, "subsets must be a whole number of at least 1, got 0"),
        ({"centers": True}, "centers must be a whole number of at least 1, got True"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"threshold": float("nan")}, "threshold must be a finite number of at least 0"),
        ({"blur": -1.0}, "blur must be a finite number of at least 0"),
        ({"unique": 1}, "unique must be True or False, got 1"),
        ({"name": None}, "name must be a string"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        Config().replace(**changes)


def test_unknown_presets_are_named():
    with pytest.raises(InputError, match="preset must be one of musc-v2, published, musc, got 'v3'"):
        Config.from_preset("v3")
