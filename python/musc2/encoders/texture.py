"""Texture statistics as image tokens: no weights, learned from the unlabelled set itself.

A token describes a cell of 8 x 8 pixels by three blocks: how edges lie around it (A), how far its
small patches are from the words of a dictionary learned from the set (B), and its colors without
brightness (C). Blocks are balanced, reduced to their principal axes, and half whitened by the
differences between tokens and their nearest ones in other images (half RCA).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from musc2._transfer import upload
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
LOWEST_NORMS = (1e-6, 1e-6, 0.05)  # gray images have no color to amplify
SOFTNESS = 0.25  # of A's contrast normalization, in units of strong edges
PATCH, PATCHES, COMPONENTS, ROUNDS = 6, 20_000, 48, 12  # of the dictionary
CHROMA_SIGMAS = (2.0, 4.0, 8.0)
CHROMA_CHANNELS = 2 * len(CHROMA_SIGMAS)
MAX_IMAGES = 128  # that fit uses
RCA_IMAGES = 8  # with fewer there is no whitening
RANKS = {"whitening": 2, "words": 2, "contrast": 0, "matrix": 2, "offset": 1}
OPS = ("gradient_tokens", "dictionary_tokens", "project_tokens")  # that ``encode`` runs

State = dict[str, torch.Tensor]


def load(
    name: str,
    *,
    weights: Path | None = None,
    download: bool = False,
    device: str = "cpu",
    precision: str = "float32",
) -> Texture:
    """Return an encoder that works on ``device`` in float32, whatever the precision is."""
    learned.refuse_weights(name, weights)
    if name == "texture-448":
        return Texture(size=448, words=192, channels=96, device=device)
    return Texture(device=device)


class Texture:
    """Encode a cell of 8 x 8 pixels as 128 numbers.

    rca: how much of the whitening is applied, 0 to 1. device: where images from the CPU are
    encoded; those on a GPU are encoded there, and on the CPU where a GPU has no kernels for it.
    """

    modality: Modality = "image"
    learns = True
    patch = CELL
    token_defaults = TokenDefaults(normalize=False, degrees=(1,))
    resample = "bicubic"

    def __init__(
        self,
        *,
        size: int = 224,
        words: int = 256,
        channels: int = 128,
        rca: float = 0.5,
        device: str | torch.device = "cpu",
    ) -> None:
        self.name = "texture" if size == 224 else f"texture-{size}"
        self.size = size
        self._words = words
        self._channels = channels
        self._rca = rca
        self._device = torch.device(device)
        self._state: State = {}
        self._moved: dict[torch.device, State] = {}  # the state on GPUs that images were on

    def __getstate__(self) -> dict[str, object]:
        return vars(self) | {"_moved": {}}

    def state(self) -> State:
        """Return what ``fit`` learned."""
        return dict(self._state)

    def restore(self, state: State) -> None:
        """Set what ``state`` returned."""
        self._set_state(learned.check_state(self.name, state, RANKS))

    def encode(self, images: torch.Tensor) -> ImageTokens:
        """Return tokens (B, 1, H/8, W/8, C) of images (B, 3, H, W) float32 in [0, 1].

        On a GPU nothing is waited for, but for a copy of the state at the first call there.
        """
        if not self._state:
            raise learned.not_fitted(self.name)
        checked = check_images(self.name, images, CELL).detach()
        own = checked.device if checked.is_cuda else self._device
        placed = upload(checked, learned.device_of(OPS, own))
        tokens = _tokens(placed, self._state_on(placed.device))
        return ImageTokens(tokens=tokens[:, None], class_tokens=None)

    def fit(self, images: Sequence[torch.Tensor], *, seed: int = 0) -> None:
        """Learn the dictionary, the axes and the whitening from at most 128 of the images.

        images: (3, H, W) float32 in [0, 1] each, of any sizes whose sides are multiples of 8; their
        order does not matter. What is learned does not depend on the device: it is computed on the
        CPU.
        """
        if len(images) == 0:
            msg = f"{self.name}: fit needs at least one image, got none"
            raise InputError(msg)
        generator = torch.Generator().manual_seed(seed)
        with threads.one_thread():
            order = learned.in_canonical_order(images)
            chosen = []
            for index in learned.sample_indices(len(images), MAX_IMAGES, generator):
                image = check_images(self.name, images[order[index]][None], CELL)
                chosen.append(image.detach().cpu())
            state = _learn_dictionary(chosen, self._words, generator)
            self._learn_projection(chosen, state, generator)
            if self._rca and len(chosen) >= RCA_IMAGES:
                self._learn_whitening(chosen, state, generator)
        self._set_state(state)

    def _set_state(self, state: State) -> None:
        self._state, self._moved = state, {}

    def _state_on(self, device: torch.device) -> State:
        """Return the state on ``device``; the first time a GPU waits for its copy."""
        if device.type == "cpu":
            return self._state
        if device not in self._moved:
            # Not queued on the caller's stream, as an upload would be: others use the copy, too.
            self._moved[device] = {name: own.to(device) for name, own in self._state.items()}
        return self._moved[device]

    def _learn_projection(
        self, images: list[torch.Tensor], state: State, generator: torch.Generator
    ) -> None:
        """Center and balance the blocks and reduce them to principal axes, as one affine map."""
        share = -(-learned.MAX_TOKENS // len(images))
        samples = []

        def cells_of(image: torch.Tensor) -> torch.Tensor:
            return torch.cat(_blocks(image, state), -1).flatten(0, -2)

        for cells in learned.in_threads(cells_of, images):
            samples.append(learned.sample_rows(cells, share, generator))
        rows = torch.cat(samples)
        split = rows.shape[1] - self._words - CHROMA_CHANNELS
        edges, patches_and_colors = rows[:, :split], rows[:, split:]
        strength = torch.linalg.vector_norm(edges, dim=1)
        state["contrast"] = SOFTNESS * torch.quantile(strength, 0.8).clamp(min=1e-6)
        edges = _normalize_contrast(edges, state["contrast"])
        rows = torch.cat([edges, patches_and_colors], 1)
        mean = rows.mean(0)
        scale = torch.ones_like(mean)
        ends = itertools.pairwise((0, split, rows.shape[1] - CHROMA_CHANNELS, rows.shape[1]))
        for weight, low, (first, last) in zip(WEIGHTS, LOWEST_NORMS, ends, strict=True):
            block = (rows - mean)[:, first:last]
            scale[first:last] = weight / learned.root_mean_norm(block, low)
        _, axes = learned.principal_axes((rows - mean) * scale, self._channels)
        state["matrix"] = scale[:, None] * axes
        state["offset"] = -mean @ state["matrix"]

    def _learn_whitening(
        self, images: list[torch.Tensor], state: State, generator: torch.Generator
    ) -> None:
        """Multiply the whitening into the projection."""

        def tokens_of(image: torch.Tensor) -> torch.Tensor:
            return _tokens(image, state).flatten(0, -2)

        tokens = list(learned.in_threads(tokens_of, images))
        whitening = _rca_whitening(tokens, self._rca, generator)
        for name in ("matrix", "offset"):
            state[name] = state[name] @ whitening


def _tokens(images: torch.Tensor, state: State) -> torch.Tensor:
    """Return the tokens (B, h, w, C) of images on the device of the state."""
    blocks = torch.cat(_blocks(images, state), -1)
    return project_tokens(blocks, state["matrix"], state["offset"])


def _blocks(images: torch.Tensor, state: State) -> list[torch.Tensor]:
    """Return the blocks A, B and C of all cells, each (B, h, w, ...).

    A is not normalized as long as its contrast is not learned.
    """
    edges = gradient_tokens(images)
    if "contrast" in state:
        edges = _normalize_contrast(edges, state["contrast"])
    patches = dictionary_tokens(images, state["whitening"], state["words"]).sqrt_()
    return [edges, patches, _chroma(images)]


def _normalize_contrast(edges: torch.Tensor, contrast: torch.Tensor) -> torch.Tensor:
    strength: torch.Tensor = torch.linalg.vector_norm(edges, dim=-1, keepdim=True)
    return edges / (strength + contrast)


def _chroma(images: torch.Tensor) -> torch.Tensor:
    """Return Gaussian means of two opponent colors around every cell, (B, h, w, 6)."""
    red, green, blue = images.unbind(1)
    colors = torch.stack([(red - green) / 2, (red + green - 2 * blue) / 4], 1)
    across = _pooling_weights(images.shape[3], images.device)
    down = _pooling_weights(images.shape[2], images.device)
    rows = project_tokens(colors, *across)
    pooled = project_tokens(rows.transpose(2, 3), *down)
    # (B, 2, sigmas * w, sigmas * h); only means of one sigma in both directions are kept.
    count, kinds = len(images), len(CHROMA_SIGMAS)
    height, width = images.shape[2] // CELL, images.shape[3] // CELL
    means = pooled.reshape(count, 2, kinds, width, kinds, height).diagonal(dim1=2, dim2=4)
    return means.permute(0, 3, 2, 1, 4).flatten(3)  # from (B, 2, w, h, sigmas)


@functools.lru_cache(maxsize=16)
def _pooling_weights(side: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weights of an axis's pixels in each Gaussian mean, (side, sigmas * side / 8).

    And as many zeros, the offset of these means. The image is mirrored at its borders.
    """
    matrix = torch.zeros(side, len(CHROMA_SIGMAS), side // CELL, dtype=torch.float64)
    for kind, sigma in enumerate(CHROMA_SIGMAS):
        reach = int(3 * sigma) + 1
        offsets = torch.arange(-reach, reach, dtype=torch.float64) + 0.5
        weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
        for cell in range(side // CELL):
            pixels = (torch.arange(-reach, reach) + CELL * cell + CELL // 2) % (2 * side - 2)
            mirrored = torch.minimum(pixels, 2 * side - 2 - pixels)
            matrix[:, kind, cell].index_add_(0, mirrored, weights / weights.sum())
    pooling = matrix.flatten(1).float().to(device)
    return pooling, torch.zeros(pooling.shape[1], device=device)


def _learn_dictionary(images: list[torch.Tensor], words: int, generator: torch.Generator) -> State:
    """Return a whitening of the set's patches and ``words`` clusters of them (Coates and Ng)."""
    image_of_patch = torch.randint(len(images), (PATCHES,), generator=generator)
    samples = []
    for index, image in enumerate(images):
        windows = image[0].unfold(1, PATCH, 1).unfold(2, PATCH, 1)
        count = int((image_of_patch == index).sum())
        y = torch.randint(windows.shape[1], (count,), generator=generator)
        x = torch.randint(windows.shape[2], (count,), generator=generator)
        samples.append(windows[:, y, x].transpose(0, 1).flatten(1))
    patches = torch.cat(samples)
    patches = patches - patches.mean(1, keepdim=True)
    patches = patches / (patches.square().mean(1, keepdim=True).sqrt() + 10 / 255)
    variances, axes = learned.principal_axes(patches, COMPONENTS)
    whitening = (axes * (variances + 0.1).rsqrt()).float()
    return {"whitening": whitening, "words": _k_means(patches @ whitening, words, generator)}


def _k_means(points: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """Return ``count`` centroids; one that loses all its points restarts at a random point."""
    centroids = points[torch.randperm(len(points), generator=generator)[:count]]
    for _ in range(ROUNDS):
        nearest = (centroids.square().sum(1) - 2 * points @ centroids.T).argmin(1)
        sums = torch.zeros_like(centroids).index_add_(0, nearest, points)
        sizes = torch.bincount(nearest, minlength=count)
        restarts = points[torch.randint(len(points), (count,), generator=generator)]
        means = sums / sizes.clamp(min=1)[:, None]
        centroids = torch.where(sizes[:, None] > 0, means, restarts)
    return centroids


def _rca_whitening(
    tokens: list[torch.Tensor], amount: float, generator: torch.Generator
) -> torch.Tensor:
    """Return a matrix (C, C) that dampens normal variation; tokens: (L, C) of each image.

    Normal variation is how tokens differ from their nearest ones in six other images. Its mean
    square stays, so that distances are on one scale with whitening and without.
    """

    def drawn() -> Iterator[tuple[torch.Tensor, list[int]]]:
        for index, own in enumerate(tokens):
            draws = torch.randperm(len(tokens) - 1, generator=generator)[:6].tolist()
            others = [draw + (draw >= index) for draw in draws]
            yield learned.sample_rows(own, 200, generator), others

    def residual(chosen_and_others: tuple[torch.Tensor, list[int]]) -> torch.Tensor:
        chosen, others = chosen_and_others
        candidates = torch.cat([tokens[other] for other in others])
        nearest = (candidates.square().sum(1) - 2 * chosen @ candidates.T).argmin(1)
        return chosen - candidates[nearest]

    residuals = list(learned.in_threads(residual, drawn()))
    rows = torch.cat(residuals)
    order = torch.linalg.vector_norm(rows, dim=1).argsort(stable=True)
    rows = rows[order[: int(0.7 * len(rows))]]  # the largest may be defects
    scatter = (rows.T @ rows).double() / len(rows)
    channels = len(scatter)
    mean_variance = scatter.trace() / channels
    scatter += 0.1 * (mean_variance + 1e-12) * torch.eye(channels, dtype=torch.float64)
    variances, axes = torch.linalg.eigh(scatter)
    remaining = variances ** (1 - amount)
    scale = (variances.sum() / remaining.sum()).sqrt()
    whitening: torch.Tensor = axes * variances ** (-amount / 2) * scale
    return whitening.float()
