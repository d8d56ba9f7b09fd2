"""Vision transformers: DINO, DINOv2, DINOv3 and CLIP, by name, folder or hub id."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from threading import get_ident
from typing import Any

import torch

from musc2 import checks
from musc2._transfer import upload
from musc2.encoders import _runtimes, contract
from musc2.encoders._checkpoints import fetching, networks
from musc2.encoders._checkpoints.known_networks import KNOWN
from musc2.encoders.contract import (
    PUBLISHED_DEFAULTS,
    ImageTokens,
    Modality,
    Pretrained,
    TokenDefaults,
)
from musc2.errors import InputError

GRID = 28  # patches along a side by default, as in the published method: DINO ViT-B/8 at 224


@dataclass(frozen=True, kw_only=True)
class Colors:
    """The mean and deviation of red, green and blue that a network was trained with."""

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # ImageNet
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


CLIP_COLORS = Colors(
    mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711)
)


NAMES = {name: network.about for name, network in KNOWN.items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class VisionTransformer(Pretrained):
    """A network, the blocks whose outputs are its tokens, and its preprocessing.

    ``dataclasses.replace(encoder, blocks=(2, 5), colors=Colors(...))`` is a variant that shares the
    weights.
    """

    name: str
    network: Any  # of the transformers library
    blocks: tuple[int, ...]  # counted from 0, rising
    colors: Colors
    patch: int
    size: int
    precision: str = "float32"
    runtime: str = "torch"
    images_on_gpu = True
    final_norm: bool = True  # of patch tokens; CLIP has none for them
    resample: str = "bicubic"
    token_defaults: TokenDefaults = PUBLISHED_DEFAULTS
    modality: Modality = "image"

    def __post_init__(self) -> None:
        depth = self.network.config.num_hidden_layers
        if not self.blocks or not set(self.blocks) <= set(range(depth)):
            requirement = f"must be some of the {depth} of {self.name}, from 0"
            checks.refuse("VisionTransformer", "blocks", requirement, self.blocks)

    def with_blocks(self, blocks: tuple[int, ...]) -> VisionTransformer:
        """Return a variant that takes its tokens from other blocks and shares the weights."""
        return replace(self, blocks=blocks)

    def with_final_norm(self, final_norm: bool) -> VisionTransformer:
        """Return a variant whose patch tokens pass through the final norm, or do not."""
        return replace(self, final_norm=final_norm)

    def with_runtime(self, runtime: str) -> VisionTransformer:
        """Return a variant that runs in ``runtime`` and shares the weights."""
        return replace(self, runtime=runtime)

    def encode(self, images: torch.Tensor) -> ImageTokens:
        """Return tokens (B, layers, h, w, C) and class tokens, on the network's device.

        images: (B, 3, H, W) float32 in [0, 1], H and W multiples of ``patch``. Patch tokens are the
        outputs of ``blocks`` through the final norm unless ``final_norm`` is False or there is none
        for them, as with CLIP; class tokens are those of the last block, with CLIP the projected
        image embedding of length 1.
        """
        pixels = contract.check_images("encode", images, self.patch)
        grid = pixels.shape[2] // self.patch, pixels.shape[3] // self.patch
        device = next(self.network.parameters()).device
        mean = upload(torch.tensor(self.colors.mean), device).view(3, 1, 1)
        std = upload(torch.tensor(self.colors.std), device).view(3, 1, 1)
        tokens, class_tokens = _runtimes.run(
            _Taps(self.blocks, self.final_norm, grid),
            self.network,
            ((upload(pixels, device) - mean) / std,),
            runtime=self.runtime,
            dtype=contract.matmul_dtype("encode", self.precision, device),
            # DINOv3 takes the type of its positions from the weights of the first convolution.
            cast_layers=(torch.nn.Linear,),
        )
        return ImageTokens(
            tokens=tokens.view(*tokens.shape[:2], *grid, -1), class_tokens=class_tokens
        )


@dataclass(frozen=True)
class _Taps:
    """The patch tokens (B, layers, h * w, C) of some blocks, and the class tokens."""

    blocks: tuple[int, ...]
    final_norm: bool
    grid: tuple[int, int]

    def __call__(self, network: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        outputs = self._block_outputs(network, pixels)
        last = outputs[max(outputs)]
        first_patch = last.shape[1] - self.grid[0] * self.grid[1]  # after class and registers
        layers: list[torch.Tensor] = []
        for block in self.blocks:
            own = outputs[block][:, first_patch:]
            layers.append((_final_norm(network, own) if self.final_norm else own).float())
        return torch.stack(layers, dim=1), _class_tokens(network, last[:, 0]).float()

    def _block_outputs(self, network: Any, pixels: torch.Tensor) -> dict[int, torch.Tensor]:
        """Return the outputs (B, tokens, C) of ``blocks`` and the last block, by block number."""
        depth = network.config.num_hidden_layers
        blocks = _find_blocks(network, depth)
        outputs: dict[int, torch.Tensor] = {}
        caller = get_ident()

        def keep(number: int) -> Any:
            def hook(block: torch.nn.Module, inputs: Any, output: Any) -> None:
                if get_ident() == caller:  # the network may be in use by another thread as well
                    outputs[number] = output[0] if isinstance(output, tuple) else output

            return hook

        hooks = []
        for number in {*self.blocks, depth - 1}:
            hooks.append(blocks[number].register_forward_hook(keep(number)))
        try:
            if network.config.model_type in ("vit", "clip_vision_model"):
                network(pixel_values=pixels, interpolate_pos_encoding=True)
            else:
                network(pixel_values=pixels)
        finally:
            for hook in hooks:
                hook.remove()
        return outputs


def _final_norm(network: Any, tokens: torch.Tensor) -> torch.Tensor:
    norm = getattr(network, "layernorm", None) or getattr(network, "norm", None)
    return tokens if norm is None else norm(tokens)  # CLIP has none for patches


def _class_tokens(network: Any, tokens: torch.Tensor) -> torch.Tensor:
    if network.config.model_type != "clip_vision_model":
        return _final_norm(network, tokens)
    embedding = network.visual_projection(network.vision_model.post_layernorm(tokens))
    return torch.nn.functional.normalize(embedding.float(), dim=-1)


def _find_blocks(network: torch.nn.Module, depth: int) -> torch.nn.ModuleList:
    """Return the list of the network's ``depth`` transformer blocks."""
    for module in network.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == depth:
            return module
    msg = f"load: weights must be of a network with a list of {depth} blocks, got none"
    raise InputError(msg)


def accepts(name: str) -> bool:
    """Return whether ``name`` is a file, a folder or has the form of a hub id."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+", name) is not None or Path(name).expanduser().exists()


def find(name: str, path: Path | None) -> Path | None:
    """Return the weights of ``name`` on this machine: ``path``, a folder, or those in a cache."""
    if importlib.util.find_spec("transformers") is None:
        return None
    if path is not None:
        return path
    if name not in KNOWN:
        local = Path(name).expanduser()
        return local if local.exists() else fetching.hub_folder(name)
    folder = fetching.cache_folder() / name
    if folder.is_dir():
        return folder
    hub_folder = fetching.hub_folder(KNOWN[name].repository)
    if hub_folder is not None:
        return hub_folder
    original = KNOWN[name].original
    return None if original is None else fetching.torch_hub_file(original)


def file_name(name: str) -> str | None:
    """Return the name of the authors' file; None if only the hub has the weights."""
    return KNOWN[name].original


def fetch(name: str) -> Path:
    """Download the weights of a known network or a hub id into the local cache of Hugging Face."""
    networks.transformers()
    return fetching.fetch_from_hub(KNOWN[name].repository if name in KNOWN else name)


def load(
    name: str, *, weights: Path | None, download: bool, device: str, precision: str
) -> VisionTransformer:
    """Return the encoder, see ``musc2.encoders.load``."""
    networks.transformers()
    path = find(name, weights)
    if path is None and download:
        path = fetch(name)
    if path is None:
        source = KNOWN[name].repository if name in KNOWN else "the hub"
        raise fetching.missing_weights(name, source)
    architecture = KNOWN[name].architecture if name in KNOWN else None
    network: Any = networks.load(name, path, architecture).to(device)
    config = network.config
    clip = config.model_type == "clip_vision_model"
    return VisionTransformer(
        name=name,
        network=network,
        blocks=spread_blocks(config.num_hidden_layers, 4 if clip else 3),
        colors=_colors(path, CLIP_COLORS if clip else Colors()),
        patch=config.patch_size,
        size=518 // config.patch_size * config.patch_size if clip else GRID * config.patch_size,
        precision=precision,
    )


def spread_blocks(depth: int, count: int) -> tuple[int, ...]:
    """Return ``count`` of ``depth`` blocks, evenly spread up to the last: (3, 7, 11) of 12.

    >>> spread_blocks(24, 4)
    (5, 11, 17, 23)
    """
    return tuple(sorted({-(-depth * step // count) - 1 for step in range(1, count + 1)}))


def _colors(path: Path, default: Colors) -> Colors:
    """Return the colors in the preprocessor_config.json beside the weights, else ``default``."""
    file = (path if path.is_dir() else path.parent) / "preprocessor_config.json"
    if not file.is_file():
        return default
    requirement = "must hold three numbers each as image_mean and image_std"
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        mean = tuple(settings.get("image_mean", default.mean))
        deviation = tuple(settings.get("image_std", default.std))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        checks.refuse("load", str(file), requirement, error)
    for values in (mean, deviation):
        if len(values) != 3 or not all(map(checks.is_number, values)):
            checks.refuse("load", str(file), requirement, checks.shortened(values))
    return Colors(mean=mean, std=deviation)
