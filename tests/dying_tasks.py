"""Tasks of a cluster whose worker dies the first time that they run."""

import os
import signal
from pathlib import Path


def dying_once(folder, function, *arguments):
    """Return function(*arguments), but kill the worker if it is the first call of its kind."""
    try:
        (Path(folder) / function.__name__).touch(exist_ok=False)
    except FileExistsError:
        return function(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)


class Wide:
    """An encoder whose tokens do not fit into a small object store."""

    name, size, patch, resample = "wide", 56, 2, "bilinear"

    def __call__(self, pixels):
        import torch
        from torch.nn.functional import avg_pool2d

        tokens = avg_pool2d(pixels, 2).permute(0, 2, 3, 1)
        waves = [torch.sin(tokens * number) for number in range(1, 86)]
        tokens = torch.cat(waves, -1)
        return torch.stack([tokens, tokens.flip(-1)], 1)
