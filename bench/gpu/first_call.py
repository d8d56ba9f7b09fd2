"""Find out in minutes what a GPU makes of the kernels: python3 bench/gpu/first_call.py [--out DIR]

Each stage is a process with a deadline, and each check in it has a name, so that a hang is known by
its name and the next check goes on in a fresh process. Findings are JSON lines in first-call.jsonl,
flushed as they come. ``python bench/gpu/prepare_carry.py`` saves most of the time for building.

    --resume [DIR]   only what has not passed yet, by the findings in DIR (default: --out)
    --rehearse       the same without a GPU: small, by emulation, and times mean nothing
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.gpu.order import STAGES
from bench.gpu.runner import ROOT, Run


def main() -> int:
    """Run the stages in order; the exit status is 1 when anything failed."""
    begin, folder = time.monotonic(), Path(os.environ.get("OUT") or ROOT / "bench/results")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=folder, help="default: $OUT, bench/results")
    parser.add_argument("--budget", type=float, default=300, help="seconds for everything")
    parser.add_argument("--limit", type=float, default=5, help="seconds for the GPU, a check")
    parser.add_argument("--resume", type=Path, nargs="?", const=Path(), metavar="DIR")
    parser.add_argument("--only", nargs="+", default=[], help="names of stages, after facts")
    parser.add_argument("--rehearse", action="store_true")
    arguments = parser.parse_args()
    if arguments.resume == Path():
        arguments.resume = arguments.out
    run = Run(arguments)
    for stage in STAGES:
        if not arguments.only or stage.always or stage.name in arguments.only:
            run.stage(stage)
        if stage.name == "facts":
            run.forget_another_gpu()
    findings = run.findings()
    failed = [finding for finding in findings if finding.ok is False]
    skipped = sum(finding.ok is None for finding in findings)
    good = len(findings) - len(failed) - skipped
    print(f"{good} ok, {skipped} skipped, {len(failed)} failed, {time.monotonic() - begin:.0f} s")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
