import pytest
import samples
import torch

from musc2 import Config
from musc2._arguments.tokens import NONE, Tokens
from musc2.encoders import TokenDefaults
from musc2.progress import StageTimer
from musc2.token_scores import token_scores

PLAIN = TokenDefaults(normalize=False, degrees=(1,))
UNIT = TokenDefaults(normalize=True, degrees=(1,))
EXACT = Config(search_precision="float32")


def scored(image=None, point=None, clouds=(), *, matchings=(PLAIN, PLAIN), config=EXACT, **options):
    given = [None if tokens is None else torch.from_numpy(tokens) for tokens in (image, point)]
    return token_scores(Tokens(*given, list(clouds)), NONE, matchings, config, StageTimer(), **options)


def test_the_salient_patch_lies_inside(rng):
    tokens = samples.image_tokens(rng, 5, layers=1)
    inside = torch.from_numpy(rng.random((5, 4, 5)) < 0.3)
    inside[:, 2, 2] = True
    found, free = scored(tokens, inside=inside), scored(tokens)
    torch.testing.assert_close(found.image, free.image)
    for index in range(5):
        best = found.image[index].masked_fill(~inside[index], -1).argmax()
        assert torch.equal(found.salient[0][index], torch.from_numpy(tokens[index, 0]).flatten(0, 1)[best])


def test_each_modality_is_matched_as_its_encoder_wants(rng):
    image, point, clouds = samples.image_tokens(rng), samples.point_tokens(rng), samples.clouds(rng)
    for matchings in [(UNIT, PLAIN), (PLAIN, UNIT)]:
        both = scored(image, point, clouds, matchings=matchings, config=EXACT.replace(enhance_balance="never"))
        lengths = [salient.norm(dim=1) for salient in both.salient]
        for matching, length in zip(matchings, lengths, strict=True):
            ones = torch.ones_like(length)
            assert torch.allclose(length, ones, atol=1e-5) == matching.normalize


def test_one_layer_of_points_meets_every_layer_of_images(rng):
    image, point, clouds = samples.image_tokens(rng), samples.point_tokens(rng, layers=1), samples.clouds(rng)
    found = scored(image, point, clouds)
    repeated = scored(image, point.repeat(3, 1), clouds)
    for name in ("image", "point"):
        torch.testing.assert_close(getattr(found, name), getattr(repeated, name))


@pytest.mark.parametrize(("ours", "theirs", "pairs"), [(4, 3, [0, 0, 1, 2]), (4, 2, [0, 0, 1, 1]), (3, 2, [0, 0, 1])])
def test_layers_meet_in_order(rng, ours, theirs, pairs):
    image, point = samples.image_tokens(rng, layers=ours), samples.point_tokens(rng, layers=theirs)
    clouds = samples.clouds(rng)
    found, expected = scored(image, point, clouds), scored(image, point[:, pairs].copy(), clouds)
    torch.testing.assert_close(found.point, expected.point)
    torch.testing.assert_close(found.image, expected.image)
