"""Findings about a GPU: JSON lines, one for each finding, written as soon as it is known."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE = "first-call.jsonl"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a stage found out about ``name``; ``ok`` is None where it was skipped."""

    stage: str
    name: str
    ok: bool | None
    seconds: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    def __str__(self) -> str:
        verdict = "skipped" if self.ok is None else "ok" if self.ok else "FAILED"
        end = self.error.strip().partition("\n")[0] if self.error else brief(self.figures)
        return f"{self.stage:12} {verdict:8} {self.seconds:6.1f} s  {self.name}  {end}".rstrip()


def brief(figures: dict[str, Any], most: int = 6) -> str:
    """Return the plain numbers and words among the figures, in one line."""
    parts = []
    for name, value in figures.items():
        if isinstance(value, float):
            parts.append(f"{name} {value:.4g}")
        elif isinstance(value, int | str):
            parts.append(f"{name} {value}")
    return ", ".join(parts[:most])


def append(path: Path, finding: Finding) -> None:
    """Add a line to the file, which is closed after it: nothing is lost when the process ends."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(finding)) + "\n")


def read(path: Path) -> list[Finding]:
    """Return the findings of a file; a line that a killed process left unfinished is none."""
    findings = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            findings.append(Finding(**json.loads(line)))
        except json.JSONDecodeError:
            continue
    return findings


def passed(findings: Iterable[Finding]) -> dict[str, set[str]]:
    """Return the names that passed, by stage: what came last about a name counts."""
    last = {(finding.stage, finding.name): finding.ok for finding in findings}
    names: dict[str, set[str]] = {}
    for (stage, name), ok in last.items():
        if ok:
            names.setdefault(stage, set()).add(name)
    return names
