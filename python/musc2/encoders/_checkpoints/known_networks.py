"""The vision transformers that have a name of their own."""

from __future__ import annotations

from dataclasses import dataclass

from musc2.encoders._checkpoints.layouts import Architecture


@dataclass(frozen=True, kw_only=True)
class KnownNetwork:
    """A network with a name."""

    repository: str  # on the Hugging Face hub
    about: str
    architecture: Architecture
    original: str | None = None  # the file of its authors, as torch.hub names it


def _small(family: str, *, patch: int, side: int, registers: int = 0) -> Architecture:
    return Architecture(
        family=family, width=384, depth=12, hidden=1536, patch=patch, side=side, registers=registers
    )


def _base(family: str, *, patch: int, side: int, registers: int = 0) -> Architecture:
    return Architecture(
        family=family, width=768, depth=12, hidden=3072, patch=patch, side=side, registers=registers
    )


def _large(family: str, *, patch: int, side: int, registers: int = 0) -> Architecture:
    return Architecture(
        family=family,
        width=1024,
        depth=24,
        hidden=4096,
        patch=patch,
        side=side,
        registers=registers,
    )


KNOWN = {
    "dino-vitb8": KnownNetwork(
        repository="facebook/dino-vitb8",
        about="DINO ViT, base, patches of 8 pixels",
        architecture=_base("vit", patch=8, side=224),
        original="dino_vitbase8_pretrain.pth",
    ),
    "dino-vitb16": KnownNetwork(
        repository="facebook/dino-vitb16",
        about="DINO ViT, base, patches of 16 pixels",
        architecture=_base("vit", patch=16, side=224),
        original="dino_vitbase16_pretrain.pth",
    ),
    "dino-vits8": KnownNetwork(
        repository="facebook/dino-vits8",
        about="DINO ViT, small, patches of 8 pixels",
        architecture=_small("vit", patch=8, side=224),
        original="dino_deitsmall8_pretrain.pth",
    ),
    "dino-vits16": KnownNetwork(
        repository="facebook/dino-vits16",
        about="DINO ViT, small, patches of 16 pixels",
        architecture=_small("vit", patch=16, side=224),
        original="dino_deitsmall16_pretrain.pth",
    ),
    "dinov2-small": KnownNetwork(
        repository="facebook/dinov2-small",
        about="DINOv2 ViT, small, patches of 14 pixels",
        architecture=_small("dinov2", patch=14, side=518),
        original="dinov2_vits14_pretrain.pth",
    ),
    "dinov2-base": KnownNetwork(
        repository="facebook/dinov2-base",
        about="DINOv2 ViT, base, patches of 14 pixels",
        architecture=_base("dinov2", patch=14, side=518),
        original="dinov2_vitb14_pretrain.pth",
    ),
    "dinov2-large": KnownNetwork(
        repository="facebook/dinov2-large",
        about="DINOv2 ViT, large, patches of 14 pixels",
        architecture=_large("dinov2", patch=14, side=518),
        original="dinov2_vitl14_pretrain.pth",
    ),
    "dinov2-with-registers-small": KnownNetwork(
        repository="facebook/dinov2-with-registers-small",
        about="DINOv2 ViT, small, patches of 14 pixels, registers",
        architecture=_small("dinov2_with_registers", patch=14, side=518, registers=4),
        original="dinov2_vits14_reg4_pretrain.pth",
    ),
    "dinov2-with-registers-base": KnownNetwork(
        repository="facebook/dinov2-with-registers-base",
        about="DINOv2 ViT, base, patches of 14 pixels, registers",
        architecture=_base("dinov2_with_registers", patch=14, side=518, registers=4),
        original="dinov2_vitb14_reg4_pretrain.pth",
    ),
    "dinov2-with-registers-large": KnownNetwork(
        repository="facebook/dinov2-with-registers-large",
        about="DINOv2 ViT, large, patches of 14 pixels, registers",
        architecture=_large("dinov2_with_registers", patch=14, side=518, registers=4),
        original="dinov2_vitl14_reg4_pretrain.pth",
    ),
    "dinov3-vits16": KnownNetwork(
        repository="facebook/dinov3-vits16-pretrain-lvd1689m",
        about="DINOv3 ViT, small, patches of 16 pixels (log in and accept its terms to fetch it)",
        architecture=_small("dinov3_vit", patch=16, side=224, registers=4),
    ),
    "dinov3-vitb16": KnownNetwork(
        repository="facebook/dinov3-vitb16-pretrain-lvd1689m",
        about="DINOv3 ViT, base, patches of 16 pixels (log in and accept its terms to fetch it)",
        architecture=_base("dinov3_vit", patch=16, side=224, registers=4),
    ),
    "dinov3-vitl16": KnownNetwork(
        repository="facebook/dinov3-vitl16-pretrain-lvd1689m",
        about="DINOv3 ViT, large, patches of 16 pixels (log in and accept its terms to fetch it)",
        architecture=_large("dinov3_vit", patch=16, side=224, registers=4),
    ),
    "clip-vit-large-patch14-336": KnownNetwork(
        repository="openai/clip-vit-large-patch14-336",
        about="CLIP ViT, large, patches of 14 pixels: the default of MuSc (v1)",
        architecture=_large("clip_vision_model", patch=14, side=336),
    ),
}
