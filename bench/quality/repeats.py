"""Sets in which one defect is repeated: cut from a defective part, pasted into good ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from bench.quality.images import SIDE, LabeledImages

MARGIN = 3
SHIFT = 6


def repeated(images: LabeledImages, seed: int) -> np.ndarray:
    """Return (2 G, SIDE, SIDE, 3) uint8: G good parts, then each of them with the same defect.

    The defect is that of a part drawn by ``seed``; it lands up to SHIFT pixels from its place.
    """
    generator = np.random.default_rng(seed)
    good = np.stack([_pixels(path) for path in _rows(images.paths, ~images.labels)])
    has_mask = images.labels & images.masks.any(axis=(1, 2))
    row = int(generator.choice(np.flatnonzero(has_mask)))
    source, mask = _pixels(images.paths[row]), _grown(images.masks[row])
    pasted = good.copy()
    for part in pasted:
        down, right = generator.integers(-SHIFT, SHIFT + 1, 2)
        moved = np.roll(mask, (down, right), (0, 1))
        part[moved] = np.roll(source, (down, right), (0, 1))[moved]
    return np.concatenate([good, pasted])


def _rows(paths: list[Path], chosen: np.ndarray) -> list[Path]:
    return [paths[row] for row in np.flatnonzero(chosen)]


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB").resize((SIDE, SIDE)))


def _grown(mask: np.ndarray) -> np.ndarray:
    """Return the mask with MARGIN pixels more on each side."""
    grown = mask.copy()
    for _ in range(MARGIN):
        grown[1:] |= grown[:-1].copy()
        grown[:-1] |= grown[1:].copy()
        grown[:, 1:] |= grown[:, :-1].copy()
        grown[:, :-1] |= grown[:, 1:].copy()
    return grown
