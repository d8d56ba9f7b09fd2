from __future__ import annotations

import torch

from musc2 import _cpu
from musc2.ops._support import arrays

CHANNELS = 136
CELL = 8


def gradient_tokens(images: arrays.Array) -> torch.Tensor:
    """images: (N, 3, H, W) float32 -> (N, H/8, W/8, 136) float32, edge strengths around every cell of 8 x 8 pixels.

    H and W are multiples of 8. A token holds 17 places' eight directions (0, 45 ... 315 degrees from the x axis to the
    y axis, dark to bright): the cell's middle, eight places 7 px and eight 14 px around it, blurred with sigma 3, 3.5
    and 5.5 px (the DAISY layout). Borders are mirrored. Brightness does not matter, contrast scales the token.

    >>> ramp = torch.arange(16.0).expand(1, 3, 16, 16)
    >>> gradient_tokens(ramp).shape
    torch.Size([1, 2, 2, 136])
    """
    op = "gradient_tokens"
    found = arrays.finite(op, "images", arrays.images(op, "images", images))
    count, _, height, width = found.shape
    tokens = torch.empty(count, height // CELL, width // CELL, CHANNELS)
    if tokens.numel() > 0:
        _cpu.gradient_tokens(found.data_ptr(), count, height, width, tokens.data_ptr())
    return tokens
