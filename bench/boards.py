"""Generated boards that look alike, each a little out of place, some with a small defect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

PITCH = 64
COLORS = ((200, 180, 90), (60, 60, 60), (180, 190, 190))
STRIPE = 256


class Boards:
    """Boards of H x W pixels: pads and tracks on green, made when they are asked for.

    jitter: the most pixels by which a board is shifted; defects: board -> (row, column) of a brown
    square of ``side`` pixels.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        jitter: int = 4,
        defects: Mapping[int, tuple[int, int]] | None = None,
        side: int = 20,
        seed: int = 0,
    ) -> None:
        self.size, self.jitter, self.side = size, jitter, side
        self.defects = defects or {}
        rng = np.random.default_rng(seed)
        height, width = size[0] + 2 * jitter, size[1] + 2 * jitter
        board = np.empty((height, width, 3), np.uint8)
        board[:] = (30, 110, 60)
        for top in range(8, height, PITCH):
            for left in range(8, width, PITCH):
                long, short = rng.integers(16, 44), rng.integers(8, 24)
                if rng.random() < 0.5:
                    long, short = short, long
                board[top : top + long, left : left + short] = COLORS[rng.integers(3)]
                board[top + 50 : top + 54, left : left + PITCH] = (70, 160, 90)
        self._board = board

    def __call__(self, number: int) -> np.ndarray[Any, Any]:
        """Return the board of a number, (H, W, 3) uint8, always the same."""
        rng = np.random.default_rng((number, 1))
        top, left = rng.integers(0, 2 * self.jitter + 1, 2)
        board = self._board[top : top + self.size[0], left : left + self.size[1]].copy()
        if number in self.defects:
            row, column = self.defects[number]
            half = self.side // 2
            board[row - half : row + half, column - half : column + half] = (110, 40, 40)
        light = rng.uniform(0.85, 1.1)
        board = np.clip(np.arange(256) * light, 0, 240).astype(np.uint8)[board]
        grain = rng.integers(0, 12, (self.size[0], STRIPE, 3), np.uint8)
        for first in range(0, self.size[1], STRIPE):
            stripe = board[:, first : first + STRIPE]
            stripe += grain[:, : stripe.shape[1]]
        return board
