"""The examples run and print what they promise."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("score_tokens", "of its map\n   5  "),  # the first row, of the highest score
        ("custom_encoder", "part 5, at (4"),
    ],
)
def test_an_example_finds_its_defect(capsys, name, printed):
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    assert printed in capsys.readouterr().out


def test_a_custom_encoder_takes_fifteen_lines():
    lines = (EXAMPLES / "custom_encoder.py").read_text().splitlines()
    assert sum(bool(line) for line in lines) <= 15
