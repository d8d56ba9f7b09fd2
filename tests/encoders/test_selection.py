"""The choice of encoders by the arguments of a call."""

import copy

import parts
import pytest
import random_weights
import torch

from musc2 import Cloud, Config, encoders, score
from musc2.encoders import ImageTokens, TokenDefaults, selection
from musc2.encoders._checkpoints import kept
from musc2.encoders.contract import Pretrained
from musc2.errors import InputError


def in_torch(**changes):
    return parts.IN_TORCH.replace(**changes)


def chosen_encoders(*images, points=()):
    sized = tuple(selection.SizedEncoder(encoder=encoder) for encoder in images)
    return selection.Encoders(images=sized, points=tuple(points), device="cpu")


def test_a_named_encoder_never_falls_back(monkeypatch, empty_caches):
    names = []
    load = encoders.load

    def recording(name, **options):
        names.append(name)
        return load(name, **options)

    monkeypatch.setattr(encoders, "load", recording)
    with pytest.raises(InputError, match="point-mae are not on this machine"):
        selection.point_encoder("point-mae", "cpu", parts.IN_TORCH)
    assert names == ["point-mae"]


def test_a_callable_becomes_an_encoder_with_defaults():
    encoder = selection.image_encoder(parts.colors, "cpu", parts.IN_TORCH)
    assert (encoder.name, encoder.size, encoder.resample, encoder.patch) == (
        "colors",
        224,
        "bicubic",
        1,
    )
    assert encoder.token_defaults == TokenDefaults(normalize=True, degrees=(1, 3, 5))
    assert encoder.state() == {}
    assert not encoder.learns
    points = selection.point_encoder(parts.spread, "cpu", parts.IN_TORCH)
    assert points.name == "spread"
    assert points.token_defaults == encoder.token_defaults


def test_the_attributes_of_a_callable_come_before_defaults():
    class Network:
        name, size, resample = "mine", 96, "bilinear"
        token_defaults = TokenDefaults(normalize=False, degrees=(1,))

        def __call__(self, pixels):
            return ImageTokens(tokens=parts.colors(pixels)[:, None], class_tokens=None)

    encoder = selection.image_encoder(Network(), "cpu", parts.IN_TORCH)
    assert (encoder.name, encoder.size, encoder.resample) == ("mine", 96, "bilinear")
    assert encoder.token_defaults.degrees == (1,)


def test_an_encoder_is_taken_as_it_is():
    encoder = parts.Coarse()
    assert selection.image_encoder(encoder, "cpu", parts.IN_TORCH) is encoder
    chosen = chosen_encoders(encoder)
    assert chosen.input_sizes(None) == [48]
    assert chosen.input_sizes(64) == [64]
    assert chosen_encoders().input_sizes(None) == [224]
    with pytest.raises(InputError, match=r"config\.input_size must be a multiple of 8 with coarse"):
        chosen.input_sizes(65)


class Incomplete:
    """An image encoder that lacks most members."""

    name = "incomplete"

    def encode(self, images):
        return images


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (7, "encoder_2d must be the name of an encoder, an encoder or a callable, got int"),
        (
            Incomplete(),
            "encoder_2d must have all members of an encoder of images, "
            "got Incomplete without modality, token_defaults, learns, fit, state, restore, size",
        ),
        ("dino_vitb8", "did you mean 'dino-vitb8'"),
    ],
)
def test_other_objects_are_refused(encoder, message):
    with pytest.raises(InputError, match=message):
        selection.image_encoder(encoder, "cpu", parts.IN_TORCH)


@pytest.mark.parametrize("member", selection._REQUIRED["image"])
def test_an_image_encoder_without_a_member_is_refused_by_name(monkeypatch, rng, member):
    class Partial(parts.Coarse):
        def __getattribute__(self, name):
            if name == member:
                raise AttributeError(name)
            return super().__getattribute__(name)

    expected = "or a callable, got Partial" if member == "encode" else f"Partial without {member}$"
    with pytest.raises(InputError, match=f"score: encoder_2d must .*{expected}"):
        score(parts.images(rng), encoder_2d=Partial(), config=parts.SMALL)


def test_encoders_of_the_other_modality_are_refused():
    class Points(Pretrained):
        name, modality = "points", "points"
        token_defaults = TokenDefaults(normalize=True, degrees=(1,))

        def encode(self, cloud, groups):
            return groups.curvature

    message = "encoder_2d must be an encoder of images, got points, one of points"
    with pytest.raises(InputError, match=message):
        selection.image_encoder(Points(), "cpu", parts.IN_TORCH)
    message = "encoder_3d must be an encoder of points, got coarse, one of images"
    with pytest.raises(InputError, match=message):
        selection.point_encoder(parts.Coarse(), "cpu", parts.IN_TORCH)
    assert selection.point_encoder(Points(), "cpu", parts.IN_TORCH).name == "points"


def test_token_defaults_of_another_type_are_refused():
    def encoder(pixels):
        return pixels

    encoder.token_defaults = True
    message = (
        r"token_defaults of the encoder encoder must be a musc2\.encoders\.TokenDefaults, got True"
    )
    with pytest.raises(InputError, match=message):
        selection.image_encoder(encoder, "cpu", parts.IN_TORCH)


def test_only_learners_are_fitted_and_only_as_copies():
    images = [torch.full((3, 8, 8), 0.5)]
    encoder = parts.Coarse()
    chosen = chosen_encoders(encoder)
    fitted = chosen.fitted(lambda _: images, lambda: pytest.fail("clouds are read"), seed=0)
    assert fitted.images[0].encoder is not encoder
    assert float(fitted.images[0].encoder.mean) == 0.5
    assert encoder.mean == 0
    callables = chosen_encoders(
        selection.image_encoder(parts.colors, "cpu", parts.IN_TORCH),
        points=[selection.point_encoder(parts.spread, "cpu", parts.IN_TORCH)],
    )
    unread = callables.fitted(
        lambda _: pytest.fail("images are read"), lambda: pytest.fail("clouds are read"), seed=0
    )
    assert (unread.images, unread.points) == (callables.images, callables.points)


@pytest.mark.parametrize("is_fitted", [False, True])
def test_score_never_changes_an_encoder_that_it_was_given(rng, is_fitted):
    rgb, pcd = parts.images(rng, 3, size=(48, 48)), parts.maps(rng, 3, size=(48, 48))
    texture, shape = encoders.load("texture"), encoders.load("shape")
    if is_fitted:
        generator = torch.Generator().manual_seed(0)
        texture.fit([torch.rand(3, 64, 64, generator=generator)])
        points = torch.rand(400, 3, generator=generator)
        shape.fit([Cloud(points=points, centers=torch.arange(9), curvature=torch.zeros(9))])
    before = [copy.deepcopy(encoder.state()) for encoder in (texture, shape)]
    score(rgb, pcd, encoder_2d=texture, encoder_3d=shape, config=parts.SMALL)
    for encoder, state in zip((texture, shape), before, strict=True):
        after = encoder.state()
        assert set(after) == set(state)
        assert bool(after) == is_fitted
        assert all(torch.equal(after[name], state[name]) for name in state)


def test_names_are_loaded_for_the_device_and_precision_of_the_call(monkeypatch, rng):
    calls = []

    def load(name, **options):
        calls.append((name, options))
        return parts.Coarse()

    monkeypatch.setattr(encoders, "load", load)
    result = score(
        parts.images(rng), encoder_2d="dinov2-small", config=Config(encoder_precision="bfloat16")
    )
    settings = {"device": "cpu", "precision": "bfloat16", "runtime": "auto"}
    assert calls == [("dinov2-small", settings)]
    assert result.encoders == {"2d": "coarse"}


def test_layers_choose_the_blocks_of_a_network(tmp_path):
    pytest.importorskip("transformers")
    random_weights.small_network("vit", tmp_path)
    encoder = selection.image_encoder(str(tmp_path), "cpu", in_torch(encoder_layers=(0, 2)))
    assert encoder.blocks == (0, 2)
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert encoder.encode(pixels).tokens.shape == (1, 2, 4, 4, 128)
    with pytest.raises(InputError, match=r"blocks must be .* of the 4 .*, got \(2, 4\)"):
        selection.image_encoder(str(tmp_path), "cpu", in_torch(encoder_layers=(2, 4)))


def test_the_final_norm_of_a_network_can_be_left_out(tmp_path):
    pytest.importorskip("transformers")
    random_weights.small_network("dinov2", tmp_path)
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    own, normed, plain = (
        selection.image_encoder(
            str(tmp_path), "cpu", in_torch(encoder_layers=(1, 3), encoder_final_norm=norm)
        )
        for norm in (None, True, False)
    )
    assert torch.equal(own.encode(pixels).tokens, normed.encode(pixels).tokens)
    assert plain.blocks == (1, 3)
    with torch.no_grad():
        expected = plain.network.layernorm(plain.encode(pixels).tokens)
    torch.testing.assert_close(own.encode(pixels).tokens, expected)
    torch.testing.assert_close(own.encode(pixels).class_tokens, plain.encode(pixels).class_tokens)


def test_an_encoder_without_a_final_norm_is_named(rng):
    config = Config(encoder_final_norm=False)
    with pytest.raises(InputError, match="encoder_final_norm must be None with texture, which has"):
        score(parts.images(rng, 3), encoder_2d="texture", config=config)


def test_a_network_is_loaded_once_as_long_as_its_weights_stay(tmp_path, monkeypatch):
    file = tmp_path / "own.pth"
    torch.save(random_weights.original_vit(), file)
    loads = []
    load = encoders.load

    def counting(name, **options):
        loads.append(name)
        return load(name, **options)

    monkeypatch.setattr(encoders, "load", counting)
    first = selection.image_encoder(str(file), "cpu", parts.IN_TORCH)
    again = selection.image_encoder(str(file), "cpu", in_torch(encoder_layers=(1,)))
    assert again.network is first.network
    assert again.blocks != first.blocks
    assert len(loads) == 1
    half = selection.image_encoder(str(file), "cpu", in_torch(encoder_precision="bfloat16"))
    assert half.network is not first.network
    torch.save(random_weights.original_vit(depth=4), file)
    changed = selection.image_encoder(str(file), "cpu", parts.IN_TORCH)
    assert changed.network.config.num_hidden_layers == 4
    assert len(loads) == 3
    learners = [selection.image_encoder("texture", "cpu", parts.IN_TORCH) for _ in range(2)]
    assert learners[0] is not learners[1]


def test_few_networks_are_kept():
    networks = kept.Kept()
    for number in range(kept.MOST + 1):
        networks.get(number, lambda own=number: own)
    assert networks.get(0, lambda: "made anew") == "made anew"
    assert networks.get(kept.MOST, lambda: "made anew") == kept.MOST
