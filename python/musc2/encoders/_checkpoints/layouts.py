"""Key names: from the layout of DINO, DINOv2 and timm to that of the hub, and the architecture that shapes tell."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import torch

from musc2.encoders._checkpoints.weights import Weights, check_keys
from musc2.errors import InputError

HEAD_DIM = 64  # in every network of these families
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
    """What makes a network of a family; the names are those of its description on the hub."""

    family: str  # "vit", "dinov2", "dinov2_with_registers", "dinov3_vit", "clip_vision_model"
    width: int
    depth: int
    patch: int
    side: int  # of the images it was trained on, which gives the grid of its position embeddings
    hidden: int  # channels inside the MLP
    registers: int = 0
    gated: bool = False  # SwiGLU instead of the MLP

    @property
    def heads(self) -> int:
        return self.width // HEAD_DIM


def is_original(state: Weights) -> bool:
    """Whether the names are those of DINO's own files (and DINOv2's and timm's), not those of the hub."""
    return "cls_token" in state or any(name.startswith("blocks.") for name in state)


def architecture(state: Weights) -> Architecture:
    """Read off the shapes of weights in the original layout."""
    try:
        width, patch = state["cls_token"].shape[-1], state["patch_embed.proj.weight"].shape[-1]
        cells = math.isqrt(state["pos_embed"].shape[1] - 1)
        gated = "blocks.0.mlp.w3.weight" in state
        hidden = state["blocks.0.mlp.w3.weight"].shape[1] if gated else state["blocks.0.mlp.fc1.weight"].shape[0]
        if cells**2 + 1 != state["pos_embed"].shape[1] or width % HEAD_DIM:
            msg = (
                f"load: weights must have heads of {HEAD_DIM} channels and positions of a square grid and a class "
                f"token, got a width of {width} and {state['pos_embed'].shape[1]} positions"
            )
            raise InputError(msg)
    except (KeyError, IndexError) as error:
        msg = f"load: weights must be those of a vision transformer, got none called {error}"
        raise InputError(msg) from None
    registers = state["register_tokens"].shape[1] if "register_tokens" in state else 0
    scaled = "blocks.0.ls1.gamma" in state
    return Architecture(
        family="dinov2_with_registers" if registers else "dinov2" if scaled else "vit",
        width=width,
        depth=1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks.")),
        patch=patch,
        side=cells * patch,
        hidden=hidden,
        registers=registers,
        gated=gated,
    )


def to_hub(name: str, state: Weights, found: Architecture) -> Weights:
    """Weights in the original layout under the names that files on the hub have; extra or missing ones are errors."""
    state = {key: value for key, value in state.items() if not re.match(r"(head|fc_norm|pre_logits)\.", key)}
    state.pop("mask_token", None)
    wanted = _shapes(found)
    check_keys(name, {key: tuple(value.shape) for key, value in state.items()}, wanted)
    renamed: Weights = {}
    for key, value in state.items():
        block, rest = re.fullmatch(r"(?:(blocks\.\d+)\.)?(.+)", key).groups()  # type: ignore[union-attr]
        stem = "" if block is None else f"encoder.layer.{block.split('.')[1]}."
        if rest.startswith("attn.qkv."):
            for part, third in zip(("query", "key", "value"), torch.chunk(value, 3), strict=True):
                renamed[f"{stem}attention.attention.{part}.{rest.split('.')[-1]}"] = third.clone()
        else:
            renamed[stem + _hub_name(rest, found.family)] = value
    return renamed


def _shapes(found: Architecture) -> dict[str, tuple[int, ...]]:
    """The tensors of a network in the original layout."""
    width, hidden = found.width, found.hidden
    gated = {"mlp.w12": (2 * hidden, width), "mlp.w3": (width, hidden)}
    plain = {"mlp.fc1": (hidden, width), "mlp.fc2": (width, hidden)}
    layers = {"attn.qkv": (3 * width, width), "attn.proj": (width, width), **(gated if found.gated else plain)}
    block: dict[str, tuple[int, ...]] = {f"{name}.weight": shape for name, shape in layers.items()}
    block |= {f"{name}.bias": shape[:1] for name, shape in layers.items()}
    block |= {f"norm{number}.{kind}": (width,) for number in (1, 2) for kind in ("weight", "bias")}
    if found.family != "vit":
        block |= {"ls1.gamma": (width,), "ls2.gamma": (width,)}
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, 1 + (found.side // found.patch) ** 2, width),
        "patch_embed.proj.weight": (width, 3, found.patch, found.patch),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    shapes |= {f"blocks.{number}.{name}": shape for number in range(found.depth) for name, shape in block.items()}
    return shapes | ({"register_tokens": (1, found.registers, width)} if found.registers else {})


def _hub_name(name: str, family: str) -> str:
    known = _NAMES | (_VIT_NAMES if family == "vit" else {})
    stem, _, kind = name.rpartition(".")
    return known[name] if name in known else f"{known.get(stem, stem)}.{kind}"
