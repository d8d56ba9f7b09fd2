"""Batches, pieces and pairs of encoders, and which sample an error names."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import parts
import pytest
import torch
from test_encode import LittleMemory, encoded, group, image_encoder, made, point_encoder

from musc2.encoders import ImageTokens
from musc2.errors import DeviceError, InputError
from musc2.inputs import Preparation, pair
from musc2.inputs.parts import PartLoader
from musc2.progress import StageTimer
from musc2.stages import encode as stage
from musc2.stages.group import group_clouds


def batches(sizes, memory, batch_size=8, alone=1):
    """Return the lengths of batches of parts with images of some sides; 0: without images."""
    listed = []
    for side in sizes:
        images = [torch.empty(0, side, side)] if side else []
        listed.append(SimpleNamespace(prepared=SimpleNamespace(images=images)))
    return [len(batch) for batch in stage._batches(listed, memory, batch_size, alone)]


def test_a_pixel_takes_a_kilobyte():
    assert batches([10] * 7, 3 * 100 * 1024) == [3, 3, 1]
    assert batches([10] * 7, 3 * 100 * 1024 - 1) == [2, 2, 2, 1]
    assert batches([10] * 7, 1) == [1] * 7
    assert batches([10] * 7, 1 << 30, batch_size=4) == [4, 3]
    assert batches([0] * 5, 1) == [1] * 5
    assert batches([0] * 5, 1, alone=2) == [2, 2, 1]


def test_the_largest_image_of_a_part_decides():
    images = [torch.empty(0, 2, 2), torch.empty(0, 10, 20), torch.empty(0, 3, 3)]
    part = SimpleNamespace(prepared=SimpleNamespace(images=images))
    assert [len(batch) for batch in stage._batches([part] * 4, 400 * 1024, 8, 1)] == [2, 2]


def test_more_images_go_together_on_a_gpu():
    assert (stage.batch_size("cpu"), stage.batch_size("cuda")) == (8, 32)


def test_the_first_encoder_stands_in_for_those_that_are_missing():
    assert stage.pairs(2, 2) == [(0, 0), (1, 1)]
    assert stage.pairs(3, 2) == [(0, 0), (1, 1), (2, 0)]
    assert stage.pairs(1, 3) == [(0, 0), (0, 1), (0, 2)]
    assert stage.pairs(2, 0) == [(0, None), (1, None)]
    assert stage.pairs(0, 1) == [(None, 0)]


def several(loader, images=(), points=(), **options):
    image_encoders = [image_encoder(own) for own in images]
    point_encoders = [point_encoder(own) for own in points]
    timer = options.pop("timer", StageTimer())
    return stage.encode(loader, loader.count, image_encoders, point_encoders, timer, **options)


def twice(pixels):
    return 2 * parts.colors(pixels)


def with_two_images(rgb, pcd=None):
    """Return parts whose images are prepared for two encoders."""
    preparation = Preparation(size=48, further=(Preparation(size=48),))
    return PartLoader(pair(rgb, pcd), preparation, group, StageTimer())


def test_each_view_has_the_tokens_of_its_encoders(rng):
    rgb, pcd = parts.images(rng, 3), parts.maps(rng, 3)
    loader = with_two_images(rgb, pcd)
    tokens = several(loader, [parts.colors, twice], [parts.spread], batch_size=2)
    first, second = tokens.views
    assert torch.equal(2 * first.image, second.image)
    assert torch.equal(first.points, second.points)
    alone = encoded(made(pcd=pcd), point=parts.spread).views[0]
    assert torch.equal(first.points, alone.points)
    assert len(first.clouds) == len(second.clouds) == len(tokens.outputs) == 3
    assert first.class_tokens is None


def test_progress_counts_parts(rng):
    steps = []
    timer = StageTimer(lambda *step: steps.append(step))
    several(made(parts.images(rng, 5)), [parts.colors], batch_size=2, timer=timer)
    encoding = [step for step in steps if step[0] == "encode"]
    assert encoding == [("encode", 2, 5), ("encode", 4, 5), ("encode", 5, 5)]


def test_progress_of_clouds_counts_one_by_one(rng):
    steps = []
    timer = StageTimer(lambda *step: steps.append(step))
    several(made(pcd=parts.maps(rng, 3)), points=[parts.spread], timer=timer)
    encoding = [step for step in steps if step[0] == "encode"]
    assert encoding == [("encode", 1, 3), ("encode", 2, 3), ("encode", 3, 3)]


def group_thinned(loader):
    points = [each.points[each.kept] for each in loader]
    return group_clouds(points, count=32, group_size=16, search=32, start=10)


def test_scores_are_of_all_points_of_a_thinned_scan(rng):
    pcd, preparation = parts.maps(rng, 2), Preparation(size=48, max_points=200)
    loader = PartLoader(pair(None, pcd), preparation, group_thinned, StageTimer())
    loaded = list(loader)
    assert [len(part.cloud.points) for part in loaded] == [200, 200]
    encoders = [point_encoder(parts.spread)]
    tokens = stage.encode(loaded, 2, [], encoders, StageTimer()).views[0]
    for cloud, part in zip(tokens.clouds, loaded, strict=True):
        assert len(cloud.points) == len(part.scored_cloud.points) > 200
    bare = [dataclasses.replace(part, scored_cloud=None) for part in loaded]
    tokens = stage.encode(bare, 2, [], encoders, StageTimer()).views[0]
    assert [len(cloud.points) for cloud in tokens.clouds] == [200, 200]


def test_scans_that_no_encoder_takes_leave_no_clouds(rng):
    loader = made(parts.images(rng, 2), parts.maps(rng, 2))
    assert several(loader, [parts.colors]).views[0].clouds == []


def test_the_sample_with_tokens_that_are_not_finite_is_named(rng):
    rgb = parts.images(rng, 4)

    def bad(pixels):
        tokens = parts.colors(pixels)
        tokens[1, 0, 0, 0] = np.nan
        return tokens

    loader = with_two_images(rgb)
    with pytest.raises(InputError, match=r"encoder bad .* infinity for sample '1'"):
        several(loader, [parts.colors, bad])


def test_tokens_of_another_shape_are_refused_with_the_sample_s_name(rng):
    sizes = iter([8, 12])

    def shrinking(pixels):
        return parts.avg_pool2d(pixels, next(sizes)).permute(0, 2, 3, 1)

    with pytest.raises(
        InputError, match=r"sample '2' must give image tokens .* got \(1, 4, 4, 3\)"
    ):
        encoded(made(parts.images(rng, 3)), shrinking, batch_size=2)


def test_images_of_another_shape_are_refused_with_the_sample_s_name(rng):
    rgb = [parts.images(rng, 1)[0], parts.images(rng, 1, size=(60, 36))[0]]
    preparation = Preparation(size=48, resize="fit")
    loader = PartLoader(pair(rgb, None), preparation, group, StageTimer())
    message = r"sample '1' must give pixels of the same shape .*\(29, 48\), got \(48, 29\)"
    with pytest.raises(InputError, match=message):
        encoded(loader, parts.colors)


def test_point_tokens_of_another_shape_are_refused_with_the_sample_s_name(rng):
    widths = iter([2, 3, 3])

    def growing(cloud, groups):
        return torch.zeros(32, next(widths))

    message = r"sample '1' must give point tokens .*\(1, 32, 2\), got \(1, 32, 3\)"
    with pytest.raises(InputError, match=message):
        encoded(made(pcd=parts.maps(rng, 3)), point=growing)
    widths = iter([2, 3, 3])
    with pytest.raises(InputError, match=message):  # in a batch of three
        encoded(made(parts.images(rng, 3), parts.maps(rng, 3)), parts.colors, growing)


def test_an_encoder_that_returns_no_tokens_is_named(rng):
    bad = SimpleNamespace(name="bad", encode=lambda pixels: pixels)
    loader = made(parts.images(rng, 2))
    with pytest.raises(InputError, match=r"encoder bad must return ImageTokens, .*, got Tensor"):
        stage.encode(loader, 2, [bad], [], StageTimer())


def test_class_tokens_have_two_dimensions(rng):
    def with_classes(pixels):
        return ImageTokens(tokens=parts.colors(pixels)[:, None], class_tokens=pixels.mean((2, 3)))

    tokens = encoded(made(parts.images(rng, 3)), with_classes, batch_size=2).views[0]
    assert tokens.class_tokens.shape == (3, 3)
    assert tokens.class_tokens.dtype == torch.float32


def test_a_gpu_without_memory_for_one_part_is_named_at_once(rng):
    encoder = LittleMemory(0)
    with pytest.raises(DeviceError, match=r"a single part in .* which is 99, or"):
        encoded(made(parts.images(rng, 1)), encoder, memory=99)
    assert encoder.batches == [1]
    encoder = LittleMemory(0)
    with pytest.raises(DeviceError, match="2 parts at once"):
        encoded(made(parts.images(rng, 6)), encoder)
    assert encoder.batches == [6, 3, 2]
