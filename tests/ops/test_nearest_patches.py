import subprocess
import sys

import numpy as np
import pytest
import torch
from oracle.nearest_patches import nearest_patches as oracle
from tolerances import ORACLE

from musc2.errors import InputError
from musc2.ops import nearest_patches

INF = float("inf")
PRECISIONS = ["float32", "bfloat16", "int8"]
EVERY_PRECISION = [*PRECISIONS, "float16"]
SHAPES = [(2, 1, 1), (3, 5, 3), (2, 49, 8), (4, 64, 33), (3, 100, 70), (5, 17, 130)]
SHAPES += [(2, 300, 20), (2, 784, 12)]
# A GPU's tiles of 128 patches span samples and end inside them.
SPANNING = [(130, 1, 8), (50, 3, 17), (3, 127, 9), (3, 128, 31), (4, 129, 32), (4, 200, 66)]
SPANNING += [(2, 5, 1536), (2, 1370, 8)]


def features(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def close(op_result, expected):
    rtol, atol = ORACLE["nearest_patches"]
    np.testing.assert_allclose(op_result, expected, rtol=rtol, atol=atol)


def distances_of(index, z, references):
    """Return the float64 distance of patches to the patches in ``index``, +inf where that is -1."""
    d = np.full(index.shape, np.inf)
    for i, p, j in np.argwhere(index >= 0):
        d[i, p, j] = np.linalg.norm(z[i, p].astype(np.float64) - references[j, index[i, p, j]])
    return d


def excess(d, best):
    """Return by how much distances exceed the best; a sample against itself is left out."""
    return d.numpy()[best < INF] - best[best < INF]


def largest_excess(backend, precision, z):
    """Return by how much a distance may exceed the best, by the triangle inequality.

    Each of two distances is off by the rounding of its two ends.
    """
    centered = z.reshape(-1, z.shape[-1]) - z.reshape(-1, z.shape[-1]).mean(0)
    on_gpu = backend in ("emulated", "cuda")
    if precision == "float32" or not on_gpu:
        return 1e-5
    half_last_place = 2.0**-12 if precision == "float16" else 2.0**-9
    return 4 * np.linalg.norm(centered, axis=-1).max() * half_last_place * 1.01


def test_tiny_case_with_the_answer_written_out(backend):
    z = torch.tensor([[[0.0], [4.0]], [[1.0], [2.0]], [[9.0], [4.0]]])
    d, index = nearest_patches(z, precision="float32", return_index=True)
    assert d[0].tolist() == [[INF, 1, 4], [INF, 2, 0]]
    assert d[1].tolist() == [[1, INF, 3], [2, INF, 2]]
    assert index[0].tolist() == [[-1, 0, 1], [-1, 1, 1]]
    assert index.dtype == torch.int32


@pytest.mark.parametrize("shape", SHAPES + SPANNING)
def test_float32_agrees_with_the_oracle(backend, rng, shape):
    z = features(rng, *shape)
    close(nearest_patches(z, precision="float32"), oracle(z))


@pytest.mark.parametrize("precision", EVERY_PRECISION)
@pytest.mark.parametrize("shape", SHAPES)
def test_each_distance_is_exact_for_its_patch_and_near_the_best(backend, rng, shape, precision):
    z = features(rng, *shape)
    d, index = nearest_patches(z, precision=precision, return_index=True)
    close(d, distances_of(index.numpy(), z, z))
    assert excess(d, oracle(z)).max(initial=0) <= largest_excess(backend, precision, z)


def test_a_large_common_offset_costs_no_digits(backend, rng):
    z = features(rng, 3, 60, 40) + 1000
    d, index = nearest_patches(z, precision="bfloat16", return_index=True)
    close(d, distances_of(index.numpy(), z, z))
    assert excess(d, oracle(z)).max() <= largest_excess(backend, "bfloat16", z) + 1e-3


@pytest.mark.parametrize("precision", EVERY_PRECISION)
def test_references_of_another_size(backend, rng, precision):
    z, references = features(rng, 3, 50, 24), features(rng, 4, 70, 24)
    d, index = nearest_patches(z, references=references, precision=precision, return_index=True)
    assert d.shape == (3, 50, 4)
    close(d, distances_of(index.numpy(), z, references))
    both = np.concatenate([z.reshape(-1, 24), references.reshape(-1, 24)])
    assert excess(d, oracle(z, references)).max() <= largest_excess(backend, precision, both)


@pytest.mark.parametrize("precision", EVERY_PRECISION)
def test_the_nearest_is_found_where_the_runner_up_is_farther_than_the_search_errs(
    backend, rng, precision
):
    kinds = features(rng, 140, 45)
    z = np.stack([kinds[rng.permutation(140)] for _ in range(3)]) + 0.05 * features(rng, 3, 140, 45)
    _, index = nearest_patches(z, precision=precision, return_index=True)
    for i, j in np.argwhere(~np.eye(3, dtype=bool)):
        pairs = np.linalg.norm(z[i][:, None].astype(np.float64) - z[j][None], axis=-1)
        first, second = np.sort(pairs, axis=1)[:, :2].T
        clear = second - first > largest_excess(backend, precision, z)
        assert clear.mean() > 0.9
        assert index[i, :, j].numpy()[clear].tolist() == pairs.argmin(1)[clear].tolist()


@pytest.mark.parametrize("precision", EVERY_PRECISION)
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1e4])
def test_distances_are_exact_for_their_patch_at_any_scale(backend, rng, precision, scale):
    z = features(rng, 3, 150, 23) * np.float32(scale)
    z *= 1 + rng.integers(0, 3, (3, 150, 1)).astype(np.float32)
    z[1, ::3] = z[0, ::3]
    z[2, 100:] = z[2, :50]
    d, index = nearest_patches(z, precision=precision, return_index=True)
    expected = distances_of(index.numpy(), z, z)
    np.testing.assert_allclose(d, expected, rtol=1e-5, atol=1e-6 * min(scale, 1))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels", [24, 21])
def test_features_of_16_bits_are_as_good_as_the_same_in_float32(backend, rng, dtype, channels):
    z = torch.from_numpy(features(rng, 3, 140, channels)).to(dtype)
    d = nearest_patches(z, precision="float32")
    assert d.dtype == torch.float32
    close(d, oracle(z.float().numpy()))
    references, grid = z[1:].clone(), (10, 14)
    against = nearest_patches(z, references=references, precision="float32")
    close(against, oracle(z.float().numpy(), references.float().numpy()))
    mixed = nearest_patches(z, references=references.float(), precision="float32")
    close(mixed, oracle(z.float().numpy(), references.float().numpy()))
    close(
        nearest_patches(z, search_window=2, grid=grid),
        oracle(z.float().numpy(), search_window=2, grid=grid),
    )


@pytest.mark.parametrize("precision", EVERY_PRECISION)
def test_ties_go_to_the_lowest_index(backend, precision):
    z = torch.zeros(3, 130, 7)
    d, index = nearest_patches(z, precision=precision, return_index=True)
    off_diagonal = ~torch.eye(3, dtype=torch.bool)[:, None, :].expand(3, 130, 3)
    assert (d[off_diagonal] == 0).all()
    assert (index[off_diagonal] == 0).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_copy_is_at_distance_zero(backend, rng, precision):
    z = features(rng, 2, 90, 31)
    z[1] = z[0][::-1]
    d, index = nearest_patches(z, precision=precision, return_index=True)
    assert (d[0, :, 1] == 0).all()
    assert index[0, :, 1].tolist() == list(range(89, -1, -1))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("memory", [1, 60_000, 100_000])
def test_little_scratch_memory_gives_the_same_distances(backend, rng, precision, memory):
    z = features(rng, 5, 150, 32)
    close(nearest_patches(z, precision="float32", memory=memory), oracle(z))
    d, index = nearest_patches(z, precision=precision, memory=memory, return_index=True)
    close(d, distances_of(index.numpy(), z, z))


def test_order_of_samples_does_not_matter(backend, rng):
    z = features(rng, 6, 40, 16)
    order = [3, 0, 5, 1, 4, 2]
    d = nearest_patches(z, precision="float32")
    assert torch.equal(nearest_patches(z[order], precision="float32"), d[order][:, :, order])


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", [(2, 300, 20), (9, 60, 17)])
def test_thread_counts_give_equal_bits(backend, rng, over_threads, precision, shape):
    z = features(rng, *shape)
    first, *repeats = over_threads(
        lambda: nearest_patches(z, precision=precision, return_index=True)
    )
    assert all(torch.equal(first[k], repeat[k]) for repeat in repeats for k in (0, 1))


@pytest.mark.parametrize("window", [0, 1, 3, 50])
@pytest.mark.parametrize("grid", [(5, 8), (1, 40), (40, 1)])
def test_a_window_limits_the_search(backend, rng, window, grid):
    z = features(rng, 3, 40, 21)
    d, index = nearest_patches(z, search_window=window, grid=grid, return_index=True)
    close(d, oracle(z, search_window=window, grid=grid))
    close(d, distances_of(index.numpy(), z, z))
    references = features(rng, 2, 40, 21)
    close(
        nearest_patches(z, references=references, search_window=window, grid=grid),
        oracle(z, references, window, grid),
    )


def test_one_sample_or_none(backend):
    assert nearest_patches(torch.zeros(1, 3, 2)).tolist() == [[[INF]] * 3]
    assert nearest_patches(torch.zeros(0, 3, 2)).shape == (0, 3, 0)
    assert nearest_patches(torch.zeros(2, 3, 2), references=torch.zeros(0, 3, 2)).shape == (2, 3, 0)
    assert nearest_patches(torch.zeros(0, 3, 2), references=torch.zeros(2, 3, 2)).shape == (0, 3, 2)


def test_huge_features_give_no_nan(backend):
    z = torch.tensor([[[3e38], [-3e38]], [[3e38], [1.0]]])
    for precision in PRECISIONS:
        assert not nearest_patches(z, precision=precision).isnan().any()


@pytest.mark.parametrize("channels", [1, 2, 3, 64, 5000])
def test_integers_do_not_overflow(backend, channels):
    z = torch.ones(2, 40, channels)
    z[:, :20] = -1
    z[:, ::7, 0] *= 100  # one channel is nearly all of a patch
    z[1] *= 1000
    _, index = nearest_patches(z, precision="bfloat16", return_index=True)
    close(
        nearest_patches(z, precision="bfloat16"), distances_of(index.numpy(), z.numpy(), z.numpy())
    )
    best = oracle(z.numpy())
    lost = excess(nearest_patches(z, precision="bfloat16"), best)
    assert (
        lost.max() <= largest_excess(backend, "bfloat16", z.numpy()) + 1e-4 * best[best < INF].max()
    )


def test_int8_and_bfloat16_lose_little_on_clustered_features(backend, rng):
    centers = features(rng, 40, 96)
    z = centers[rng.integers(0, 40, (4, 200))] + 0.2 * features(rng, 4, 200, 96)
    best = oracle(z)
    for precision, limit in (("bfloat16", 1e-4), ("int8", 1e-3)):
        lost = excess(nearest_patches(z, precision=precision), best)
        assert lost.mean() / best[best < INF].mean() < limit


def test_any_layout_of_numpy_or_torch_is_read_and_left_alone(rng):
    z = features(rng, 3, 20, 10)
    transposed = torch.from_numpy(np.ascontiguousarray(z.transpose(0, 2, 1))).transpose(1, 2)
    before = transposed.clone()
    assert torch.equal(nearest_patches(transposed), nearest_patches(z))
    assert torch.equal(transposed, before)
    z.flags.writeable = False
    nearest_patches(z)


def test_extra_memory_stays_below_64_mib():
    script = """
import resource, torch
from musc2.ops import nearest_patches
from musc2 import _cpu
_cpu.set_num_threads(2)
z = torch.randn(120, 256, 384)
nearest_patches(z[:2])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ballast = torch.ones(1 << 20)
before = peak()
d = nearest_patches(z)
print(peak() - before - d.numel() * 4 // 1024)
"""
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(result.stdout) <= 64 * 1024


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"z": np.zeros((2, 3, 4))}, "nearest_patches: z must be float32, got float64"),
        ({"z": np.zeros((2, 3), np.float32)}, r"z must have shape \(N, L, C\), got \(2, 3\)"),
        (
            {"z": np.full((1, 2, 2), np.nan, np.float32)},
            r"z must be finite, got nan at \(0, 0, 0\)",
        ),
        ({"z": [[0.0]]}, "z must be a torch tensor or a numpy array, got list"),
        ({"z": np.zeros((2, 0, 4), np.float32)}, "at least one patch and one channel"),
        (
            {"z": torch.zeros(2, 3, 4), "references": torch.zeros(2, 3, 5)},
            "the 4 channels of z, got 5",
        ),
        (
            {"z": torch.zeros(2, 3, 4), "references": torch.full((1, 1, 4), INF)},
            "references must be finite, got inf",
        ),
        (
            {"z": torch.zeros(2, 3, 4), "precision": "tf32"},
            "precision must be one of float32, .*, got 'tf32'",
        ),
        (
            {"z": torch.zeros(2, 3, 4), "memory": 0},
            "memory must be a whole number of at least 1, got 0",
        ),
        (
            {"z": torch.zeros(2, 3, 4), "search_window": 1},
            "search_window needs a square number of patches or grid",
        ),
        (
            {"z": torch.zeros(2, 4, 4), "search_window": -1},
            "search_window must be a whole number of at least 0, got -1",
        ),
        (
            {"z": torch.zeros(2, 4, 4), "search_window": 1, "grid": (1, 3)},
            r"h\*w = 4 patches on both sides",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        nearest_patches(**arguments)
