"""The setting search_window="auto": whether the images of a set are aligned."""

from __future__ import annotations

import torch

from musc2 import ops
from musc2.tokens import spread_rows

WINDOW = 2
"""The window of aligned parts, in grid cells."""
ALIGNED = 1.2
"""How much nearer a patch's own place must be than the place opposite of it, on average."""
IMAGES = 16  # that are compared


def window_of(z: torch.Tensor, grid: tuple[int, int]) -> int | None:
    """Return the window for images with the features z (N, L, C); None unless they are aligned.

    In aligned parts a patch is much nearer to the same place of another part than to the place
    opposite, mirrored at the center of the image; an object in the middle of the image is at both.
    """
    if len(z) < 2:
        return None
    own = z[spread_rows(len(z), IMAGES)]
    opposite = own.flip(1).contiguous()  # of a grid in rows: both axes at once
    same_place = ops.nearest_patches(own, references=own, search_window=WINDOW, grid=grid)
    mirrored = ops.nearest_patches(own, references=opposite, search_window=WINDOW, grid=grid)
    is_other = ~torch.eye(len(own), dtype=torch.bool, device=z.device)
    far, near = mirrored.mean(1)[is_other].mean(), same_place.mean(1)[is_other].mean()
    return WINDOW if float(far) > ALIGNED * float(near) else None
