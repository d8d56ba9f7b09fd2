"""GPU benches against their baselines and goals: cd bench; python -m gpu.run [NAME ...] --out FILE [--rehearse]

A NAME selects among points, groups, tokens and patches. Results are checked before they are timed, and written to the
file as they come. --rehearse runs the same code on the CPU, small and once, so that its times mean nothing.
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
from gpu.bench import Bench
from gpu.machine import facts

import musc2

NAMES = ("points", "groups", "tokens", "patches")


def line(record: dict[str, Any]) -> str:
    """A record for people."""
    parts = [f"{record['name']:62} {record.get('ms', float('nan')):9.3f} ms"]
    parts += [f"{side}: {ratio:.1f} x" for side, ratio in record.get("ratios", {}).items()]
    if "tflops" in record:
        parts.append(f"{record['tflops']:.0f} TFLOP/s")
    for goal in record.get("goals", []):
        bound = goal.get("at_least", goal.get("at_most"))
        asked = "" if bound is None else f" ({'goal' if goal['met'] else 'MISSED'} {bound:g})"
        parts.append(f"{goal['what']} {goal['value']:.3g}{asked}")
    return ", ".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rehearse", action="store_true")
    arguments = parser.parse_args()
    if not arguments.rehearse and not musc2.cuda.is_available():
        sys.exit(f"gpu.run: {musc2.cuda.why()}; --rehearse tries the benches on the CPU")
    bench = Bench(torch.device("cpu" if arguments.rehearse else "cuda"), arguments.rehearse)
    found: dict[str, Any] = {"rehearsal": arguments.rehearse, "machine": facts(), "benches": [], "errors": []}
    for name in arguments.names or NAMES:
        for work in importlib.import_module(f"gpu.{name}").works(bench):
            try:
                found["benches"].append(work())
                print(line(found["benches"][-1]), flush=True)
            except Exception as error:  # the others are wanted all the same
                found["errors"].append(f"{name}: {type(error).__name__}: {error}")
                print(traceback.format_exc(limit=-3), flush=True)
            arguments.out.write_text(json.dumps(found, indent=1) + "\n")
    missed = [goal for record in found["benches"] for goal in record.get("goals", []) if not goal["met"]]
    print(f"{len(found['benches'])} benches, {len(missed)} goals missed, {len(found['errors'])} errors")
    return int(bool(found["errors"]))


if __name__ == "__main__":
    sys.exit(main())
