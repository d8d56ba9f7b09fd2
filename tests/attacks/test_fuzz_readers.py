"""Every reader fuzzed for a minute, guided by coverage, where atheris is installed."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import weight_files
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


def test_changed_weights_have_the_checksums_of_their_parts():
    pytest.importorskip("safetensors")
    kinds = set()
    for name, data in weight_files.seeds(["a", "b"]).items():
        for seed in range(8):
            changed = weight_files.mutated(data, seed, lambda part, most: part[:-1] + b"?!")
            assert changed != data
            kinds.add(name.rpartition(".")[2])
            if name.endswith("safetensors"):
                length = int.from_bytes(changed[:8], "little")
                assert changed[6 + length : 8 + length] == b"?!"
            else:
                assert zipfile.ZipFile(io.BytesIO(changed)).testzip() is None
    assert kinds == {"pth", "npz", "safetensors"}
