"""Processes killed at random moments, and full disks: earlier files stay whole, runs can go on."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from musc2.report.manifest import OutputFolder

KILLS = {
    "save": """
def write(folder, version):
    made[version].save(folder)

def check(folder):
    result = musc2.Result.load(folder)
    version = int(result.names[0].partition("-")[0])
    assert torch.equal(result.scores, made[version].scores)
    assert result.names == made[version].names
""",
    "export": """
from PIL import Image
from musc2.report import export

def write(folder, version):
    export.write(made[version], folder, maps=True)

def check(folder):
    export.write(made[0], folder, maps=True)
    result = musc2.Result.load(folder)
    assert result.names == made[0].names
    pictures = sorted((folder / "pictures").glob("[0-9]*"))
    assert len(pictures) == len(result.names), pictures
    for picture in pictures:
        Image.open(picture).load()
""",
    "evaluate": """
from musc2 import datasets, evaluation

root = folder / "set"
datasets.write("mvtec_ad", root, categories=1, count=4, size=32)

def write(folder, version):
    evaluation.evaluate("mvtec_ad", root, encoder_2d="texture", out=folder)

def metrics(folder):
    results = evaluation.evaluate("mvtec_ad", root, encoder_2d="texture", out=folder)
    return [result.metrics for result in results]

whole = metrics(folder / "whole")
def check(folder):
    assert metrics(folder) == whole
""",
    "bank": """
images = torch.rand(2, 5, 32, 32, 3, generator=torch.Generator().manual_seed(0))
banks = []
for version in range(2):
    names = [f"{version}-{number}" for number in range(5)]
    banks.append(musc2.Scorer.fit(images[version], names=names, encoder_2d="texture"))

def write(folder, version):
    folder.mkdir(exist_ok=True)
    banks[version].save(folder / "line.musc2")

def check(folder):
    loaded = musc2.Scorer.load(folder / "line.musc2")
    bank = banks[int(loaded.names[0].partition("-")[0])]
    assert loaded.names == bank.names
    for image in images.flatten(0, 1):
        assert torch.equal(loaded.score(image[None]).scores, bank.score(image[None]).scores)
""",
    "prepare": """
import numpy as np
from musc2.preprocess import preprocess

sys.path.insert(0, sys.argv[5])
import scans

root = folder / "set"
scans.write_mvtec_3d(root, np.random.default_rng(0))

def write(folder, version):
    preprocess("mvtec_3d", root, folder, jobs=1)

def tree(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}

write(folder / "whole", 0)
whole = tree(folder / "whole")
def check(folder):
    preprocess("mvtec_3d", root, folder, jobs=1)
    assert tree(folder) == whole
""",
}
# How many, in CI and in the long form.
COUNTS = {
    "save": (20, 500),
    "export": (6, 100),
    "evaluate": (2, 50),
    "bank": (0, 200),
    "prepare": (0, 100),
}
LONGEST = {"save": 0.05, "export": 0.2, "evaluate": 0.5, "bank": 0.05, "prepare": 0.3}

SCRIPT = """
import os, random, select, shutil, signal, sys, warnings
from pathlib import Path
import torch
import musc2
warnings.simplefilter("ignore")
folder, kills = Path(sys.argv[1]), int(sys.argv[2])
made = []
for version in range(2):
    tokens = torch.rand(6, 1, 5, 5, 8, generator=torch.Generator().manual_seed(version))
    names = [f"{version}-{number}" for number in range(6)]
    made.append(musc2.score_tokens(tokens, image_size=(40, 40), names=names))
STEPS
out = folder / "out"
write(out, 0)
check(out)
moments = random.Random(0)
longest = float(sys.argv[3])
for number in range(kills):
    if int(sys.argv[4]):
        shutil.rmtree(out)
    ready, begun = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(begun, b".")
        version = 1
        while True:
            write(out, version)
            version = 1 - version
    os.read(ready, 1)
    select.select([], [], [], moments.random() * longest)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)
    os.close(begun)
    check(out)
print("done")
"""


def run(script, *arguments, seconds=600, preparation=None):
    """Return the output of a script in a fresh interpreter."""
    result = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env=os.environ | {"MUSC2_NUM_THREADS": "2"},
        preexec_fn=preparation,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout.strip()


def kill(kind, folder, count):
    """Kill writers at ``count`` random moments and check what they leave."""
    script = SCRIPT.replace("STEPS", KILLS[kind])
    is_anew = kind in ("evaluate", "prepare")
    helpers = Path(__file__).parents[1]
    assert run(script, folder, count, LONGEST[kind], int(is_anew), helpers) == "done"


@pytest.mark.parametrize("kind", [kind for kind in KILLS if COUNTS[kind][0]])
def test_killed_writers_leave_nothing_half(kind, tmp_path):
    kill(kind, tmp_path, COUNTS[kind][0])


@pytest.mark.long
@pytest.mark.parametrize("kind", KILLS)
def test_many_killed_writers_leave_nothing_half(kind, tmp_path):
    kill(kind, tmp_path, COUNTS[kind][1])


def test_what_a_killed_writer_left_is_removed_after_an_hour(tmp_path):
    abandoned, of_another_writer = tmp_path / f".{'0f' * 8}.part", tmp_path / f".{'f0' * 8}.part"
    of_the_user = tmp_path / ".mine.part"
    for path in (abandoned, of_another_writer, of_the_user):
        path.write_bytes(b"half")
    for path in (abandoned, of_the_user):
        os.utime(path, (0, 0))
    OutputFolder(tmp_path).begin(["a.txt"])
    assert not abandoned.exists()
    assert of_another_writer.exists()
    assert of_the_user.exists()


FULL = """
import sys
from pathlib import Path
import torch
import musc2
from musc2.report import export
folder = Path(sys.argv[1])
def result(parts, side):
    tokens = torch.rand(parts, 1, side, side, 8, generator=torch.Generator().manual_seed(0))
    return musc2.score_tokens(tokens, image_size=(8 * side, 8 * side))
small, large = result(3, 4), result(40, 28)
small.save(folder)
for write in (large.save, lambda path: export.write(large, path)):
    try:
        write(folder)
        print("written")
    except OSError:
        pass
assert musc2.Result.load(folder).names == small.names
assert sorted(path.suffix for path in folder.rglob("*.part")) == []
print("kept")
"""


def limit_files():
    """Let no file grow beyond 20 kB: a write beyond fails as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))


def test_a_failed_write_keeps_the_earlier_result(tmp_path):
    assert run(FULL, tmp_path, preparation=limit_files) == "kept"


def test_a_full_disk_keeps_the_earlier_result(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    if mount is None or subprocess.run([mount, *options], capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk is not permitted")
    try:
        assert run(FULL, disk / "out") == "kept"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


TWO = """
import sys, warnings
warnings.simplefilter("ignore")
from musc2.cli import main
root, out = sys.argv[1:]
sys.exit(main(["evaluate", "mvtec_ad", root, "--encoder-2d", "texture", "--out", out]))
"""


def test_two_evaluations_into_one_folder_both_end_well(tmp_path):
    from musc2 import datasets

    datasets.write("mvtec_ad", tmp_path / "set", categories=1, count=4, size=32)
    command = [sys.executable, "-c", TWO, str(tmp_path / "set"), str(tmp_path / "out")]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors[-2000:]
    assert not list((tmp_path / "out").rglob("*.part"))
