"""A vision transformer written out, for weights as DINO stores them and images as trained on."""

import torch
from torch.nn.functional import gelu, layer_norm, silu, unfold


def vision_transformer(pixels, state, heads):
    """Return the tokens of each block, after the final norm.

    pixels: (3, H, W) -> a list of (1 + registers + h * w, C) float64
    """
    w = {name: value.double() for name, value in state.items()}
    width, patch = w["cls_token"].shape[-1], w["patch_embed.proj.weight"].shape[-1]

    def norm(x, name):
        return layer_norm(x, (width,), w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-6)

    def linear(x, name):
        return x @ w[f"{name}.weight"].flatten(1).T + w[f"{name}.bias"]

    tiles = unfold(pixels.double()[None], patch, stride=patch)[0].T
    x = torch.cat([w["cls_token"][0], linear(tiles, "patch_embed.proj")]) + w["pos_embed"][0]
    x = torch.cat([x[:1], w["register_tokens"][0], x[1:]]) if "register_tokens" in w else x
    tokens = []
    for block in (name.removesuffix(".norm1.bias") for name in w if name.endswith(".norm1.bias")):
        qkv = linear(norm(x, f"{block}.norm1"), f"{block}.attn.qkv")
        q, k, v = qkv.view(len(x), 3, heads, -1).permute(1, 2, 0, 3)
        mixed = (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(-1) @ v
        mixed = linear(mixed.transpose(0, 1).flatten(1), f"{block}.attn.proj")
        x = x + mixed * w.get(f"{block}.ls1.gamma", 1)
        if f"{block}.mlp.w3.bias" in w:
            gate, up = linear(norm(x, f"{block}.norm2"), f"{block}.mlp.w12").chunk(2, dim=-1)
            inner = linear(silu(gate) * up, f"{block}.mlp.w3")
        else:
            hidden = gelu(linear(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1"))
            inner = linear(hidden, f"{block}.mlp.fc2")
        x = x + inner * w.get(f"{block}.ls2.gamma", 1)
        tokens.append(norm(x, "norm"))
    return tokens
