import dataclasses

import numpy as np
import pytest
import random_weights
import tolerances
import torch
from oracle.vision_transformer import vision_transformer

from musc2 import encoders
from musc2.encoders import contract, vit
from musc2.encoders._checkpoints import positions
from musc2.encoders.vit import Colors
from musc2.errors import InputError

pytest.importorskip("transformers")
GOLDEN_LIMITS, LIMITS = (
    dict(zip(("rtol", "atol"), limits, strict=True))
    for limits in (tolerances.GOLDEN["vit_dino"], tolerances.ORACLE["vision_transformer"])
)
UNCHANGED = Colors(mean=(0, 0, 0), std=(1, 1, 1))
INTERPOLATIONS = (
    positions.DINO_INTERPOLATION,
    positions.CLIP_INTERPOLATION,
    positions.REGISTERS_INTERPOLATION,
)


@pytest.fixture(scope="module")
def published(request, tmp_path_factory):
    """DINO ViT-B/8 with the golden's weights, in a file as DINO's authors give them."""
    with np.load(request.path.parents[1] / "goldens/vit_dino.npz") as stored:
        arrays = {key: stored[key] for key in stored.files}
    path = tmp_path_factory.mktemp("dino") / "dino_vitbase8_pretrain.pth"
    torch.save(random_weights.golden_weights(arrays), path)
    return dataclasses.replace(encoders.load("dino-vitb8", weights=path), colors=UNCHANGED), arrays


@pytest.mark.parametrize(("side", "stride"), [(64, 1), (224, 28)])
def test_dino_s_tokens_are_those_of_the_published_network(published, side, stride):
    encoder, stored = published
    outputs = encoder.encode(torch.from_numpy(stored[f"x_{side}"].astype(np.float32))[None])
    assert outputs.tokens.shape == (1, 3, side // 8, side // 8, 768)
    rows = slice(stride - 1, None, stride)  # of the patches; row 0 of the golden is the class token
    for layer, block in enumerate((4, 8, 12)):
        expected = torch.from_numpy(stored[f"layer{block}_{side}"])
        torch.testing.assert_close(
            outputs.tokens[0, layer].flatten(0, 1)[rows], expected[1:], **GOLDEN_LIMITS
        )
    torch.testing.assert_close(
        outputs.class_tokens[0], torch.from_numpy(stored[f"cls_{side}"]), **GOLDEN_LIMITS
    )


@pytest.mark.parametrize("family", random_weights.SETTINGS)
def test_tokens_are_transformers_own_hidden_states(family, tmp_path):
    network = random_weights.small_network(family, tmp_path)
    encoder = encoders.load(str(tmp_path))
    encoder = dataclasses.replace(encoder, blocks=(0, 2, 3), colors=UNCHANGED)
    # Away from the trained size transformers has another rule for DINO and DINOv2.
    for size in [(32, 32)] + [(48, 24)] * (family not in ("vit", "dinov2")):
        images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(2))
        clip = family == "clip_vision_model"
        with torch.no_grad():
            more = {"interpolate_pos_encoding": True} if clip else {}
            reference = network(pixel_values=images, output_hidden_states=True, **more)
        norm = torch.nn.Identity() if clip else getattr(network, "layernorm", None) or network.norm
        cells = size[0] // 8 * (size[1] // 8)
        outputs = encoder.encode(images)
        for layer, block in enumerate(encoder.blocks):
            expected = norm(reference.hidden_states[block + 1][:, -cells:]).detach()
            torch.testing.assert_close(outputs.tokens[:, layer].flatten(1, 2), expected, **LIMITS)
        if clip:
            embedding = reference.image_embeds / reference.image_embeds.norm(dim=-1, keepdim=True)
            torch.testing.assert_close(outputs.class_tokens, embedding, **LIMITS)
        else:
            torch.testing.assert_close(
                outputs.class_tokens, reference.last_hidden_state[:, 0], **LIMITS
            )


@pytest.mark.parametrize(
    "options",
    [{}, {"scaled": True}, {"scaled": True, "gated": True}, {"scaled": True, "registers": 2}],
    ids=["dino", "dinov2", "gated", "registers"],
)
def test_files_in_dino_s_own_layout_give_what_their_names_mean(tmp_path, options):
    state = random_weights.original_vit(**options)
    torch.save(state, tmp_path / "own.pth")
    encoder = dataclasses.replace(encoders.load(str(tmp_path / "own.pth")), colors=UNCHANGED)
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(3))
    outputs, expected = encoder.encode(image[None]), vision_transformer(image, state, heads=2)
    assert encoder.blocks == (0, 1, 2)
    for layer, block in enumerate(expected):
        torch.testing.assert_close(
            outputs.tokens[0, layer].flatten(0, 1), block[-16:].float(), **LIMITS
        )
    torch.testing.assert_close(outputs.class_tokens[0], expected[-1][0].float(), **LIMITS)


def test_mean_and_deviation_are_applied_inside(tmp_path):
    torch.save(random_weights.original_vit(), tmp_path / "own.pth")
    encoder = encoders.load(str(tmp_path / "own.pth"))
    half = dataclasses.replace(encoder, colors=Colors(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)))
    images = torch.rand(1, 3, 32, 32)
    raw = dataclasses.replace(encoder, colors=UNCHANGED).encode((images - 0.5) / 0.5)
    assert torch.equal(half.encode(images).tokens, raw.tokens)
    assert encoder.colors == Colors(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def test_half_precision_stays_near(tmp_path):
    torch.save(random_weights.original_vit(), tmp_path / "own.pth")
    images = torch.rand(2, 3, 32, 32)
    exact = encoders.load(str(tmp_path / "own.pth")).encode(images)
    for precision in ("bfloat16", "float16"):
        near = encoders.load(str(tmp_path / "own.pth"), precision=precision).encode(images)
        assert near.tokens.dtype == near.class_tokens.dtype == torch.float32
        assert 0 < (near.tokens - exact.tokens).norm() / exact.tokens.norm() < 0.05


def test_images_that_no_whole_patches_fill_are_refused(tmp_path):
    torch.save(random_weights.original_vit(), tmp_path / "own.pth")
    with pytest.raises(InputError, match=r"sides that are multiples of 8, got \(32, 36\)"):
        encoders.load(str(tmp_path / "own.pth")).encode(torch.zeros(1, 3, 32, 36))


def test_blocks_are_evenly_spread_with_the_last_one_among_them():
    assert vit.spread_blocks(12, 3) == (3, 7, 11)
    assert vit.spread_blocks(24, 4) == (5, 11, 17, 23)
    assert vit.spread_blocks(24, 3) == (7, 15, 23)
    assert vit.spread_blocks(2, 3) == (0, 1)
    assert vit.spread_blocks(1, 4) == (0,)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS, ids=repr)
def test_interpolated_positions_keep_rows_and_columns_apart(interpolation):
    rows, columns = torch.meshgrid(torch.arange(5.0), torch.arange(5.0), indexing="ij")
    table = torch.cat(
        [torch.full((1, 1, 2), 9.0), torch.stack([rows, columns], dim=-1).view(1, 25, 2)], dim=1
    )
    assert positions.interpolate(table, (5, 5), interpolation) is table
    for grid in ((10, 5), (3, 8), (1, 1)):
        resized = positions.interpolate(table, grid, interpolation)
        assert resized.shape == (1, 1 + grid[0] * grid[1], 2)
        assert resized[0, 0].tolist() == [9, 9]
        spread = resized[0, 1:].view(*grid, 2)
        assert bool(
            (spread[:, :1, 0] - spread[..., 0]).abs().max() < 1e-5
        )  # the first channel: rows only
        assert bool((spread[:1, :, 1] - spread[..., 1]).abs().max() < 1e-5)
        assert bool((spread[..., 0].diff(dim=0) > 0).all())
        assert bool((spread[..., 1].diff(dim=1) > 0).all())


@pytest.mark.parametrize("family", random_weights.SETTINGS)
def test_weights_cast_once_give_the_tokens_of_autocast(family, tmp_path, monkeypatch):
    random_weights.small_network(family, tmp_path)
    encoder = encoders.load(str(tmp_path), precision="bfloat16")
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    tokens = encoder.encode(images)
    monkeypatch.setattr(contract, "cast_once", lambda network, *options: network)
    expected = encoder.encode(images)
    assert torch.equal(tokens.tokens, expected.tokens)
    assert torch.equal(tokens.class_tokens, expected.class_tokens)
