"""Texture statistics as image tokens: no weights, learned from the unlabelled set itself.

Three blocks for every cell of 8 x 8 pixels: how edges lie around it (A), how far its small patches are from the words
of a dictionary learned from the set (B), and its colors without brightness (C); balanced, reduced to their principal
axes, and half whitened by how tokens differ from their nearest ones in other images (half RCA).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path

import torch

from musc2.encoders import learned
from musc2.encoders.contract import ImageTokens, Modality, TokenDefaults, check_images
from musc2.errors import InputError
from musc2.ops import dictionary_tokens, gradient_tokens, project_tokens
from musc2.ops._support import threads

NAMES = {
    "texture": "built in, no weights: texture and color statistics, images at 224",
    "texture-448": "the same at 448, for small defects",
}
CELL = 8
WEIGHTS = (1.0, 0.4, 0.5)  # of the blocks A, B, C
LEAST_NORMS = (1e-6, 1e-6, 0.05)  # gray images have no color to amplify
SOFTNESS = 0.25  # of A's contrast normalisation, in units of strong edges
PATCH, PATCHES, COMPONENTS, ROUNDS = 6, 20_000, 48, 12
CHROMA_SIGMAS = (2.0, 4.0, 8.0)
MOST_IMAGES = 128  # that fit looks at
RANKS = {"whitening": 2, "words": 2, "contrast": 0, "matrix": 2, "offset": 1}


def load(
    name: str, *, weights: Path | None = None, download: bool = False, device: str = "cpu", precision: str = "float32"
) -> Texture:
    """Made for the CPU and float32; other devices and precisions change nothing."""
    learned.refuse_weights(name, weights)
    return Texture(size=448, words=192, channels=96) if name == "texture-448" else Texture()


class Texture:
    """128 numbers per cell of 8 x 8 pixels. ``rca``: 0, 0.5 or 1, how much of the whitening is applied."""

    modality: Modality = "image"
    learns = True
    patch = CELL
    token_defaults = TokenDefaults(normalize=False, degrees=(1,))
    resample = "bicubic"

    def __init__(self, *, size: int = 224, words: int = 256, channels: int = 128, rca: float = 0.5) -> None:
        self.name = "texture" if size == 224 else f"texture-{size}"
        self.size = size
        self._words, self._channels, self._rca = words, channels, rca
        self._state: dict[str, torch.Tensor] = {}

    def state(self) -> dict[str, torch.Tensor]:
        return dict(self._state)

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        self._state = learned.taken_back(self.name, state, RANKS)

    def encode(self, images: torch.Tensor) -> ImageTokens:
        """images: (B, 3, H, W) float32 in [0, 1] -> tokens (B, 1, H/8, W/8, C)."""
        if not self._state:
            raise learned.unfitted(self.name)
        found = check_images(self.name, images, CELL).detach().cpu()
        blocks = torch.cat(_blocks(found, self._state), -1)
        return ImageTokens(tokens=self._projected(blocks)[:, None], class_tokens=None)

    def fit(self, images: Sequence[torch.Tensor], *, seed: int = 0) -> None:
        """images: (3, H, W) float32 in [0, 1] each, of any sizes whose sides are multiples of 8. Of more than 128,
        128 are looked at."""
        if len(images) == 0:
            msg = f"{self.name}: fit needs at least one image, got none"
            raise InputError(msg)
        generator = torch.Generator().manual_seed(seed)
        with threads.one_thread():
            numbers = learned.some(len(images), MOST_IMAGES, generator)
            chosen = [check_images(self.name, images[i][None], CELL).detach().cpu() for i in numbers]
            self._state = _dictionary(chosen, self._words, generator)
            self._learn_projection(chosen, generator)
            if self._rca and len(chosen) >= 8:
                tokens = [self.encode(image).tokens.flatten(0, -2) for image in chosen]
                turn = _half_whitening(tokens, self._rca, generator)
                self._state |= {key: self._state[key] @ turn for key in ("matrix", "offset")}

    def _projected(self, blocks: torch.Tensor) -> torch.Tensor:
        return project_tokens(blocks, self._state["matrix"], self._state["offset"])

    def _learn_projection(self, images: list[torch.Tensor], generator: torch.Generator) -> None:
        """Blocks centered, balanced and reduced to principal axes, as one affine map."""
        share = -(-learned.MOST_TOKENS // len(images))
        parts = [
            learned.some_rows(torch.cat(_blocks(image, self._state), -1).flatten(0, -2), share, generator)
            for image in images
        ]
        rows = torch.cat(parts)
        edges, rest = rows[:, : -self._words - 6], rows[:, -self._words - 6 :]
        strength = torch.linalg.vector_norm(edges, dim=1)
        self._state["contrast"] = SOFTNESS * torch.quantile(strength, 0.8).clamp(min=1e-6)
        rows = torch.cat([_even(edges, self._state), rest], 1)
        mean = rows.mean(0)
        scale = torch.ones_like(mean)
        ends = (0, edges.shape[1], rows.shape[1] - 6, rows.shape[1])
        for weight, least, (first, last) in zip(WEIGHTS, LEAST_NORMS, itertools.pairwise(ends), strict=True):
            scale[first:last] = weight / learned.root_mean_norm((rows - mean)[:, first:last], least)
        _, axes = learned.principal_axes((rows - mean) * scale, self._channels)
        self._state["matrix"] = scale[:, None] * axes
        self._state["offset"] = -mean @ self._state["matrix"]


def _blocks(images: torch.Tensor, state: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """A (raw where its contrast is not learned yet), B and C of all cells, each (B, h, w, ...)."""
    edges = gradient_tokens(images)
    patches = dictionary_tokens(images, state["whitening"], state["words"]).sqrt_()
    return [_even(edges, state) if "contrast" in state else edges, patches, _chroma(images)]


def _even(edges: torch.Tensor, state: dict[str, torch.Tensor]) -> torch.Tensor:
    strength: torch.Tensor = torch.linalg.vector_norm(edges, dim=-1, keepdim=True)
    return edges / (strength + state["contrast"])


def _chroma(images: torch.Tensor) -> torch.Tensor:
    """(B, h, w, 6): Gaussian means of two opponent colors around every cell."""
    red, green, blue = images.unbind(1)
    colors = torch.stack([(red - green) / 2, (red + green - 2 * blue) / 4], 1)
    along = _pooling(images.shape[3])
    down = _pooling(images.shape[2])
    rows = project_tokens(colors, along, torch.zeros(along.shape[1]))
    both = project_tokens(rows.transpose(2, 3), down, torch.zeros(down.shape[1]))  # (B, 2, sigmas w, sigmas h)
    kinds = len(CHROMA_SIGMAS)
    count, height, width = len(images), images.shape[2] // CELL, images.shape[3] // CELL
    means = both.reshape(count, 2, kinds, width, kinds, height).diagonal(dim1=2, dim2=4)  # (B, 2, w, h, sigmas)
    return means.permute(0, 3, 2, 1, 4).flatten(3)


@functools.lru_cache(maxsize=8)
def _pooling(side: int) -> torch.Tensor:
    """(side, sigmas * side / 8): the Gaussian weights of the pixels of an axis, its borders mirrored, in each mean."""
    matrix = torch.zeros(side, len(CHROMA_SIGMAS), side // CELL, dtype=torch.float64)
    for kind, sigma in enumerate(CHROMA_SIGMAS):
        reach = int(3 * sigma) + 1
        offsets = torch.arange(-reach, reach, dtype=torch.float64) + 0.5
        weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
        for cell in range(side // CELL):
            places = (torch.arange(-reach, reach) + CELL * cell + CELL // 2) % (2 * side - 2)
            mirrored = torch.minimum(places, 2 * side - 2 - places)
            matrix[:, kind, cell].index_add_(0, mirrored, weights / weights.sum())
    return matrix.flatten(1).float()


def _dictionary(images: list[torch.Tensor], count: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Whitened patches of the set in ``count`` clusters (after Coates and Ng)."""
    which = torch.randint(len(images), (PATCHES,), generator=generator)
    parts = []
    for number, image in enumerate(images):
        windows = image[0].unfold(1, PATCH, 1).unfold(2, PATCH, 1)
        here = int((which == number).sum())
        y, x = (torch.randint(windows.shape[axis], (here,), generator=generator) for axis in (1, 2))
        parts.append(windows[:, y, x].transpose(0, 1).flatten(1))
    patches = torch.cat(parts)
    patches = patches - patches.mean(1, keepdim=True)
    patches = patches / (patches.square().mean(1, keepdim=True).sqrt() + 10 / 255)
    variances, axes = learned.principal_axes(patches, COMPONENTS)
    whitening = (axes * (variances + 0.1).rsqrt()).float()
    return {"whitening": whitening, "words": _clusters(patches @ whitening, count, generator)}


def _clusters(points: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """k-means; a cluster that loses all its points starts again at a random one."""
    middles = points[torch.randperm(len(points), generator=generator)[:count]]
    for _ in range(ROUNDS):
        nearest = (middles.square().sum(1) - 2 * points @ middles.T).argmin(1)
        sums = torch.zeros_like(middles).index_add_(0, nearest, points)
        sizes = torch.bincount(nearest, minlength=count)
        fresh = points[torch.randint(len(points), (count,), generator=generator)]
        middles = torch.where(sizes[:, None] > 0, sums / sizes.clamp(min=1)[:, None], fresh)
    return middles


def _half_whitening(tokens: list[torch.Tensor], amount: float, generator: torch.Generator) -> torch.Tensor:
    """(C, C): dampens what differs between tokens and their nearest ones in six other images, mostly normal variation.

    tokens: (L, C) of each image.
    """
    residuals = []
    for number, mine in enumerate(tokens):
        others = torch.randperm(len(tokens) - 1, generator=generator)[:6].tolist()
        theirs = torch.cat([tokens[other + (other >= number)] for other in others])
        chosen = learned.some_rows(mine, 200, generator)
        nearest = (theirs.square().sum(1) - 2 * chosen @ theirs.T).argmin(1)
        residuals.append(chosen - theirs[nearest])
    rows = torch.cat(residuals)
    order = torch.linalg.vector_norm(rows, dim=1).argsort(stable=True)
    rows = rows[order[: int(0.7 * len(rows))]]  # the largest may be defects
    scatter = (rows.T @ rows).double() / len(rows)
    channels = len(scatter)
    scatter += 0.1 * (scatter.trace() / channels + 1e-12) * torch.eye(channels, dtype=torch.float64)
    variances, axes = torch.linalg.eigh(scatter)
    turn: torch.Tensor = axes * variances ** (-amount / 2)
    return turn.float()
