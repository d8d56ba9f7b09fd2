"""Run the benchmarks and print candidate, baseline and ratio.

    python -m bench.compare [NAME ...] [--rounds 3] [--markdown FILE]

The machine may be noisy, so the whole run is repeated and the median over rounds is printed, with
the ratio of each round. A NAME selects benchmarks by part of their name.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
UNITS = ((1, "s"), (1e3, "ms"), (1e6, "µs"))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A benchmark: median seconds of both sides over the rounds, and the ratio of each round."""

    name: str
    candidate: float
    baseline: float
    target: float
    ratios: list[float]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)


def run_round(names: Sequence[str]) -> list[dict[str, Any]]:
    """Run pytest-benchmark once and return its benchmarks."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "benchmarks.json"
        command = [sys.executable, "-m", "pytest", "-q", str(FOLDER), "-p", "no:cacheprovider"]
        command += ["-c", str(FOLDER / "pytest.ini")]
        command += ["--benchmark-json", str(out), "--benchmark-disable-gc"]
        if names:
            command += ["-k", " or ".join(names)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode != 0:
            output = finished.stdout[-6000:] + finished.stderr[-2000:]
            sys.exit(f"{output}\ncompare: pytest ended with status {finished.returncode}")
        benchmarks: list[dict[str, Any]] = json.loads(out.read_text())["benchmarks"]
        return benchmarks


def collect(rounds: Sequence[Sequence[dict[str, Any]]]) -> list[Row]:
    """Return a row for each benchmark with two sides."""
    seconds: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    targets: dict[str, float] = {}
    for benchmarks in rounds:
        for entry in benchmarks:
            info = entry["extra_info"]
            if "side" in info:
                seconds[entry["group"]][info["side"]].append(entry["stats"]["median"])
                targets[entry["group"]] = info["target"]
    rows = []
    for name, sides in seconds.items():
        candidate, baseline = sides["candidate"], sides["baseline"]
        ratios = [slow / fast for fast, slow in zip(candidate, baseline, strict=True)]
        rows.append(
            Row(
                name=name,
                candidate=statistics.median(candidate),
                baseline=statistics.median(baseline),
                target=targets[name],
                ratios=ratios,
            )
        )
    return rows


def hardware_rates(rounds: Sequence[Sequence[dict[str, Any]]]) -> list[str]:
    """Return a line for each benchmark that counts its operations: their rate in each round."""
    rates: dict[str, list[str]] = defaultdict(list)
    for benchmarks in rounds:
        for entry in benchmarks:
            if operations := entry["extra_info"].get("operations"):
                rate = operations / entry["stats"]["median"] * 1e-9
                rates[entry["name"]].append(f"{rate:.0f}")
    return [f"{name}: {' '.join(values)} GFLOP/s, by round" for name, values in rates.items()]


def markdown(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """Return the table for the docs."""
    lines = [
        "| op, size | musc2 | baseline | ratio | target | ratio of each round |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratios = " ".join(f"{ratio:.1f}" for ratio in row.ratios)
        times = f"{readable(row.candidate)} | {readable(row.baseline)}"
        lines.append(f"| {row.name} | {times} | {row.ratio:.1f} | {row.target:g} | {ratios} |")
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)]) + "\n"


def readable(seconds: float) -> str:
    """Return three digits and a unit: 21.3 s, 5.42 ms, 38.8 µs."""
    number, unit = seconds * UNITS[-1][0], UNITS[-1][1]
    for scale, name in UNITS[:-1]:
        if seconds * scale >= 0.9995:
            number, unit = seconds * scale, name
            break
    digits = f"{number:#.3g}".rstrip(".") if number < 999.5 else f"{number:.0f}"
    return f"{digits} {unit}"


def print_rows(rows: Sequence[Row]) -> None:
    print(
        f"{'':44} {'musc2 ms':>10} {'baseline ms':>12} {'ratio':>7} {'target':>7}"
        "   ratio of each round"
    )
    for row in rows:
        verdict = "" if row.ratio >= row.target else "  MISSED"
        ratios = " ".join(f"{ratio:.2f}" for ratio in row.ratios)
        print(
            f"{row.name:44} {row.candidate * 1e3:10.2f} {row.baseline * 1e3:12.2f} "
            f"{row.ratio:7.2f} {row.target:7.2f}   {ratios}{verdict}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", type=Path, help="also write the table to this file")
    arguments = parser.parse_args()
    rounds = [run_round(arguments.names) for _ in range(arguments.rounds)]
    rows, notes = collect(rounds), hardware_rates(rounds)
    print_rows(rows)
    print(*notes, sep="\n")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(rows, notes))


if __name__ == "__main__":
    main()
