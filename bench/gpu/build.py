"""Builds the package into a folder with cmake alone: a bare machine need not have the build backend, nor pip."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path


def build(root: Path, work: Path, architecture: str) -> list[list[str]]:
    """The commands that make ``work``/site, to be put on PYTHONPATH."""
    site, tree = work / "site", work / "build"
    settings = {
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_INSTALL_PREFIX": str(site),
        "Python_EXECUTABLE": sys.executable,
        "MUSC2_CUDA": "ON",
        "MUSC2_CUDA_ARCHS": architecture,
    }
    defines = [f"-D{name}={value}" for name, value in settings.items()]
    pybind11 = f"-Dpybind11_ROOT={_pybind11()}"
    return [
        ["cmake", "-G", "Ninja", "-S", str(root), "-B", str(tree), *defines, pybind11],
        ["cmake", "--build", str(tree)],
        ["cmake", "--install", str(tree)],
        [sys.executable, "-m", "gpu.build", str(root), str(site)],
    ]


def _pybind11() -> str:
    import pybind11  # not before the check that it is there

    return pybind11.get_cmake_dir()


def add_python(root: Path, site: Path) -> None:
    """The Python files, and the metadata that say which version they are."""
    shutil.copytree(root / "python/musc2", site / "musc2", dirs_exist_ok=True)
    found = re.search(r'^version = "(.+)"$', (root / "pyproject.toml").read_text(), re.MULTILINE)
    assert found is not None
    metadata = site / f"musc2-{found[1]}.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: musc2\nVersion: {found[1]}\n")


if __name__ == "__main__":
    add_python(Path(sys.argv[1]), Path(sys.argv[2]))
