"""Networks with random weights: small ones of all families, and those of the goldens."""

import json
import math
import zlib

import numpy as np
import pytest
import torch

SMALL = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "patch_size": 8,
    "image_size": 32,
}
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
    "clip_vision_model": (
        "CLIPVisionConfig",
        "CLIPVisionModelWithProjection",
        MLP | {"projection_dim": 48},
    ),
}


def by_recipe(names):
    """Return weights by the rule in the goldens' meta, which draws numbers by a tensor's name.

    names: [name, shape] pairs.
    """
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
    """Save a small network of ``family`` with random weights as the hub has it, and return it."""
    import transformers

    config_class, network_class, settings = SETTINGS[family]
    if not hasattr(transformers, network_class):
        pytest.skip(f"transformers {transformers.__version__} has no {network_class}")
    torch.manual_seed(seed)
    config = getattr(transformers, config_class)(**SMALL, **settings)
    network = getattr(transformers, network_class)(config)
    with torch.no_grad():
        # The library's weights are too small, and its biases 0, to show a mistake.
        for name, values in network.named_parameters():
            values.copy_(torch.randn_like(values) * 0.3 / math.sqrt(max(values.shape[-1] / 16, 1)))
            if ("norm" in name and name.endswith("weight")) or "lambda" in name:
                values.add_(1)
    network.eval().save_pretrained(folder)
    return network


def original_vit(
    *, width=128, depth=3, patch=8, cells=4, mlp=2, scaled=False, gated=False, registers=0
):
    """Return weights of a small network in the layout of DINO's own files.

    scaled: DINOv2's, with its layer scale. gated: with its SwiGLU, at a width of 128.
    """
    names = [["cls_token", [1, 1, width]], ["pos_embed", [1, cells**2 + 1, width]]]
    names += [["register_tokens", [1, registers, width]]] if registers else []
    names += [
        ["patch_embed.proj.weight", [width, 3, patch, patch]],
        ["patch_embed.proj.bias", [width]],
    ]
    for block in range(depth):
        for layer, outputs, inputs in (
            ("norm1", width, None),
            ("attn.qkv", 3 * width, width),
            ("attn.proj", width, width),
            ("norm2", width, None),
            *([("mlp.w12", 688, width), ("mlp.w3", width, 344)] if gated else []),
            *([] if gated else [("mlp.fc1", mlp * width, width), ("mlp.fc2", width, mlp * width)]),
        ):
            shape = [outputs] if inputs is None else [outputs, inputs]
            names.append([f"blocks.{block}.{layer}.weight", shape])
            names.append([f"blocks.{block}.{layer}.bias", [outputs]])
        names += [[f"blocks.{block}.ls{half}.gamma", [width]] for half in (1, 2)] if scaled else []
    return by_recipe([*names, ["norm.weight", [width]], ["norm.bias", [width]]])


def point_mae():
    """Return weights of a Point-MAE."""
    from musc2.encoders.point_mae import PointTransformer

    return by_recipe(
        [[name, list(value.shape)] for name, value in PointTransformer().state_dict().items()]
    )


# Kernel and expansion of each stage, then for each network the channels of its blocks by stage.
LITE_STAGES = ((3, 1), (3, 6), (5, 6), (3, 6), (5, 6))
LITE_BLOCKS = {
    "efficientnet-lite0": ([16], [24] * 2, [40] * 2, [80] * 3, [112] * 3),
    "efficientnet-lite1": ([16], [24] * 3, [40] * 3, [80] * 4, [112] * 4),
    "efficientnet-lite2": ([16], [24] * 3, [48] * 3, [88] * 4, [120] * 4),
}


def efficientnet_lite(name):
    """Return weights of the first five stages of an EfficientNet-Lite."""
    layers = [("_conv_stem", "_bn0", [32, 3, 3, 3])]
    inputs, number = 32, 0
    for (kernel, expansion), stage in zip(LITE_STAGES, LITE_BLOCKS[name], strict=True):
        for outputs in stage:
            block, wide = f"_blocks.{number}.", inputs * expansion
            if expansion > 1:
                layers.append((f"{block}_expand_conv", f"{block}_bn0", [wide, inputs, 1, 1]))
            layers += [
                (f"{block}_depthwise_conv", f"{block}_bn1", [wide, 1, kernel, kernel]),
                (f"{block}_project_conv", f"{block}_bn2", [outputs, wide, 1, 1]),
            ]
            inputs, number = outputs, number + 1
    names = []
    for convolution, norm, shape in layers:
        names.append([f"{convolution}.weight", shape])
        for key in ("weight", "bias", "running_mean", "running_var"):
            names.append([f"{norm}.{key}", shape[:1]])
    return by_recipe(names)
