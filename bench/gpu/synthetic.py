"""Parts and networks for the end-to-end call: scans of one surface, weights that know nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from musc2 import encoders
from musc2.encoders.point_mae import PointTransformer

VARIANTS = 12  # different noise; more would take longer to make than the call takes


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much there is to do."""

    parts: int
    side: int  # of images and xyz maps, in pixels
    width: int  # of the vision transformer: 768 is ViT-B
    depth: int
    centers: int


REAL = Scale(parts=120, side=800, width=768, depth=12, centers=1024)
REHEARSED = Scale(parts=4, side=64, width=64, depth=3, centers=32)


def parts(scale: Scale) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return images (H, W, 3) uint8 and xyz maps (H, W, 3) float32 with an empty border."""
    rng, side = np.random.default_rng(0), scale.side
    rows, columns = np.mgrid[:side, :side] / side
    height = 0.3 * np.sin(12 * columns) * np.cos(8 * rows)
    inside = (np.abs(rows - 0.5) < 0.37) & (np.abs(columns - 0.5) < 0.33)
    pattern = 128 + 60 * np.sin(90 * rows[..., None] * np.array([1.0, 1.3, 1.7]))
    images, maps = [], []
    for _ in range(min(VARIANTS, scale.parts)):
        noise = rng.standard_normal((side, side, 3)).astype(np.float32)
        images.append(np.clip(pattern + 6 * noise, 0, 255).astype(np.uint8))
        surface = np.stack([columns, rows, 1 + 0.1 * height + 5e-4 * noise[..., 0]], -1)
        maps.append((surface * inside[..., None]).astype(np.float32))
    picks = [number % len(images) for number in range(scale.parts)]
    return [images[pick].copy() for pick in picks], [maps[pick].copy() for pick in picks]


def networks(
    scale: Scale, folder: Path, device: torch.device
) -> tuple[encoders.Encoder, encoders.Encoder]:
    """Return a ViT with patches of 8 and a Point-MAE, loaded from files as users load theirs."""
    import transformers

    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=scale.width,
        num_hidden_layers=scale.depth,
        num_attention_heads=scale.width // 64,
        intermediate_size=4 * scale.width,
        patch_size=8,
        image_size=224,
    )
    transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(folder / "vit")
    torch.save({"base_model": PointTransformer().state_dict()}, folder / "point-mae.pth")
    image = encoders.load(str(folder / "vit"), device=device, precision="auto")
    weights = folder / "point-mae.pth"
    point = encoders.load("point-mae", weights=weights, device=device, precision="auto")
    return image, point
