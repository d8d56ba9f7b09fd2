"""The benchmark of scoring rules, on generated sets."""

import argparse
import math

import numpy as np
import pytest
import torch
from PIL import Image

from bench.quality import patch_rules, repeat_links, rules
from bench.quality.distances import Distances, LayerDistances, distances
from bench.quality.images import SIDE, LabeledImages
from bench.quality.repeats import repeated
from musc2 import ops


@pytest.fixture
def layer(rng):
    z = torch.from_numpy(rng.standard_normal((9, 16, 4))).float()
    d, index = ops.nearest_patches(z, return_index=True)
    return LayerDistances(z=z, d=d, index=index.to(torch.int16))


def test_distances_come_back_from_their_file(rng, tmp_path):
    images = list(rng.integers(0, 255, (4, 64, 64, 3), dtype=np.uint8))
    file = tmp_path / "cache" / "set.npz"
    fresh = distances(images, "texture@64", file)
    again = distances([], "texture@64", file)
    assert again.grid == fresh.grid
    for name in ("z", "d", "index"):
        assert torch.equal(getattr(again.layers[0], name), getattr(fresh.layers[0], name))


def test_a_subset_has_the_distances_of_its_own_parts(layer):
    rows = np.array([1, 4, 5, 8])
    own = ops.nearest_patches(layer.z[rows])
    torch.testing.assert_close(layer.subset(rows).d, own)


def test_memories_are_the_expectation_over_draws(layer):
    generator = np.random.default_rng(0)
    partners = layer.d[0][:, 1:].numpy()
    minima = []
    for _ in range(4000):
        minima.append(partners[:, generator.choice(8, 3, replace=False)].min(1))
    expected = torch.from_numpy(np.mean(minima, 0))
    torch.testing.assert_close(patch_rules.memories(3)(layer)[0], expected, rtol=0.03, atol=0.03)


def test_memories_of_one_are_the_mean_and_of_all_the_minimum(layer):
    finite = layer.d[0][:, 1:]
    torch.testing.assert_close(patch_rules.memories(1)(layer)[0], finite.mean(1))
    torch.testing.assert_close(patch_rules.memories(8)(layer)[0], finite.amin(1))


def test_the_norm_of_the_mean_difference_is_at_most_the_mean_of_norms(layer):
    norms = patch_rules.difference_norm(layer)
    assert (norms <= patch_rules.flat(0.3)(layer) + 1e-5).all()


def test_the_residual_of_patches_in_a_plane_is_zero(layer):
    flat = layer.z.clone()
    flat[..., 3] = 0
    flat[2, 5, 3] = 0.5
    residual = patch_rules.principal(0.99)(LayerDistances(z=flat, d=layer.d, index=layer.index))
    assert residual.argmax() == 2 * 16 + 5
    assert residual.sort().values[0, 0] < 1e-4


def test_few_false_links_among_parts_without_repeats(layer):
    assert repeat_links.suspicious_links(layer).linked.float().mean() < 0.05
    assert not repeat_links.communities(torch.zeros(9, 9)).any()


def test_a_community_links_its_own_parts_and_not_all():
    weights = torch.zeros(9, 9)
    weights[1, 4] = weights[4, 1] = weights[4, 6] = weights[6, 4] = 3
    together = repeat_links.communities(weights)
    assert together.nonzero().tolist() == [[1, 4], [1, 6], [4, 1], [4, 6], [6, 1], [6, 4]]
    assert not repeat_links.communities(torch.full((9, 9), 3.0)).any()


def test_discoveries_at_a_rate():
    p = np.array([0.0001, 0.6, 0.004, 0.02])
    assert repeat_links.benjamini_hochberg(p, 0.01).tolist() == [True, False, True, False]


def test_repeats_are_the_good_parts_and_the_same_with_one_defect(rng, tmp_path):
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(np.full((SIDE, SIDE, 3), 200 * (number == 3), np.uint8)).save(paths[-1])
    masks = np.zeros((4, SIDE, SIDE), bool)
    masks[3, 100:110, 100:120] = True
    labels = np.array([False, False, False, True])
    images = repeated(LabeledImages(paths=paths, labels=labels, masks=masks), 0)
    assert images.shape == (6, SIDE, SIDE, 3)
    assert (images[:3] == 0).all()
    assert ((images[3:] == 200).sum((1, 2, 3)) == 16 * 26 * 3).all()


def test_the_top_is_between_mean_and_maximum(rng):
    maps = torch.from_numpy(rng.random((3, 50, 40))).float()
    assert torch.equal(rules.top(0.05)(maps), rules.highest(maps))
    assert (rules.top(1.0)(maps) < rules.highest(maps)).all()
    torch.testing.assert_close(rules.top(100.0)(maps), maps.mean((1, 2)))


def test_every_rule_finds_the_defect_and_the_tables_name_it(layer, monkeypatch, capsys, tmp_path):
    z = layer.z * 0.1
    z[7:, 5] += 4
    d, index = ops.nearest_patches(z, return_index=True)
    defective = LayerDistances(z=z, d=d, index=index.to(torch.int16))
    labels = np.arange(9) >= 7
    images = LabeledImages(paths=[], labels=labels, masks=np.zeros((9, 4, 4), bool))
    monkeypatch.setattr(rules, "real_sets", lambda folder: [("one", images)])
    measured = Distances(layers=[defective, defective], grid=(4, 4))
    monkeypatch.setattr(rules, "distances", lambda *arguments: measured)
    monkeypatch.setattr(rules, "RESAMPLES", 10)
    parser = argparse.ArgumentParser()
    rules.add_arguments(parser)
    rules.run(parser.parse_args([str(tmp_path)]))
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split("|") for line in lines if "| one |" in line]
    assert [row[1].strip() for row in rows] == [rule.name for rule in rules.rules()]
    assert float(rows[0][3]) == 100
    assert math.isfinite(sum(float(row[3]) for row in rows))
