"""How well settings find defects in real images: python bench/quality_images.py FOLDER [--network WEIGHTS] ...

FOLDER is one category in the layout of MVTec AD: test/KIND/*.png with the kind "good", ground_truth/KIND/NAME_mask.png.
Prints a markdown table of image and pixel figures in percent; maps and masks are compared at 224 x 224.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from percent import NAMES, percent
from PIL import Image

import musc2
from musc2.encoders.contract import ImageTokens
from musc2.encoders.vit import Colors

SIDE = 224
PRESETS = ("musc", "musc-v2", "published")
DEGREES = ((1,), (1, 3), (1, 3, 5))


class Remembering:
    """An encoder that encodes every image once, however many settings are tried on its tokens."""

    def __init__(self, encoder: musc2.encoders.ImageEncoder) -> None:
        self._encoder = encoder
        self._tokens: dict[bytes, ImageTokens] = {}
        self.name, self.size, self.resample = encoder.name, encoder.size, encoder.resample
        self.token_defaults, self.patch = encoder.token_defaults, encoder.patch
        self.fit = encoder.fit

    def encode(self, images: torch.Tensor) -> ImageTokens:
        found = [self._one(image[None]) for image in images]
        classes = None if found[0].class_tokens is None else torch.cat([each.class_tokens for each in found])
        return ImageTokens(tokens=torch.cat([each.tokens for each in found]), class_tokens=classes)

    def _one(self, image: torch.Tensor) -> ImageTokens:
        key = image.numpy().tobytes()
        if key not in self._tokens:
            self._tokens[key] = self._encoder.encode(image)
        return self._tokens[key]


def samples(folder: Path) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """Paths of the images; labels (N,) bool; masks (N, 224, 224) bool."""
    paths = sorted(folder.glob("test/*/*.png"))
    masks = []
    for path in paths:
        mask = folder / "ground_truth" / path.parent.name / f"{path.stem}_mask.png"
        blank = path.parent.name == "good"
        masks.append(Image.new("L", (SIDE, SIDE)) if blank else Image.open(mask).convert("L").resize((SIDE, SIDE)))
    labels = np.array([path.parent.name != "good" for path in paths])
    return paths, labels, np.stack([np.asarray(mask) > 127 for mask in masks])


def row(paths: Sequence[Path], labels: np.ndarray, masks: np.ndarray, **how: object) -> str:
    """The figures of ``musc2.score(paths, **how)``."""
    result = musc2.score(paths, **how)
    maps = [
        torch.nn.functional.interpolate(each[None, None], (SIDE, SIDE), mode="bilinear", antialias=True)[0, 0]
        for each in result.maps
    ]
    found = percent(result.scores, labels, torch.stack(maps), masks)
    return " | ".join(f"{found[name]:.1f}" for name in NAMES)


def settings() -> Iterator[tuple[str, musc2.Config]]:
    """Every preset with every choice of degrees and of normalising first, the words for a table's row before it."""
    for preset, degrees, first in itertools.product(PRESETS, DEGREES, (False, True)):
        config = musc2.Config.from_preset(preset).replace(aggregate_degrees=degrees, aggregate_normalize_first=first)
        yield f"{preset} | {' '.join(map(str, degrees))} | {'yes' if first else 'no'}", config


def network(path: str, size: int, mean: float | None) -> Remembering:
    encoder = dataclasses.replace(musc2.encoders.load(path), size=size)
    if mean is not None:
        encoder = dataclasses.replace(encoder, colors=Colors(mean=(mean,) * 3, std=(mean,) * 3))
    return Remembering(encoder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", help="weights of a vision transformer, or a name of musc2.encoders.names()")
    parser.add_argument("--mean", type=float, help="the mean and deviation of all its colors, if not ImageNet's")
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 448])
    arguments = parser.parse_args()
    given = samples(arguments.folder)
    print("| encoder | preset | degrees | normalized first | " + " | ".join(NAMES) + " |")
    print("|---" * 4 + "|---:" * len(NAMES) + "|")
    for name in ("texture", "texture-448"):
        print(f"| {name} | musc-v2 | 1 | - | {row(*given, encoder_2d=name)} |", flush=True)
    if arguments.network:
        for size in arguments.sizes:
            encoder = network(arguments.network, size, arguments.mean)
            for words, config in settings():
                print(f"| network at {size} | {words} | {row(*given, encoder_2d=encoder, config=config)} |", flush=True)


if __name__ == "__main__":
    main()
