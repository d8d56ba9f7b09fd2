"""What texture learns from a set: whatever its order, on one scale for few images and many."""

import parts
import pytest
import torch

from musc2 import Config, encoders, score, set_num_threads

SIZE = (64, 64)


def pictures(rng, count):
    rgb = torch.from_numpy(parts.images(rng, count, size=SIZE, defect=(2, 20, 30)))
    return list((rgb.permute(0, 3, 1, 2) / 255).float())


@pytest.mark.parametrize("count", [5, 12])
def test_the_order_of_the_images_and_the_number_of_threads_do_not_matter(rng, count):
    images = pictures(rng, count)
    order = rng.permutation(count).tolist()
    states = []
    for threads, arrangement in ((1, images), (3, [images[index] for index in order])):
        set_num_threads(threads)
        encoder = encoders.load("texture")
        try:
            encoder.fit(arrangement)
        finally:
            set_num_threads(None)
        states.append(encoder.state())
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name])


def test_scores_follow_the_parts_into_any_order(rng):
    rgb = parts.images(rng, 9, size=SIZE, defect=(2, 20, 30))
    order = rng.permutation(9)
    config = Config(input_size=64)
    here = score(rgb, encoder_2d="texture", config=config)
    rearranged = score(rgb[order], encoder_2d="texture", config=config)
    torch.testing.assert_close(rearranged.scores, here.scores[order], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(rearranged.raw_scores, here.raw_scores[order], rtol=1e-5, atol=1e-5)


def test_distances_do_not_jump_where_whitening_begins(rng):
    rgb = parts.images(rng, 8, size=SIZE)
    config = Config(input_size=64, score_unit="distance")
    seven = score(rgb[:7], encoder_2d="texture", config=config).raw_scores.median()
    eight = score(rgb, encoder_2d="texture", config=config).raw_scores.median()
    assert 0.7 < float(eight / seven) < 1.4


@pytest.mark.parametrize("preset", ["published", "musc"])
@pytest.mark.parametrize("encoder", ["texture", "shape"])
def test_published_presets_keep_the_matching_of_built_in_encoders(preset, encoder):
    own = encoders.load(encoder).token_defaults
    used = own.override(Config.from_preset(preset))
    assert (used.normalize, used.degrees) == (own.normalize, own.degrees) == (False, (1,))


@pytest.mark.parametrize("preset", ["published", "musc"])
def test_published_presets_keep_the_published_matching_of_networks(preset):
    used = encoders.contract.PUBLISHED_DEFAULTS.override(Config.from_preset(preset))
    assert (used.normalize, used.degrees, used.rescore) == (True, (1, 3, 5), True)


def test_published_differs_from_ours_only_in_precision_with_texture(rng):
    rgb = parts.images(rng, 6, size=SIZE)
    published = Config.from_preset("published").replace(input_size=64)
    ours = Config(input_size=64, score_unit="distance", search_precision="float32")
    maps = [
        score(rgb, encoder_2d="texture", config=own).patch_scores_2d for own in (published, ours)
    ]
    torch.testing.assert_close(*maps)
