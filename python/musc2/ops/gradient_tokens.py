from __future__ import annotations

import torch

from musc2.ops._support import arrays, dispatch

OP = "gradient_tokens"
CHANNELS = 136
CELL = 8


def gradient_tokens(images: arrays.Array) -> torch.Tensor:
    """Return the strengths of edges around each cell of 8 x 8 pixels (the DAISY layout).

    images: (N, 3, H, W) float32 -> (N, H/8, W/8, 136) float32

    H and W are multiples of 8. A token holds eight directions (0, 45 ... 315 degrees from the x
    axis to the y axis, dark to bright) at 17 positions: the middle of the cell, eight positions 7
    px and eight 14 px around it, blurred with sigma 3, 3.5 and 5.5 px. Borders are mirrored.
    Brightness does not matter, contrast scales the token.

    >>> ramp = torch.arange(16.0).expand(1, 3, 16, 16)
    >>> gradient_tokens(ramp).shape
    torch.Size([1, 2, 2, 136])
    """
    pixels = arrays.images(OP, "images", images)
    count, _, height, width = pixels.shape
    tokens = pixels.new_empty(count, height // CELL, width // CELL, CHANNELS)
    if tokens.numel() > 0:
        scratch = dispatch.scratch(OP, pixels, count, height, width)
        dispatch.launch(OP, pixels, count, height, width, tokens, gpu_only=(scratch,))
    return tokens
