"""Defaults of stages, and the ways that they choose between ways of equal results."""

import inspect
from types import SimpleNamespace

import pytest
import samples
import torch

from musc2 import Config
from musc2._transfer import download
from musc2.by_modality import ByModality
from musc2.maps import Frame
from musc2.ops.nearest_patches import CPU_MEMORY
from musc2.stages import aggregate, encode, group, maps, mutual
from musc2.stages.mutual import Features, Measured, row_source


def defaults(function):
    """Return the defaults of a function's arguments by name."""
    values = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default not in (parameter.empty, None):
            values[name] = parameter.default
    return values


def test_stages_have_the_defaults_of_the_config():
    config = Config()
    assert defaults(group.group_clouds) == {**group.group_settings(config), "device": "cpu"}
    assert defaults(aggregate.image_features) == {
        "degrees": (1, 3, 5),
        "separately": config.aggregate_separately,
        "weighting": config.aggregate_weighting,
        "layer_norm": config.aggregate_layer_norm,
        "normalize": True,
        "normalize_first": config.aggregate_normalize_first,
    }
    assert defaults(aggregate.point_features) == {
        "degrees": (1, 3, 5),
        "curvature_threshold": config.curvature_threshold,
        "normalize": True,
    }
    blur = {"sigma": config.map_blur, "quantized": config.map_blur_quantized}
    assert defaults(maps.point_layer) == blur
    assert defaults(maps.render) == {**blur, "share": 0.0}
    assert defaults(encode.encode) == {"memory": config.memory, "batch_size": 8, "device": "cpu"}


def test_two_clouds_are_grouped_as_if_alone(rng):
    points = [torch.from_numpy(rng.random((count, 3))).float() for count in (30, 20)]
    together = group.group_clouds(points, count=8)
    for (cloud, _), xyz in zip(together, points, strict=True):
        [(alone, _)] = group.group_clouds([xyz], count=8)
        assert torch.equal(cloud.centers, alone.centers)


def anomaly(rng, modality):
    """Return fused scores of two parts of two encoders of images, of points, or of both."""
    image = [torch.from_numpy(rng.random((2, *grid))).float() for grid in [(3, 4), (6, 8)]]
    points = [torch.from_numpy(rng.random((2, 16))).float()]
    scores = ByModality(
        image if modality != "points" else None, points if modality != "image" else None
    )
    frames = [Frame(working=(24, 20), input=(24, 20))] * 2
    return maps.render(scores, samples.clouds(rng, 2), frames)


@pytest.mark.parametrize("modality", ["image", "points", "both"])
def test_scores_are_brought_to_the_cpu_in_one_step(rng, modality, monkeypatch):
    """Copies are marked by 100, so that what was not brought is seen."""
    calls = []

    def marking(*tensors):
        calls.append(len(tensors))
        return [tensor + 100 for tensor in download(*tensors)]

    monkeypatch.setattr(maps, "download", marking)
    own = anomaly(rng, modality)
    further = [torch.zeros(1), torch.ones(2)]
    copied, brought = own.on_cpu(*further)
    assert len(calls) == 1
    assert [values.tolist() for values in brought] == [[100.0], [101.0, 101.0]]
    if modality != "points":
        assert torch.equal(copied.patch_scores_2d, own.patch_scores_2d + 100)
        layer, before = copied.layers.image, own.layers.image
        assert torch.equal(layer.scores, before.scores + 100)
        assert torch.equal(layer.further[0], before.further[0] + 100)
        assert len(layer.further) == 1
    if modality != "image":
        assert torch.equal(copied.patch_scores_3d, own.patch_scores_3d + 100)
        for values, before in zip(copied.point_scores, own.point_scores, strict=True):
            assert torch.equal(values, before + 100)
        assert copied.layers.points.scores is copied.point_scores
        assert copied.layers.points.sigma == own.layers.points.sigma


def test_clouds_without_a_map_have_the_scores_of_their_points():
    values = [torch.tensor([1.0, 3.0]), torch.tensor([0.5])]
    own = maps.Anomaly(
        patch_scores_2d=None,
        patch_scores_3d=None,
        point_scores=values,
        layers=ByModality(),
        frames=None,
    )
    peaks = own.map_peaks()
    assert peaks.scores.tolist() == peaks.values.tolist() == [3.0, 0.5]
    assert peaks.pixels.tolist() == [0, 0]
    assert own.modality_peaks().points.tolist() == [3.0, 0.5]
    assert own.modality_peaks().image is None


def test_one_cloud_without_a_map():
    own = maps.Anomaly(
        patch_scores_2d=None,
        patch_scores_3d=None,
        point_scores=[torch.tensor([1.0, 3.0])],
        layers=ByModality(),
        frames=None,
    )
    assert own.peaks().tolist() == [3.0]


def test_a_share_of_a_map_is_averaged_and_its_highest_pixel_is_the_peak():
    scores = torch.arange(24.0).reshape(2, 3, 4)
    frames = [Frame(working=(3, 4), input=(3, 4))] * 2
    peaks = maps.render(ByModality([scores]), [], frames, share=0.25).map_peaks()
    assert peaks.scores.tolist() == [10, 22]
    assert peaks.values.tolist() == [11, 23]
    assert peaks.pixels.tolist() == [11, 11]


def test_a_cloud_is_grouped_as_the_config_tells(rng):
    points = torch.from_numpy(rng.random((200, 3))).float()
    pixels = torch.arange(200)
    config = Config(group_count=16, group_size=8, curvature_threshold=0.02)
    own = group.make_cloud(points, pixels, (10, 20), config=config)
    settings = group.group_settings(config)
    [(expected, _)] = group.group_clouds([points], [pixels], [(10, 20)], **settings)
    assert torch.equal(own.centers, expected.centers)
    assert torch.equal(own.curvature, expected.curvature)
    assert torch.equal(own.pixels, pixels)
    assert (own.size, len(own.centers)) == ((10, 20), 16)


def test_clouds_of_one_group_take_its_score_and_keep_its_token(rng):
    clouds = samples.clouds(rng, 2, groups=1)
    first, second = maps.point_scores(torch.tensor([[1.0], [2.0]]), clouds)
    torch.testing.assert_close(first, torch.ones(len(clouds[0].points)))
    torch.testing.assert_close(second, torch.full((len(clouds[1].points),), 2.0))
    tokens = torch.tensor([[[3.0, 4.0]], [[0.0, 2.0]]])
    aggregated = aggregate.point_features(tokens, clouds)
    torch.testing.assert_close(aggregated, torch.tensor([[[0.6, 0.8]], [[0.0, 1.0]]]))


def test_layers_of_points_leave_out_clouds_without_a_map():
    mapped = SimpleNamespace(pixels=torch.tensor([2]), size=(1, 3))
    bare = SimpleNamespace(pixels=None, size=None)
    layer = maps.point_layer([torch.ones(1)] * 2, [mapped, bare])
    assert layer.pixels == [mapped.pixels]
    assert layer.sizes == [(1, 3)]


@pytest.fixture
def features(rng):
    z = torch.from_numpy(rng.standard_normal((7, 12, 5))).float()
    references = torch.from_numpy(rng.standard_normal((3, 12, 5))).float()
    return Features(z=z, references=references, precision="float32")


def test_distances_are_kept_where_they_do_not_fit_into_half_of_the_memory(features):
    size = 4 * 7 * 12 * 10
    assert row_source(features, memory=2 * size).kept is None
    assert row_source(features, memory=2 * size - 2).kept is not None
    alone = Features(z=features.z, precision="float32")
    assert row_source(alone, memory=2 * 4 * 7 * 12 * 7).kept is None
    table = torch.zeros(7, 2, dtype=torch.int64)
    assert row_source(features, memory=2 * size, table=table).kept is not None
    windowed = Features(z=features.z, window=1, grid=(3, 4))
    assert row_source(windowed, memory=1).kept is None


def test_the_search_has_a_quarter_of_the_memory_but_enough_for_a_pair(features):
    pair = 3 * (12 + 64) * (4 * 5 + 64)
    assert row_source(features, memory=1).memory == pair
    assert row_source(features, memory=4 * pair + 400).memory == pair + 100
    assert row_source(features, memory=4 * CPU_MEMORY).memory is None
    assert row_source(features, memory=4 * CPU_MEMORY - 1).memory == CPU_MEMORY - 1
    wide = torch.zeros(1, 1, 1).expand(7, 1 << 20, 1 << 10)
    measured = Measured(d=torch.zeros(7, 7, 1), slots=torch.arange(7))
    assert row_source(Features(z=wide, measured=measured), memory=1).memory == CPU_MEMORY


def test_kept_distances_are_measured_within_that_memory(features, monkeypatch):
    seen = []
    monkeypatch.setattr(mutual, "distance_table", lambda *_, **given: seen.append(given["scratch"]))
    row_source(features, memory=1)
    monkeypatch.setattr(mutual, "CPU_MEMORY", 1000)
    row_source(features, memory=4000)
    assert seen == [3 * (12 + 64) * (4 * 5 + 64), 1000]


def test_measured_distances_are_looked_up_by_slot():
    d = torch.arange(50.0).reshape(5, 5, 2)  # of 5 parts of 2 patches
    measured = Measured(d=d, slots=torch.tensor([4, 0, 2]))
    rows = measured.rows(torch.tensor([2, 1]))
    assert rows.shape == (2, 2, 3)
    for index, row in enumerate([2, 0]):
        for column, slot in enumerate([4, 0, 2]):
            assert torch.equal(rows[index, :, column], d[row, slot])
    partners = torch.tensor([[0, -1], [2, 0]])
    of_partners = measured.between(torch.tensor([1, 0]), partners)
    assert torch.equal(of_partners[0, :, 0], d[0, 4])
    assert of_partners[0, :, 1].isinf().all()
    assert torch.equal(of_partners[1], torch.stack([d[4, 2], d[4, 4]], 1))
    assert measured.subset(torch.tensor([2, 0])).slots.tolist() == [2, 4]


def test_measured_distances_are_not_measured_again(features):
    measured = Measured(d=torch.rand(7, 7, 12), slots=torch.arange(7))
    own = Features(z=features.z, measured=measured)
    everyone = torch.arange(7)
    assert torch.equal(mutual.distances(own, everyone), measured.rows(everyone))
    partners = torch.tensor([[1, 2]] * 7)
    of_partners = mutual.distances_to(own, everyone, partners)
    assert torch.equal(of_partners, measured.between(everyone, partners))
    assert row_source(own, memory=1).kept is None
    assert own.subset(everyone) is own
    part = own.subset(torch.tensor([3, 5]))
    assert torch.equal(part.z, features.z[[3, 5]])
    assert part.measured.slots.tolist() == [3, 5]


def test_panels_of_some_partners(features):
    row = 4 * 12 * 2
    own = ByModality(features)
    assert [len(panel) for panel in mutual.panels(own, 3 * row, columns=2)] == [3, 3, 1]
    alone = ByModality(Features(z=features.z))
    assert [len(panel) for panel in mutual.panels(alone, 3 * 4 * 12 * 7)] == [3, 3, 1]


def test_rows_leave_out_copies(features):
    left_out = torch.zeros(7, 10, dtype=torch.bool)
    left_out[2, 5] = left_out[2, 8] = True
    whole = row_source(features, memory=1 << 20).rows(torch.tensor([1, 2]))
    rows = row_source(features, memory=1 << 20, left_out=left_out).rows(torch.tensor([1, 2]))
    assert torch.equal(rows[0], whole[0])
    assert rows[1][:, [5, 8]].isinf().all()
    others = [0, 1, 2, 3, 4, 6, 7, 9]
    assert torch.equal(rows[1][:, others], whole[1][:, others])
