"""1,024 groups in 28 x 28 patches, against a search of every patch for its groups."""

import torch
from contest import Sides, contest

from musc2.ops import link_patches


def search(pixels: torch.Tensor) -> list[torch.Tensor]:
    patch = pixels // 224 // 8 * 28 + pixels % 224 // 8
    return [torch.where(patch == q)[0] for q in range(28 * 28)]


def prepare() -> Sides:
    pixels = torch.randint(0, 224 * 224, (1024,), generator=torch.Generator().manual_seed(0))
    return Sides(
        ours=lambda: link_patches(pixels, size=(224, 224), grid=(28, 28)),
        baseline=lambda: search(pixels),
        check=lambda ours, baseline: torch.testing.assert_close(ours.groups.long(), torch.cat(baseline)),
    )


test_link_patches = contest("link_patches 1024 in 28x28", target=50.0, prepare=prepare)
