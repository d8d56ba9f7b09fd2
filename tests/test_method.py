import pytest
import samples
import torch

from musc2 import Config
from musc2.by_modality import ByModality
from musc2.encoders import TokenDefaults
from musc2.maps import Frame
from musc2.patch_scores import patch_scores
from musc2.progress import StageTimer
from musc2.tokens import Tokens

PLAIN = TokenDefaults(normalize=False, degrees=(1,))
UNIT = TokenDefaults(normalize=True, degrees=(1,))
EXACT = Config(search_precision="float32")


def scored(
    image=None, points=None, clouds=(), *, defaults=(PLAIN, PLAIN), config=EXACT, frames=None
):
    image, points = (
        None if tokens is None else torch.from_numpy(tokens) for tokens in (image, points)
    )
    tokens = Tokens(image=image, points=points, clouds=list(clouds))
    used = ByModality(
        None if image is None else defaults[0], None if points is None else defaults[1]
    )
    return patch_scores(tokens, Tokens(), used, config, StageTimer(), frames)


def test_the_salient_patch_lies_inside(rng):
    tokens = samples.image_tokens(rng, 5, layers=1)
    inside = torch.from_numpy(rng.random((5, 4, 5)) < 0.3)
    inside[:, 2, 2] = True
    frames = [Frame(working=(8, 8), input=(8, 8), mask=mask) for mask in inside]
    masked, free = scored(tokens, frames=frames), scored(tokens)
    torch.testing.assert_close(masked.scores.image, free.scores.image)
    for index in range(5):
        best = masked.scores.image[index].masked_fill(~inside[index].flatten(), -1).argmax()
        expected = torch.from_numpy(tokens[index, 0]).flatten(0, 1)[best]
        assert torch.equal(masked.salient.image[index], expected)


def test_each_modality_is_matched_as_its_encoder_recommends(rng):
    image, points, clouds = (
        samples.image_tokens(rng),
        samples.point_tokens(rng),
        samples.clouds(rng),
    )
    for defaults in [(UNIT, PLAIN), (PLAIN, UNIT)]:
        both = scored(
            image, points, clouds, defaults=defaults, config=EXACT.replace(enhance_balance="never")
        )
        for own, salient in zip(defaults, both.salient.values(), strict=True):
            length = salient.norm(dim=1)
            assert torch.allclose(length, torch.ones_like(length), atol=1e-5) == own.normalize


def test_one_layer_of_points_meets_every_layer_of_images(rng):
    image, points, clouds = (
        samples.image_tokens(rng),
        samples.point_tokens(rng, layers=1),
        samples.clouds(rng),
    )
    single = scored(image, points, clouds)
    repeated = scored(image, points.repeat(3, 1), clouds)
    for own, other in zip(single.scores.values(), repeated.scores.values(), strict=True):
        torch.testing.assert_close(own, other)


@pytest.mark.parametrize(
    ("ours", "theirs", "pairs"), [(4, 3, [0, 0, 1, 2]), (4, 2, [0, 0, 1, 1]), (3, 2, [0, 0, 1])]
)
def test_layers_meet_in_order(rng, ours, theirs, pairs):
    image, points = samples.image_tokens(rng, layers=ours), samples.point_tokens(rng, layers=theirs)
    clouds = samples.clouds(rng)
    given = scored(image, points, clouds)
    expected = scored(image, points[:, pairs].copy(), clouds)
    torch.testing.assert_close(given.scores.points, expected.scores.points)
    torch.testing.assert_close(given.scores.image, expected.scores.image)
