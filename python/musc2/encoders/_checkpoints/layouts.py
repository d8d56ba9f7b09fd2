"""Weights in the layout of DINO, DINOv2 and timm: their architecture and their names on the hub."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import torch

from musc2 import checks
from musc2.encoders._checkpoints.weights import Weights, check_keys, shapes

HEAD_DIM = 64  # in every network of these families
_IGNORED_KEYS = re.compile(r"(head|fc_norm|pre_logits)\.|mask_token$")
_NAMES = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "register_tokens": "embeddings.register_tokens",
    "mask_token": "embeddings.mask_token",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "norm": "layernorm",
    "attn.proj": "attention.output.dense",
    "ls1.gamma": "layer_scale1.lambda1",
    "ls2.gamma": "layer_scale2.lambda1",
    "mlp.w12": "mlp.weights_in",
    "mlp.w3": "mlp.weights_out",
}
_VIT_NAMES = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The sizes of a network of a family."""

    family: str  # "vit", "dinov2", "dinov2_with_registers", "dinov3_vit", "clip_vision_model"
    width: int
    depth: int
    patch: int
    side: int  # of its training images in pixels; determines the grid of its position embeddings
    hidden: int  # channels inside the MLP
    registers: int = 0
    gated: bool = False  # SwiGLU instead of the MLP

    @property
    def heads(self) -> int:
        """Return the number of attention heads."""
        return self.width // HEAD_DIM


def is_original(state: Weights) -> bool:
    """Return whether the names are those of DINO, DINOv2 and timm, not those of the hub."""
    return "cls_token" in state or any(name.startswith("blocks.") for name in state)


def architecture(state: Weights) -> Architecture:
    """Return the architecture that the shapes of weights in the original layout determine."""
    try:
        width = state["cls_token"].shape[-1]
        patch = state["patch_embed.proj.weight"].shape[-1]
        positions = state["pos_embed"].shape[1]
        gated = "blocks.0.mlp.w3.weight" in state
        if gated:
            hidden = state["blocks.0.mlp.w3.weight"].shape[1]
        else:
            hidden = state["blocks.0.mlp.fc1.weight"].shape[0]
    except (KeyError, IndexError) as error:
        requirement = "must be those of a vision transformer"
        checks.refuse("load", "weights", requirement, f"none called {error}")
    cells = math.isqrt(positions - 1)
    if cells**2 + 1 != positions or width % HEAD_DIM:
        heads = f"heads of {HEAD_DIM} channels"
        requirement = f"must have {heads} and positions of a square grid and a class token"
        got = f"a width of {width} and {positions} positions"
        checks.refuse("load", "weights", requirement, got)
    registers = state["register_tokens"].shape[1] if "register_tokens" in state else 0
    blocks = {int(name.split(".")[1]) for name in state if name.startswith("blocks.")}
    return Architecture(
        family=_family(state),
        width=width,
        depth=1 + max(blocks),
        patch=patch,
        side=cells * patch,
        hidden=hidden,
        registers=registers,
        gated=gated,
    )


def to_hub(name: str, state: Weights, network: Architecture) -> Weights:
    """Return weights in the original layout under their names on the hub.

    An error names keys that are missing, unexpected or of another shape.
    """
    state = {key: value for key, value in state.items() if not _IGNORED_KEYS.match(key)}
    check_keys(name, shapes(state), _shapes(network))
    renamed: Weights = {}
    for key, value in state.items():
        stem, rest = _split_block(key)
        if rest.startswith("attn.qkv."):
            kind = rest.split(".")[-1]
            thirds = torch.chunk(value, 3)
            for projection, third in zip(("query", "key", "value"), thirds, strict=True):
                renamed[f"{stem}attention.attention.{projection}.{kind}"] = third.clone()
        else:
            renamed[stem + _hub_name(rest, network.family)] = value
    return renamed


def _family(state: Weights) -> str:
    if "register_tokens" in state:
        return "dinov2_with_registers"
    return "dinov2" if "blocks.0.ls1.gamma" in state else "vit"


def _shapes(network: Architecture) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's weights in the original layout."""
    width, hidden, patch = network.width, network.hidden, network.patch
    layers = {"attn.qkv": (3 * width, width), "attn.proj": (width, width)}
    if network.gated:
        layers |= {"mlp.w12": (2 * hidden, width), "mlp.w3": (width, hidden)}
    else:
        layers |= {"mlp.fc1": (hidden, width), "mlp.fc2": (width, hidden)}
    block: dict[str, tuple[int, ...]] = {}
    for name, shape in layers.items():
        block[f"{name}.weight"] = shape
        block[f"{name}.bias"] = shape[:1]
    for norm in ("norm1", "norm2"):
        block[f"{norm}.weight"] = block[f"{norm}.bias"] = (width,)
    if network.family != "vit":
        block["ls1.gamma"] = block["ls2.gamma"] = (width,)
    by_name: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, 1 + (network.side // patch) ** 2, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    for number in range(network.depth):
        for name, shape_of_block in block.items():
            by_name[f"blocks.{number}.{name}"] = shape_of_block
    if network.registers:
        by_name["register_tokens"] = (1, network.registers, width)
    return by_name


def _split_block(key: str) -> tuple[str, str]:
    """Return the hub's prefix of a key's block, empty outside the blocks, and the key's rest."""
    block = re.match(r"blocks\.(\d+)\.", key)
    if block is None:
        return "", key
    return f"encoder.layer.{block[1]}.", key[block.end() :]


def _hub_name(name: str, family: str) -> str:
    """Return the hub's name of a weight outside the blocks or within one."""
    hub_names = _NAMES | _VIT_NAMES if family == "vit" else _NAMES
    if name in hub_names:
        return hub_names[name]
    stem, _, kind = name.rpartition(".")
    return f"{hub_names.get(stem, stem)}.{kind}"
