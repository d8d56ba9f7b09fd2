"""Build the package into a folder: from carried objects in seconds, else by cmake alone.

A bare machine need not have the build backend, nor pip.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path


def configure(root: Path, tree: Path, site: Path, architecture: str) -> list[str]:
    """Return the command that prepares ``tree`` for a build to be installed in ``site``."""
    import pybind11  # not before it is needed: objects link against torch's copy as well

    settings = {
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_INSTALL_PREFIX": str(site),
        "Python_EXECUTABLE": sys.executable,
        "MUSC2_CUDA": "ON",
        "MUSC2_CUDA_ARCHS": architecture,
        "pybind11_ROOT": pybind11.get_cmake_dir(),
    }
    defines = [f"-D{name}={value}" for name, value in settings.items()]
    return ["cmake", "-G", "Ninja", "-S", str(root), "-B", str(tree), *defines]


def build(root: Path, work: Path, architecture: str) -> list[list[str]]:
    """Return the commands that make ``work``/site, to be put on PYTHONPATH."""
    site, tree = work / "site", work / "build"
    return [
        configure(root, tree, site, architecture),
        ["cmake", "--build", str(tree)],
        ["cmake", "--install", str(tree)],
        [sys.executable, "-m", "bench.gpu.build", str(root), str(site)],
    ]


def add_python(root: Path, site: Path) -> None:
    """Copy the Python files, and write the metadata that say which version they are."""
    modules = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(root / "python/musc2", site / "musc2", dirs_exist_ok=True, ignore=modules)
    project = (root / "pyproject.toml").read_text()
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert version is not None
    metadata = site / f"musc2-{version[1]}.dist-info"
    metadata.mkdir(exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: musc2\nVersion: {version[1]}\n"
    (metadata / "METADATA").write_text(text)


if __name__ == "__main__":
    add_python(Path(sys.argv[1]), Path(sys.argv[2]))
