"""The contract of all encoders. Networks have small or random weights: no caches, no downloads."""

import pickle

import pytest
import random_weights
import torch
from caches import empty_the_caches

from musc2 import encoders
from musc2.encoders import efficientnet_lite
from musc2.encoders._checkpoints import known_networks
from musc2.errors import InputError

STAND_INS = {}  # one small network for all names of a family


@pytest.fixture(scope="module", params=encoders.names())
def encoder(request, tmp_path_factory):
    """The encoder itself if it needs no weights, else a stand-in of its family."""
    name, folder = request.param, tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        empty_the_caches(patch, folder)
        if encoders.available(name):
            return encoders.load(name)
    if name in efficientnet_lite.KNOWN:
        torch.save(random_weights.efficientnet_lite(name), folder / "weights.pth")
        return encoders.load(name, weights=folder / "weights.pth")
    if name not in known_networks.KNOWN:
        torch.save(random_weights.point_mae(), folder / "weights.pth")
        return encoders.load(name, weights=folder / "weights.pth")
    pytest.importorskip("transformers")
    family = known_networks.KNOWN[name].architecture.family
    if family not in STAND_INS:
        random_weights.small_network(family, folder / "network")
        STAND_INS[family] = encoders.load(str(folder / "network"))
    return STAND_INS[family]


def encoded(encoder, grouped_cloud, images):
    """Return tokens (B, layers, ..., C) of images or of a cloud, whichever the encoder takes."""
    if encoder.modality == "image":
        return encoder.encode(images).tokens
    return encoder.encode(*grouped_cloud)[None]


@pytest.fixture(scope="module")
def images():
    return torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def fitted(encoder, grouped_cloud, images):
    encoder.fit(list(images) if encoder.modality == "image" else [grouped_cloud[0]] * 3, seed=3)
    return encoder


def test_an_encoder_has_all_members_of_its_protocol(encoder):
    assert encoder.name
    assert encoder.modality in ("image", "points")
    assert isinstance(encoder.learns, bool)
    assert isinstance(encoder.token_defaults, encoders.TokenDefaults)
    assert encoder.token_defaults.degrees
    assert all(degree % 2 for degree in encoder.token_defaults.degrees)
    if encoder.modality == "image":
        assert encoder.size > 0
        assert encoder.patch > 0
        assert encoder.size % encoder.patch == 0
        assert encoder.resample in ("bicubic", "bilinear")


def test_tokens_have_the_promised_shape_and_leave_the_input_alone(fitted, grouped_cloud, images):
    before = images.clone()
    tokens = encoded(fitted, grouped_cloud, images)
    assert tokens.dtype == torch.float32
    assert bool(torch.isfinite(tokens).all())
    assert torch.equal(images, before)
    if fitted.modality == "image":
        assert tokens.ndim == 5
        assert len(tokens) == len(images)
        assert tokens.shape[2] == tokens.shape[3]
        class_tokens = fitted.encode(images).class_tokens
        assert class_tokens is None or (class_tokens.ndim == 2 and len(class_tokens) == len(images))
    else:
        assert tokens.ndim == 4
        assert tokens.shape[2] == len(grouped_cloud[0].centers)


def test_the_same_input_gives_the_same_tokens(fitted, grouped_cloud, images):
    assert torch.equal(
        encoded(fitted, grouped_cloud, images), encoded(fitted, grouped_cloud, images)
    )


def test_an_image_has_the_same_tokens_alone_and_in_a_batch(fitted, images):
    if fitted.modality == "image":
        together, alone = fitted.encode(images).tokens[:1], fitted.encode(images[:1]).tokens
        # Eight last places of the largest token: with it, sums in another order differ near zero.
        last_place = torch.finfo(torch.float32).eps * float(together.abs().max())
        torch.testing.assert_close(alone, together, rtol=1e-4, atol=max(1e-5, 8 * last_place))


def test_grids_that_are_not_square(fitted, images):
    if fitted.modality == "image":
        square, wide = fitted.encode(images).tokens, fitted.encode(images[:, :, :32]).tokens
        assert wide.shape[2] * 2 == square.shape[2]
        assert wide.shape[3] == square.shape[3]


def test_what_was_learned_survives_pickling_and_moves_by_state(fitted, grouped_cloud, images):
    before = encoded(fitted, grouped_cloud, images)
    assert torch.equal(encoded(pickle.loads(pickle.dumps(fitted)), grouped_cloud, images), before)
    assert fitted.learns == bool(fitted.state())
    fitted.restore(fitted.state())
    assert torch.equal(encoded(fitted, grouped_cloud, images), before)


def test_images_that_cannot_be_encoded_are_refused(fitted, images):
    if fitted.modality == "image":
        with pytest.raises(InputError, match=r"images must have shape \(B, 3, H, W\)"):
            fitted.encode(images[0])
        with pytest.raises(InputError, match=r"images must be a float32 tensor, got torch\.uint8"):
            fitted.encode((images * 255).to(torch.uint8))
        with pytest.raises(InputError, match="images must be finite"):
            fitted.encode(torch.full_like(images, torch.nan))
