import pytest
import torch

from musc2 import Config, score_tokens
from musc2.stages.image_scores import highest_mean, highest_means_of_all


def test_the_highest_share_of_a_map():
    values = torch.arange(100.0).reshape(10, 10)
    assert highest_mean(values) == highest_mean(values, 0.001) == 99
    assert highest_mean(values, 0.04) == 97.5
    assert highest_mean(values, 1.0) == values.mean()


@pytest.mark.parametrize("unit", ["normal", "distance"])
def test_raw_scores_are_the_mean_of_the_highest_share(rng, unit):
    tokens = torch.from_numpy(rng.standard_normal((6, 1, 5, 5, 4))).float()
    config = Config(map_top_share=0.05, score_unit=unit)
    result = score_tokens(tokens, image_size=(20, 20), config=config)
    maps = result.maps.at("working").flatten(1)
    torch.testing.assert_close(result.raw_scores, maps.topk(20).values.mean(1))
    assert (result.raw_scores < maps.amax(1)).all()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_vectors_of_any_lengths_together(share):
    generator = torch.Generator().manual_seed(0)
    vectors = [torch.rand(length, generator=generator) for length in (1, 30, 7)]
    expected = torch.stack([highest_mean(own, share) for own in vectors])
    torch.testing.assert_close(highest_means_of_all(vectors, share), expected)
