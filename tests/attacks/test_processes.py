"""Forks, pools of processes, signals and the end of the interpreter, each in a fresh one."""

import os
import signal
import subprocess
import sys

import pytest

SECONDS = 100

LONG_KERNEL = """
import os, signal, sys, threading, time, torch
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background jobs
from musc2 import ops
z = torch.randn(40, 784, 384, generator=torch.Generator().manual_seed(0))
expected = ops.nearest_patches(z[:3])
sent = []
def interrupt():
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(0.2, interrupt).start()
try:
    for _ in range(100):
        ops.nearest_patches(z, precision="float32")
except KeyboardInterrupt:
    print(time.monotonic() - sent[0])
assert torch.equal(ops.nearest_patches(z[:3]), expected)
"""

DAEMON = """
import threading, torch
from musc2 import _cpu
z, distance = torch.randn(4, 100, 64), torch.empty(4, 100, 4)
arguments = (z.data_ptr(), 4, 100, 64, 0, 4, 100, 48 << 20, distance.data_ptr(), 0)
started = threading.Barrier(4)
def work():
    _cpu.nearest_patches(*arguments)
    started.wait()
    while True:
        _cpu.nearest_patches(*arguments)
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
started.wait()
"""

FEW_THREADS = """
import resource, torch
from musc2 import ops, set_num_threads
z = torch.randn(6, 60, 16, generator=torch.Generator().manual_seed(0))
expected = ops.nearest_patches(z)
set_num_threads(64)
used = 4096 * int(open("/proc/self/statm").read().split()[0])
_, most = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + (24 << 20), most))  # room for two stacks
result = ops.nearest_patches(z)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
print(torch.equal(result, expected))
"""

POOL = """
import multiprocessing, sys, torch, warnings
warnings.simplefilter("ignore")
import musc2
def scored(_):
    images = torch.rand(4, 32, 32, 3, generator=torch.Generator().manual_seed(0))
    return musc2.score(images, encoder_2d="texture")
if __name__ == "__main__":
    expected = scored(0)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        results = pool.map_async(scored, range(2)).get(90)
    print(all(torch.equal(result.scores, expected.scores) for result in results))
"""


def run(script, *arguments, **environment):
    """Return the standard output of a script in a fresh interpreter."""
    result = subprocess.run(
        [sys.executable, *script, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env=os.environ | environment,
    )
    assert result.returncode == 0, (result.returncode, result.stderr[-2000:])
    return result.stdout.strip()


def test_ctrl_c_ends_a_kernel_and_the_next_call_is_right():
    assert float(run(["-c", LONG_KERNEL])) < 2.0  # of minutes; 0.1 s on a quiet machine


@pytest.mark.parametrize("number", range(3))
def test_a_daemon_thread_in_a_kernel_does_not_abort_the_exit(number):
    run(["-c", DAEMON])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_threads_that_cannot_start_are_done_without():
    assert run(["-c", FEW_THREADS], MUSC2_NUM_THREADS="1", OMP_NUM_THREADS="1") == "True"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_results_leave_the_processes_of_a_pool(method, tmp_path):
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    assert run([str(script)], method) == "True"


@pytest.mark.parametrize("value", ["100000", "99999999999", "3abc", "-1", "0", " 3"])
def test_a_useless_number_of_threads_is_named_and_not_used(value):
    script = "import warnings, musc2, os\n" + (
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    from musc2.ops._support import cpu_quota, dispatch\n"
        "cores = min(len(os.sched_getaffinity(0)), cpu_quota.usable_cores() or 4096)\n"
        "print(dispatch.num_threads() == cores, caught[0].message)"
    )
    assert run(["-c", script], MUSC2_NUM_THREADS=value) == (
        "True the environment variable MUSC2_NUM_THREADS must be a whole number from 1 to 4096, "
        f"got {value!r}: it is not used"
    )


def test_an_unknown_instruction_set_is_named():
    script = "import warnings; warnings.simplefilter('error'); import musc2.ops"
    with pytest.raises(AssertionError, match=r"MUSC2_ISA must be one of base.*avx3"):
        run(["-c", script], MUSC2_ISA="avx3")


def test_a_handler_of_a_signal_runs_during_a_kernel():
    script = (
        "import signal, torch\n"
        "from musc2 import ops\n"
        "class Late(Exception): pass\n"
        "def late(*_): raise Late\n"
        "signal.signal(signal.SIGALRM, late)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.3)\n"
        "try:\n"
        "    ops.nearest_patches(torch.randn(80, 784, 384), precision='float32')\n"
        "except Late:\n"
        "    print('late')\n"
    )
    assert hasattr(signal, "setitimer")
    assert run(["-c", script]) == "late"
