"""Completion scripts offer what the parser takes."""

import shutil
import subprocess

import pytest

from musc2 import cli
from musc2.cli import completion


def completed(*words):
    """Return what bash offers after ``words``, of which the last is being typed."""
    quoted = " ".join(f"'{word}'" for word in words)
    script = f"""{completion.script("bash")}
COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _musc2; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("musc2", "sc"), ["score"]),
        (("musc2", "weights", "fe"), ["fetch"]),
        (("musc2", "score", "parts", "--fail"), ["--fail-on-suspicious"]),
        (("musc2", "score", "--format", "p"), ["parquet"]),
        (("musc2", "completion", "f"), ["fish"]),
        (("musc2", "score", "zz"), []),
        (("musc2", "score", "score", "--jso"), ["--json"]),
    ],
)
def test_bash_completes_commands_options_and_choices(words, expected):
    assert completed(*words) == expected


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_every_shell_gets_all_options(shell, capsys):
    assert cli.main(["completion", shell]) == 0
    text = capsys.readouterr().out
    for option in ("fail-on-suspicious", "encoder-2d", "recursive"):
        assert option in text
