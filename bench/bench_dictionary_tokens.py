"""One image of 224 x 224, 256 words of 48 components, against the same steps in torch: unfold, cdist, pooling."""

import torch
from contest import Sides, contest
from torch.nn import functional

from musc2.ops import dictionary_tokens


def formula(images: torch.Tensor, whitening: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    padded = functional.pad(images, (1,) * 4, mode="reflect")
    patches = functional.unfold(padded, 6, stride=4).transpose(1, 2)
    patches = patches - patches.mean(2, keepdim=True)
    patches = patches / (patches.square().mean(2, keepdim=True).sqrt() + 10 / 255)
    distance = torch.cdist(patches @ whitening, words[None])
    maps = distance.transpose(1, 2).reshape(1, len(words), images.shape[2] // 4, images.shape[3] // 4)
    weights = torch.exp(-0.5 * (torch.arange(8) - 3.5) ** 2)
    kernel = (weights / weights.sum()).expand(len(words), 1, 1, 8)
    maps = functional.pad(maps, (3,) * 4, mode="reflect")
    maps = functional.conv2d(maps, kernel, stride=(1, 2), groups=len(words))
    return functional.conv2d(maps, kernel.mT, stride=(2, 1), groups=len(words)).permute(0, 2, 3, 1)


def prepare() -> Sides:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 3, 224, 224, generator=generator)
    whitening = torch.randn(108, 48, generator=generator) / 10
    words = torch.randn(256, 48, generator=generator)
    return Sides(
        ours=lambda: dictionary_tokens(images, whitening, words),
        baseline=lambda: formula(images, whitening, words),
        check=lambda ours, baseline: torch.testing.assert_close(ours, baseline, rtol=1e-4, atol=1e-4),
    )


test_dictionary_tokens = contest("dictionary_tokens 224x224, one thread", target=3.0, prepare=prepare, threads=1)
