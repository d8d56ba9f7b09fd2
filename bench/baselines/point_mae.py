"""Point-MAE as published: convolutions over the points of each group, statistics of the scan."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from musc2.encoders.point_mae import BLOCKS, HEADS, WIDTH, PointTransformer


def point_mae(
    network: PointTransformer, groups: torch.Tensor, centers: torch.Tensor
) -> torch.Tensor:
    """groups: (G, M, 3) around centers (G, 3) -> tokens (3, G, 384)."""
    layers: Any = network
    x = _tokenize(layers.encoder, groups)
    positions = layers.pos_embed(centers)
    outputs = []
    for number, block in enumerate(layers.blocks.blocks):
        x = x + positions
        x = x + _attend(block.attn, block.norm1(x))
        hidden = F.gelu(block.mlp.fc1(block.norm2(x)))
        x = x + block.mlp.fc2(hidden)
        if number in BLOCKS:
            outputs.append(layers.norm(x))
    return torch.stack(outputs)


def _tokenize(tokenizer: Any, groups: torch.Tensor) -> torch.Tensor:
    first, second = tokenizer.first_conv, tokenizer.second_conv
    hidden = _batch_norm(first[1], first[0](groups.transpose(1, 2))).relu()
    points = first[3](hidden)
    largest = points.amax(2, keepdim=True).expand_as(points)
    hidden = _batch_norm(second[1], second[0](torch.cat([largest, points], 1))).relu()
    tokens: torch.Tensor = second[3](hidden).amax(2)
    return tokens


def _batch_norm(norm: Any, x: torch.Tensor) -> torch.Tensor:
    return F.batch_norm(x, None, None, norm.weight, norm.bias, training=True, eps=norm.eps)


def _attend(attention: Any, x: torch.Tensor) -> torch.Tensor:
    qkv = attention.qkv(x).view(len(x), 3, HEADS, -1).permute(1, 2, 0, 3)
    queries, keys, values = qkv
    weights = (queries @ keys.transpose(1, 2) * (WIDTH // HEADS) ** -0.5).softmax(-1)
    output: torch.Tensor = attention.proj((weights @ values).transpose(0, 1).reshape(len(x), -1))
    return output
