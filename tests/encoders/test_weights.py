"""Loading by name, folder, file and hub id, and the errors when that fails."""

import json
import sys

import numpy as np
import pytest
import random_weights
import torch

from musc2 import encoders
from musc2.encoders import contract
from musc2.errors import DeviceError, InputError

IMAGES = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(4))


@pytest.fixture
def own(tmp_path):
    """Save weights of a small ViT in DINO's layout after a change, and load them."""
    pytest.importorskip("transformers")

    def load(change=lambda state: state, name="own.pth"):
        torch.save(change(random_weights.original_vit()), tmp_path / name)
        return encoders.load(str(tmp_path / name))

    return load


def in_cache(folder, repository):
    """The folder of a fetched copy of a hub repository."""
    copies = folder / "hub" / f"models--{repository.replace('/', '--')}"
    (copies / "refs").mkdir(parents=True)
    (copies / "refs" / "main").write_text("abc")
    (copies / "snapshots" / "abc").mkdir(parents=True)
    return copies / "snapshots" / "abc"


def test_the_known_names():
    names = encoders.names()
    assert {
        "dino-vitb8",
        "dino-vits16",
        "dinov2-large",
        "clip-vit-large-patch14-336",
        "point-mae",
    } <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {
            "teacher": {f"module.backbone.{name}": value for name, value in state.items()},
            "epoch": 3,
        },
        lambda state: {"state_dict": state, "optimizer": {"lr": np.float64(0.1)}},
        lambda state: state | {"head.weight": torch.zeros(10, 128), "head.bias": torch.zeros(10)},
    ],
    ids=["teacher", "state_dict", "head"],
)
def test_wrappers_of_training_scripts_are_taken_off(own, wrapped):
    assert torch.equal(own(wrapped).encode(IMAGES).tokens, own().encode(IMAGES).tokens)


def test_half_precision_npz_files_load(own, tmp_path):
    halves = {name: value.half() for name, value in random_weights.original_vit().items()}
    np.savez(tmp_path / "own.npz", **{name: value.numpy() for name, value in halves.items()})
    encoder = encoders.load(str(tmp_path / "own.npz"))
    assert encoder.network.dtype == torch.float32
    same = own(lambda state: {name: value.half() for name, value in state.items()})
    assert torch.equal(encoder.encode(IMAGES).tokens, same.encode(IMAGES).tokens)


def test_a_folder_has_its_own_mean_and_deviation(tmp_path):
    pytest.importorskip("transformers")
    random_weights.small_network("vit", tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.5] * 3, "image_std": [0.25] * 3})
    )
    encoder = encoders.load(str(tmp_path))
    assert encoder.colors.mean == (0.5, 0.5, 0.5)
    assert encoder.colors.std == (0.25, 0.25, 0.25)
    assert (encoder.patch, encoder.size) == (8, 224)


def test_a_whole_clip_checkpoint_loads_its_image_half(tmp_path):
    transformers = pytest.importorskip("transformers")
    text = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
    }
    vision = random_weights.SMALL | random_weights.MLP
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=40)
    transformers.CLIPModel(config).save_pretrained(tmp_path)
    outputs = encoders.load(str(tmp_path)).encode(IMAGES)
    assert outputs.tokens.shape == (1, 4, 4, 4, 128)
    assert outputs.class_tokens.shape == (1, 40)
    torch.testing.assert_close(outputs.class_tokens.norm(), torch.tensor(1.0))


def test_weights_in_the_caches_are_found(empty_caches):
    pytest.importorskip("transformers")
    assert not encoders.available("dino-vitb8")
    with pytest.raises(InputError, match="weights of someone/small are not on this machine"):
        encoders.load("someone/small")
    random_weights.small_network("dinov2", in_cache(empty_caches, "someone/small"))
    assert encoders.available("someone/small")
    assert encoders.load("someone/small").encode(IMAGES).tokens.shape == (1, 3, 4, 4, 128)
    (in_cache(empty_caches, "facebook/dino-vits8") / "model.safetensors").write_bytes(b"")
    assert encoders.available("dino-vits8")
    (empty_caches / "torch" / "hub" / "checkpoints").mkdir(parents=True)
    (empty_caches / "torch" / "hub" / "checkpoints" / "dino_vitbase8_pretrain.pth").write_bytes(b"")
    assert encoders.available("dino-vitb8")


def test_shards_count_only_if_all_are_present(empty_caches):
    pytest.importorskip("transformers")
    folder = in_cache(empty_caches, "facebook/dinov2-large")
    shards = {"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(shards))
    (folder / "model-1-of-2.safetensors").write_bytes(b"")
    assert not encoders.available("dinov2-large")
    (folder / "model-2-of-2.safetensors").write_bytes(b"")
    assert encoders.available("dinov2-large")
    (folder / "model.safetensors.index.json").write_text('"model-1-of-2.safetensors"')
    assert not encoders.available("dinov2-large")


def test_an_unknown_name_is_refused_with_a_list():
    with pytest.raises(
        InputError, match=r"one of .*dino-vitb8.*, got 'dino-vitb9' \(did you mean 'dino-vitb8'\?\)"
    ):
        encoders.load("dino-vitb9")
    with pytest.raises(InputError, match="name must be the name of an encoder, got int"):
        encoders.load(8)


def test_missing_and_unexpected_keys_are_named_as_in_the_file(own):
    with pytest.raises(InputError, match=r"got keys 1 missing \(blocks.1.attn.qkv.bias\)$"):
        own(
            lambda state: {
                name: value for name, value in state.items() if name != "blocks.1.attn.qkv.bias"
            }
        )
    with pytest.raises(InputError, match=r"got keys 1 unexpected \(blocks.0.attn.rel_pos\)$"):
        own(lambda state: state | {"blocks.0.attn.rel_pos": torch.zeros(3)})
    with pytest.raises(
        InputError, match=r"got keys 1 of another shape \(.*fc1.* \(5,\) instead of \(256,\)\)$"
    ):
        own(lambda state: state | {"blocks.0.mlp.fc1.bias": torch.zeros(5)})


def test_missing_keys_of_a_hub_folder_are_named(tmp_path):
    pytest.importorskip("transformers")
    safetensors = pytest.importorskip("safetensors.torch")
    random_weights.small_network("dinov2", tmp_path)
    state = safetensors.load_file(tmp_path / "model.safetensors")
    del state["layernorm.bias"]
    safetensors.save_file(
        state | {"strange": torch.zeros(1)}, tmp_path / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(
        InputError, match=r"1 missing \(layernorm.bias\), 1 unexpected \(strange\)$"
    ):
        encoders.load(str(tmp_path))


def test_weights_of_another_architecture_are_refused(own, tmp_path):
    own()
    with pytest.raises(
        InputError,
        match=r"must be those of dino-vitb8, .*width=768, depth=12.*got .*width=128, depth=3",
    ):
        encoders.load("dino-vitb8", weights=tmp_path / "own.pth")
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "resnet.pth")
    with pytest.raises(
        InputError,
        match=r"those of dino-vits16, got keys \d+ missing .* 1 unexpected \(conv1.weight\)",
    ):
        encoders.load("dino-vits16", weights=tmp_path / "resnet.pth")
    with pytest.raises(
        InputError, match=r"must come with a config.json that holds their model_type"
    ):
        encoders.load(str(tmp_path / "resnet.pth"))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="got the architecture 'bert'"):
        encoders.load(str(tmp_path / "resnet.pth"))
    with pytest.raises(InputError, match=r"heads of 64 channels .*, got a width of 100"):
        own(lambda state: state | {"cls_token": torch.zeros(1, 1, 100)})
    with pytest.raises(
        InputError, match="those of a vision transformer, got none called 'pos_embed'"
    ):
        own(lambda state: {name: value for name, value in state.items() if name != "pos_embed"})


def test_folders_without_or_with_too_many_weights_are_refused(own, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        encoders.load("dino-vitb8", weights=tmp_path / "nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(
        InputError, match=r"weights must be a folder with a .safetensors, .* file, got"
    ):
        encoders.load(str(tmp_path / "folder"))
    own(name="folder/a.pth")
    own(name="folder/b.pth")
    with pytest.raises(InputError, match=r"one set of weights, got .* with a.pth, b.pth"):
        encoders.load(str(tmp_path / "folder"))
    (tmp_path / "picture.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"weights must be a .* file, got .*picture.png"):
        encoders.load(str(tmp_path / "picture.png"))
    (tmp_path / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(InputError, match="weights must be a safetensors file"):
        encoders.load(str(tmp_path / "model.safetensors"))


def test_without_transformers_the_extra_is_named(monkeypatch, empty_caches):
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert not encoders.available("dino-vitb8")
    with pytest.raises(
        InputError, match=r'need the package transformers; pip install "musc2\[vit\]"'
    ):
        encoders.load("dino-vitb8")


def test_unusable_devices_and_precisions_are_refused(monkeypatch):
    with pytest.raises(
        InputError, match="precision must be one of float32, bfloat16, float16, auto, got 'int4'"
    ):
        encoders.load("point-mae", precision="int4")
    with pytest.raises(InputError, match=r"device must be .*, got 'tpu'"):
        contract.usable_device("load", "tpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="device is cuda, and torch sees 0 CUDA devices"):
        contract.usable_device("load", "cuda")
    assert contract.usable_device("load", "auto") == torch.device("cpu")
    assert contract.matmul_dtype("load", "auto", torch.device("cpu")) in (
        torch.float32,
        torch.bfloat16,
    )
