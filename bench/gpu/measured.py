"""Fill the measured values of docs/dev/gpu.md from the findings of ``first_call``.

    python bench/gpu/measured.py DIR/first-call.jsonl [--page docs/dev/gpu.md]

A value stands between two comments, of which the first says where it comes from:

    <!-- measured: STAGE; NAME; FIGURE; FORMAT -->not yet<!-- end -->

All values of a page come from one file; what that has not measured is "not yet".
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.gpu.findings import Finding, read

ROOT = Path(__file__).resolve().parents[2]
NOT_YET = "not yet"
PLACE = re.compile(r"<!-- measured: (?P<source>[^>]+) -->(?P<value>.*?)<!-- end -->")


class Source(NamedTuple):
    """Where a value comes from, and how it is written."""

    stage: str
    name: str
    figure: str
    form: str

    @classmethod
    def parse(cls, text: str) -> Source:
        """Return the source that a comment names."""
        parts = [part.strip() for part in text.split(";")]
        if len(parts) != 4:
            msg = f"measured: a source must be STAGE; NAME; FIGURE; FORMAT, got {text!r}"
            raise ValueError(msg)
        return cls(*parts)

    def value(self, figures: dict[tuple[str, str], dict[str, Any]]) -> str:
        """Return the value as the page should have it."""
        value = figures.get((self.stage, self.name), {}).get(self.figure)
        return NOT_YET if value is None else self.form.format(value)


def filled(page: str, findings: Iterable[Finding]) -> str:
    """Return the page with the values of the findings that passed."""
    figures = {}
    for finding in findings:
        if finding.ok:
            figures[finding.stage, finding.name] = finding.figures

    def written(place: re.Match[str]) -> str:
        value = Source.parse(place["source"]).value(figures)
        return f"<!-- measured: {place['source']} -->{value}<!-- end -->"

    return PLACE.sub(written, page)


def sources(page: str) -> list[Source]:
    """Return the sources of all values of a page."""
    return [Source.parse(place["source"]) for place in PLACE.finditer(page)]


def main() -> None:
    """Fill the page, unless the findings come from a rehearsal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("findings", type=Path)
    parser.add_argument("--page", type=Path, default=ROOT / "docs/dev/gpu.md")
    arguments = parser.parse_args()
    findings = read(arguments.findings)
    machines = [finding.figures for finding in findings if finding.name == "machine"]
    if not machines or any(machine.get("rehearsal") for machine in machines):
        sys.exit(f"measured: {arguments.findings} must hold findings about a GPU, not a rehearsal")
    if len({machine.get("gpu") for machine in machines}) > 1:
        sys.exit(f"measured: {arguments.findings} must be about one GPU")
    before = arguments.page.read_text(encoding="utf-8")
    after = filled(before, findings)
    arguments.page.write_text(after, encoding="utf-8")
    missing = sum(place["value"] == NOT_YET for place in PLACE.finditer(after))
    print(f"{arguments.page}: {len(sources(after)) - missing} values, {missing} {NOT_YET}")


if __name__ == "__main__":
    main()
