"""Time ``score`` for 120 parts in 2D and 3D, and count what it asks of the GPU.

A stage of ``first_call``: ViT-B/8 and Point-MAE with random weights, decoded images and xyz maps.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

import musc2
from bench.gpu.bench import Goal
from bench.gpu.checks import Checks
from bench.gpu.profiled import profile
from bench.gpu.synthetic import REAL, REHEARSED, Scale, networks, parts

GOALS = {"cold": 2.0, "warm": 1.0}  # seconds


class Call:
    """The call that is timed, with inputs and networks in memory."""

    def __init__(self, checks: Checks, scale: Scale, folder: Path) -> None:
        self.device = checks.device
        self.images, self.maps = parts(scale)
        begin = time.perf_counter()
        self.encoders = networks(scale, folder, checks.device)
        self.seconds_to_load = time.perf_counter() - begin
        self.config = musc2.Config(group_count=scale.centers)
        if checks.rehearsal:
            few = {"input_size": 32, "group_search": 32, "group_size": 16, "group_start": 10}
            self.config = self.config.replace(**few)

    def __call__(self) -> musc2.Result:
        image, point = self.encoders
        return musc2.score(
            self.images,
            self.maps,
            encoder_2d=image,
            encoder_3d=point,
            config=self.config,
            device=self.device.type,
        )


def timed(call: Call, kind: str, rehearsal: bool) -> dict[str, Any]:
    """Return the seconds of a call and of its stages, as the caller sees them."""
    if not rehearsal:
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    begin = time.perf_counter()
    result = call()
    if not rehearsal:
        torch.cuda.synchronize()
    total = time.perf_counter() - begin
    assert bool(torch.isfinite(torch.as_tensor(result.scores)).all()), "scores are not finite"
    goal = Goal(what=f"seconds, {kind}", value=total, at_most=GOALS[kind])
    return {
        "total": total,
        "parts": len(call.images),
        "stages": {name: round(seconds, 4) for name, seconds in result.timings.items()},
        "peak GB": 0.0 if rehearsal else torch.cuda.max_memory_allocated() / 1e9,
        "goals": [] if rehearsal else [goal.record()],
    }


def main() -> None:
    """Time a cold call and two warm ones, then profile another."""
    checks = Checks(str(__doc__))
    with tempfile.TemporaryDirectory() as folder:
        calls: list[Call] = []

        def load() -> dict[str, Any]:
            scale = REHEARSED if checks.rehearsal else REAL
            calls.append(Call(checks, scale, Path(folder)))
            return {"seconds to load": calls[0].seconds_to_load}

        checks.check("load", load)
        if not calls:
            return
        for name, kind in (("cold", "cold"), ("warm", "warm"), ("warm again", "warm")):
            checks.check(name, partial(timed, calls[0], kind, checks.rehearsal))
        checks.check("profile", partial(profile, calls[0], Path(folder)))


if __name__ == "__main__":
    main()
