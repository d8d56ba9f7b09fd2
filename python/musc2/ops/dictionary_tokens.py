from __future__ import annotations

import torch

from musc2 import _cpu
from musc2.errors import InputError
from musc2.ops._support import arrays

CELL = 8
PATCH = 6


def dictionary_tokens(
    images: arrays.Array, whitening: arrays.Array, words: arrays.Array, *, softness: float = 10 / 255
) -> torch.Tensor:
    """images: (N, 3, H, W), whitening: (108, P), words: (K, P), all float32 -> (N, H/8, W/8, K) float32.

    H and W are multiples of 8. Patches of 6 x 6 pixels at every 4th pixel, in the order (color, row, column), lose
    their mean, are divided by their deviation plus ``softness`` and multiplied by ``whitening``. A token holds the
    distances to the words, averaged over the patches around its cell of 8 x 8 pixels (Gaussian, sigma 4 px).

    >>> dictionary_tokens(torch.rand(1, 3, 16, 16), torch.eye(108), torch.zeros(5, 108)).shape
    torch.Size([1, 2, 2, 5])
    """
    op = "dictionary_tokens"
    found = arrays.finite(op, "images", arrays.images(op, "images", images))
    values = 3 * PATCH * PATCH
    matrix = arrays.finite(op, "whitening", arrays.tensor(op, "whitening", whitening, f"{values}, P"))
    known = arrays.finite(op, "words", arrays.tensor(op, "words", words, "K, P"))
    if known.shape[1] != matrix.shape[1]:
        msg = f"{op}: words must have the {matrix.shape[1]} columns of whitening, got {known.shape[1]}"
        raise InputError(msg)
    softness = arrays.number(op, "softness", softness, 0.0)
    count, _, height, width = found.shape
    tokens = torch.empty(count, height // CELL, width // CELL, len(known))
    if tokens.numel() > 0:
        _cpu.dictionary_tokens(
            found.data_ptr(),
            count,
            height,
            width,
            matrix.data_ptr(),
            matrix.shape[1],
            known.data_ptr(),
            len(known),
            softness,
            tokens.data_ptr(),
        )
    return tokens
