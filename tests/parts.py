"""Small images and xyz maps of parts that look alike; fast encoders and a fast config."""

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

from musc2 import Config, score
from musc2.encoders import ImageTokens, TokenDefaults

SMALL = Config(
    input_size=48,
    group_count=32,
    group_size=16,
    group_search=32,
    group_start=10,
    map_top_share=0.0,  # raw scores are the highest values of maps
)

IN_TORCH = Config(encoder_precision="float32", encoder_runtime="torch")


def score_small(*arguments, config=SMALL, **options):
    given = {"encoder_2d": colors, "encoder_3d": spread, "config": config, **options}
    return score(*arguments, **given)


def images(rng, samples=5, size=(36, 60), defect=None):
    """(N, H, W, 3) uint8; defect: (sample, row, column) of a bright square."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    pattern = 128 + 60 * np.sin(rows / 5)[..., None] * np.cos(
        columns[..., None] / np.array([4, 6, 9])
    )
    found = np.clip(pattern + 6 * rng.standard_normal((samples, *size, 3)), 0, 255).astype(np.uint8)
    if defect is not None:
        sample, row, column = defect
        found[sample, row - 4 : row + 4, column - 4 : column + 4] = (255, 0, 255)
    return found


def maps(rng, samples=5, size=(36, 60), defect=None):
    """(N, H, W, 3) float64 xyz with an empty border; defect: (sample, row, column) of a bump."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    z = 1 + 0.05 * np.sin(rows / 7) + 0.002 * rng.random((samples, *size))
    if defect is not None:
        sample, row, column = defect
        z[sample] += 0.2 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 10)
    xyz = np.stack(
        [np.broadcast_to(columns / size[1], z.shape), np.broadcast_to(rows / size[1], z.shape), z],
        -1,
    )
    xyz[:, :2] = xyz[:, -2:] = xyz[:, :, :2] = xyz[:, :, -2:] = 0
    return xyz


def on_a_table(xyz, height=0.3):
    """``xyz`` with a table behind the parts, up to the border and where there was no depth."""
    rows, columns = np.mgrid[: xyz.shape[1], : xyz.shape[2]]
    plane = (
        np.stack([columns, rows, np.full(rows.shape, xyz.shape[2] * (1 + height))], -1)
        / xyz.shape[2]
    )
    edge = (
        (rows < 10) | (rows >= xyz.shape[1] - 10) | (columns < 10) | (columns >= xyz.shape[2] - 10)
    )
    return np.where((edge | (xyz[..., 2] == 0))[..., None], plane, xyz)


def colors(pixels):
    """The mean color of each 8 x 8 pixels."""
    return avg_pool2d(pixels, 8).permute(0, 2, 3, 1)


def spread(cloud, groups):
    """How far the points of a group reach."""
    return torch.cat([groups.neighborhood.std(1), groups.neighborhood.abs().amax(1)], 1)


class Spread:
    """An encoder of points that learns nothing and works where the groups are."""

    name, modality, learns = "spread", "points", False
    token_defaults = TokenDefaults(normalize=True, degrees=(1, 3, 5))

    def fit(self, clouds, *, seed=0):
        """Learn nothing."""

    def state(self):
        return {}

    def restore(self, state):
        """Restore nothing."""

    def encode(self, cloud, groups):
        return spread(cloud, groups)[None]


class Coarse:
    """An encoder that learns, with two layers, class tokens and token defaults of its own."""

    name, size, patch, resample = "coarse", 48, 8, "bilinear"
    modality, learns = "image", True
    token_defaults = TokenDefaults(normalize=False, degrees=(1,))

    def __init__(self):
        self.mean, self.batches = 0.0, []

    def fit(self, given, *, seed=0):
        self.mean = torch.stack([image.mean() for image in given]).mean()

    def state(self):
        return {"mean": torch.as_tensor(self.mean)}

    def restore(self, state):
        self.mean = state["mean"]

    def encode(self, pixels):
        self.batches.append(len(pixels))
        tokens = colors(pixels) - self.mean
        return ImageTokens(
            tokens=torch.stack([tokens, 2 * tokens], 1), class_tokens=tokens.mean((1, 2))
        )


def same(one, other):
    """Scores and maps of both results are equal to the bit."""
    for name in ("scores", "raw_scores", "maps", "maps_2d", "maps_3d", "point_scores"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True)), name
