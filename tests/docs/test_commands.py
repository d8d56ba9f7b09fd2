"""Every `musc2` command on the pages is one that the parser takes."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from musc2.cli.parser import build_parser

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(text):
    """Return the commands of the blocks of sh, without comments."""
    lines = "".join(SHELL.findall(text)).replace("\\\n", " ").splitlines()
    return [line for line in lines if re.match(r"\s*musc2 ", line)]


def complaint(command):
    """Return what the parser has against a command; empty if nothing."""
    words = shlex.split(command, comments=True)[1:]
    cut = next((index for index, word in enumerate(words) if word in ("|", "&&", ">", ";")), None)
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.suppress(SystemExit):
        build_parser().parse_args(words[:cut])
    return errors.getvalue()


def cases():
    for page in PAGES:
        for command in commands(page.read_text()):
            yield pytest.param(command, id=f"{page.stem}: {command}")


@pytest.mark.parametrize("command", list(cases()))
def test_the_parser_takes_the_command(command):
    assert complaint(command) == ""


def test_the_quickstart_has_the_commands_of_a_first_walk():
    quickstart = (ROOT / "docs/guide/quickstart.md").read_text()
    names = [command.split()[1] for command in commands(quickstart)]
    assert names == ["synth", "check", "score"]


def test_commands_that_do_not_exist_are_seen():
    assert "--reprot" in complaint("musc2 score parts/rgb --reprot")
    assert "invalid choice" in complaint("musc2 scores parts/rgb")
