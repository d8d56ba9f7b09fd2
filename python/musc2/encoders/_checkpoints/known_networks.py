"""The vision transformers that have a name of their own."""

from __future__ import annotations

from dataclasses import dataclass

from musc2.encoders._checkpoints.layouts import Architecture


@dataclass(frozen=True, kw_only=True)
class Known:
    """A network with a name."""

    repository: str
    about: str
    shape: Architecture
    original: str | None = None  # its file in DINO's own layout, as torch.hub calls it


def _shape(family: str, width: int, depth: int, patch: int, side: int, registers: int = 0) -> Architecture:
    return Architecture(
        family=family, width=width, depth=depth, patch=patch, side=side, hidden=4 * width, registers=registers
    )


def _known() -> dict[str, Known]:
    widths = {"s": ("small", 384, 12), "b": ("base", 768, 12), "l": ("large", 1024, 24)}
    found: dict[str, Known] = {}
    for name, original in (
        ("dino-vitb8", "dino_vitbase8_pretrain.pth"),
        ("dino-vitb16", "dino_vitbase16_pretrain.pth"),
        ("dino-vits8", "dino_deitsmall8_pretrain.pth"),
        ("dino-vits16", "dino_deitsmall16_pretrain.pth"),
    ):
        letter, patch = name[len("dino-vit")], int(name[len("dino-vitb") :])
        size, width, depth = widths[letter]
        shape = _shape("vit", width, depth, patch, 224)
        about = f"DINO ViT, {size}, patches of {patch} pixels"
        found[name] = Known(repository=f"facebook/{name}", about=about, shape=shape, original=original)
    for with_registers, suffix in (("", ""), ("with-registers-", "_reg4")):
        for letter, (size, width, depth) in widths.items():
            family = "dinov2_with_registers" if with_registers else "dinov2"
            name = f"dinov2-{with_registers}{size}"
            found[name] = Known(
                repository=f"facebook/{name}",
                about=f"DINOv2 ViT, {size}, patches of 14 pixels{', registers' if with_registers else ''}",
                shape=_shape(family, width, depth, 14, 518, 4 if with_registers else 0),
                original=f"dinov2_vit{letter}14{suffix}_pretrain.pth",
            )
    for letter, (size, width, depth) in widths.items():
        found[f"dinov3-vit{letter}16"] = Known(
            repository=f"facebook/dinov3-vit{letter}16-pretrain-lvd1689m",
            about=f"DINOv3 ViT, {size}, patches of 16 pixels (its weights are given to those who accept its terms)",
            shape=_shape("dinov3_vit", width, depth, 16, 224, 4),
        )
    found["clip-vit-large-patch14-336"] = Known(
        repository="openai/clip-vit-large-patch14-336",
        about="CLIP ViT, large, patches of 14 pixels: the default of MuSc (v1)",
        shape=_shape("clip_vision_model", 1024, 24, 14, 336),
    )
    return found


KNOWN = _known()
