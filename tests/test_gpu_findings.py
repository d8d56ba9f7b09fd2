"""What surrounds a first call on a GPU: deadlines, findings, comparisons, others' output."""

import argparse
import json
import os
import select
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from bench.gpu import (
    carry,
    comparisons,
    counters,
    findings,
    measured,
    order,
    profiled,
    runner,
    suite,
    watched,
)

ROOT = Path(__file__).parent.parent
NEVER = "import time; time.sleep(600)"
FOUND = findings.Finding(stage="timings", name="copy", ok=True, figures={"ms": 1.25, "tb": 3})
PAGE = """a copy | <!-- measured: timings; copy; ms; {:.1f} ms -->not yet<!-- end --> |
a hop | <!-- measured: hopper 2; search, alone; tflops; {:.0f} -->7<!-- end --> | text"""


def watch(code, seconds=60.0, log=lambda line: None):
    command = [sys.executable, "-u", "-c", code]
    return watched.watch(command, seconds=seconds, log=log, environment=os.environ, folder=ROOT)


def test_a_process_is_killed_at_the_deadline_of_its_check():
    lines = []
    ending = watch(f"print('one'); print('{watched.BEGIN}0.2 a b'); {NEVER}", log=lines.append)
    assert (ending.status, ending.check, lines) == (None, "a b", ["one"])
    assert str(ending).startswith("killed after")


def test_a_process_is_killed_at_its_own_deadline_with_its_children(tmp_path):
    file = str(tmp_path / "pid")
    child = f"import os; open({file!r}, 'w').write(str(os.getpid())); {NEVER}"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-u', '-c', {child!r}])"
    ending = watch(f"print('{watched.BEGIN}0.5 child'); {parent}", seconds=30)
    assert ending.status is None
    if (tmp_path / "pid").exists():
        assert has_ended(int((tmp_path / "pid").read_text()))


def has_ended(pid):
    """Wait until a process has ended; a killed one may still run for a moment."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 20)[0])
    finally:
        os.close(process)


def test_a_process_that_fails_shows_its_last_lines():
    ending = watch("print('what went wrong'); raise SystemExit(7)")
    assert str(ending) == "exit status 7: what went wrong"


def arguments(folder, resume=None):
    return argparse.Namespace(out=folder, resume=resume, rehearse=False, limit=1.0, budget=60.0)


class Scripted(runner.Run):
    """A run whose stages are a script; it gets the names to skip as its argument."""

    script = ""

    def command(self, stage, skip, seconds):
        return [sys.executable, "-u", "-c", self.script, json.dumps(sorted(skip)), str(self.file)]


def scripted(folder, script, seconds=30.0, **options):
    run = Scripted(arguments(folder))
    run.script = f"import json, os, sys, time\nskip = json.loads(sys.argv[1])\n{script}"
    stage = order.Stage(name="stage", module="", seconds=seconds, needs_gpu=False, **options)
    run.stage(stage)
    return {finding.name: finding for finding in run.findings()}


def test_a_check_that_never_returns_is_killed_and_the_next_one_runs(tmp_path):
    script = f"""
for name in "stuck", "next":
    if name not in skip:
        print(f"{watched.BEGIN}0.3 {{name}}", flush=True)
        if name == "stuck":
            time.sleep(600)
        finding = {{"stage": "stage", "name": name, "ok": True}}
        open(sys.argv[2], "a").write(json.dumps(finding) + chr(10))
"""
    found = scripted(tmp_path, script)
    assert found["stuck"].ok is False
    assert found["stuck"].error.startswith("killed after")
    assert found["next"].ok is True
    assert (found["stage"].ok, found["stage"].error) == (False, "1 failed")


def test_a_process_that_cannot_end_after_a_hang_is_killed_and_the_next_check_runs(tmp_path):
    script = f"""
for name in "hanging", "next":
    if name not in skip:
        print(f"{watched.BEGIN}9 {{name}}", flush=True)
        finding = {{"stage": "stage", "name": name, "ok": name == "next"}}
        open(sys.argv[2], "a").write(json.dumps(finding) + chr(10))
        if name == "hanging":
            print(f"{watched.BEGIN}0.3 {{name}}", flush=True)
            time.sleep(600)
"""
    found = scripted(tmp_path, script)
    assert (found["hanging"].ok, found["next"].ok) == (False, True)
    assert found["stage"].error == "1 failed"


def test_a_check_that_dies_is_named_with_its_last_lines(tmp_path):
    script = f"""
if "dying" not in skip:
    print("{watched.BEGIN}9 dying", flush=True)
    print("last words", flush=True)
    os.abort()
"""
    found = scripted(tmp_path, script)
    assert found["dying"].error == "exit status -6: last words"


def test_a_stage_that_fails_without_a_check_says_so_and_ends(tmp_path):
    found = scripted(tmp_path, "print('no module'); sys.exit(5)")
    assert found["stage"].error == "exit status 5: no module"


def test_a_process_that_does_nothing_is_not_followed_by_another(tmp_path):
    found = scripted(tmp_path, "print('again'); sys.exit(3)")  # asks for another process
    assert found["stage"].error == "exit status 3: again"


def test_a_stage_that_does_not_end_in_time_has_not_passed(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "LEAST", 0.1)
    found = scripted(tmp_path, "time.sleep(600)", seconds=0.8)
    assert (found["stage"].ok, found["stage"].error) == (False, "killed after 1 s")


def test_a_stage_whose_program_is_not_installed_is_skipped(tmp_path):
    found = scripted(tmp_path, "", program="no-such-program")
    assert found["stage"].ok is None
    assert found["stage"].error == "skipped: no no-such-program on this machine"


def test_what_passed_on_another_gpu_counts_for_nothing(tmp_path):
    file = tmp_path / findings.FILE
    about = {"gpu": "another", "rehearsal": False}
    findings.append(file, findings.Finding(stage="facts", name="machine", ok=True, figures=about))
    findings.append(file, FOUND)
    run = runner.Run(arguments(tmp_path, resume=tmp_path))
    assert run.passed["timings"] == {"copy"}
    for gpu, passed in (("another", {"timings", "facts"}), ("this", set())):
        about = {"gpu": gpu, "rehearsal": False}
        machine = findings.Finding(stage="facts", name="machine", ok=True, figures=about)
        findings.append(file, machine)
        run.forget_another_gpu()
        assert set(run.passed) == passed


def test_the_last_finding_about_a_name_counts_and_half_a_line_is_none(tmp_path):
    file = tmp_path / findings.FILE
    for ok in (True, False):
        findings.append(file, findings.Finding(stage="a", name="x", ok=ok))
        findings.append(file, findings.Finding(stage="a", name="y", ok=not ok))
    with file.open("a") as opened:
        opened.write('{"stage": "a", "na')
    assert len(findings.read(file)) == 4
    assert findings.passed(findings.read(file)) == {"a": {"y"}}


def test_measured_values_are_filled_and_filled_again_the_same():
    once = measured.filled(PAGE, [FOUND])
    assert "-->1.2 ms<!-- end -->" in once
    assert "-->not yet<!-- end -->" in once, "a value of another run stays"
    assert measured.filled(once, [FOUND]) == once
    failed = findings.Finding(**{**asdict(FOUND), "ok": False})
    assert measured.filled(once, [failed]).count("not yet") == 2


def test_measured_values_are_written_into_the_page(tmp_path, monkeypatch, capsys):
    file, page = tmp_path / "made-up.jsonl", tmp_path / "page.md"
    page.write_text(PAGE)
    about = {"gpu": "made up", "rehearsal": False}
    for finding in (findings.Finding(stage="facts", name="machine", ok=True, figures=about), FOUND):
        findings.append(file, finding)
    monkeypatch.setattr(sys, "argv", ["measured", str(file), "--page", str(page)])
    measured.main()
    assert page.read_text() == measured.filled(PAGE, [FOUND])
    assert "1 values, 1 not yet" in capsys.readouterr().out
    with pytest.raises(ValueError, match="must be STAGE; NAME; FIGURE; FORMAT"):
        measured.sources("<!-- measured: copy; ms -->1<!-- end -->")


def test_results_that_differ_do_not_agree():
    ours = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    theirs = ours.clone()
    theirs[1, 0] = torch.nextafter(theirs[1, 0], torch.tensor(9.0))
    assert comparisons.equal((), (ours, ours[:1]), (ours[:1], ours[:1])) == {"differing": 0}
    with pytest.raises(AssertionError, match=r"first at \(1, 0\)"):
        comparisons.equal((), (ours,), (theirs,))
    comparisons.close(1e-6, 0.0)((), (ours,), (theirs,))
    with pytest.raises(AssertionError):
        comparisons.close(0.0, 0.0)((), (ours,), (theirs,))
    with pytest.raises(AssertionError):
        comparisons.close(1e-6, 0.0)((), (torch.full_like(ours, float("nan")),), (theirs,))


def test_a_search_may_err_by_what_its_format_allows_and_no_more():
    d, index = torch.tensor([[[0.5], [0.25]]]), torch.tensor([[[1], [0]]])
    other = torch.tensor([[[0.501], [0.25]]]), torch.tensor([[[0], [0]]])
    assert comparisons.match((d, index), other, 0.002)["same patch"] == 0.5
    with pytest.raises(AssertionError, match="farther than the nearest"):
        comparisons.match((d, index), other, 0.0005)
    with pytest.raises(AssertionError):
        comparisons.match((d + 0.001, index), (d, index), 0.002)  # the same patch elsewhere
    with pytest.raises(AssertionError, match="does not exist"):
        comparisons.match((d, index + 2), (d, index), 0.002)


def test_a_trace_is_counted():
    events = [
        {"cat": "cuda_runtime", "name": "cudaLaunchKernel"},
        {"cat": "cuda_runtime", "name": "cudaLaunchKernelExC"},
        {"cat": "cuda_runtime", "name": "cudaStreamSynchronize"},
        {"cat": "kernel", "name": "slow", "dur": 3000},
        {"cat": "kernel", "name": "fast", "dur": 500},
        {"cat": "kernel", "name": "fast", "dur": 700},
        {"cat": "gpu_memcpy", "name": "Memcpy HtoD (Pageable -> Device)", "args": {"bytes": 8}},
        {"cat": "gpu_memcpy", "name": "Memcpy HtoD (Pinned -> Device)", "args": {"bytes": 4}},
        {"name": "of no category"},
    ]
    counted = profiled.figures({"traceEvents": events})
    assert (counted["launches"], counted["synchronisations"], counted["kernels"]) == (2, 1, 3)
    assert (counted["copies"], counted["pageable copies"], counted["bytes copied"]) == (2, 1, 12)
    assert [kernel["name"] for kernel in counted["longest kernels"]] == ["slow", "fast"]
    assert counted["longest kernels"][1] == {"name": "fast", "ms": 1.2, "count": 2}


def test_hardware_counters_are_read():
    output = """==PROF== Connected
"ID","Kernel Name","Section Name","Metric Name","Metric Unit","Metric Value","Rule Name"
"0","sample","Speed","Duration","us","1,234.5",""
"0","sample","Launch","Function Cache","","none",""
"0","sample","Speed","","","","SOLBottleneck"
"""
    assert counters.read(output) == {"Duration [us]": 1234.5, "Function Cache": "none"}
    with pytest.raises(ValueError, match="no table"):
        counters.read("==ERROR== no permission")


def test_verdicts_of_pytest_are_read_once():
    lines = [
        "tests/test_a.py::test_x[cuda] PASSED                   [ 50%]",
        "[gw3] [ 12%] FAILED tests/test_a.py::test_y[cuda-a b] ",
        "FAILED tests/test_a.py::test_y[cuda-a b] - AssertionError",
        "SKIPPED [2] tests/test_a.py:3: no GPU",
        "tests/test_a.py::test_x[cuda] ",
    ]
    verdicts = [suite.verdict(line) for line in lines]
    assert verdicts == [
        ("PASSED", "tests/test_a.py::test_x[cuda]"),
        ("FAILED", "tests/test_a.py::test_y[cuda-a b]"),
        None,
        None,
        None,
    ]


def test_objects_of_other_sources_are_not_linked(tmp_path):
    assert carry.why_not(tmp_path) == f"{tmp_path.name} holds no objects"
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"digest": "of other sources"}))
    assert "were compiled from other sources" in carry.why_not(tmp_path)
    manifest.write_text(json.dumps({"digest": carry.digest()}))
    assert "other sources" not in carry.why_not(tmp_path)
    changed = tmp_path / "csrc/cuda"
    changed.mkdir(parents=True)
    (tmp_path / "CMakeLists.txt").write_text("")
    before = carry.digest(tmp_path)
    (changed / "new.cu").write_text("")
    assert carry.digest(tmp_path) != before
