"""Make the package for this machine's Python and GPU: a stage of ``first_call``.

Carried objects are linked; without them everything is compiled.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench.gpu import carry
from bench.gpu.build import add_python, build
from bench.gpu.findings import Finding, append

STAMP = "made-for.json"


def stamp() -> str:
    """Return what a finished package depends on."""
    return json.dumps([carry.digest(), sys.version])


def link(site: Path) -> None:
    """Compile both bindings and link them with the carried objects, at the same time."""
    (site / "musc2").mkdir(parents=True, exist_ok=True)
    running = [subprocess.Popen(command) for command in carry.link(site)]
    statuses = [process.wait() for process in running]
    if any(statuses):
        msg = f"the C++ compiler ended with {statuses}"
        raise RuntimeError(msg)
    add_python(carry.ROOT, site)


def compile_all(site: Path) -> None:
    """Build everything by cmake, for the GPU at hand."""
    import torch  # not before it is needed: it takes seconds

    major, minor = torch.cuda.get_device_capability()
    for command in build(carry.ROOT, site.parent, f"{major}{minor}"):
        subprocess.run(command, check=True)


def make(site: Path) -> str:
    """Make the package in ``site``, and return how."""
    if (site / STAMP).is_file() and (site / STAMP).read_text() == stamp():
        return "is there already"
    shutil.rmtree(site, ignore_errors=True)
    if reason := carry.why_not():
        print(f"everything is compiled: {reason}", flush=True)
        compile_all(site)
        how = f"compiled, because {reason}"
    else:
        link(site)
        how = "linked from carried objects"
    (site / STAMP).write_text(stamp())
    return how


def why_not(site: Path) -> str:
    """Return why the kernels in ``site`` cannot run; empty when they can."""
    code = "import musc2; print(musc2.cuda.unavailable_reason() or '')"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r}); {code}"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return finished.stdout.strip() if finished.returncode == 0 else finished.stderr[-2000:]


def main() -> None:
    """Write one finding: how the package was made, or why it cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=Path, required=True)
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--rehearse", action="store_true")
    arguments, _ = parser.parse_known_args()
    begin, how, error = time.monotonic(), "", ""
    ok: bool | None = True
    if arguments.rehearse:
        ok, error = None, "skipped: no GPU; the installed package is rehearsed"
    else:
        try:
            how = make(arguments.site)
            error = why_not(arguments.site)
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
        ok = not error
    seconds = round(time.monotonic() - begin, 3)
    figures = {"how": how}
    finding = Finding(
        stage="install", name="package", ok=ok, seconds=seconds, figures=figures, error=error
    )
    append(arguments.findings, finding)


if __name__ == "__main__":
    main()
