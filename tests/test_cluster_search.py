"""Tasks that workers of a cluster run measure what one process does."""

import numpy as np
import pytest

from musc2._cluster import searching
from musc2.ops import nearest_patches


@pytest.fixture(params=[None, 2])
def search(request):
    return searching.Search(window=request.param, grid=(9, 12))


def test_distances_between_blocks_are_those_among_all_parts(rng, search):
    """Near copies: a search that is not exact would depend on what else is in a block."""
    z = rng.standard_normal((1, 108, 33)) + 1e-4 * rng.standard_normal((7, 108, 33))
    z[:3] += 5 * rng.standard_normal(33)
    z = z.astype(np.float32)
    options = {"search_window": search.window, "grid": search.grid}
    expected = nearest_patches(z, **options).permute(0, 2, 1).numpy()
    first, second = z[:3], z[3:]
    np.testing.assert_array_equal(searching.among(search, first), expected[:3, :3])
    np.testing.assert_array_equal(searching.among(search, second), expected[3:, 3:])
    forward, backward = searching.pairs(search, first, second)
    np.testing.assert_array_equal(forward, expected[:3, 3:])
    np.testing.assert_array_equal(backward, expected[3:, :3])
    np.testing.assert_array_equal(searching.to_references(search, first, second), forward)
