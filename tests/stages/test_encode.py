import numpy as np
import parts
import pytest
import torch

from musc2 import Config, score
from musc2.encoders import ImageTokens, selection
from musc2.errors import DeviceError, InputError
from musc2.inputs import Preparation, load, pair
from musc2.inputs.parts import PartLoader
from musc2.progress import StageTimer
from musc2.stages.encode import encode
from musc2.stages.group import group_clouds

SMALL = Config(input_size=48, group_count=32, group_size=16, group_search=32, group_start=10)


def group(given):
    points, pixels, sizes = zip(
        *[(each.points, each.pixels, each.size) for each in given], strict=True
    )
    return group_clouds(points, pixels, sizes, count=32, group_size=16, search=32, start=10)


def made(rgb=None, pcd=None, size=48, group=group, **options):
    return PartLoader(pair(rgb, pcd), Preparation(size=size), group, StageTimer(), **options)


def image_encoder(given):
    return selection.image_encoder(given, "cpu", parts.IN_TORCH)


def point_encoder(given):
    return selection.point_encoder(given, "cpu", parts.IN_TORCH)


def encoded(given, image=None, point=None, **options):
    image = None if image is None else image_encoder(image)
    point = None if point is None else point_encoder(point)
    images = [] if image is None else [image]
    points = [] if point is None else [point]
    return encode(given, given.count, images, points, StageTimer(), **options)


def test_images_come_in_batches_that_memory_allows(rng):
    rgb, encoder = parts.images(rng, 7), parts.Coarse()
    whole = encoded(made(rgb), encoder)
    assert encoder.batches == [7]
    few = encoded(made(rgb), encoder, memory=3 * 48 * 48 * 1024, batch_size=32)
    one = encoded(made(rgb), encoder, memory=1)
    assert encoder.batches == [7, 3, 3, 1] + 7 * [1]
    encoded(made(rgb), encoder, batch_size=4)
    assert encoder.batches[-2:] == [4, 3]
    assert whole.views[0].image.shape == (7, 2, 6, 6, 3)
    for other in (few, one):
        torch.testing.assert_close(other.views[0].image, whole.views[0].image)
        torch.testing.assert_close(other.views[0].class_tokens, whole.views[0].class_tokens)


def test_tokens_are_those_of_each_sample_alone(rng):
    rgb, pcd = parts.images(rng, 4), parts.maps(rng, 4)
    together = encoded(made(rgb, pcd), parts.colors, parts.spread)
    together = together.views[0]
    for index in range(4):
        alone = encoded(
            made(rgb[index : index + 1], pcd[index : index + 1]), parts.colors, parts.spread
        ).views[0]
        torch.testing.assert_close(alone.image[0], together.image[index])
        assert torch.equal(alone.points[0], together.points[index])
        assert torch.equal(alone.clouds[0].centers, together.clouds[index].centers)
    assert together.points.shape == (4, 1, 32, 6)


def test_clouds_are_grouped_as_many_together_as_wanted_until_they_have_enough_points(
    rng, monkeypatch
):
    pcd, calls = parts.maps(rng, 7), []

    def noting(given):
        calls.append(len(given))
        return group(given)

    alone = list(made(pcd=pcd, group=noting))
    assert sorted(calls) == 7 * [1]
    points = len(alone[0].cloud.points)
    for batch, enough, expected in (
        (3, points * 7, [1, 3, 3]),
        (9, points * 7, [7]),
        (9, points * 2, [1, 2, 2, 2]),
    ):
        calls.clear()
        monkeypatch.setattr("musc2.inputs.parts.ENOUGH_POINTS", enough)
        found = list(made(pcd=pcd, group=noting, batch=batch))
        assert sorted(calls) == expected
        for ours, theirs in zip(found, alone, strict=True):
            assert torch.equal(ours.cloud.centers, theirs.cloud.centers)
            assert torch.equal(ours.groups.index, theirs.groups.index)


def test_of_samples_grouped_together_only_those_at_fault_fail(rng):
    pcd = list(parts.maps(rng, 5))
    pcd[1] = pcd[1] * 0
    few = np.full_like(pcd[3], np.nan)
    few[20, 20:23] = pcd[3][20, 20:23]
    pcd[3] = few

    def picky(given):
        if any(len(each.points) < 100 for each in given):
            msg = f"too few points among {len(given)}"
            raise InputError(msg)
        return group(given)

    given = made(pcd=pcd, group=picky, batch=4, on_error="skip")
    assert [part.prepared.sample.index for part in given] == [0, 2, 4]
    assert [failure.sample.index for failure in given.errors] == [1, 3]
    assert str(given.errors[1].error) == "too few points among 1"
    with pytest.raises(InputError, match="too few points among 1"):
        list(made(pcd=pcd[2:], group=picky, batch=4))


@pytest.mark.parametrize("form", ["layers", "tokens"])
def test_a_callable_may_give_any_of_three_forms(rng, form):
    rgb = parts.images(rng)

    def with_layers(pixels):
        return parts.colors(pixels)[:, None]

    def as_tokens(pixels):
        return ImageTokens(tokens=with_layers(pixels), class_tokens=None)

    expected = encoded(made(rgb), parts.colors)
    found = encoded(made(rgb), {"layers": with_layers, "tokens": as_tokens}[form])
    assert torch.equal(found.views[0].image, expected.views[0].image)


def test_a_torch_module_is_an_encoder(rng):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 8, 8), torch.nn.Unflatten(0, (-1, 1)))
    found = encoded(made(parts.images(rng)), lambda pixels: module(pixels).permute(0, 1, 3, 4, 2))
    assert found.views[0].image.shape == (5, 1, 6, 6, 5)
    assert not found.views[0].image.requires_grad


def test_nothing_is_read_twice_and_only_learners_read_everything_first(rng, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "musc2.inputs.parts.load", lambda given, *a, **k: load(_noting(given, seen), *a, **k)
    )
    given = made(parts.images(rng))
    assert not seen
    learner = parts.Coarse()
    learner.fit([part.prepared.image for part in given.keep()])
    assert seen == [0, 1, 2, 3, 4]
    encoded(given, learner)
    assert seen == [0, 1, 2, 3, 4]


def _noting(given, seen):
    class Noting(list):
        def __iter__(self):
            for sample in list.__iter__(self):
                seen.append(sample.index)
                yield sample

    return Noting(given)


def test_a_learner_sees_samples_and_references(rng):
    rgb, encoder, seen = parts.images(rng, 6), parts.Coarse(), []
    encoder.fit = lambda given, seed: seen.append(
        (len(given), given[2].shape, [part.ndim for part in given[:2]], seed)
    )
    config = SMALL.replace(seed=9)
    score(rgb[:2], encoder_2d=encoder, references={"rgb": rgb[2:]}, config=config)
    assert seen == [(6, (3, 48, 48), [3, 3], 9)]


def test_matching_is_the_encoder_s_unless_the_config_says_otherwise(rng):
    rgb, encoder = parts.images(rng), parts.Coarse()
    as_declared = score(rgb, encoder_2d=encoder, config=SMALL)
    explicit = score(
        rgb,
        encoder_2d=encoder,
        config=SMALL.replace(aggregate_normalize=False, aggregate_degrees=(1,)),
    )
    other = score(rgb, encoder_2d=encoder, config=SMALL.replace(aggregate_normalize=True))
    assert torch.equal(as_declared.maps.at("input"), explicit.maps.at("input"))
    assert not torch.equal(as_declared.maps.at("input"), other.maps.at("input"))
    plain = score(rgb, encoder_2d=parts.colors, config=SMALL)
    assert torch.equal(
        plain.maps.at("input"),
        score(
            rgb,
            encoder_2d=parts.colors,
            config=SMALL.replace(aggregate_normalize=True, aggregate_degrees=(1, 3, 5)),
        ).maps.at("input"),
    )


def test_class_tokens_are_compared_where_the_config_wants_it(rng):
    rgb = parts.images(rng)
    results = [
        score(
            rgb,
            encoder_2d=encoder,
            config=SMALL.replace(rescore_class_tokens=wanted, rescore_neighbors=(2,)),
        )
        for encoder in (parts.Coarse(), parts.colors)
        for wanted in (False, True)
    ]
    assert torch.equal(results[0].raw_scores, results[1].raw_scores)
    assert not torch.equal(results[0].scores, results[1].scores)
    assert torch.equal(results[2].scores, results[3].scores)  # there are none


def test_the_size_and_resample_of_the_encoder_hold_unless_the_config_says_otherwise(rng):
    seen = []

    def encoder(pixels):
        seen.append(pixels.clone())
        return parts.colors(pixels)

    encoder.size, encoder.resample = 64, "bilinear"
    rgb = parts.images(rng)
    for config in (Config(), Config(input_size=32), Config(input_resample="bicubic")):
        score(rgb, encoder_2d=encoder, config=config)
    assert [tuple(pixels.shape[2:]) for pixels in seen] == [(64, 64), (32, 32), (64, 64)]
    assert not torch.equal(seen[0], seen[2])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda pixels: [1, 2],
            r"must return a tensor \(B, layers, h, w, C\), not empty, got list",
        ),
        (
            lambda pixels: pixels[:, 0],
            r"must return a tensor \(B, layers, h, w, C\), not empty, got shape \(5, 48, 48\)",
        ),
        (lambda pixels: parts.colors(pixels)[:2], "must return tokens of 5 images, got those of 2"),
        (
            lambda pixels: parts.colors(pixels) * np.nan,
            "must return finite tokens, got NaN or infinity for sample '0'",
        ),
        (
            lambda pixels: ImageTokens(tokens=parts.colors(pixels)[:, None], class_tokens=pixels),
            r"must return .* \(B, D\) of class tokens",
        ),
    ],
)
def test_what_an_image_encoder_returns_is_checked(rng, wrong, message):
    with pytest.raises(InputError, match=f"score: the encoder <lambda> {message}"):
        encoded(made(parts.images(rng)), wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda cloud, groups: None,
            r"must return a tensor \(G, C\) or \(layers, G, C\), not empty, got NoneType",
        ),
        (
            lambda cloud, groups: groups.curvature,
            r"must return a tensor \(G, C\) .*, got shape \(32,\)",
        ),
        (
            lambda cloud, groups: torch.zeros(31, 2),
            "must return a token for each of the 32 groups, got 31",
        ),
        (
            lambda cloud, groups: torch.full((32, 2), np.inf),
            "must return finite tokens, .* for sample '0'",
        ),
    ],
)
def test_what_a_point_encoder_returns_is_checked(rng, wrong, message):
    with pytest.raises(InputError, match=f"score: the encoder <lambda> {message}"):
        encoded(made(pcd=parts.maps(rng)), point=wrong)


def test_an_error_of_the_encoder_reaches_the_caller_as_it_is(rng):
    def broken(pixels):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        encoded(made(parts.images(rng)), broken)


class LittleMemory:
    """An encoder of images on a GPU that has memory for ``most`` of them at once."""

    def __init__(self, most):
        self.most, self.batches = most, []

    def __call__(self, images):
        self.batches.append(len(images))
        if len(images) > self.most:
            raise torch.cuda.OutOfMemoryError
        return parts.colors(images)


def test_a_batch_that_a_gpu_has_no_memory_for_is_halved_twice(rng):
    rgb = parts.images(rng, 12)
    expected = encoded(made(rgb), parts.colors)
    encoder = LittleMemory(2)
    tokens = encoded(made(rgb), encoder)
    assert torch.equal(tokens.views[0].image, expected.views[0].image)
    assert encoder.batches == [8, 4, 2, 2, 2, 2, 1, 1, 1, 1]  # quarters from then on
    message = "no memory for 2 parts at once in the encoder LittleMemory; lower config.memory"
    with pytest.raises(DeviceError, match=message):
        encoded(made(rgb), LittleMemory(1))
    with pytest.raises(DeviceError, match="no memory for a single part"):
        encoded(made(rgb[:1]), LittleMemory(0))


class InBatches(parts.Spread):
    """An encoder of points that claims to be on a GPU, with another value for each cloud."""

    name = "in batches"
    device = torch.device("cuda")

    def __init__(self):
        self.batches = []

    def encode_batch(self, clouds, groups):
        self.batches.append(len(clouds))
        return torch.stack(list(map(self.encode, clouds, groups)))


@pytest.mark.parametrize("with_images", [False, True])
def test_an_encoder_of_points_on_a_gpu_gets_batches(rng, with_images):
    rgb = parts.images(rng, 5) if with_images else None
    pcd = parts.maps(rng, 5)
    encoder = InBatches()
    image = parts.colors if with_images else None
    loaded = made(rgb, pcd)
    image_encoders = [image_encoder(image)] if with_images else []
    tokens = encode(loaded, 5, image_encoders, [encoder], StageTimer(), batch_size=3)
    assert encoder.batches == [3, 2]
    expected = encoded(made(rgb, pcd), image, parts.spread)
    assert torch.equal(tokens.views[0].points, expected.views[0].points)
