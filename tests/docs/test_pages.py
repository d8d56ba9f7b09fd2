"""The Python blocks of README and docs run as written, in an empty folder; links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Run before a page's blocks: what its shell commands make.
SETUP = "from musc2.cli import main\nassert main({arguments!r}) == 0\n"


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def synth_commands(text):
    """Yield the arguments of the page's `musc2 synth` commands."""
    for block in SHELL.findall(text):
        for line in block.splitlines():
            if line.startswith("musc2 synth "):
                yield line.split("#")[0].split()[1:]


@pytest.mark.parametrize("page", [p for p in PAGES if BLOCK.search(p.read_text())], ids=name_of)
def test_python_blocks_run_in_an_empty_folder(page, tmp_path):
    text = page.read_text()
    blocks = BLOCK.findall(text)
    program = "\n".join(blocks)
    if "parts/rgb" in program and "datasets.write" not in program:
        for arguments in synth_commands(text):
            program = SETUP.format(arguments=[*arguments, "--size", "112"]) + program
    command = [sys.executable, "-W", "error", "-c", program]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_readme_passes_strict_type_checks(tmp_path):
    mypy = pytest.importorskip("mypy.api")
    (tmp_path / "readme.py").write_text("\n".join(BLOCK.findall((ROOT / "README.md").read_text())))
    arguments = ["--strict", "--ignore-missing-imports", str(tmp_path / "readme.py")]
    output, errors, status = mypy.run([*arguments, "--cache-dir", str(tmp_path / "cache")])
    assert status == 0, output + errors


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)?(?:#[\w-]+)?\)", page.read_text()):
        if target and not re.match(r"https?://|mailto:", target):
            assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"
