from __future__ import annotations

import torch

from musc2 import checks
from musc2.ops._support import arrays, dispatch

OP = "dictionary_tokens"
CELL = 8
PATCH = 6


def dictionary_tokens(
    images: arrays.Array,
    whitening: arrays.Array,
    words: arrays.Array,
    *,
    softness: float = 10 / 255,
) -> torch.Tensor:
    """Return for each cell of 8 x 8 pixels the mean distances of its patches to the words.

    images: (N, 3, H, W), whitening: (108, P), words: (K, P), all float32
    -> (N, H/8, W/8, K) float32

    H and W are multiples of 8. Patches of 6 x 6 pixels at every 4th pixel, in the order (color,
    row, column), lose their mean, are divided by their deviation plus ``softness`` and multiplied
    by ``whitening``. The distances to the words are averaged over the patches around a cell
    (Gaussian, sigma 4 px).

    >>> dictionary_tokens(torch.rand(1, 3, 16, 16), torch.eye(108), torch.zeros(5, 108)).shape
    torch.Size([1, 2, 2, 5])
    """
    pixels = arrays.images(OP, "images", images)
    matrix = arrays.finite_tensor(OP, "whitening", whitening, f"{3 * PATCH * PATCH}, P")
    dictionary = arrays.finite_tensor(OP, "words", words, "K, P")
    components, word_count = matrix.shape[1], len(dictionary)
    if dictionary.shape[1] != components:
        requirement = f"must have the {components} columns of whitening"
        checks.refuse(OP, "words", requirement, dictionary.shape[1])
    softness = checks.number(OP, "softness", softness, 0.0)
    count, _, height, width = pixels.shape
    arrays.check_same_device(OP, images=pixels, whitening=matrix, words=dictionary)
    tokens = pixels.new_empty(count, height // CELL, width // CELL, word_count)
    if tokens.numel() > 0:
        sizes = (count, height, width)
        scratch = dispatch.scratch(OP, pixels, *sizes, components, word_count)
        dictionaries = (matrix, components, dictionary, word_count, softness)
        dispatch.launch(OP, pixels, *sizes, *dictionaries, tokens, gpu_only=(scratch,))
    return tokens
