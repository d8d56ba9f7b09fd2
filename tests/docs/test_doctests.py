"""Every example in a docstring runs and shows what it says."""

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

import musc2

PACKAGE = Path(musc2.__file__).parent
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        if ">>> " in path.read_text():
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__")


@pytest.mark.parametrize("name", list(modules()))
def test_examples_of_docstrings_run(name):
    module = importlib.import_module(name)
    names = {**vars(module), "torch": torch, "np": np, "musc2": musc2}
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=FLAGS)
    tests = [test for test in finder.find(module, name, globs=names) if test.examples]
    for test in tests:
        runner.run(test)
    assert tests
    assert runner.summarize(verbose=False).failed == 0


def test_examples_are_found():
    assert len(list(modules())) > 20
