"""Benchmark encoders that need no download against the same recipes in torch, scipy and numpy.

On one thread the built-in ones, fitted, are to take at most 20 ms for an image, and 60 ms for a
cloud with its centers and groups; EfficientNet-Lite0 25 ms for an image in a batch of 8.
"""

from __future__ import annotations

import torch
from torch.nn.functional import interpolate

from bench.baselines.efficientnet_lite import efficientnet_lite as lite_baseline
from bench.baselines.shape import shape as shape_baseline
from bench.baselines.texture import texture as texture_baseline
from bench.case import Case, benchmark
from bench.clouds import surface
from musc2 import encoders
from musc2.encoders._checkpoints import weights
from musc2.encoders.shape import Shape
from musc2.encoders.texture import Texture
from musc2.stages.group import group_clouds


def check_texture(result: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


def texture() -> Case:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(9, 3, 28, 28, generator=generator)
    images = interpolate(images, (224, 224), mode="bicubic").clamp(0, 1)
    encoder = Texture()
    encoder.fit(list(images[1:]))
    state, image = encoder.state(), images[:1]
    return Case(
        candidate=lambda: encoder.encode(image).tokens,
        baseline=lambda: texture_baseline(image, state),
        check=check_texture,
    )


def check_shape(result: torch.Tensor, expected: torch.Tensor) -> None:
    # Rounding moves a value to the next bin here and there.
    assert float((result[0] - expected).abs().quantile(0.999)) < 1e-3


def shape() -> Case:
    points = torch.from_numpy(surface(20_000))
    encoder = Shape()
    encoder.fit([group_clouds([points])[0][0]])
    state = encoder.state()
    return Case(
        candidate=lambda: encoder.encode(*group_clouds([points], skip_radius=1e-3**0.5)[0]),
        baseline=lambda: shape_baseline(points, 1024, state),
        check=check_shape,
    )


def check_lite(result: torch.Tensor, expected: torch.Tensor) -> None:
    assert float((result - expected).norm() / expected.norm()) < 1e-5


def efficientnet_lite() -> Case:
    images = torch.rand(8, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    encoder = encoders.load("efficientnet-lite0")
    state = weights.read(encoders.fetch("efficientnet-lite0"))
    return Case(
        candidate=lambda: encoder.encode(images).tokens,
        baseline=lambda: lite_baseline(images, state),
        check=check_lite,
    )


test_texture = benchmark("texture 224x224, one thread", target=2.0, prepare=texture, threads=1)
test_shape = benchmark(
    "shape 20000 points 1024 groups, one thread", target=15.0, prepare=shape, threads=1
)
test_efficientnet_lite = benchmark(
    "efficientnet-lite0 8x224x224, one thread", target=1.3, prepare=efficientnet_lite, threads=1
)
