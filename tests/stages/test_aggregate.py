import numpy as np
import pytest
import samples
import torch

from musc2.stages.aggregate import image_features, point_features


def test_features_agree_with_the_published_code(golden):
    g, image, point, clouds = samples.end_to_end(golden)
    for layer in range(3):
        (found,) = image_features(torch.from_numpy(image[:, layer]))
        np.testing.assert_allclose(found, g["2d_Z"][layer], rtol=1e-5, atol=1e-5)
        found = point_features(torch.from_numpy(point[:, layer]), clouds)
        np.testing.assert_allclose(found, g["3d_Z"][layer], rtol=1e-5, atol=1e-5)


def test_lnamd_agrees_with_the_published_code(golden):
    g = golden("lnamd")
    for layer in range(3):
        tokens = torch.from_numpy(g[f"tokens{layer}"][:, 1:].reshape(2, 10, 10, 32))
        found = image_features(
            tokens, separately=True, weighting="uniform", layer_norm=True, normalize=False
        )
        for degree, features in zip((1, 3, 5), found, strict=True):
            np.testing.assert_allclose(
                features, g[f"out_r{degree}"][:, :, layer], rtol=1e-5, atol=1e-5
            )


def test_degrees_apart_are_the_degrees_one_by_one(rng):
    tokens = torch.from_numpy(samples.image_tokens(rng)[:, 0])
    apart = image_features(tokens, (1, 3), separately=True)
    assert len(apart) == 2
    for degree, features in zip((1, 3), apart, strict=True):
        assert torch.equal(features, image_features(tokens, (degree,))[0])


def test_normalizing_first_forgets_the_tokens_lengths(rng):
    tokens = torch.from_numpy(samples.image_tokens(rng)[:, 0])
    (first,) = image_features(tokens, normalize_first=True)
    (longer,) = image_features(7 * tokens, normalize_first=True)
    torch.testing.assert_close(first, longer)
    assert not torch.allclose(first, image_features(tokens)[0])


@pytest.mark.parametrize("normalize", [True, False])
def test_normalized_image_features_have_length_one(rng, normalize):
    tokens = torch.from_numpy(samples.image_tokens(rng)[:, 0])
    (features,) = image_features(tokens, normalize=normalize)
    assert torch.allclose(features.norm(dim=-1), torch.ones(6, 20)) is normalize


def test_curved_centers_keep_their_own_normalized_token(rng):
    tokens, clouds = torch.from_numpy(samples.point_tokens(rng)[:, 0]), samples.clouds(rng)
    curved = clouds[0].curvature >= 0.01
    found = point_features(tokens, clouds)
    torch.testing.assert_close(
        found[:, curved], torch.nn.functional.normalize(tokens[:, curved], dim=-1)
    )
    assert torch.equal(
        point_features(tokens, clouds, normalize=False)[:, curved], tokens[:, curved]
    )


def test_samples_do_not_see_each_other(rng):
    tokens, clouds = torch.from_numpy(samples.point_tokens(rng)[:, 0]), samples.clouds(rng)
    assert torch.equal(
        point_features(tokens[2:3], clouds[2:3])[0], point_features(tokens, clouds)[2]
    )


def test_the_input_is_left_alone_and_results_repeat(rng):
    image, point = (
        torch.from_numpy(t[:, 0]) for t in (samples.image_tokens(rng), samples.point_tokens(rng))
    )
    clouds, before = samples.clouds(rng), (image.clone(), point.clone())
    first = [
        *image_features(image, layer_norm=True, normalize_first=True),
        point_features(point, clouds),
    ]
    again = [
        *image_features(image, layer_norm=True, normalize_first=True),
        point_features(point, clouds),
    ]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.equal(image, before[0])
    assert torch.equal(point, before[1])
