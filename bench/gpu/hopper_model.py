"""A model of nearest_patches' search on Hopper (docs/dev/gpu.md).

It is of one block, its ring of stages and its matrix cores.

python -m bench.gpu.hopper_model
"""

from __future__ import annotations

from collections import deque
from itertools import product

STAGES, GROUPS, LEAD = 4, 2, 2
STEP_BYTES = 128  # of channels: 64 of 16 bits, or 128 of int8
STEP_CYCLES = 512.0  # of the matrix cores, for a group's 64 x 256 sums over one step
LATENCY = 900  # cycles of a copy that nothing is ahead of
CLOCK, MULTIPROCESSORS = 1.755e9, 132
TICK = 16
TILES = 40
# Format -> bytes of a channel, and the fewest and most cycles of a group's reducing. From int8 a
# warp converts and scales 128 sums, in 470 instructions of which 128 run at half rate.
FORMATS = {"16 bits": (2, (2200, 2900)), "int8": (1, (2800, 3500))}


class Group:
    """A warpgroup that multiplies: its steps in a row, and its reducing after each tile."""

    def __init__(self, steps: int, reducing: int) -> None:
        self.steps, self.reducing = steps, reducing
        self.begun = self.done = 0  # steps so far
        self.under_way: deque[float] = deque()  # what the matrix cores still have to do
        self.busy_until = 0
        self.reduced = 0  # tiles

    def begin(self, now: int, loaded: int, may_begin_tile: bool) -> None:
        """Give the matrix cores what they may have: two steps, loaded and of this tile."""
        while len(self.under_way) < 2 and self.begun < loaded and now >= self.busy_until:
            tile = self.begun // self.steps
            if tile > self.reduced:
                if self.done == self.begun:
                    self.busy_until, self.reduced = now + self.reducing, tile
                return
            if self.begun % self.steps == 0 and not may_begin_tile:
                return
            self.under_way.append(STEP_CYCLES)
            self.begun += 1

    def multiply(self, cycles: float) -> None:
        """Has so many cycles of the matrix cores."""
        while cycles > 0 and self.under_way:
            used = min(cycles, self.under_way[0])
            cycles -= used
            self.under_way[0] -= used
            if self.under_way[0] == 0:
                self.under_way.popleft()
                self.done += 1


def cycles_of_tile(row_bytes: int, blocks: int, bytes_per_second: float, reducing: int) -> float:
    """For 128 x 256 patches, when clusters of ``blocks`` share the right side's copies."""
    steps = row_bytes // STEP_BYTES
    copied = (128 + 256 / blocks) * STEP_BYTES
    cycles_of_copy = copied / (bytes_per_second / MULTIPROCESSORS / CLOCK)
    first, second = groups = [Group(steps, reducing) for _ in range(GROUPS)]
    landings: deque[float] = deque()
    loaded, started, copier_free, now = 0, 0, 0.0, 0
    while min(first.done, second.done) < steps * TILES:
        while started < steps * TILES and started - min(first.done, second.done) < STAGES:
            copier_free = max(copier_free, now) + cycles_of_copy
            landings.append(copier_free + LATENCY)
            started += 1
        while landings and landings[0] <= now:
            landings.popleft()
            loaded += 1
        first.begin(now, loaded, may_begin_tile=True)
        may_begin_tile = steps <= LEAD or first.begun > second.begun + LEAD
        second.begin(now, loaded, may_begin_tile)
        working = [group for group in groups if group.under_way]
        for group in working:
            group.multiply(TICK / len(working))
        now += TICK
    return now / TILES


def main() -> None:
    print("format   channels  blocks  L2 TB/s  reducing  cycles  TFLOP/s")
    for (name, (size, costs)), channels, blocks, terabytes in product(
        FORMATS.items(), (768, 384), (1, 2, 4), (5.5, 7.0)
    ):
        for reducing in costs:
            cycles = cycles_of_tile(size * channels, blocks, terabytes * 1e12, reducing)
            rate = 2 * 128 * 256 * channels / cycles * CLOCK * MULTIPROCESSORS / 1e12
            row = f"{name:7}  {channels:8}  {blocks:6}  {terabytes:7}  {reducing:8}"
            print(f"{row}  {cycles:6.0f}  {rate:7.0f}")


if __name__ == "__main__":
    main()
