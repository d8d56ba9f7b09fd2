"""bench/gpu/first_call.py rehearsed without a GPU: a hang has a name, what passed is skipped."""

import json
import os
import subprocess
import sys
from pathlib import Path

import backends
import pytest

import musc2
from bench.gpu import checks, findings, measured, order

ROOT = Path(__file__).parent.parent
HANGING = "nearest_points tiny"
NO_GPU = "skipped: no GPU"

pytestmark = pytest.mark.skipif(
    not backends.IS_EMULATED,
    reason="_cuda_emulated is not built: MUSC2_EMULATED=ON",
)


def rehearse(folder, *arguments, **environment):
    command = [sys.executable, "bench/gpu/first_call.py", "--rehearse", "--out", str(folder)]
    return subprocess.run(
        [*command, "--limit", "1", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("first-call")


@pytest.fixture(scope="module")
def rehearsal(folder):
    """The findings of a rehearsal in which the GPU never answers to one check."""
    finished = rehearse(folder, **{checks.HANG: HANGING})
    assert finished.returncode == 1, finished.stdout + finished.stderr
    lines = (folder / findings.FILE).read_text().splitlines()
    return [findings.Finding(**json.loads(line)) for line in lines]


@pytest.fixture(scope="module")
def resumed(folder, rehearsal):
    """The output of another rehearsal that resumes it, and the findings that it adds."""
    finished = rehearse(folder, "--resume")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    everything = findings.read(folder / findings.FILE)
    assert everything[: len(rehearsal)] == rehearsal
    return finished.stdout, everything[len(rehearsal) :]


def about(stage, found):
    return {finding.name: finding for finding in found if finding.stage == stage}


@pytest.mark.parametrize("stage", order.STAGES, ids=lambda stage: stage.name)
def test_every_stage_is_rehearsed_or_says_that_there_is_no_gpu(rehearsal, stage):
    whole = about(stage.name, rehearsal)[stage.name]
    if stage.rehearsed is None:
        assert (whole.ok, whole.error) == (None, NO_GPU)
    else:
        assert whole.ok is (stage.name != "agreement"), whole.error


def test_a_check_that_hangs_is_named_and_the_next_ones_still_run(rehearsal):
    failed = {(finding.stage, finding.name) for finding in rehearsal if finding.ok is False}
    assert failed == {("agreement", HANGING), ("agreement", "agreement")}
    names = list(about("agreement", rehearsal))
    assert about("agreement", rehearsal)[HANGING].error.startswith("hangs")
    later = names[names.index(HANGING) :]
    assert {"group_points tiny, unique True", "nearest_patches tiny, panels"} <= set(later)


def test_the_ops_with_a_kernel_are_all_compared(rehearsal):
    compared = {name.split(" ")[0] for name in about("agreement", rehearsal)}
    assert {op for op in musc2.ops.__all__ if hasattr(backends.EMULATED, op)} <= compared


def test_the_whole_call_is_timed_by_stages(rehearsal):
    call = about("end to end", rehearsal)
    assert {"mutual", "enhance", "maps"} <= set(call["warm"].figures["stages"])
    counted = {"synchronisations", "launches", "pageable copies", "longest kernels"}
    assert counted <= set(call["profile"].figures)


def test_a_resumed_call_runs_what_did_not_pass_and_nothing_else(resumed):
    output, added = resumed
    again = {name for name, finding in about("agreement", added).items() if finding.ok}
    assert again == {HANGING, "agreement"}
    assert {finding.stage for finding in added if finding.ok} == {"facts", "install", "agreement"}
    for stage in ("timings", "hopper 2", "end to end"):
        assert f"{stage:12} passed before" in output


def test_what_docs_hold_as_measured_is_what_the_stages_find_out(rehearsal):
    sources = measured.sources((ROOT / "docs/dev/gpu.md").read_text())
    assert len(sources) > 20
    for source in sources:
        stage = "hopper 2" if source.stage.startswith("hopper") else source.stage
        assert source.figure in about(stage, rehearsal)[source.name].figures, source


def test_a_rehearsal_is_no_measurement(folder, rehearsal, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- measured: timings; copy; ms; {:.1f} -->not yet<!-- end -->")
    script, file = "bench/gpu/measured.py", folder / findings.FILE
    command = [sys.executable, script, str(file), "--page", str(page)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "not a rehearsal" in finished.stderr
    assert "not yet" in page.read_text()
