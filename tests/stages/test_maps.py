import numpy as np
import pytest
import samples
import torch

from musc2 import Cloud
from musc2.stages import maps


def test_upsampling_agrees_with_the_published_code(golden):
    g = golden("interpolate")
    scores = torch.from_numpy(g["up_in"][:, 0])
    found = torch.stack(maps.image_maps(scores, [(112, 112)] * 3))
    np.testing.assert_allclose(found, g["up_out_112"][:, 0], rtol=1e-6, atol=1e-6)


def test_spreading_agrees_with_the_published_code(golden):
    g = golden("interpolate")
    cloud = Cloud(points=g["xyz"], centers=g["center_idx"], curvature=np.zeros(256, np.float32))
    (found,) = maps.point_scores(torch.from_numpy(g["center_scores"])[None], [cloud])
    np.testing.assert_allclose(found, g["interpolated_float64"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found, g["interpolated"], rtol=1e-4, atol=1e-5)


def test_the_quantized_blur_is_that_of_the_published_code(golden):
    g = golden("interpolate")
    blurred = maps.quantized_blur(torch.from_numpy(g["map"]), 4.0).numpy()
    levels = float(g["map"].max()) / 255
    assert np.array_equal(np.rint(blurred / levels), np.rint(g["blurred"] / levels))
    np.testing.assert_allclose(blurred, g["blurred"], rtol=1e-6)
    np.testing.assert_allclose(maps.quantized_blur(torch.from_numpy(g["blur_in_32"]), 4.0), g["blur_out_32"], rtol=1e-6)


def test_a_map_of_zeros_stays_one():
    zeros = torch.zeros(9, 7)
    assert torch.equal(maps.quantized_blur(zeros, 4.0), zeros)
    assert torch.equal(maps.blur(zeros, 4.0), zeros)


@pytest.mark.parametrize("shape", [(40, 25), (5, 3), (1, 1)])
def test_the_blur_is_a_gaussian_with_the_edge_repeated(rng, shape):
    image = rng.random(shape)
    places = np.arange(-16, 17)
    kernel = np.exp(-0.5 * (places / 4.0) ** 2)
    kernel /= kernel.sum()
    rows = np.arange(shape[0])[:, None] + places
    columns = np.arange(shape[1])[:, None] + places
    expected = np.einsum("hkw,k->hw", image[rows.clip(0, shape[0] - 1)], kernel)
    expected = np.einsum("hwk,k->hw", expected[:, columns.clip(0, shape[1] - 1)], kernel)
    found = maps.blur(torch.from_numpy(image.astype(np.float32)), 4.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_no_blur_leaves_the_map_as_it_is():
    image = torch.rand(6, 5)
    assert torch.equal(maps.blur(image, 0.0), image)


def test_the_float_blur_has_more_than_256_levels(rng):
    image = torch.from_numpy(rng.random((64, 64)).astype(np.float32))
    assert len(maps.blur(image, 4.0).unique()) > 1000
    assert len(maps.quantized_blur(image, 4.0).unique()) <= 256


def test_the_background_is_zero_before_the_blur(rng):
    clouds = samples.clouds(rng, 2)
    values = [torch.ones(len(cloud.points)) for cloud in clouds]
    found = maps.point_maps(values, clouds, sigma=0.0)[1].flatten()
    assert found[clouds[1].pixels].eq(1).all()
    assert found.sum() == len(clouds[1].points)


def test_samples_of_different_sizes_get_maps_of_their_own():
    scores = torch.tensor([[[0.0, 2.0]], [[1.0, 1.0]]])
    first, second = maps.image_maps(scores, [(1, 3), (2, 2)])
    assert first.tolist() == [[0.0, 1.0, 2.0]]
    assert second.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert isinstance(maps.stacked([first, second]), list)
    assert maps.stacked([second, second]).shape == (2, 2, 2)
    assert maps.stacked(None) is None


def test_maps_of_both_modalities_are_added():
    image, point = [torch.ones(2, 2)], [torch.full((2, 2), 0.5)]
    assert maps.summed(image, point)[0].eq(1.5).all()
    assert maps.summed(image, None) is image
    assert maps.summed(None, point) is point
    assert maps.summed(None, None) is None
