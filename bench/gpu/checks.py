"""What the processes of all stages have in common: checks by name, and their findings."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from bench.gpu.findings import Finding, append
from bench.gpu.watched import BEGIN
from musc2.ops._support import dispatch

LOST = 3  # exit status: this process cannot use the GPU any more, the next check needs another one
GRACE = 25.0  # seconds of a check beyond its limit: its inputs, what it is compared with
ENDING = 3.0  # seconds for a process to end
PATIENCE = 10.0  # times as much in a rehearsal, whose times mean nothing
NO_GPU = "skipped: no GPU"
HANG = "MUSC2_REHEARSED_HANG"  # in the environment of a rehearsal: a check whose GPU never answers


class Checks:
    """A stage of ``first_call``, in its own process."""

    def __init__(self, about: str, add_arguments: Callable[..., object] | None = None) -> None:
        parser = argparse.ArgumentParser(description=about)
        parser.add_argument("--stage", required=True, help="its name in the findings")
        parser.add_argument("--findings", type=Path, required=True)
        parser.add_argument("--skip", type=json.loads, default=[], help="names of checks, as JSON")
        parser.add_argument("--limit", type=float, default=5.0, help="seconds for the GPU, a check")
        parser.add_argument("--rehearse", action="store_true")
        if add_arguments is not None:
            add_arguments(parser)
        self.arguments = parser.parse_args()
        self.rehearsal: bool = self.arguments.rehearse
        self.device = torch.device("cpu" if self.rehearsal else "cuda")
        self._begin = time.monotonic()

    def check(self, name: str, work: Callable[[], dict[str, Any] | None]) -> None:
        """Record what ``work`` returns or raises, unless the check is to be skipped."""
        if name in self.arguments.skip:
            return
        grace = PATIENCE * GRACE if self.rehearsal else GRACE
        print(f"{BEGIN}{self.arguments.limit + grace:g} {name}", flush=True)
        self._begin = time.monotonic()
        try:
            figures = work() or {}
        except Exception as error:  # the other checks are of interest all the same
            print(traceback.format_exc(limit=-4), flush=True)
            self.record(name, ok=False, error=f"{type(error).__name__}: {error}")
            if self._lost():
                leave()
        else:
            self.record(name, ok=True, figures=figures)

    def record(
        self, name: str, *, ok: bool | None, figures: dict[str, Any] | None = None, error: str = ""
    ) -> None:
        """Write a finding; its seconds are those since the check began."""
        seconds = round(time.monotonic() - self._begin, 3)
        stage = self.arguments.stage
        finding = Finding(
            stage=stage, name=name, ok=ok, seconds=seconds, figures=figures or {}, error=error
        )
        append(self.arguments.findings, finding)

    def wait(self, name: str) -> None:
        """Wait until the GPU has done what was asked of it, or record that it hangs and leave."""
        is_done, end = self._event(name), time.monotonic() + self.arguments.limit
        while not is_done():
            if time.monotonic() > end:
                error = f"hangs: the GPU is not done after {self.arguments.limit:g} s"
                self.record(name, ok=False, error=error)
                # Not even the end of a process is certain while its GPU hangs.
                print(f"{BEGIN}{ENDING:g} {name}", flush=True)
                leave()
            time.sleep(0.0005)

    @contextmanager
    def kernels(self) -> Iterator[None]:
        """Have the GPU's kernels serve ``device``: in a rehearsal the emulated ones."""
        if self.rehearsal:
            with dispatch.emulated():
                yield
        else:
            yield

    def _event(self, name: str) -> Callable[[], bool]:
        if self.rehearsal:
            return lambda: os.environ.get(HANG) != name
        event = torch.cuda.Event()
        event.record()
        return event.query

    def _lost(self) -> bool:
        """Return whether an error has made the GPU unusable for this process."""
        if self.rehearsal:
            return False
        try:
            torch.cuda.synchronize()
        except RuntimeError:
            return True
        return False


def leave() -> None:
    """End the process at once: an orderly end would wait for the GPU."""
    sys.stdout.flush()
    os._exit(LOST)
