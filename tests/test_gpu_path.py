"""What Python does around the GPU kernels, without a GPU: arrays are made, moved and fetched where they should be."""

import backends
import numpy as np
import parts
import pytest
import samples
import torch

from musc2 import Config, ops, score, score_tokens
from musc2.encoders import TokenDefaults
from musc2.errors import DeviceError
from musc2.ops._support import gpu
from musc2.ops._support.native import set_num_threads
from musc2.stages.group import group_clouds

pretended_gpu = pytest.importorskip("pretended_gpu", reason="built with MUSC2_EMULATED=ON only", exc_type=ImportError)
GENERATOR = torch.Generator().manual_seed(0)
POINTS = torch.rand(300, 3, generator=GENERATOR)
TOKENS = torch.rand(40, 12, generator=GENERATOR)
CURVATURE = torch.rand(40, generator=GENERATOR) / 50
VALUES = torch.rand(40, generator=GENERATOR)
PIXELS = torch.randint(0, 400, (40,), generator=GENERATOR)
TWO = [0, 15, 40]

CASES = {
    "lowest_mean": (TOKENS,),
    "pool_grid": (TOKENS.reshape(2, 4, 5, 12),),
    "pool_centers": (TOKENS, POINTS[:40], CURVATURE),
    "link_patches": (PIXELS,),
    "rank_match": (TOKENS, TOKENS.flip(1)),
    "rescore": (TOKENS, VALUES),
    "spread_points": (POINTS, POINTS[:40], VALUES),
    "nearest_patches": (TOKENS.reshape(4, 10, 12),),
    "farthest_points": (POINTS, 20),
    "nearest_points": (POINTS, POINTS[:10], 5),
    "group_points": (POINTS, torch.arange(0, 300, 10)),
}
OPTIONS = {"link_patches": {"size": (20, 20), "grid": (5, 5)}}
BATCHES = {
    "pool_centers": {"offsets": TWO},
    "link_patches": {"offsets": torch.tensor(TWO)},
    "spread_points": {"offsets": [0, 100, 300], "center_offsets": np.array(TWO)},
}
HERE = [op for op in CASES if "emulated" in backends.names(op)]


def moved(values):
    return [value.to("cuda") if isinstance(value, torch.Tensor) else value for value in values]


def spoilt(value):
    if not isinstance(value, torch.Tensor):
        return value
    return torch.full_like(value, float("nan") if value.is_floating_point() else -1)


def tensors(result):
    if isinstance(result, torch.Tensor):
        return [result]
    values = result if isinstance(result, tuple) else vars(result).values()
    return [part for value in values for part in tensors(value)]


def test_every_op_with_a_kernel_is_among_the_cases():
    assert {op for op in ops.__all__ if "emulated" in backends.names(op)} <= set(CASES)


@pytest.mark.parametrize(("op", "batch"), [(op, batch) for op in HERE for batch in {False, op in BATCHES}])
def test_an_op_gives_on_the_gpu_what_it_gives_on_the_cpu(op, batch):
    options = OPTIONS.get(op, {}) | (BATCHES[op] if batch else {})
    expected = tensors(getattr(ops, op)(*CASES[op], **options))
    with pretended_gpu.present():
        found = tensors(getattr(ops, op)(*moved(CASES[op]), **options))
        assert all(value.is_cuda for value in found)
        found = [value.cpu() for value in found]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", [op for op in HERE if isinstance(CASES[op][-1], torch.Tensor) and len(CASES[op]) > 1])
def test_arrays_on_two_devices_are_an_error(op):
    first, second, *rest = CASES[op]
    with pretended_gpu.present(), pytest.raises(DeviceError, match=f"{op}: .* must be on cuda:0, where .* is, got cpu"):
        getattr(ops, op)(first.to("cuda"), second, *rest, **OPTIONS.get(op, {}))


@pytest.mark.parametrize("op", [op for op in HERE if op not in gpu.COMPOSED])
def test_values_on_the_gpu_are_not_looked_at_and_do_no_harm(op):
    with pretended_gpu.present():
        getattr(ops, op)(*[spoilt(value) for value in moved(CASES[op])], **OPTIONS.get(op, {}))


@pytest.mark.skipif("emulated" not in backends.names("score_tokens"), reason="needs kernels that are not there yet")
@pytest.mark.parametrize("preset", ["musc-v2", "published"])
@pytest.mark.parametrize("modality", ["2d", "3d", "2d3d"])
def test_tokens_on_the_gpu_are_scored_there(rng, preset, modality):
    given = {}
    if "2d" in modality:
        given |= {"image_tokens": torch.from_numpy(samples.image_tokens(rng)), "image_size": (24, 20)}
    if "3d" in modality:
        given |= {"point_tokens": torch.from_numpy(samples.point_tokens(rng)), "clouds": samples.clouds(rng)}
    references = {name: value[:3] for name, value in given.items() if name != "image_size"}
    expected = score_tokens(**given, references=references, config=preset)
    with pretended_gpu.present():
        sent = {name: value.to("cuda") if "tokens" in name else value for name, value in given.items()}
        sent_references = {name: value.to("cuda") if "tokens" in name else value for name, value in references.items()}
        found = score_tokens(**sent, references=sent_references, config=preset)
    for name in ("image", "raw", "maps", "scores_2d", "scores_3d"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        if theirs is not None:
            assert type(ours) is torch.Tensor
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("unique", [True, False])
def test_clouds_that_are_grouped_together_are_to_the_bit_those_grouped_alone(rng, unique):
    points = [torch.from_numpy(rng.random((count, 3)).astype(np.float32)) for count in (700, 1, 40, 11_000)]
    options = {"count": 16, "group_size": 48, "start": 20, "search": 64, "skip_radius": 0.2, "unique": unique}
    alone = [group_clouds([each], **options)[0] for each in points]
    with pretended_gpu.present():
        one_by_one = [group_clouds([each], **options, device="cuda")[0] for each in points]
        together = group_clouds(points, **options, device="cuda")
        assert all(value.is_cuda for _, groups in together for value in tensors(groups))
    for expected in (alone, one_by_one):
        for (ours, our_groups), (theirs, their_groups) in zip(together, expected, strict=True):
            for name in ("points", "centers", "curvature"):
                assert torch.equal(getattr(ours, name), getattr(theirs, name))
            for our_value, their_value in zip(tensors(our_groups), tensors(their_groups), strict=True):
                assert torch.equal(our_value.cpu(), their_value.cpu())


class OnItsDevice:
    """An encoder of points that works where the groups are; it notes where that was."""

    name, matching = "on its device", TokenDefaults(normalize=True, degrees=(1, 3, 5))

    def __init__(self):
        self.were_on_gpu = []

    def fit(self, given, *, seed=0):
        """Nothing to learn."""

    def encode(self, cloud, groups):
        self.were_on_gpu.append(groups.neighborhood.is_cuda)
        return parts.spread(cloud, groups)[None]


@pytest.mark.skipif("emulated" not in backends.names("score_tokens"), reason="needs kernels that are not there yet")
def test_groups_and_tokens_stay_on_the_gpu(rng, monkeypatch):
    calls = []
    monkeypatch.setattr("musc2.pipeline.group_clouds", lambda *a, **k: calls.append(len(a[0])) or group_clouds(*a, **k))
    rgb, pcd = parts.images(rng, 4), parts.maps(rng, 4)
    config = Config(
        input_size=48, group_count=32, group_size=16, group_search=32, group_start=10, encoder_precision="float32"
    )
    encoder, masks = OnItsDevice(), np.ones((4, 36, 60), bool)
    given = {"rgb": rgb, "pcd": pcd, "masks": masks, "encoder_2d": parts.colors, "encoder_3d": encoder}
    expected = score(**given, config=config, device="cpu")
    set_num_threads(1)  # the pretence is of one thread
    try:
        with pretended_gpu.present():
            found = score(**given, config=config, device="cuda")
            plain = score(**given | {"encoder_3d": parts.spread}, config=config, device="cuda")
    finally:
        set_num_threads(None)
    assert encoder.were_on_gpu == [False] * 4 + [True] * 4
    assert calls == [1, 1, 1, 1, 4, 4]  # alone on the CPU, together on the GPU
    for result in (found, plain):
        assert all(type(values) is torch.Tensor for values in (result.scores, result.maps.at("input"), result.maps_3d))
        torch.testing.assert_close(result.maps.at("input"), expected.maps.at("input"), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(result.scores, expected.scores, rtol=1e-4, atol=1e-5)
