"""Encode images by EfficientNet-Lite0 as trained: batch norms on their own, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn import functional as F

STRIDED, TAPPED = (1, 3, 5), (4, 10)  # blocks
NORM = ("running_mean", "running_var", "weight", "bias")


def efficientnet_lite(images: torch.Tensor, state: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """images: (B, 3, H, W) in [0, 1], state: of the checkpoint -> (B, 2, H / 8, W / 8, 112)."""

    def layer(x: torch.Tensor, convolution: str, norm: str, stride: int = 1) -> torch.Tensor:
        weight = state[f"{convolution}.weight"]
        size = weight.shape[-1]
        padding = size // 2
        if stride == 2:
            before = (size - 2) // 2
            x, padding = F.pad(x, (before, before + 1) * 2), 0
        groups = x.shape[1] // weight.shape[1]
        out = F.conv2d(x, weight, stride=stride, padding=padding, groups=groups)
        return F.batch_norm(out, *(state[f"{norm}.{key}"] for key in NORM), eps=1e-3)

    x = F.relu6(layer((images * 255 - 127) / 128, "_conv_stem", "_bn0", 2))
    outputs = []
    for number in range(max(TAPPED) + 1):
        block, inner = f"_blocks.{number}.", x
        if number > 0:
            inner = F.relu6(layer(x, f"{block}_expand_conv", f"{block}_bn0"))
        stride = 2 if number in STRIDED else 1
        inner = F.relu6(layer(inner, f"{block}_depthwise_conv", f"{block}_bn1", stride))
        out = layer(inner, f"{block}_project_conv", f"{block}_bn2")
        x = x + out if x.shape == out.shape else out
        if number in TAPPED:
            outputs.append(x)
    fine, coarse = outputs
    coarse = F.interpolate(coarse, fine.shape[2:], mode="bilinear")
    fine = F.pad(fine, (0, 0, 0, 0, 0, coarse.shape[1] - fine.shape[1]))
    return torch.stack([fine, coarse], dim=1).permute(0, 1, 3, 4, 2)
