"""Every reader fuzzed for a minute, guided by coverage, where atheris is installed."""

import subprocess
import sys
from pathlib import Path

import pytest
from test_readers import READERS

SCRIPT = Path(__file__).with_name("fuzz_readers.py")


@pytest.mark.long
@pytest.mark.parametrize("reader", READERS)
def test_fuzzed_files_are_read_or_refused(reader, tmp_path, record_property):
    pytest.importorskip("atheris")
    result = subprocess.run(
        [sys.executable, str(SCRIPT), reader, "--seconds", "60", "--found", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    statistics = dict(
        line.removeprefix("stat::").split(":")
        for line in result.stderr.splitlines()
        if line.startswith("stat::")
    )
    count = int(statistics["number_of_executed_units"])
    assert count > 0
    record_property("executions", count)
