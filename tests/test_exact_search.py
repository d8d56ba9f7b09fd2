"""The nearest patch is that of measuring all, whatever the search computes in.

``search_window`` measures every pair within it in float32: as wide as the grid, it measures all.
"""

import pytest
import torch
from torch.nn.functional import normalize

from musc2 import _cpu
from musc2.ops import nearest_patches
from musc2.ops._support.patch_pairs import both_directions

GRIDS = [(1, 1, 3), (5, 4, 7), (11, 12, 33), (13, 31, 130)]


def noise(generator, *shape):
    return torch.randn(shape, generator=generator)


def near_copies(generator, patches, channels):
    z = noise(generator, 1, patches, channels)
    return z + 1e-4 * noise(generator, 3, patches, channels)


def one_patch_and_noise(generator, patches, channels):
    return noise(generator, 1, 1, channels) + 1e-5 * noise(generator, 3, patches, channels)


def black_and_white(generator, patches, channels):
    light = (noise(generator, 3, patches, 1) > 0).float()
    return light + 1e-6 * noise(generator, 3, patches, channels)


def whole_numbers(generator, patches, channels):
    return (0.6 * noise(generator, 3, patches, channels)).round()


def all_magnitudes(generator, patches, channels):
    exponents = 20 * torch.rand(3, patches, 1, generator=generator) - 15
    return noise(generator, 3, patches, channels) * 10**exponents


def tiny_patches_among_others(generator, patches, channels):
    z = noise(generator, 3, patches, channels)
    z[:, ::2] *= 1e-14
    return z


def equal_patches(generator, patches, channels):
    z = noise(generator, 3, patches, channels)
    z[:, ::3] = 0
    z[:, 1::3] = z[0, patches // 2]
    return z


def one_large_channel(generator, patches, channels):
    z = noise(generator, 3, patches, channels)
    z[..., 0] *= 1e4
    return z


def directions(generator, patches, channels):
    z = noise(generator, 3, patches, channels) + 4 * noise(generator, 1, 1, channels)
    return normalize(z, dim=-1)


KINDS = [
    near_copies, one_patch_and_noise, black_and_white, whole_numbers, all_magnitudes,
    tiny_patches_among_others, equal_patches, one_large_channel, directions,
]  # fmt: skip


@pytest.fixture(params=_cpu.isas())
def isa(request):
    assert _cpu.set_isa(request.param)
    yield request.param
    _cpu.set_isa("")


def measured_all(z, references, grid):
    return nearest_patches(
        z, references=references, search_window=max(grid), grid=grid, return_index=True
    )


@pytest.mark.parametrize("make", KINDS)
def test_search_finds_what_measuring_all_finds(isa, make):
    for height, width, channels in GRIDS:
        generator = torch.Generator().manual_seed(channels)
        z = make(generator, height * width, channels)
        for own, references in ((z, None), (z[:1].clone(), z[1:].clone())):
            d, index = nearest_patches(own, references=references, return_index=True)
            expected, expected_index = measured_all(own, references, (height, width))
            assert torch.equal(d, expected)
            # Of equal distances the first patch counts; in a window, that of the smallest square.
            if make is not all_magnitudes:
                assert torch.equal(index, expected_index)


@pytest.mark.parametrize("make", [near_copies, black_and_white, equal_patches])
def test_both_directions_of_listed_pairs_are_exact(isa, make):
    z = make(torch.Generator().manual_seed(0), 132, 33)
    forward, backward = both_directions(z[:1].clone(), z[1:].clone())
    expected, _ = measured_all(z[:1].clone(), z[1:].clone(), (11, 12))
    expected_back, _ = measured_all(z[1:].clone(), z[:1].clone(), (11, 12))
    assert torch.equal(forward.transpose(1, 2), expected)
    assert torch.equal(backward.permute(1, 2, 0), expected_back)


@pytest.mark.parametrize("memory", [1, 60_000, 10**8])
def test_slabs_and_panels_do_not_matter(isa, memory):
    z = black_and_white(torch.Generator().manual_seed(0), 420, 64)
    expected, expected_index = measured_all(z, None, (20, 21))
    d, index = nearest_patches(z, memory=memory, return_index=True)
    assert torch.equal(d, expected)
    assert torch.equal(index, expected_index)


def test_equal_patches_get_equal_results(isa):
    z = noise(torch.Generator().manual_seed(0), 2, 400, 40)
    whole, index = nearest_patches(z, return_index=True)
    copies = torch.cat([z, z[:, :150], z[:, 90:91].expand(-1, 70, -1)], dim=1)
    d, copies_index = nearest_patches(copies, return_index=True)
    assert torch.equal(d[:, :400], whole)
    assert torch.equal(copies_index[:, :400], index)
    assert torch.equal(d[:, 400:550], whole[:, :150])
    assert torch.equal(d[:, 550:], whole[:, 90:91].expand(-1, 70, -1))


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16", "int8"])
def test_no_precision_changes_a_bit(precision):
    z = near_copies(torch.Generator().manual_seed(0), 132, 33)
    d, index = nearest_patches(z, precision=precision, return_index=True)
    expected, expected_index = nearest_patches(z, return_index=True)
    assert torch.equal(d, expected)
    assert torch.equal(index, expected_index)


def test_many_patches_are_searched_in_sections(isa):
    z = near_copies(torch.Generator().manual_seed(0), 2300, 5)[:2]
    z[1, 1500] = z[0, 3]
    z[1, 40] = z[0, 3]  # in another section than its copy
    d, index = nearest_patches(z, return_index=True)
    expected, expected_index = measured_all(z, None, (46, 50))
    assert index[0, 3, 1] == 40
    assert torch.equal(d, expected)
    assert torch.equal(index, expected_index)
