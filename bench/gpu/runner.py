"""Run stages one after the other, each in processes with a deadline, and record how they end."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from bench.gpu.compiler import tool
from bench.gpu.findings import FILE, Finding, append, passed, read
from bench.gpu.order import Stage
from bench.gpu.watched import Ending, watch

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build/gpu/site"
LOG = "first-call.log"
BEGINNING = 8.0  # seconds that a process needs before and after its work
LOST = 3  # checks.LOST, without importing torch
LEAST = 3.0  # seconds that are worth beginning a stage for
PATIENCE = 10.0  # times as long may a rehearsal take, whose times mean nothing
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MUSC2_NUM_THREADS": "1"}  # small inputs gain nothing by more
NO_GPU = "skipped: no GPU"


class Run:
    """One run of the stages: what is known so far, and how much time is left."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.out: Path = arguments.out.resolve()
        self.out.mkdir(parents=True, exist_ok=True)
        self.file, self.rehearsal = self.out / FILE, arguments.rehearse
        self.limit: float = arguments.limit
        self.patience = PATIENCE if arguments.rehearse else 1.0
        self.end = time.monotonic() + self.patience * arguments.budget
        earlier = [] if arguments.resume is None else read(arguments.resume / FILE)
        self.file.write_text("")
        for finding in earlier:
            append(self.file, finding)
        self.earlier = earlier
        self.passed = passed(earlier)
        self.shown, self.size = len(earlier), self.file.stat().st_size

    def findings(self) -> list[Finding]:
        """Return the findings of this call."""
        return read(self.file)[len(self.earlier) :]

    def record(
        self, stage: str, name: str, ok: bool | None, error: str, seconds: float = 0
    ) -> None:
        """Write a finding about a stage, or about a check that could not do so itself."""
        seconds = round(seconds, 3)
        append(self.file, Finding(stage=stage, name=name, ok=ok, error=error, seconds=seconds))
        self.show()

    def show(self) -> None:
        """Print the findings that came since the last time."""
        size = self.file.stat().st_size
        if size == self.size:
            return
        self.size, everything = size, read(self.file)
        for finding in everything[self.shown :]:
            print(finding, flush=True)
        self.shown = len(everything)

    def log(self, line: str) -> None:
        """Keep a line of a stage's output, and print the findings that came before it."""
        with (self.out / LOG).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self.show()

    def forget_another_gpu(self) -> None:
        """Run everything again where the earlier findings are about another GPU or another mode."""
        earlier, now = machine(self.earlier), machine(self.findings())
        if earlier and earlier != now:
            self.passed = {}

    def stage(self, stage: Stage) -> None:
        """Run a stage, in as many processes as it takes, and record how it ended."""
        done = self.passed.get(stage.name, set())
        if stage.name in done and not stage.always:
            print(f"{stage.name:12} passed before", flush=True)
            return
        if reason := self.obstacle(stage):
            self.record(stage.name, stage.name, None, reason)
            return
        begin = time.monotonic()
        end = min(begin + self.patience * stage.seconds, self.end)
        skip = set() if stage.whole else set(done)
        finished, error = False, ""
        while not finished and not error and (left := end - time.monotonic()) > LEAST:
            ending = watch(
                self.command(stage, skip, left),
                seconds=left,
                log=self.log,
                environment=self.environment(stage),
                folder=ROOT,
            )
            self.show()
            own = {finding.name for finding in self.findings() if finding.stage == stage.name}
            finished = ending.status == 0
            if not finished:
                error = self.judge(stage, ending, own)
            begun = own | {ending.check} - {""}
            if not finished and begun <= skip:
                error = str(ending)  # another process would do no more than this one
            skip |= begun
        own_findings = [finding for finding in self.findings() if finding.stage == stage.name]
        failed = sum(finding.ok is False for finding in own_findings)
        problem = error or (f"{failed} failed" if failed else "")
        if not finished and not problem:
            problem = "stopped when time was out"
        self.record(stage.name, stage.name, not problem, problem, time.monotonic() - begin)

    def judge(self, stage: Stage, ending: Ending, own: set[str]) -> str:
        """Return why a stage cannot go on after a process that failed; empty when it can."""
        if ending.check and ending.check not in own:
            self.record(stage.name, ending.check, False, str(ending), ending.seconds)
            return str(ending) if stage.whole else ""
        if ending.check in own and ending.status in (LOST, None) and not stage.whole:
            return ""
        return str(ending)

    def obstacle(self, stage: Stage) -> str:
        """Return why a stage cannot begin; empty when it can."""
        if self.end - time.monotonic() < LEAST:
            return "skipped: the budget is spent"
        if self.rehearsal:
            return NO_GPU if stage.rehearsed is None else ""
        if stage.needs_gpu:
            for finding in self.findings():
                if finding.stage in ("facts", "install") and finding.ok is False:
                    return f"skipped: {finding.stage} failed: {finding.error[:200]}"
        if stage.program and tool(stage.program) is None:
            return f"skipped: no {stage.program} on this machine"
        return ""

    def command(self, stage: Stage, skip: set[str], seconds: float) -> list[str]:
        """Return the command of a stage's process."""
        command = [*stage.prefix(), sys.executable, "-m", f"bench.gpu.{stage.module}"]
        command += ["--stage", stage.name, "--findings", str(self.file)]
        command += ["--skip", json.dumps(sorted(skip)), "--limit", str(stage.limit or self.limit)]
        named = {"SITE": str(SITE), "SECONDS": f"{max(1.0, seconds - BEGINNING):.0f}"}
        command += [named.get(argument, argument) for argument in stage.arguments]
        if self.rehearsal:
            command += ["--rehearse", *(stage.rehearsed or ())]
        return command

    def environment(self, stage: Stage) -> dict[str, str]:
        """Return the environment of a stage's process."""
        site = [] if self.rehearsal else [str(SITE)]
        paths = [*site, str(ROOT), os.environ.get("PYTHONPATH", "")]
        tools = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        own = {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PATH": os.pathsep.join(tools),
            "PYTHONUNBUFFERED": "1",
        }
        threads = ONE_THREAD if self.rehearsal else {}
        return {**os.environ, **threads, **own, **stage.environment}


def machine(findings: list[Finding]) -> tuple[str, bool] | None:
    """Return the GPU that findings are about, and whether they come from a rehearsal."""
    for finding in reversed(findings):
        if (finding.stage, finding.name) == ("facts", "machine"):
            return finding.figures.get("gpu", ""), finding.figures.get("rehearsal", False)
    return None
