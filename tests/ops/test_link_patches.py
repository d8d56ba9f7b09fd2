import itertools

import numpy as np
import pytest
import torch
from oracle.link_patches import link_patches as oracle

from musc2.errors import InputError
from musc2.ops import link_patches


def same(links, expected):
    return all(
        np.array_equal(getattr(links, name).numpy(), value)
        for name, value in zip(("patch", "start", "groups"), expected, strict=True)
    )


def test_tiny_case_with_the_answer_written_out(backend):
    links = link_patches(torch.tensor([15, 0, 5, 12]), size=(4, 4), grid=(2, 2))
    assert links.patch.tolist() == [3, 0, 0, 2]
    assert links.start.tolist() == [0, 2, 2, 3, 4]
    assert links.groups.tolist() == [1, 2, 3, 0]
    assert links.patch.dtype == links.start.dtype == links.groups.dtype == torch.int32


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((112, 112), (14, 14)),
        ((37, 53), (5, 7)),
        ((3, 2), (8, 9)),
        ((1, 1), (1, 1)),
        ((9, 9), (1, 4)),
    ],
)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_random_pixels_agree_with_the_oracle(backend, rng, size, grid, dtype):
    pixels = rng.integers(0, size[0] * size[1], 300).astype(dtype)
    before = pixels.copy()
    assert same(link_patches(pixels, size=size, grid=grid), oracle(pixels, size, grid))
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("name", ["msm_multiple_fp32", "end_to_end_fp32"])
def test_published_links(golden, name):
    stored = golden(name)
    if name == "end_to_end_fp32":
        pixels = np.stack([stored[f"nonzero_idx_{i}"][stored[f"center_idx_{i}"]] for i in range(8)])
        size, grid = (64, 64), (8, 8)
    else:
        pixels, size, grid = stored["nonzero_indices_center"], (112, 112), (14, 14)
    patches, groups = grid[0] * grid[1], pixels.shape[1]
    for sample, own in enumerate(pixels):
        links = link_patches(own, size=size, grid=grid)
        assert np.array_equal(
            links.patch, stored["point2patch_values"][sample * groups : (sample + 1) * groups]
        )
        bounds = stored["patch2point_offsets"][sample * patches : (sample + 1) * patches + 1]
        assert np.array_equal(links.start, bounds - bounds[0])
        assert np.array_equal(links.groups, stored["patch2point_values"][bounds[0] : bounds[-1]])


def test_a_packed_batch_equals_its_samples_alone(backend, rng, over_threads):
    pixels, offsets = rng.integers(0, 60, 50), [0, 20, 20, 21, 50]
    for links in over_threads(
        lambda: link_patches(pixels, size=(6, 10), grid=(3, 4), offsets=offsets)
    ):
        assert links.start.shape == (4, 13)
        for b, (first, last) in enumerate(itertools.pairwise(offsets)):
            alone = link_patches(pixels[first:last], size=(6, 10), grid=(3, 4))
            assert torch.equal(links.patch[first:last], alone.patch)
            assert torch.equal(links.groups[first:last], alone.groups)
            assert torch.equal(links.start[b], alone.start)


def test_no_groups_leave_every_patch_empty():
    links = link_patches(torch.empty(0, dtype=torch.int64), size=(4, 4), grid=(2, 2))
    assert links.start.tolist() == [0] * 5
    assert links.patch.shape == links.groups.shape == (0,)
    nothing = link_patches(torch.empty(0, dtype=torch.int64), size=(4, 4), grid=(2, 2), offsets=[0])
    assert nothing.start.shape == (0, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"pixels": np.zeros(3, np.float32)},
            "link_patches: pixels must be int32 or int64, got float32",
        ),
        ({"pixels": np.zeros((3, 1), int)}, r"pixels must have shape \(G\), got \(3, 1\)"),
        ({"pixels": [1, 2]}, "pixels must be a torch tensor or a numpy array, got list"),
        (
            {"pixels": np.array([0, 16])},
            r"pixels must be inside the image of 4 x 4, from 0 to 15, got 16 at \(1,\)",
        ),
        ({"pixels": np.array([-1])}, "pixels must be inside the image of 4 x 4"),
        ({"size": (4,)}, r"size must be two whole numbers \(height, width\), got \(4,\)"),
        ({"size": (4, 0)}, "size must be a whole number from 1 to 2147483647, got 0"),
        ({"grid": (2.0, 2)}, "grid must be a whole number from 1 to 32768, got 2.0"),
        ({"grid": 2}, r"grid must be two whole numbers \(height, width\), got 2"),
        (
            {"offsets": [0, 2]},
            r"offsets must rise from 0 to the number of pixels \(3\), got \[0, 2\]",
        ),
    ],
)
def test_bad_arguments_are_named(change, message):
    good = {"pixels": np.zeros(3, int), "size": (4, 4), "grid": (2, 2)}
    with pytest.raises(InputError, match=message):
        link_patches(**(good | change))
