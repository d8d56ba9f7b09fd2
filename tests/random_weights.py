"""Networks with random weights: small ones of every family, and those of the goldens' recipe."""

import json
import math
import zlib

import numpy as np
import pytest
import torch

SMALL = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 2, "patch_size": 8, "image_size": 32}
MLP = {"intermediate_size": 256}
SETTINGS = {
    "vit": ("ViTConfig", "ViTModel", MLP),
    "dinov2": ("Dinov2Config", "Dinov2Model", {"mlp_ratio": 2}),
    "dinov2_with_registers": (
        "Dinov2WithRegistersConfig",
        "Dinov2WithRegistersModel",
        {"mlp_ratio": 2, "num_register_tokens": 3},
    ),
    "dinov3_vit": ("DINOv3ViTConfig", "DINOv3ViTModel", MLP | {"num_register_tokens": 3}),
    "clip_vision_model": ("CLIPVisionConfig", "CLIPVisionModelWithProjection", MLP | {"projection_dim": 48}),
}


def by_recipe(names):
    """Weights by the rule in the goldens' meta, each tensor's numbers from its name. names: [name, shape] pairs."""
    state = {}
    for name, shape in names:
        draws = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        if name.endswith("num_batches_tracked"):
            draws = 0 * draws
        elif name.endswith("running_mean"):
            draws = 0.1 * draws
        elif name.endswith("running_var"):
            draws = 1 + 0.1 * np.abs(draws)
        elif name in ("cls_token", "pos_embed"):
            draws = 0.02 * draws
        elif len(shape) >= 2:
            draws = draws / math.sqrt(math.prod(shape[1:]))
        else:
            draws = 1 + 0.1 * draws if name.endswith("weight") else 0.02 * draws
        state[name] = torch.from_numpy(np.asarray(draws, dtype=np.float32))
    return state


def golden_weights(golden):
    return by_recipe(json.loads(str(golden["meta"]))["names"])


def small_network(family, folder, seed=0):
    """Saves a small network of ``family`` with random weights in ``folder``, as the hub would hold it; the network."""
    import transformers

    config, network, more = SETTINGS[family]
    if not hasattr(transformers, network):
        pytest.skip(f"transformers {transformers.__version__} has no {network}")
    torch.manual_seed(seed)
    made = getattr(transformers, network)(getattr(transformers, config)(**SMALL, **more))
    with torch.no_grad():
        for name, values in made.named_parameters():  # the library's are too small, and biases 0, to show a mistake
            values.copy_(torch.randn_like(values) * 0.3 / math.sqrt(max(values.shape[-1] / 16, 1)))
            if ("norm" in name and name.endswith("weight")) or "lambda" in name:
                values.add_(1)
    made.eval().save_pretrained(folder)
    return made


def original_vit(*, width=128, depth=3, patch=8, cells=4, mlp=2, scaled=False, gated=False, registers=0):
    """Weights of a small network in the layout of DINO's own files; ``scaled``: DINOv2's, with its layer scale.

    ``gated``: with its SwiGLU, at a width of 128.
    """
    names = [["cls_token", [1, 1, width]], ["pos_embed", [1, cells**2 + 1, width]]]
    names += [["register_tokens", [1, registers, width]]] if registers else []
    names += [["patch_embed.proj.weight", [width, 3, patch, patch]], ["patch_embed.proj.bias", [width]]]
    for block in range(depth):
        for part, out, into in (
            ("norm1", width, None),
            ("attn.qkv", 3 * width, width),
            ("attn.proj", width, width),
            ("norm2", width, None),
            *([("mlp.w12", 688, width), ("mlp.w3", width, 344)] if gated else []),
            *([] if gated else [("mlp.fc1", mlp * width, width), ("mlp.fc2", width, mlp * width)]),
        ):
            names.append([f"blocks.{block}.{part}.weight", [out] if into is None else [out, into]])
            names.append([f"blocks.{block}.{part}.bias", [out]])
        names += [[f"blocks.{block}.ls{part}.gamma", [width]] for part in (1, 2)] if scaled else []
    return by_recipe([*names, ["norm.weight", [width]], ["norm.bias", [width]]])


def point_mae():
    """Weights of a Point-MAE."""
    from musc2.encoders.point_mae import PointTransformer

    return by_recipe([[name, list(value.shape)] for name, value in PointTransformer().state_dict().items()])
