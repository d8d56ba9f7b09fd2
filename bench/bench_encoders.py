"""The built-in encoders, fitted, on one image and on one cloud, against the same recipes in torch, scipy and numpy.

On one thread ours are to take at most 20 ms for the image and 60 ms for the cloud, its centers and groups included.
"""

import published
import torch
from clouds import surface
from contest import Sides, contest
from torch.nn import functional

import bench_dictionary_tokens
import bench_gradient_tokens
import bench_group_histograms
import bench_point_normals
from musc2.encoders.shape import Shape
from musc2.encoders.texture import Texture
from musc2.stages.group import group_clouds


def chroma(images: torch.Tensor) -> torch.Tensor:
    """Gaussian means of two opponent colors around every cell of 8 x 8 pixels."""
    red, green, blue = images.unbind(1)
    colors = torch.stack([(red - green) / 2, (red + green - 2 * blue) / 4], 1)
    found = []
    for sigma in (2.0, 4.0, 8.0):
        reach = int(3 * sigma) + 1
        weights = torch.exp(-0.5 * ((torch.arange(-reach, reach) + 0.5) / sigma) ** 2)
        kernel = (weights / weights.sum()).expand(2, 1, 1, -1)
        wide = functional.pad(colors, (reach - 4,) * 4, mode="reflect")
        along = functional.conv2d(wide, kernel, stride=(1, 8), groups=2)
        found.append(functional.conv2d(along, kernel.mT, stride=(8, 1), groups=2))
    return torch.stack(found, 2).flatten(1, 2).permute(0, 2, 3, 1)


def texture() -> Sides:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(9, 3, 28, 28, generator=generator)
    images = functional.interpolate(images, (224, 224), mode="bicubic").clamp(0, 1)
    encoder = Texture()
    encoder.fit(list(images[1:]))
    state, one = encoder.state(), images[:1]

    def recipe() -> torch.Tensor:
        edges = bench_gradient_tokens.formula(one)
        edges = edges / (edges.norm(dim=-1, keepdim=True) + state["contrast"])
        words = bench_dictionary_tokens.formula(one, state["whitening"], state["words"]).sqrt()
        blocks = torch.cat([edges, words, chroma(one)], -1)
        return (blocks @ state["matrix"] + state["offset"])[:, None]

    return Sides(
        ours=lambda: encoder.encode(one).tokens,
        baseline=recipe,
        check=lambda ours, baseline: torch.testing.assert_close(ours, baseline, rtol=1e-4, atol=1e-4),
    )


def shape() -> Sides:
    points = torch.from_numpy(surface(20_000))
    encoder = Shape()
    encoder.fit([group_clouds([points])[0][0]])
    state = encoder.state()

    def recipe() -> torch.Tensor:
        centers, _ = published.group(points, 1024)
        normals, variation = bench_point_normals.formula(points.numpy())
        arrays = points.numpy(), normals.numpy(), variation.numpy(), centers.numpy()
        return bench_group_histograms.formula(*arrays).sqrt().flatten(1) @ state["matrix"] + state["offset"]

    def check(ours: torch.Tensor, baseline: torch.Tensor) -> None:
        # Rounding moves a value to the next bin here and there.
        assert float((ours[0] - baseline).abs().quantile(0.999)) < 1e-3

    return Sides(
        ours=lambda: encoder.encode(*group_clouds([points], skip_radius=1e-3**0.5)[0]),
        baseline=recipe,
        check=check,
    )


test_texture = contest("texture 224x224, one thread", target=2.0, prepare=texture, threads=1)
test_shape = contest("shape 20000 points 1024 groups, one thread", target=15.0, prepare=shape, threads=1)
