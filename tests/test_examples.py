"""The examples run and say what they promise."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize(
    ("name", "says"), [("score_tokens", "   5  "), ("custom_encoder", "part 5, at (4")]
)
def test_an_example_finds_its_defect(capsys, name, says):
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    assert says in capsys.readouterr().out


def test_a_custom_encoder_takes_fifteen_lines():
    lines = (EXAMPLES / "custom_encoder.py").read_text().splitlines()
    assert sum(bool(line) for line in lines) <= 15
