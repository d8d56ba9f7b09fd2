import warnings

import parts
import pytest
import random_weights
import torch

from musc2 import Config, encoders, score
from musc2.encoders import ImageTokens, TokenDefaults, selection
from musc2.errors import InputError


@pytest.fixture
def here(monkeypatch):
    """Decides which networks are on this machine."""

    def decide(*names):
        monkeypatch.setattr(encoders, "available", lambda name: name in names)

    return decide


def test_auto_takes_the_networks_that_are_here(here):
    here("dino-vitb8", "point-mae")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert selection.automatic("auto", "auto") == ("dino-vitb8", "point-mae")


def test_auto_falls_back_with_one_warning_that_names_the_commands(here):
    here()
    with pytest.warns(UserWarning, match="built-in encoders") as caught:
        assert selection.automatic("auto", "auto") == ("texture", "shape")
    (warning,) = caught
    text = str(warning.message)
    assert "texture and shape stand in for dino-vitb8 and point-mae" in text
    assert "`musc2 weights fetch dino-vitb8`" in text
    assert "`musc2 weights fetch point-mae`" in text
    here("dino-vitb8")
    with pytest.warns(UserWarning, match="the built-in encoder shape stands in for point-mae") as caught:
        assert selection.automatic("auto", "auto") == ("dino-vitb8", "shape")
    assert "dino" not in str(caught[0].message)


def test_what_is_named_or_not_needed_is_left_alone(here):
    here()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert selection.automatic("dino-vitb8", None) == ("dino-vitb8", None)
        assert selection.automatic(parts.colors, "shape") == (parts.colors, "shape")


def test_a_named_encoder_never_falls_back(tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "load", lambda name, **options: pytest.fail(name) if name == "texture" else _refuse())
    with pytest.raises(InputError, match="not on this machine"):
        selection.image_encoder("dino-vitb8", "cpu", "float32", None)


def _refuse():
    message = "load: weights of dino-vitb8 are not on this machine"
    raise InputError(message)


def test_a_callable_becomes_an_encoder_with_defaults():
    encoder = selection.image_encoder(parts.colors, "cpu", "float32", None)
    assert (encoder.name, encoder.size, encoder.resample, encoder.patch) == ("colors", 224, "bicubic", 1)
    assert encoder.token_defaults == TokenDefaults(normalize=True, degrees=(1, 3, 5))
    assert encoder.state() == {}
    encoder.restore({})
    points = selection.point_encoder(parts.spread, "cpu", "float32")
    assert points.name == "spread"
    assert points.token_defaults == encoder.token_defaults


def test_the_attributes_of_a_callable_come_before_defaults():
    class Network:
        name, size, resample, matching = "mine", 96, "bilinear", TokenDefaults(normalize=False, degrees=(1,))

        def __call__(self, pixels):
            return ImageTokens(tokens=parts.colors(pixels)[:, None], class_tokens=None)

    encoder = selection.image_encoder(Network(), "cpu", "float32", None)
    assert (encoder.name, encoder.size, encoder.resample) == ("mine", 96, "bilinear")
    assert encoder.token_defaults.degrees == (1,)


def test_an_encoder_is_taken_as_it_is():
    encoder = parts.Coarse()
    assert selection.image_encoder(encoder, "cpu", "float32", None) is encoder
    assert selection.side(encoder, None) == 48
    assert selection.side(encoder, 64) == 64
    assert selection.side(None, None) == 224


class Half:
    name = "half"

    def encode(self, pixels):
        return pixels


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (7, "encoder_2d must be the name of an encoder, an encoder or a callable, got int"),
        (Half(), "encoder_2d must be .*, got Half without fit, matching"),
        ("dino_vitb8", "did you mean 'dino-vitb8'"),
    ],
)
def test_what_is_no_encoder_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        selection.image_encoder(given, "cpu", "float32", None)


def test_encoders_of_the_other_modality_are_refused():
    class Points:
        name, matching = "points", TokenDefaults(normalize=True, degrees=(1,))

        def fit(self, clouds, *, seed=0):
            pass

        def encode(self, cloud, groups):
            return groups.curvature

    with pytest.raises(InputError, match="encoder_2d must be an encoder of images, got points, one of points"):
        selection.image_encoder(Points(), "cpu", "float32", None)
    with pytest.raises(InputError, match="encoder_3d must be an encoder of points, got coarse, one of images"):
        selection.point_encoder(parts.Coarse(), "cpu", "float32")


def test_a_matching_that_is_none_is_refused():
    def encoder(pixels):
        return pixels

    encoder.token_defaults = True
    with pytest.raises(
        InputError, match=r"matching of the encoder encoder must be a musc2\.encoders\.TokenDefaults, got True"
    ):
        selection.image_encoder(encoder, "cpu", "float32", None)


def test_names_are_loaded_for_the_device_and_precision_of_the_call(monkeypatch, rng):
    asked = []

    def load(name, **options):
        asked.append((name, options))
        return parts.Coarse()

    monkeypatch.setattr(encoders, "load", load)
    result = score(parts.images(rng), encoder_2d="dinov2-small", config=Config(encoder_precision="bfloat16"))
    assert asked == [("dinov2-small", {"device": "cpu", "precision": "bfloat16"})]
    assert result.encoders == {"2d": "coarse"}


def test_layers_choose_the_blocks_of_a_network(tmp_path):
    pytest.importorskip("transformers")
    random_weights.small_network("vit", tmp_path)
    encoder = selection.image_encoder(str(tmp_path), "cpu", "float32", (0, 2))
    assert encoder.blocks == (0, 2)
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert encoder.encode(pixels).tokens.shape == (1, 2, 4, 4, 128)
    with pytest.raises(InputError, match=r"blocks must be .* of the 4 .*, got \(2, 4\)"):
        selection.image_encoder(str(tmp_path), "cpu", "float32", (2, 4))
