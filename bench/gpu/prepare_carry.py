"""Compile what a GPU's machine need not compile itself, into the folder .gpu.

    python bench/gpu/prepare_carry.py

Needs nvcc, cmake, ninja and pybind11, and no GPU. The objects fit any Python on Linux of the same
processor, with a C++ library that is not older. They hold the machine code of --architectures.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.gpu.build import configure
from bench.gpu.carry import FOLDER, MODULES, MOST_BYTES, ROOT, RUNTIME, digest

ARCHITECTURES = "80-real;90-real"  # 90 brings 90a


def collect(tree: Path, folder: Path) -> None:
    """Copy the objects of both modules and CUDA's runtime; those of the bindings stay behind."""
    for module in MODULES:
        objects = folder / "objects" / module
        objects.mkdir(parents=True)
        own = "_cpu*" if module == "_cpu" else "musc2*_kernels"
        for file in sorted((tree / "CMakeFiles").glob(f"{own}.dir/**/*.o")):
            if "csrc/bind" not in file.as_posix():
                target = file.relative_to(tree / "CMakeFiles").with_suffix("").as_posix()
                name = target.replace(".dir/csrc/", "-").replace("/", "-").rpartition(".")[0]
                shutil.copyfile(file, objects / f"{name}.o")
    settings = (tree / "CMakeCache.txt").read_text()
    runtime = re.search(r"^CUDA_cudart_static_LIBRARY:FILEPATH=(.+)$", settings, re.MULTILINE)
    assert runtime is not None, "cmake has found no static CUDA runtime"
    shutil.copyfile(runtime[1], folder / RUNTIME)


def main() -> None:
    """Build, collect, and say how large the folder is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architectures", default=ARCHITECTURES, help="as CMake names them")
    parser.add_argument("--jobs", default="", help="how many compilers run at a time")
    arguments = parser.parse_args()
    begin, tree = time.monotonic(), ROOT / "build/carry"
    subprocess.run(configure(ROOT, tree, FOLDER, arguments.architectures), check=True)
    jobs = [f"-j{arguments.jobs}"] if arguments.jobs else []
    subprocess.run(["cmake", "--build", str(tree), *jobs], check=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    collect(tree, FOLDER)
    manifest = {"digest": digest(), "architectures": arguments.architectures}
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    size = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    print(f"{FOLDER.name}: {size / 2**20:.1f} MiB in {time.monotonic() - begin:.0f} s")
    if size > MOST_BYTES:
        sys.exit(f"prepare_carry: {FOLDER.name} must be at most {MOST_BYTES >> 20} MiB")


if __name__ == "__main__":
    main()
