"""Vision transformers: DINO, DINOv2, DINOv3, CLIP, and folders or hub ids of their kinds."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from threading import get_ident
from typing import Any

import torch

from musc2.encoders import contract
from musc2.encoders._checkpoints import fetching, networks
from musc2.encoders._checkpoints.known_networks import KNOWN
from musc2.encoders.contract import PUBLISHED_DEFAULTS, ImageTokens, Modality, Pretrained, TokenDefaults
from musc2.errors import InputError

CELLS = 28  # of the default grid, as that of the published method: DINO ViT-B/8 at 224


@dataclass(frozen=True, kw_only=True)
class Colors:
    """Mean and deviation of red, green and blue that a network was trained with."""

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # ImageNet
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


CLIP_COLORS = Colors(mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711))


NAMES = {name: network.about for name, network in KNOWN.items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class VisionTransformer(Pretrained):
    """A network with the blocks that are tapped and all else that its tokens depend on.

    ``dataclasses.replace(encoder, blocks=(2, 5), colors=Colors(...))`` gives a variant that shares the weights.
    """

    name: str
    network: Any  # of the transformers library
    blocks: tuple[int, ...]  # counted from 0, rising
    colors: Colors
    patch: int
    size: int
    precision: str = "float32"
    resample: str = "bicubic"
    token_defaults: TokenDefaults = PUBLISHED_DEFAULTS
    modality: Modality = "image"

    def __post_init__(self) -> None:
        depth = self.network.config.num_hidden_layers
        if not self.blocks or not set(self.blocks) <= set(range(depth)):
            msg = f"VisionTransformer: blocks must be some of the {depth} of {self.name}, from 0, got {self.blocks}"
            raise InputError(msg)

    def with_blocks(self, blocks: tuple[int, ...]) -> VisionTransformer:
        """Return a variant that takes its tokens from other blocks and shares the weights."""
        return replace(self, blocks=blocks)

    def encode(self, images: torch.Tensor) -> ImageTokens:
        """images: (B, 3, H, W) float32 in [0, 1], H and W multiples of ``patch`` -> tokens (B, layers, h, w, C).

        Patch tokens of each tapped block through the final norm (CLIP: as they are), class tokens of the last block
        (CLIP: the projected image embedding of length 1), on the network's device.
        """
        pixels = contract.check_images("encode", images, self.patch)
        grid = pixels.shape[2] // self.patch, pixels.shape[3] // self.patch
        device = next(self.network.parameters()).device
        mean, std = (
            torch.tensor(values, device=device).view(3, 1, 1) for values in (self.colors.mean, self.colors.std)
        )
        dtype = contract.chosen_precision("encode", self.precision, device)
        with torch.no_grad(), contract.computing_in(dtype, device):
            outputs = self._tapped((pixels.to(device) - mean) / std)
            last = outputs[max(outputs)]
            first_patch = last.shape[1] - grid[0] * grid[1]  # after the class token and registers
            patches = [self._normed(outputs[block][:, first_patch:]) for block in self.blocks]
            class_tokens = self._class_tokens(last[:, 0]).float()
        tokens = torch.stack([layer.float() for layer in patches], dim=1)
        return ImageTokens(tokens=tokens.view(*tokens.shape[:2], *grid, -1), class_tokens=class_tokens)

    def _tapped(self, pixels: torch.Tensor) -> dict[int, torch.Tensor]:
        """What the tapped blocks and the last one put out, (B, tokens, C) by block number."""
        depth = self.network.config.num_hidden_layers
        lists = (part for part in self.network.modules() if isinstance(part, torch.nn.ModuleList))
        blocks = next(part for part in lists if len(part) == depth)
        found: dict[int, torch.Tensor] = {}
        caller = get_ident()

        def keep(number: int) -> Any:
            def hook(block: torch.nn.Module, inputs: Any, output: Any) -> None:
                if get_ident() == caller:  # the network may be in use by another thread as well
                    found[number] = output[0] if isinstance(output, tuple) else output

            return hook

        hooks = [blocks[number].register_forward_hook(keep(number)) for number in {*self.blocks, depth - 1}]
        try:
            if self.network.config.model_type in ("vit", "clip_vision_model"):
                self.network(pixel_values=pixels, interpolate_pos_encoding=True)
            else:
                self.network(pixel_values=pixels)
        finally:
            for hook in hooks:
                hook.remove()
        return found

    def _normed(self, tokens: torch.Tensor) -> torch.Tensor:
        norm = getattr(self.network, "layernorm", None) or getattr(self.network, "norm", None)
        return tokens if norm is None else norm(tokens)  # CLIP has none for patches

    def _class_tokens(self, tokens: torch.Tensor) -> torch.Tensor:
        if self.network.config.model_type != "clip_vision_model":
            return self._normed(tokens)
        embedding = self.network.visual_projection(self.network.vision_model.post_layernorm(tokens))
        return torch.nn.functional.normalize(embedding.float(), dim=-1)


def accepts(name: str) -> bool:
    """Whether ``name`` is a file, a folder or has the form of a hub id."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+", name) is not None or Path(name).expanduser().exists()


def find(name: str, path: Path | None) -> Path | None:
    """The weights of ``name`` on this machine: the given ones, a folder of that name, the local caches."""
    if importlib.util.find_spec("transformers") is None:
        return None
    if path is not None:
        return path
    if name not in KNOWN:
        own = Path(name).expanduser()
        return own if own.exists() else fetching.hub_folder(name)
    known, own = KNOWN[name], fetching.cache_folder() / name
    original = None if known.original is None else fetching.torch_hub_file(known.original)
    return own if own.is_dir() else fetching.hub_folder(known.repository) or original


def fetch(name: str) -> Path:
    """Downloads the weights of ``name``, a known network or a hub id, into the local cache of Hugging Face."""
    networks.transformers()
    return fetching.fetch_from_hub(KNOWN[name].repository if name in KNOWN else name)


def load(name: str, *, weights: Path | None, download: bool, device: str, precision: str) -> VisionTransformer:
    """As ``musc2.encoders.load``."""
    networks.transformers()
    path = find(name, weights) or (fetch(name) if download else None)
    if path is None:
        raise fetching.not_here(name, KNOWN[name].repository if name in KNOWN else "the hub")
    known = KNOWN.get(name)
    network: Any = networks.load(name, path, known.shape if known else None).to(device)
    config = network.config
    clip = config.model_type == "clip_vision_model"
    return VisionTransformer(
        name=name,
        network=network,
        blocks=spread_blocks(config.num_hidden_layers, 4 if clip else 3),
        colors=_colors(path, CLIP_COLORS if clip else Colors()),
        patch=config.patch_size,
        size=518 // config.patch_size * config.patch_size if clip else CELLS * config.patch_size,
        precision=precision,
    )


def spread_blocks(depth: int, count: int) -> tuple[int, ...]:
    """``count`` of ``depth`` blocks, evenly spread, the last one among them: (3, 7, 11) of 12.

    >>> spread_blocks(24, 4)
    (5, 11, 17, 23)
    """
    return tuple(sorted({-(-depth * part // count) - 1 for part in range(1, count + 1)}))


def _colors(path: Path, default: Colors) -> Colors:
    """Those in the preprocessor_config.json beside the weights, when there is one."""
    file = (path if path.is_dir() else path.parent) / "preprocessor_config.json"
    if not file.is_file():
        return default
    about = json.loads(file.read_text(encoding="utf-8"))
    return Colors(
        mean=tuple(about.get("image_mean", default.mean)),
        std=tuple(about.get("image_std", default.std)),
    )
