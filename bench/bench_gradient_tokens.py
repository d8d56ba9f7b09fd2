"""One image of 224 x 224, against the same steps in torch: convolutions and bilinear sampling."""

import math

import torch
from contest import Sides, contest
from torch.nn import functional

from musc2.ops import gradient_tokens


def blur(maps: torch.Tensor, sigma: float) -> torch.Tensor:
    reach = math.ceil(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(maps.shape[1], 1, 1, -1)
    wide = functional.pad(maps, (reach,) * 4, mode="reflect")
    return functional.conv2d(functional.conv2d(wide, kernel, groups=len(kernel)), kernel.mT, groups=len(kernel))


def formula(images: torch.Tensor) -> torch.Tensor:
    p = functional.pad(blur(images.mean(1, keepdim=True), 1.0), (1,) * 4, mode="reflect")
    dx, dy = (p[:, :, 1:-1, 2:] - p[:, :, 1:-1, :-2]) / 2, (p[:, :, 2:, 1:-1] - p[:, :, :-2, 1:-1]) / 2
    angles = torch.arange(8) * math.pi / 4
    maps = dx * torch.cos(angles)[:, None, None] + dy * torch.sin(angles)[:, None, None]
    maps = functional.avg_pool2d(functional.relu(maps), 2)
    places = []
    for radius, sigma in ((0, 3.0), (7, 3.5), (14, 5.5)):
        smooth = functional.pad(blur(maps, sigma / 2), (16,) * 4, mode="reflect")
        for angle in angles.tolist() if radius else [0.0]:
            places.append(sampled(smooth, 17.5 + radius * math.sin(angle) / 2, 17.5 + radius * math.cos(angle) / 2))
    return torch.cat(places, 1).permute(0, 2, 3, 1)


def sampled(maps: torch.Tensor, y: float, x: float) -> torch.Tensor:
    j, i, b, a = int(y), int(x), y % 1, x % 1
    rows, columns = maps.shape[2] - 32, maps.shape[3] - 32
    corners = [maps[:, :, j + v : j + v + rows : 4, i + u : i + u + columns : 4] for v in (0, 1) for u in (0, 1)]
    weights = [(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b]
    return sum((w * c for w, c in zip(weights, corners, strict=True)), torch.zeros(()))


def prepare() -> Sides:
    images = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    return Sides(
        ours=lambda: gradient_tokens(images),
        baseline=lambda: formula(images),
        check=lambda ours, baseline: torch.testing.assert_close(ours, baseline, rtol=1e-4, atol=1e-6),
    )


test_gradient_tokens = contest("gradient_tokens 224x224, one thread", target=5.0, prepare=prepare, threads=1)
