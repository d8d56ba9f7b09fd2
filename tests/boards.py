"""Large boards that look alike, each a little out of place, some with a small defect."""

import numpy as np


class Boards:
    """Boards of H x W pixels: pads and tracks on green, made when they are asked for.

    jitter: the most pixels by which a board is shifted; defects: board -> (row, column) of a dark
    square of ``side`` pixels on the board.
    """

    def __init__(self, size, *, jitter=4, defects=None, side=20, seed=0):
        self.size, self.jitter, self.side = size, jitter, side
        self.defects = defects or {}
        rng = np.random.default_rng(seed)
        margin = 2 * jitter
        height, width = size[0] + margin, size[1] + margin
        board = np.empty((height, width, 3), np.uint8)
        board[:] = (30, 110, 60)
        pitch = 64
        for top in range(8, height - pitch, pitch):
            for left in range(8, width - pitch, pitch):
                long, short = rng.integers(16, 44), rng.integers(8, 24)
                color = ((200, 180, 90), (60, 60, 60), (180, 190, 190))[rng.integers(3)]
                if rng.random() < 0.5:
                    long, short = short, long
                board[top : top + long, left : left + short] = color
                board[top + 50 : top + 54, left : left + pitch] = (70, 160, 90)
        self._board = board

    def __call__(self, number):
        """Return the board of a number, always the same."""
        rng = np.random.default_rng((number, 1))
        top, left = rng.integers(0, 2 * self.jitter + 1, 2) if self.jitter else (0, 0)
        cut = self._board[top : top + self.size[0], left : left + self.size[1]].copy()
        if number in self.defects:
            row, column = self.defects[number]
            half = self.side // 2
            cut[row - half : row + half, column - half : column + half] = (110, 40, 40)
        noise = rng.integers(0, 7, (self.size[0], 256, 3), np.uint8)
        for first in range(0, self.size[1], 256):
            width = min(256, self.size[1] - first)
            cut[:, first : first + width] += noise[:, :width]
        return cut
