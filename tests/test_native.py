"""The native module: its libraries and stubs, forking, import orders, threads, instruction sets."""

import ast
import os
import re
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from musc2 import _cpu
from musc2.ops import nearest_patches

STUBS = Path(_cpu.__file__).parent


def run(script, **environment):
    """Return the output of a fresh interpreter with more environment variables."""
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | environment,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout.strip()


def needed_libraries(path):
    """Return DT_NEEDED of a 64-bit little-endian ELF file."""
    data = Path(path).read_bytes()
    sections, size, count = (
        *struct.unpack_from("<Q", data, 0x28),
        *struct.unpack_from("<HH", data, 0x3A),
    )
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, sections + size * i) for i in range(count)]
    dynamic = next(header for header in headers if header[1] == 6)
    strings = headers[dynamic[6]][4]
    entries = struct.iter_unpack("<qQ", data[dynamic[4] : dynamic[4] + dynamic[5]])
    return [
        data[strings + value : data.index(b"\0", strings + value)].decode()
        for tag, value in entries
        if tag == 1
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="reads ELF")
def test_only_system_libraries_are_needed():
    needed = needed_libraries(_cpu.__file__)
    assert "libc.so.6" in needed
    assert [
        name
        for name in needed
        if not re.match(r"(libc|libm|libpthread|libgcc_s|ld-linux.*)\.so", name)
    ] == []


def stub_signatures(path):
    """Return name -> number of parameters of the functions that a stub file declares."""
    functions = [
        node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)
    ]
    return {function.name: len(function.args.args) for function in functions}


def native_signatures(module):
    """Return name -> number of parameters of the functions of a native module."""
    functions = {name: value for name, value in vars(module).items() if callable(value)}
    # The first line of the docstring: name(arg0: type, arg1: type) -> type.
    return {
        name: value.__doc__.partition(") ->")[0].count(": ") for name, value in functions.items()
    }


def test_stubs_declare_the_functions_of_the_cpu_module_with_their_parameters():
    assert stub_signatures(STUBS / "_cpu.pyi") == native_signatures(_cpu)


def test_stubs_declare_the_functions_of_the_cuda_module_with_their_parameters():
    emulated = pytest.importorskip("musc2._cuda_emulated")
    stubs = stub_signatures(STUBS / "_cuda.pyi") | stub_signatures(STUBS / "_cuda_emulated.pyi")
    assert stubs == native_signatures(emulated)


FORK = """
import os, sys, torch
{imports}
from musc2.ops import nearest_patches, rescore
z = torch.randn(6, 40, 16, generator=torch.Generator().manual_seed(0))
before = nearest_patches(z)
scores = rescore(z[:, 0].contiguous(), z[:, 0, 0].contiguous())
for _ in range(3):
    child = os.fork()
    if child == 0:
        same = torch.equal(nearest_patches(z), before)
        same = same and torch.equal(rescore(z[:, 0].contiguous(), z[:, 0, 0].contiguous()), scores)
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert torch.equal(nearest_patches(z), before)
print("done")
"""


@pytest.mark.parametrize("imports", ["", "import faiss", "import musc2, faiss"])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forking_after_use_does_not_hang(imports):
    if "faiss" in imports:
        pytest.importorskip("faiss")
    assert (
        run("import warnings; warnings.simplefilter('ignore')\n" + FORK.format(imports=imports))
        == "done"
    )


@pytest.mark.parametrize(
    "order",
    [
        "torch, musc2",
        "musc2, torch",
        "musc2, faiss, torch",
        "torch, faiss, musc2",
        "faiss, musc2, torch",
    ],
)
def test_import_orders(order):
    if "faiss" in order:
        pytest.importorskip("faiss")
    script = (
        f"import {order}\nprint(musc2.ops.nearest_patches(torch.zeros(2, 3, 4))[0, 0].tolist())"
    )
    assert run(script) == "[inf, 0.0]"


def test_environment_variables_choose_threads_and_instruction_set():
    script = "from musc2 import _cpu; print(_cpu.num_threads(), _cpu.isa())"
    assert run(script, MUSC2_NUM_THREADS="3", MUSC2_ISA="base") == "3 base"
    assert run(script, MUSC2_NUM_THREADS="zero", MUSC2_ISA="quantum").split()[1] == _cpu.isas()[-1]


def test_python_threads_may_call_at_the_same_time():
    z = torch.randn(5, 60, 32, generator=torch.Generator().manual_seed(0))
    expected, results = nearest_patches(z), []
    threads = [
        threading.Thread(target=lambda: results.append(nearest_patches(z))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(torch.equal(result, expected) for result in results)
