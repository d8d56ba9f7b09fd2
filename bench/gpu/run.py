"""GPU benches against their baselines and goals.

    python -m bench.gpu.run [NAME ...] --out FILE [--rehearse]

A NAME selects among ceilings, points, groups, tokens and patches. Results are checked before they
are timed, and written to the file as they come. --rehearse runs the same code on the CPU, small and
once, so that its times mean nothing. ``first_call.py`` comes before: it names what hangs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

import torch

import musc2
from bench.gpu.bench import Bench
from bench.gpu.machine import facts

NAMES = ("ceilings", "points", "groups", "tokens", "patches")


def line(record: dict[str, Any]) -> str:
    """Return a record for people."""
    name = f"{record['name']}, {record['size']}"
    parts = [f"{name:62} {record.get('ms', float('nan')):9.3f} ms"]
    parts += [f"{side}: {ratio:.1f} x" for side, ratio in record.get("ratios", {}).items()]
    if "tflops" in record:
        parts.append(f"{record['tflops']:.0f} TFLOP/s")
    for goal in record.get("goals", []):
        bound = goal.get("at_least", goal.get("at_most"))
        verdict = "goal" if goal["met"] else "MISSED"
        end = "" if bound is None else f" ({verdict} {bound:g})"
        parts.append(f"{goal['what']} {goal['value']:.3g}{end}")
    return ", ".join(parts)


def main() -> int:
    """Run the benches that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rehearse", action="store_true")
    arguments = parser.parse_args()
    if not arguments.rehearse and not musc2.cuda.is_available():
        sys.exit(
            f"bench.gpu.run: {musc2.cuda.unavailable_reason()}; "
            "--rehearse tries the benches on the CPU"
        )
    device = torch.device("cpu" if arguments.rehearse else "cuda")
    bench, errors = Bench(device, arguments.rehearse), []
    benches: list[dict[str, Any]] = []
    report = {"rehearsal": arguments.rehearse, "machine": facts()}
    for name in arguments.names or NAMES:
        for work in importlib.import_module(f"bench.gpu.{name}").works(bench):
            try:
                benches.append({"name": work.name, **work.run()})
                print(line(benches[-1]), flush=True)
            except Exception as error:  # the others are of interest all the same
                errors.append(f"{work.name}: {type(error).__name__}: {error}")
                print(traceback.format_exc(limit=-3), flush=True)
            everything = report | {"benches": benches, "errors": errors}
            arguments.out.write_text(json.dumps(everything, indent=1) + "\n")
    goals = [goal for record in benches for goal in record.get("goals", [])]
    missed = sum(not goal["met"] for goal in goals)
    print(f"{len(benches)} benches, {missed} goals missed, {len(errors)} errors")
    return int(bool(errors))


if __name__ == "__main__":
    sys.exit(main())
