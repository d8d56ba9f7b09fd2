"""The tree is what docs/dev/design.md says: ops in every layer, imports down, small files."""

import re
from pathlib import Path

import pytest

import layers
import musc2

ROOT = Path(__file__).parent.parent
NATIVE = ["csrc/include/musc2/{}.h", "csrc/cpu/{}.cpp"]
PYTHON = [
    "python/musc2/ops/{}.py",
    "tests/oracle/{}.py",
    "tests/ops/test_{}.py",
    "bench/bench_{}.py",
    "bench/baselines/{}.py",
]
EVERYWHERE = NATIVE + PYTHON

OPS = {
    "farthest_points": EVERYWHERE,
    "nearest_points": EVERYWHERE,
    "group_points": EVERYWHERE,
    "pool_grid": EVERYWHERE,
    "pool_centers": EVERYWHERE,
    "nearest_patches": EVERYWHERE,
    "lowest_mean": EVERYWHERE,
    "rank_match": EVERYWHERE,
    "link_patches": EVERYWHERE,
    "spread_points": EVERYWHERE,
    "gradient_tokens": EVERYWHERE,
    "dictionary_tokens": EVERYWHERE,
    "project_tokens": EVERYWHERE,
    "point_normals": EVERYWHERE,
    "group_histograms": EVERYWHERE,
    "cluster_grid": EVERYWHERE,
    "region_overlap": EVERYWHERE,
    "rescore": PYTHON,  # over FAISS or torch
}
# The ops with a CUDA kernel so far, from the build's own list.
CUDA_OPS = (
    re.search(r"set\(MUSC2_CUDA_OPS\n(.*?)\)", (ROOT / "CMakeLists.txt").read_text(), re.DOTALL)
    .group(1)
    .split()
)
INCLUDES = {
    "csrc/common": {"common"},
    "csrc/include": set(),
    "csrc/cpu": {"common", "musc2", "cpu"},
    "csrc/cuda": {"common", "musc2", "cuda"},
    "csrc/bind": {"common", "musc2", "cpu", "cuda", "bind"},
    "tests/emulator": {"emulator"},
}
# Where the emulator and the kernels meet: one header of the kernels includes it, and its test
# kernels use theirs.
MEETINGS = {
    "csrc/cuda/platform.h": {"emulator"},
    "tests/emulator/mbarrier.h": {"cuda"},
    "tests/emulator/bind.cpp": {"bind", "common", "cuda"},
    "tests/emulator/hopper.h": {"cuda"},
    "tests/emulator/tests/cluster_probe.cu": {"cuda"},
    "tests/emulator/tests/hopper_probe.cu": {"cuda"},
    "tests/emulator/tests/mistakes.cu": {"cuda"},
    "tests/emulator/tests/tile_probe.cu": {"cuda"},
    "tests/emulator/tile.h": {"cuda"},
}


def sources(folder, *endings):
    return sorted(path for ending in endings for path in (ROOT / folder).rglob(f"*{ending}"))


@pytest.mark.parametrize("op", OPS)
def test_an_op_has_its_file_in_every_layer(op):
    assert [place.format(op) for place in OPS[op] if not (ROOT / place.format(op)).exists()] == []
    assert op in musc2.ops.__all__
    if NATIVE[0] in OPS[op]:
        assert f'"{op}"' in (ROOT / "csrc/bind/cpu.cpp").read_text()
        assert re.search(rf"^  {op}$", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)


@pytest.mark.parametrize("op", CUDA_OPS)
def test_an_op_with_a_cuda_kernel_has_it_in_every_layer(op):
    assert (ROOT / f"csrc/cuda/{op}.cu").exists()
    assert re.search(
        rf"namespace musc2::cuda.* {op}\(",
        (ROOT / f"csrc/include/musc2/{op}.h").read_text(),
        re.DOTALL,
    )
    assert f'"{op}"' in (ROOT / "csrc/bind/cuda.cpp").read_text()
    assert f"def {op}(" in (ROOT / "python/musc2/_cuda.pyi").read_text()


def test_no_layer_has_an_op_that_the_list_does_not_know():
    assert set(musc2.ops.__all__) - set(OPS) <= {
        "Groups",
        "Links",
        "RegionHistogram",
        "ThresholdCounts",
    }
    assert {path.stem for path in sources("csrc/include/musc2", ".h")} <= set(OPS)
    assert {path.stem for path in sources("csrc/cuda", ".cu")} - {
        "devices",
        "warpgroup_search",
    } == set(CUDA_OPS)
    assert {path.stem.removeprefix("test_") for path in sources("tests/ops", ".py")} <= set(OPS)


def test_python_imports_point_down():
    assert layers.upward_imports(ROOT) == []


def test_every_module_has_a_layer():
    folder = ROOT / "python/musc2"
    modules = {path.stem for path in folder.glob("*.py")}
    modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
    assert modules - {"__init__"} == set().union(*layers.LAYERS.values())


def test_every_package_says_what_it_exports():
    packages = (ROOT / "python/musc2").rglob("__init__.py")
    assert [path.parent.name for path in packages if "__all__" not in path.read_text()] == []


ENDINGS = (".h", ".cpp", ".cu")
NATIVE_SOURCES = [*sources("csrc", *ENDINGS), *sources("tests/emulator", *ENDINGS)]


@pytest.mark.parametrize("path", NATIVE_SOURCES, ids=lambda path: path.name)
def test_native_includes_point_one_way(path):
    place = path.relative_to(ROOT).as_posix()
    allowed = next(names for folder, names in INCLUDES.items() if place.startswith(folder))
    text = path.read_text()
    own = {include.split("/")[0] for include in re.findall(r'#include "([^"]+)"', text)}
    assert own <= allowed | MEETINGS.get(place, set())
    if place.startswith("csrc/cpu/isa/") and path.stem != "active":
        system = set(re.findall(r"#include <([^>]+)>", text))
        # The linker could keep an inline function that was compiled for one instruction set.
        assert system <= {"cstddef", "cstdint", "immintrin.h", "arm_neon.h"}
        assert "std::" not in text


def test_one_file_of_csrc_knows_of_the_emulator():
    texts = {path.name: path.read_text() for path in sources("csrc", *ENDINGS)}
    known = [name for name, text in texts.items() if "MUSC2_EMULATE" in text]
    assert known == ["platform.h"]


def test_files_stay_small():
    paths = [
        *sources("python", ".py"),
        *NATIVE_SOURCES,
        *sources("tests", ".py"),
        *sources("bench", ".py"),
    ]
    assert [path.name for path in paths if len(path.read_text().splitlines()) > 400] == []
    assert len((ROOT / "CMakeLists.txt").read_text().splitlines()) < 60


def test_ci_runs_the_commands_that_the_readme_gives():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci/run").read_text()
    for command in ('pip install -c constraints.txt ".[test]" && python -m pytest', "musc2 demo"):
        assert command in readme
        assert command in ci


def test_goldens_stay_small():
    assert sum(path.stat().st_size for path in (ROOT / "tests/goldens").iterdir()) < 15e6
