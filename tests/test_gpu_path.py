"""Around the GPU kernels, without a GPU, arrays are made, moved and fetched on the right device."""

import backends
import numpy as np
import parts
import pytest
import samples
import torch

from musc2 import Config, ops, patch_scores, score, score_tokens
from musc2.encoders import TokenDefaults
from musc2.errors import DeviceError
from musc2.ops._support.dispatch import set_num_threads
from musc2.stages.group import group_clouds

pretended_gpu = pytest.importorskip(
    "pretended_gpu", reason="built with MUSC2_EMULATED=ON only", exc_type=ImportError
)
NEEDS_METHOD = pytest.mark.skipif(
    "emulated" not in backends.names("score_tokens"), reason="needs all kernels of the method"
)
GENERATOR = torch.Generator().manual_seed(0)
POINTS = torch.rand(300, 3, generator=GENERATOR)
TOKENS = torch.rand(40, 12, generator=GENERATOR)
CURVATURE = torch.rand(40, generator=GENERATOR) / 50
VALUES = torch.rand(40, generator=GENERATOR)
PIXELS = torch.randint(0, 400, (40,), generator=GENERATOR)
PICTURES = torch.rand(2, 3, 40, 72, generator=GENERATOR)
TWO = [0, 15, 40]

CASES = {
    "gradient_tokens": (PICTURES,),
    "dictionary_tokens": (PICTURES, PICTURES[0, 0, :36, :21].reshape(108, 7), TOKENS[:, :7]),
    "project_tokens": (TOKENS, TOKENS[:12], TOKENS[0]),
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
    "point_normals": (POINTS,),
    "group_histograms": (POINTS, *ops.point_normals(POINTS), torch.arange(0, 300, 10)),
}
OPTIONS = {"link_patches": {"size": (20, 20), "grid": (5, 5)}}
BATCHES = {
    "pool_centers": {"offsets": TWO},
    "link_patches": {"offsets": torch.tensor(TWO)},
    "spread_points": {"offsets": [0, 100, 300], "center_offsets": np.array(TWO)},
    "point_normals": {"offsets": [0, 100, 300]},
}
EMULATED_OPS = [op for op in CASES if "emulated" in backends.names(op)]
OPS_WITH_KERNEL = [op for op in EMULATED_OPS if not backends.is_composed(op)]
RUNS = [(op, False) for op in EMULATED_OPS] + [(op, True) for op in EMULATED_OPS if op in BATCHES]


def call(op, arguments, **options):
    """Return the results of an op as a list of tensors."""
    return tensors(getattr(ops, op)(*arguments, **OPTIONS.get(op, {}), **options))


def on_gpu(values):
    return [value.to("cuda") if isinstance(value, torch.Tensor) else value for value in values]


def spoilt(value):
    """Return values that no op accepts on a CPU: NaN, or indices of -1."""
    if not isinstance(value, torch.Tensor):
        return value
    return torch.full_like(value, float("nan") if value.is_floating_point() else -1)


def tensors(result):
    if isinstance(result, torch.Tensor):
        return [result]
    values = result if isinstance(result, tuple) else vars(result).values()
    return [item for value in values for item in tensors(value)]


def has_two_arrays(op):
    return sum(isinstance(value, torch.Tensor) for value in CASES[op]) > 1


def test_every_op_with_a_kernel_is_among_the_cases():
    assert {op for op in ops.__all__ if "emulated" in backends.names(op)} <= set(CASES)


@pytest.mark.parametrize(("op", "batch"), RUNS)
def test_an_op_gives_on_the_gpu_what_it_gives_on_the_cpu(op, batch):
    options = BATCHES[op] if batch else {}
    expected = call(op, CASES[op], **options)
    with pretended_gpu.present():
        results = call(op, on_gpu(CASES[op]), **options)
        assert all(value.is_cuda for value in results)
        results = [value.cpu() for value in results]
    for ours, theirs in zip(results, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", [op for op in EMULATED_OPS if has_two_arrays(op)])
def test_arrays_on_two_devices_are_an_error(op):
    first, *rest = CASES[op]
    message = f"{op}: .* must be on cuda:0, where .* is, got cpu"
    with pretended_gpu.present(), pytest.raises(DeviceError, match=message):
        call(op, [first.to("cuda"), *rest])


@pytest.mark.parametrize("op", OPS_WITH_KERNEL)
def test_values_on_the_gpu_are_not_checked_and_do_no_harm(op):
    with pretended_gpu.present():
        call(op, [spoilt(value) for value in on_gpu(CASES[op])])


@NEEDS_METHOD
@pytest.mark.parametrize("preset", ["musc-v2", "published"])
@pytest.mark.parametrize("modality", ["2d", "3d", "2d3d"])
def test_tokens_on_the_gpu_are_scored_there(rng, preset, modality):
    # A GPU searches in bfloat16 where a CPU without such instructions does in float32.
    config = Config.from_preset(preset).replace(search_precision="float32", mutual_copies=True)
    tokens, options, references = {}, {"config": config}, {}
    if "2d" in modality:
        tokens["image_tokens"] = torch.from_numpy(samples.image_tokens(rng))
        options["image_size"] = (24, 20)
    if "3d" in modality:
        tokens["point_tokens"] = torch.from_numpy(samples.point_tokens(rng))
        options["clouds"] = samples.clouds(rng)
        references["clouds"] = options["clouds"][:3]
    token_references = {name: values[:3] for name, values in tokens.items()}
    expected = score_tokens(**tokens, **options, references=token_references | references)
    with pretended_gpu.present():
        tokens = {name: values.to("cuda") for name, values in tokens.items()}
        token_references = {name: values[:3] for name, values in tokens.items()}
        result = score_tokens(**tokens, **options, references=token_references | references)
    check_close(result, expected, rtol=1e-4, atol=1e-5)


def check_close(result, expected, **tolerance):
    for name in ("scores", "raw_scores", "patch_scores_2d", "patch_scores_3d"):
        ours, theirs = getattr(result, name), getattr(expected, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert type(ours) is torch.Tensor
            torch.testing.assert_close(ours, theirs, **tolerance)
    maps = result.maps.at("input")
    assert type(maps) is torch.Tensor
    torch.testing.assert_close(maps, expected.maps.at("input"), **tolerance)


@pytest.mark.parametrize("unique", [True, False])
def test_clouds_grouped_together_equal_to_the_bit_those_grouped_alone(rng, unique):
    sizes = (700, 1, 40, 11_000)
    points = [torch.from_numpy(rng.random((size, 3)).astype(np.float32)) for size in sizes]
    options = {
        "count": 16,
        "group_size": 48,
        "start": 20,
        "search": 64,
        "skip_radius": 0.2,
        "unique": unique,
    }
    on_cpu = [group_clouds([cloud], **options)[0] for cloud in points]
    with pretended_gpu.present():
        alone = [group_clouds([cloud], **options, device="cuda")[0] for cloud in points]
        together = group_clouds(points, **options, device="cuda")
        assert all(value.is_cuda for _, groups in together for value in tensors(groups))
    for expected in (on_cpu, alone):
        for (ours, our_groups), (theirs, their_groups) in zip(together, expected, strict=True):
            for name in ("points", "centers", "curvature"):
                assert torch.equal(getattr(ours, name), getattr(theirs, name))
            for our_values, their_values in zip(
                tensors(our_groups), tensors(their_groups), strict=True
            ):
                assert torch.equal(our_values.cpu(), their_values.cpu())


class WhereGroupsAre:
    """An encoder of points that works on the device of the groups and notes it."""

    name, modality, learns = "where groups are", "points", False
    token_defaults = TokenDefaults(normalize=True, degrees=(1, 3, 5))

    def __init__(self):
        self.on_gpu = []

    def fit(self, clouds, *, seed=0):
        """Learn nothing."""

    def state(self):
        return {}

    def restore(self, state):
        """Restore nothing."""

    def encode(self, cloud, groups):
        self.on_gpu.append(groups.neighborhood.is_cuda)
        return parts.spread(cloud, groups)[None]


@NEEDS_METHOD
def test_groups_and_tokens_stay_on_the_gpu(rng, monkeypatch):
    batches = []

    def counting_group_clouds(points, *arguments, **options):
        batches.append(len(points))
        return group_clouds(points, *arguments, **options)

    monkeypatch.setattr("musc2.part_encoding.group_clouds", counting_group_clouds)
    config = Config(
        input_size=48,
        group_count=32,
        group_size=16,
        group_search=32,
        group_start=10,
        encoder_precision="float32",
        search_precision="float32",
    )
    encoder = WhereGroupsAre()
    arguments = {
        "rgb": parts.images(rng, 4),
        "pcd": parts.maps(rng, 4),
        "masks": np.ones((4, 36, 60), bool),
        "encoder_2d": parts.colors,
        "config": config,
    }
    expected = score(**arguments, encoder_3d=encoder, device="cpu")
    set_num_threads(1)  # the pretence is of one thread
    try:
        with pretended_gpu.present():
            result = score(**arguments, encoder_3d=encoder, device="cuda")
            with_callable = score(**arguments, encoder_3d=parts.spread, device="cuda")
    finally:
        set_num_threads(None)
    assert encoder.on_gpu == [False] * 4 + [True] * 4
    assert batches == [1, 1, 1, 1, 4, 4]  # alone on the CPU, together on the GPU
    for on_gpu_result in (result, with_callable):
        check_close(on_gpu_result, expected, rtol=1e-4, atol=1e-5)


@NEEDS_METHOD
def test_distances_of_features_in_half_the_bytes_are_off_by_their_rounding_at_most():
    z = torch.nn.functional.normalize(torch.randn(6, 20, 64, generator=GENERATOR), dim=-1)
    z = torch.nn.functional.normalize(z[:1] + 0.3 * z, dim=-1)  # parts are alike
    exact = ops.nearest_patches(z, precision="float32")
    with pretended_gpu.present():
        narrow = ops.nearest_patches(z.to("cuda").half()).cpu()
    finite = exact.isfinite()
    assert torch.equal(finite, narrow.isfinite())
    errors = (narrow - exact)[finite].abs()
    assert errors.max() < 2 * 2**-11  # half a step of the last bit in both features
    assert errors.mean() < 1e-4
    assert errors.max() > 0


@NEEDS_METHOD
@pytest.mark.parametrize("modality", ["2d", "2d3d"])
def test_scores_of_features_in_half_the_bytes_stay_near(rng, modality):
    tokens = {"image_tokens": torch.from_numpy(samples.image_tokens(rng))}
    options = {"image_size": (24, 20)}
    if modality == "2d3d":
        tokens["point_tokens"] = torch.from_numpy(samples.point_tokens(rng))
        options = {"clouds": samples.clouds(rng)}
    expected = score_tokens(**tokens, **options, config=Config(search_precision="float32"))
    narrow = []
    with pretended_gpu.present(), pytest.MonkeyPatch.context() as patch:
        searched = patch_scores.searched

        def watched(z, *arguments):
            narrow.extend(values.dtype for values in z.values())
            return searched(z, *arguments)

        patch.setattr(patch_scores, "searched", watched)
        on_device = {name: values.to("cuda") for name, values in tokens.items()}
        result = score_tokens(**on_device, **options, config=Config())
    assert set(narrow) == {torch.float16}
    if modality == "2d":
        check_close(result, expected, rtol=1e-3, atol=1e-3)
    # In enhancement near ties swap their ranks, so that single patches differ by more.
    torch.testing.assert_close(result.scores, expected.scores, rtol=1e-3, atol=1e-3)
    errors = (result.patch_scores_2d - expected.patch_scores_2d).abs()
    assert errors.mean() < 1e-3
