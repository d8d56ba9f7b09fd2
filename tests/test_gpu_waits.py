"""What a call asks of a pretended GPU: hardly a wait, launches that do not grow with the set."""

import backends
import numpy as np
import pytest
import samples
import torch

from musc2 import Config, score_tokens

pretended_gpu = pytest.importorskip(
    "pretended_gpu", reason="built with MUSC2_EMULATED=ON only", exc_type=ImportError
)
pytestmark = pytest.mark.skipif(
    "emulated" not in backends.names("score_tokens"), reason="needs all kernels of the method"
)
LAYERS = 2
STAGES = ("aggregate", "mutual", "enhance", "matches", "maps", "rescore")


def scored(count, *, pixels=True, image=True, **settings):
    """Return the counts of a call with ``count`` parts, tokens on the GPU."""
    rng = np.random.default_rng(0)
    tokens = {"point_tokens": samples.point_tokens(rng, samples=count, layers=LAYERS, groups=4)}
    if image:
        tokens["image_tokens"] = samples.image_tokens(
            rng, samples=count, layers=LAYERS, grid=(3, 3)
        )
    clouds = samples.clouds(rng, samples=count, groups=4, size=(12, 10), pixels=pixels)
    with pretended_gpu.present() as counts:
        tokens = {name: torch.from_numpy(values).to("cuda") for name, values in tokens.items()}
        counts.waits.clear()
        score_tokens(**tokens, clouds=clouds, config=Config(**settings))
    return counts


CASES = {
    "images and scans": {},
    "clouds": {"image": False, "pixels": False},
    "balanced": {"aggregate_normalize": False},
}


@pytest.mark.parametrize("case", CASES)
def test_no_stage_waits_more_than_once_and_launches_do_not_grow_with_the_set(case):
    small, large = (scored(count, **CASES[case]) for count in (12, 32))
    for stage in STAGES:
        medians = LAYERS if case == "balanced" and stage == "mutual" else 0
        assert len(large.waits_of(stage)) <= 1 + medians, large.waits_of(stage)
    assert len(large.waits_of("")) <= 1, large.waits_of("")
    assert not any("pageable" in reason for _, reason, _ in large.waits)
    growth = {stage: large.launches[stage] - small.launches[stage] for stage in STAGES}
    assert max(growth.values()) <= 8, growth  # RsCon's search compares unsure rows with all


def test_waits_and_copies_are_seen():
    with pretended_gpu.present() as counts:
        values = torch.arange(6.0).to("cuda")
        assert [reason for _, reason, _ in counts.waits] == ["a copy from pageable memory"]
        for wait in (lambda: float(values[2]), lambda: values[values > 2], lambda: values.cpu()):
            before = len(counts.waits)
            wait()
            assert len(counts.waits) == before + 1
        before = len(counts.waits)
        values[values > 2] = 0.0
        assert len(counts.waits) == before
        assert counts.launches[""] > 0
