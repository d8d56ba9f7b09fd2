"""Objects that were compiled elsewhere: a GPU's machine compiles the two bindings alone and links.

``.gpu/objects/<module>`` holds what does not depend on a Python, ``.gpu/manifest.json`` a digest of
the sources. ``prepare_carry.py`` fills the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".gpu"
MODULES = ("_cpu", "_cuda")
BINDINGS = {"_cpu": ["cpu"], "_cuda": ["cuda", "no_extras"]}  # of csrc/bind
MOST_BYTES = 64 << 20
RUNTIME = "libcudart_static.a"
LINKING = ["-shared", "-s", "-static-libstdc++", "-Wl,--exclude-libs,ALL", "-Wl,--gc-sections"]


def digest(root: Path = ROOT) -> str:
    """Return a digest of everything that compiled objects depend on."""
    files = [root / "CMakeLists.txt", *(root / "cmake").rglob("*"), *(root / "csrc").rglob("*")]
    total = hashlib.sha256()
    for file in sorted(file for file in files if file.is_file() and file.suffix != ".md"):
        total.update(file.relative_to(root).as_posix().encode())
        total.update(file.read_bytes())
    return total.hexdigest()


def why_not(folder: Path = FOLDER, root: Path = ROOT) -> str:
    """Return why the objects of ``folder`` cannot be linked here; empty when they can."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return f"{folder.name} holds no objects"
    if json.loads(manifest.read_text())["digest"] != digest(root):
        return f"the objects in {folder.name} were compiled from other sources"
    if not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
        return f"no Python.h in {sysconfig.get_paths()['include']}"
    if pybind11_headers() is None:
        return "no headers of pybind11, neither its own nor those in torch"
    return "" if compiler() else "no C++ compiler: not in CXX, nor c++ or g++ on PATH"


def compiler() -> str | None:
    """Return the C++ compiler."""
    return os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")


def pybind11_headers() -> Path | None:
    """Return the folder of pybind11's headers, which torch brings along as well."""
    for package in ("pybind11", "torch"):
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            include = Path(spec.origin).parent / "include"
            if (include / "pybind11/pybind11.h").is_file():
                return include
    return None


def link(site: Path, folder: Path = FOLDER, root: Path = ROOT) -> Iterator[list[str]]:
    """Yield the command for each module in ``site``/musc2; none waits for another."""
    headers, suffix = pybind11_headers(), sysconfig.get_config_var("EXT_SUFFIX")
    includes = [root / "csrc/include", root / "csrc", headers, sysconfig.get_paths()["include"]]
    flags = ["-std=c++17", "-O1", "-fPIC", "-fvisibility=hidden", "-DMUSC2_MODULE=_cuda"]
    for module in MODULES:
        bindings = [root / f"csrc/bind/{name}.cpp" for name in BINDINGS[module]]
        objects = sorted((folder / "objects" / module).glob("*.o"))
        runtime = [folder / RUNTIME] if module == "_cuda" else []
        yield [
            str(compiler()),
            *flags,
            *(f"-I{include}" for include in includes),
            *map(str, [*bindings, *objects, *runtime]),
            *LINKING,
            *("-lpthread", "-ldl", "-lrt"),
            *("-o", str(site / "musc2" / f"{module}{suffix}")),
        ]
