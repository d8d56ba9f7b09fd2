"""Measure settings on real images.

FOLDER is one category in the layout of MVTec AD: test/KIND/* with the kind "good", and
ground_truth/KIND/NAME_mask.png. Prints a markdown table of image and pixel metrics in percent; maps
and masks are compared at 224 x 224.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate

import musc2
from bench.quality.table import cells, header, percentages
from musc2.encoders import ImageEncoder, ImageTokens
from musc2.encoders.vit import Colors

SIDE = 224
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
PRESETS = ("musc", "musc-v2", "published")
DEGREES = ((1,), (1, 3), (1, 3, 5))
BUILTINS = ("texture", "texture-448")


@dataclass(frozen=True, kw_only=True, eq=False)
class LabeledImages:
    """paths of N images; labels: (N,) bool; masks: (N, 224, 224) bool."""

    paths: list[Path]
    labels: np.ndarray
    masks: np.ndarray


class CachingEncoder:
    """Encodes every image once, however many settings are tried on its tokens."""

    modality, learns = "image", False

    def __init__(self, encoder: ImageEncoder) -> None:
        self._encoder = encoder
        self._tokens: dict[bytes, ImageTokens] = {}
        self.name, self.token_defaults = encoder.name, encoder.token_defaults
        self.size, self.resample, self.patch = encoder.size, encoder.resample, encoder.patch

    def encode(self, images: torch.Tensor) -> ImageTokens:
        encoded = [self._encode_image(image[None]) for image in images]
        class_tokens = None
        if encoded[0].class_tokens is not None:
            class_tokens = torch.cat([image.class_tokens for image in encoded])
        tokens = torch.cat([image.tokens for image in encoded])
        return ImageTokens(tokens=tokens, class_tokens=class_tokens)

    def all_tokens(self) -> torch.Tensor:
        """Return the tokens of all images so far, in the order in which they came."""
        return torch.cat([image.tokens for image in self._tokens.values()])

    def fit(self, images: Sequence[torch.Tensor], *, seed: int = 0) -> None:
        """Do nothing: vision transformers learn nothing."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return nothing."""
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Do nothing."""

    def _encode_image(self, image: torch.Tensor) -> ImageTokens:
        key = image.numpy().tobytes()
        if key not in self._tokens:
            self._tokens[key] = self._encoder.encode(image)
        return self._tokens[key]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--network", help="weights of a vision transformer, or a name of musc2.encoders.names()"
    )
    parser.add_argument(
        "--mean", type=float, help="mean and deviation of all its colors, if not ImageNet's"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 448])


def run(arguments: argparse.Namespace) -> None:
    images = read(arguments.folder)
    print(header("encoder", "preset", "degrees", "normalized first"))
    for name in BUILTINS:
        print(f"| {name} | musc-v2 | 1 | - | {row(images, name, 'musc-v2')} |", flush=True)
    if arguments.network is None:
        return
    for size in arguments.sizes:
        encoder = load(arguments.network, size, arguments.mean)
        for text, config in settings():
            cells_of_row = row(images, encoder, config)
            print(f"| network at {size} | {text} | {cells_of_row} |", flush=True)


def read(folder: Path) -> LabeledImages:
    """Return the images of one category with the truth."""
    paths = sorted(path for path in folder.glob("test/*/*") if path.suffix.lower() in SUFFIXES)
    masks, labels = [], []
    for path in paths:
        kind = path.parent.name
        mask = Image.new("L", (SIDE, SIDE))
        if kind != "good":
            file = folder / "ground_truth" / kind / f"{path.stem}_mask.png"
            mask = Image.open(file).convert("L").resize((SIDE, SIDE))
        masks.append(np.asarray(mask) > 127)
        labels.append(kind != "good")
    return LabeledImages(paths=paths, labels=np.array(labels), masks=np.stack(masks))


def row(images: LabeledImages, encoder: object, config: musc2.Config | str) -> str:
    """Return the metrics of one setting as cells."""
    result = musc2.score(images.paths, encoder_2d=encoder, config=config)
    maps = []
    for values in result.maps:
        resized = interpolate(values[None, None], (SIDE, SIDE), mode="bilinear", antialias=True)
        maps.append(resized[0, 0])
    return cells(percentages(result.scores, images.labels, torch.stack(maps), images.masks))


def settings() -> Iterator[tuple[str, musc2.Config]]:
    """Yield presets with choices of degrees and of normalizing first, and the cells before them."""
    for preset, degrees, first in itertools.product(PRESETS, DEGREES, (False, True)):
        config = musc2.Config.from_preset(preset).replace(
            aggregate_degrees=degrees, aggregate_normalize_first=first
        )
        yield f"{preset} | {' '.join(map(str, degrees))} | {'yes' if first else 'no'}", config


def load(network: str, size: int, mean: float | None) -> CachingEncoder:
    """Return a vision transformer for images of ``size``."""
    encoder = dataclasses.replace(musc2.encoders.load(network), size=size)
    if mean is not None:
        encoder = dataclasses.replace(encoder, colors=Colors(mean=(mean,) * 3, std=(mean,) * 3))
    return CachingEncoder(encoder)
