"""Registers, shared memory and spills of every kernel for every architecture of a release.

bench/compile_report.sh runs it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench.gpu.build import build
from bench.gpu.compiler import nvcc
from bench.gpu.machine import output_of

ROOT = Path(__file__).parents[2]
ARCHITECTURES = "80-real;90-real;100-real;120"  # with PTX of the last, for GPUs to come
# Bytes that kernels may spill, by a part of their name; others none.
KNOWN_SPILLS = {
    "search_panel<TileSearch<": 280,  # outside of the loop over channels
    "search_panel<TileSearch<Float32": 780,  # some of it in that loop
    "search_panel<WarpgroupSearch<": 44,  # around the loop over tiles
    "tiles::pool<Float32, 2>": 168,  # sm_120, where it does not fit; 120 on sm_100
    "pool_grid: pool<": 28,  # sm_100, for windows wider than 5 x 5
}

# What multiplies, what copies, and what a warpgroup takes registers with.
SEARCH_INSTRUCTIONS = ("HMMA", "HGMMA", "IGMMA", "LDGSTS", "UBLKCP", "USETMAXREG")

COMPILED = re.compile(
    r"Compiling entry function '(?P<kernel>\w+)' for 'sm_(?P<architecture>\w+)'.*?"
    r"(?P<stack>\d+) bytes stack frame, "
    r"(?P<stored>\d+) bytes spill stores, (?P<loaded>\d+) bytes spill loads.*?"
    r"Used (?P<registers>\d+) registers(?:.*?, (?P<shared>\d+) bytes smem)?",
    re.DOTALL,
)


@dataclass(frozen=True, order=True)
class Kernel:
    """What ptxas says of a kernel for one architecture; shared memory without what launches add."""

    registers: int
    shared: int
    stack: int
    spilled: int

    def __str__(self) -> str:
        parts = [f"{self.registers}"]
        parts += [f"{self.shared} B"] * (self.shared > 0) + [f"stack {self.stack} B"] * (
            self.stack > 0
        )
        return ", ".join([*parts, *[f"**spills {self.spilled} B**"] * (self.spilled > 0)])


def parse(output: str) -> dict[str, dict[str, Kernel]]:
    """Mangled name -> architecture -> what the compiler says."""
    found: dict[str, dict[str, Kernel]] = defaultdict(dict)
    for text in output.split("ptxas info    : Compiling")[1:]:
        if (match := COMPILED.match("Compiling" + text)) is None:
            msg = f"compile_report: cannot read what ptxas says: {text[:300]}"
            raise ValueError(msg)
        spilled = max(int(match["stored"]), int(match["loaded"]))
        kernel = Kernel(
            int(match["registers"]), int(match["shared"] or 0), int(match["stack"]), spilled
        )
        found[match["kernel"]][match["architecture"]] = kernel
    return found


def readable(names: list[str]) -> dict[str, str]:
    """Return mangled name -> the kernel's own name, after its file where that alone has it."""
    if shutil.which("c++filt") is None:
        return {name: name for name in names}
    done = subprocess.run(
        ["c++filt", "-p"], input="\n".join(names), capture_output=True, text=True, check=True
    )
    plain = [
        re.sub(r"musc2::cuda::|\(anonymous namespace\)::|^void ", "", line)
        for line in done.stdout.splitlines()
    ]
    files = [re.search(r"_GLOBAL__N__[0-9a-f]+_\d+_(\w+?)_cu_", name) for name in names]
    return {
        name: f"{file[1]}: {own}" if file else own
        for name, own, file in zip(names, plain, files, strict=True)
    }


def cuobjdump() -> str:
    """The tool, from PATH or its PyPI package."""
    places = [
        str(tool.parent)
        for entry in sys.path
        for tool in Path(entry).glob("nvidia/*/bin/cuobjdump")
    ]
    found = shutil.which("cuobjdump", path=os.pathsep.join([os.environ["PATH"], *places]))
    if found is None:
        sys.exit("compile_report: no cuobjdump: pip install nvidia-cuda-cuobjdump")
    return found


def wanted_architectures() -> list[str]:
    """Those that there should be machine code for."""
    return [
        *(part.split("-")[0] for part in ARCHITECTURES.split(";")),
        "90a",
    ]  # the last only for Hopper's kernels


def absent(tool: str, module: Path) -> list[str]:
    """The architectures that should be in the module and are not."""
    code, portable = (
        subprocess.run(
            [tool, option, str(module)], capture_output=True, text=True, check=True
        ).stdout
        for option in ("--list-elf", "--list-ptx")
    )
    lacking = [f"sm_{name}" for name in wanted_architectures() if f".sm_{name}.cubin" not in code]
    newest = ARCHITECTURES.split(";")[-1]
    return lacking + [f"PTX of {newest}"] * (f".sm_{newest}.ptx" not in portable)


def search_instructions(tool: str, module: Path) -> dict[tuple[str, str], dict[str, int]]:
    """Return (kernel, architecture) -> how often its code has each of SEARCH_INSTRUCTIONS."""
    code = subprocess.run(
        [tool, "--dump-sass", str(module)], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for cubin in code.split("\tcode for sm_")[1:]:
        architecture, *functions = cubin.split("Function : ")
        for name, body in (function.split("\n", 1) for function in functions):
            if "search_panel" in name:
                counts = {
                    word: len(re.findall(rf"\b{word}\b", body)) for word in SEARCH_INSTRUCTIONS
                }
                found[name, architecture.split()[0]] = counts
    return found


def compile_all(work: Path) -> str:
    """What the compiler says while the module is built into ``work``/site."""
    configure, *others = build(ROOT, work, ARCHITECTURES)
    output = ""
    for command in ([*configure, "-DCMAKE_CUDA_FLAGS=-Xptxas=-v"], *others):
        done = subprocess.run(
            command,
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output += done.stdout
        if done.returncode != 0:
            sys.exit(f"compile_report: {command[:2]} failed\n{done.stdout[-6000:]}")
    return output


def instruction_table(found: dict[tuple[str, str], dict[str, int]], names: dict[str, str]) -> str:
    """The report of machine code."""
    head = ["search kernel", "machine code", *SEARCH_INSTRUCTIONS]
    rows = [
        [f"`{names[kernel]}`", f"sm_{name}", *(str(count or "") for count in counts.values())]
        for (kernel, name), counts in found.items()
    ]
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *sorted(rows)]]
    intro = (
        "\n## What the machine code of the searches holds\n\n"
        "Instructions as they stand there; loops repeat them.\n\n"
    )
    return intro + "\n".join(lines) + "\n"


def table(kernels: dict[str, dict[str, Kernel]], names: dict[str, str], compiler: str) -> str:
    """The report."""
    architectures = sorted(
        {name for each in kernels.values() for name in each}, key=lambda name: (len(name), name)
    )
    rows = [
        [f"`{names[kernel]}`", *(str(each.get(name, "")) for name in architectures)]
        for kernel, each in kernels.items()
    ]
    head = ["kernel", *(f"sm_{name}" for name in architectures)]
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *sorted(rows)]]
    intro = (
        "# What the compiler says of the kernels\n\n"
        f"{compiler}.\n"
        "Registers of a thread, static shared memory of a block (launches add dynamic), "
        "stack frame and spilled bytes\n"
        "of a thread where there are any. `bash bench/compile_report.sh` makes this file.\n\n"
    )
    return intro + "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="compile_report.sh", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results/compile-report.md")
    out, tool = parser.parse_args().out.resolve(), cuobjdump()
    with tempfile.TemporaryDirectory() as folder:
        kernels = parse(compile_all(Path(folder)))
        module = next(Path(folder, "site/musc2").glob("_cuda.*.so"))
        lacking = absent(tool, module)
        searches = search_instructions(tool, module)
    names = readable(list(kernels))
    report = table(kernels, names, output_of(nvcc(), "--version").splitlines()[-2])
    out.write_text(report + instruction_table(searches, names))
    problems = [f"_cuda lacks {name}" for name in lacking]
    for (kernel, name), counts in searches.items():
        in_int8 = "WarpgroupSearch<Int8" in names[kernel]
        wanted = "HMMA" if name != "90a" else "IGMMA" if in_int8 else "HGMMA"
        problems += [f"{names[kernel]} has no {wanted} on sm_{name}"] * (counts[wanted] == 0)
    problems += ["no search kernel in the machine code"] * (not searches)
    for kernel, each in kernels.items():
        known = max(
            (size for part, size in KNOWN_SPILLS.items() if part in names[kernel]), default=0
        )
        problems += [
            f"{names[kernel]} spills {found.spilled} bytes on sm_{name}, known are {known}"
            for name, found in each.items()
            if found.spilled > known
        ]
    print(*problems, f"{len(kernels)} kernels: {out}", sep="\n")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
