"""Runs the benches and prints ours, baseline, ratio: python bench/compare.py [NAME ...] [--rounds 3] [--markdown FILE].

The machine may be noisy, so the whole run is repeated and the median over rounds is printed, with the spread of the
ratios. A NAME selects contests by part of their name.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
UNITS = ((1, "s"), (1e3, "ms"), (1e6, "µs"))


def run_round(names: list[str]) -> list[dict[str, Any]]:
    """One pytest-benchmark run: its benchmarks."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "benchmarks.json"
        command = [sys.executable, "-m", "pytest", "-q", "-c", str(HERE / "pytest.ini"), str(HERE)]
        command += ["-p", "no:cacheprovider", "--benchmark-json", str(out), "--benchmark-disable-gc"]
        if names:
            command += ["-k", " or ".join(names)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode != 0:
            sys.exit(finished.stdout[-6000:] + finished.stderr[-2000:])
        benchmarks: list[dict[str, Any]] = json.loads(out.read_text())["benchmarks"]
        return benchmarks


def collect(rounds: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Per contest: median seconds of each side over the rounds, and the ratio of each round."""
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    targets: dict[str, float] = {}
    for benchmarks in rounds:
        for one in benchmarks:
            if "side" not in one["extra_info"]:
                continue
            times[one["group"]][one["extra_info"]["side"]].append(one["stats"]["median"])
            targets[one["group"]] = one["extra_info"]["target"]
    rows = []
    for name, sides in times.items():
        ratios = [b / o for o, b in zip(sides["ours"], sides["baseline"], strict=True)]
        medians = {side: statistics.median(values) for side, values in sides.items()}
        rows.append(
            {"name": name, **medians, "ratio": statistics.median(ratios), "ratios": ratios, "target": targets[name]}
        )
    return rows


def rates(rounds: list[list[dict[str, Any]]]) -> list[str]:
    """What the hardware gave in each round: one line per bench that counts its operations."""
    lines = []
    for one in rounds[0]:
        if operations := one["extra_info"].get("operations"):
            same = [b for benchmarks in rounds for b in benchmarks if b["name"] == one["name"]]
            by_round = " ".join(f"{operations / b['stats']['median'] * 1e-9:.0f}" for b in same)
            lines.append(f"{one['name']}: {by_round} GFLOP/s, by round")
    return lines


def markdown(rows: list[dict[str, Any]], notes: list[str]) -> str:
    """The table for the docs."""
    lines = ["| op, size | ours | baseline | ratio | target | ratio of each round |", "|---|---|---|---|---|---|"]
    for row in rows:
        spread = " ".join(f"{ratio:.1f}" for ratio in row["ratios"])
        times = f"{readable(row['ours'])} | {readable(row['baseline'])}"
        lines.append(f"| {row['name']} | {times} | {row['ratio']:.1f} | {row['target']:g} | {spread} |")
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)]) + "\n"


def readable(seconds: float) -> str:
    """Three digits and a unit: 21.3 s, 5.42 ms, 38.8 µs."""
    number, unit = next((seconds * scale, unit) for scale, unit in UNITS if seconds * scale >= 0.9995 or unit == "µs")
    digits = f"{number:#.3g}".rstrip(".") if number < 999.5 else f"{number:.0f}"
    return f"{digits} {unit}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", type=Path, help="also write the table to this file")
    arguments = parser.parse_args()
    rounds = [run_round(arguments.names) for _ in range(arguments.rounds)]
    rows = collect(rounds)
    print(f"{'':44} {'ours ms':>10} {'baseline ms':>12} {'ratio':>7} {'target':>7}   ratio of each round")
    for row in rows:
        verdict = "" if row["ratio"] >= row["target"] else "  MISSED"
        spread = " ".join(f"{ratio:.2f}" for ratio in row["ratios"])
        print(
            f"{row['name']:44} {row['ours'] * 1e3:10.2f} {row['baseline'] * 1e3:12.2f} {row['ratio']:7.2f} "
            f"{row['target']:7.2f}   {spread}{verdict}"
        )
    notes = rates(rounds)
    print(*notes, sep="\n")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(rows, notes))


if __name__ == "__main__":
    main()
