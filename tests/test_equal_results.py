"""Instruction sets and the emulated GPU: equal bits, or near ones; docs/dev/reliability.md.

That page has a table of what is promised, whose tests exist.
"""

import re
from pathlib import Path

import parts
import pytest
import torch
from backends import IS_EMULATED

import musc2
from musc2 import _cpu
from musc2.ops._support import dispatch
from test_determinism import OPS, tensors

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/dev/reliability.md").read_text()
# Matrix products and weighted means of these are fused, on some instruction sets.
NEAR = (
    "dictionary_tokens", "gradient_tokens", "nearest_patches", "pool_centers", "pool_grid",
    "project_tokens",
)  # fmt: skip
SHARE = 1e-5  # of the largest value; measured: 1e-6
WITH_RANDOM_VALUES = {
    "nearest_patches": lambda: musc2.ops.nearest_patches(
        torch.rand(4, 30, 24, generator=torch.Generator().manual_seed(1)),
        precision="float32",
    )
}


def on_each_backend(run):
    """Return the results of ``run`` with every instruction set and, where it is built, emulated."""
    results = []
    try:
        for isa in _cpu.isas():
            assert _cpu.set_isa(isa)
            results.append(run())
    finally:
        _cpu.set_isa("")
    if IS_EMULATED:
        with dispatch.emulated():
            results.append(run())
    return results


@pytest.mark.parametrize("name", [name for name in OPS if name not in NEAR])
def test_backends_give_equal_bits(name):
    first, *others = [tensors(result) for result in on_each_backend(OPS[name])]
    for other in others:
        assert all(map(torch.equal, first, other))


@pytest.mark.parametrize("name", NEAR)
def test_backends_give_near_values(name):
    first, *others = on_each_backend(WITH_RANDOM_VALUES.get(name, OPS[name]))
    finite = first.isfinite()
    bound = SHARE * float(first[finite].abs().max())
    for other in others:
        assert torch.equal(finite, other.isfinite())
        assert float((first - other)[finite].abs().max()) <= bound


def test_scores_of_all_instruction_sets_are_near(rng):
    images, maps = parts.images(rng, 6), parts.maps(rng, 6)
    config = parts.SMALL.replace(search_precision="float32")

    def scored():
        return musc2.score(
            images, maps, encoder_2d=parts.colors, encoder_3d=parts.spread, config=config
        ).scores

    first, *others = on_each_backend(scored)
    for other in others:
        torch.testing.assert_close(other, first, rtol=SHARE, atol=0)


def promises():
    """Return the tests that the table of equal results names, as (file, function)."""
    table = PAGE.partition("## Equal results")[2].partition("\n## ")[0]
    return re.findall(r"`([\w/]+\.py)::(\w+)`", table)


def test_the_tests_that_hold_the_promises_exist():
    assert len(promises()) >= 15
    for file, function in promises():
        assert f"def {function}(" in (ROOT / "tests" / file).read_text(), (file, function)
