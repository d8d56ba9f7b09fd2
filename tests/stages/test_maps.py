import numpy as np
import pytest
import samples
import torch

from musc2 import Cloud
from musc2.maps import Frame, Maps, PatchLayer, PointLayer, blur, quantized_blur, shrink_mask
from musc2.stages.maps import point_layer, point_scores, scatter


def test_upsampling_agrees_with_the_published_code(golden):
    g = golden("interpolate")
    scores = torch.from_numpy(g["up_in"][:, 0])
    frames = [Frame(working=(112, 112), input=(112, 112))] * 3
    found = Maps([PatchLayer(scores=scores)], frames).at("input")
    np.testing.assert_allclose(found, g["up_out_112"][:, 0], rtol=1e-6, atol=1e-6)


def test_spreading_agrees_with_the_published_code(golden):
    g = golden("interpolate")
    cloud = Cloud(points=g["xyz"], centers=g["center_idx"], curvature=np.zeros(256, np.float32))
    (found,) = point_scores(torch.from_numpy(g["center_scores"])[None], [cloud])
    np.testing.assert_allclose(found, g["interpolated_float64"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found, g["interpolated"], rtol=1e-4, atol=1e-5)


def test_the_quantized_blur_is_that_of_the_published_code(golden):
    g = golden("interpolate")
    blurred = quantized_blur(torch.from_numpy(g["map"]), 4.0).numpy()
    levels = float(g["map"].max()) / 255
    assert np.array_equal(np.rint(blurred / levels), np.rint(g["blurred"] / levels))
    np.testing.assert_allclose(blurred, g["blurred"], rtol=1e-6)
    np.testing.assert_allclose(
        quantized_blur(torch.from_numpy(g["blur_in_32"]), 4.0), g["blur_out_32"], rtol=1e-6
    )


def test_a_map_of_zeros_stays_one():
    zeros = torch.zeros(9, 7)
    assert torch.equal(quantized_blur(zeros, 4.0), zeros)
    assert torch.equal(blur(zeros, 4.0), zeros)


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
    found = blur(torch.from_numpy(image.astype(np.float32)), 4.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_no_blur_leaves_the_map_as_it_is():
    image = torch.rand(6, 5)
    assert torch.equal(blur(image, 0.0), image)


def test_the_float_blur_has_more_than_256_levels(rng):
    image = torch.from_numpy(rng.random((64, 64)).astype(np.float32))
    assert len(blur(image, 4.0).unique()) > 1000
    assert len(quantized_blur(image, 4.0).unique()) <= 256


def test_the_background_is_zero_before_the_blur(rng):
    clouds = samples.clouds(rng, 2)
    values = [torch.ones(len(cloud.points)) for cloud in clouds]
    layer = point_layer(values, clouds, sigma=0.0)
    rendered = layer.render(1, clouds[1].size).flatten()
    assert rendered[clouds[1].pixels].eq(1).all()
    assert rendered.sum() == len(clouds[1].points)


@pytest.fixture
def patches():
    return PatchLayer(scores=torch.tensor([[[0.0, 2.0]], [[1.0, 1.0]]]))


def frame(working, size=None, mask=None):
    return Frame(working=working, input=size or working, mask=mask)


def test_samples_of_different_sizes_get_maps_of_their_own(patches):
    maps = Maps([patches], [frame((1, 3)), frame((2, 2))])
    assert maps[0].tolist() == [[0.0, 1.0, 2.0]]
    assert maps[-1].tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert [tuple(values.shape) for values in maps] == [(1, 3), (2, 2)]
    assert isinstance(maps.at("input"), list)
    assert Maps([patches], [frame((2, 2))] * 2).at("input").shape == (2, 2, 2)
    assert repr(maps) == "Maps(2 of 2 sizes)"
    assert repr(Maps([patches], [frame((2, 3))] * 2)) == "Maps(2 of 2 x 3)"


def test_a_map_is_a_sequence(patches):
    maps = Maps([patches], [frame((1, 3)), frame((2, 2))])
    assert len(maps) == 2
    assert len(maps[:1]) == 1
    with pytest.raises(IndexError):
        maps[2]
    with pytest.raises(ValueError, match="size must be one of input, working, got 'own'"):
        maps.at("own")


def test_maps_of_both_modalities_are_added(patches):
    points = PointLayer(
        scores=[torch.tensor([0.5])] * 2,
        pixels=[torch.tensor([1])] * 2,
        sizes=[(1, 2)] * 2,
        sigma=0.0,
    )
    maps = Maps([patches, points], [frame((1, 2))] * 2)
    assert maps[0].tolist() == [[0.0, 2.5]]
    assert maps.peaks().tolist() == [2.5, 1.5]


def test_maps_have_the_size_of_the_input_and_peaks_those_of_the_working_size(patches):
    maps = Maps([patches], [frame((1, 2), (2, 4))] * 2)
    assert maps[0].shape == (2, 4)
    assert maps[0].tolist() == [[0.0, 0.5, 1.5, 2.0]] * 2
    assert maps.at("working").shape == (2, 1, 2)
    assert maps.peaks().tolist() == [2.0, 1.0]


def test_outside_of_a_mask_maps_are_zero(patches):
    mask = torch.tensor([[False, False, True, False], [False] * 4])
    maps = Maps([patches], [frame((1, 2), (2, 4), mask)] * 2)
    assert maps.at("working")[1].tolist() == [[0.0, 1.0]]
    assert maps[1].tolist() == [[0.0, 0.0, 0.75, 0.0], [0.0] * 4]


def test_a_cell_of_a_mask_is_true_where_any_pixel_is():
    mask = torch.tensor([[True, False, False, False], [False] * 4])
    assert shrink_mask(mask, (1, 2)).tolist() == [[True, False]]
    assert shrink_mask(mask, (2, 4)) is mask


def test_points_that_were_not_used_score_zero():
    values = torch.tensor([2.0, 3.0])
    assert scatter(values, torch.tensor([0, 2]), 4).tolist() == [2, 0, 3, 0]
    assert scatter(values, None, 2).tolist() == [2, 3]


def test_points_of_a_smaller_map_are_enlarged_to_the_working_size():
    points = PointLayer(
        scores=[torch.tensor([2.0])], pixels=[torch.tensor([1])], sizes=[(1, 2)], sigma=0.0
    )
    maps = Maps([points], [frame((1, 4), (2, 4))])
    assert maps.at("working").tolist() == [[[0.0, 0.5, 1.5, 2.0]]]
    assert maps[0].tolist() == [[0.0, 0.5, 1.5, 2.0]] * 2


def test_maps_rendered_together_equal_maps_rendered_alone():
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(3, 4, 5, generator=generator)
    layers = [
        PatchLayer(scores=scores, further=(scores[:, :2],)),
        PointLayer(
            scores=[torch.rand(count, generator=generator) for count in (9, 30, 1)],
            pixels=[torch.arange(0, count * 4, 4) for count in (9, 30, 1)],
            sizes=[(12, 10)] * 3,
            sigma=1.5,
        ),
    ]
    for layer in layers:
        for size in ((12, 10), (24, 18)):
            together = layer.render_batch([2, 0], size)
            alone = torch.stack([layer.render(2, size), layer.render(0, size)])
            torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-6)
